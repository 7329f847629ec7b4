package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/aidant"
	"relais/internal/journal"
)

// Elevate puts a session under a new reference after its agent proved again who
// they are, with the fact. What the session is stays as it was: whose, and since
// when, so that its absolute limit does not move. aidant.ErrSession when the old
// one is gone, aidant.ErrOther when it is another agent's or its screen is
// entrusted.
//
// Beside others: that the old session is still there is decided by deleting it.
func (s *Store) Elevate(ctx context.Context, oldRef string, renewed aidant.Session, fact journal.Fact) error {
	return s.beside(ctx, streams(fact.Stream()).withEnds(), func(t *tx) error {
		if err := t.renew(oldRef, renewed); err != nil {
			return err
		}
		_, err := t.append(fact)
		return err
	})
}

// renew puts a session under its new reference with what was proven.
func (t *tx) renew(oldRef string, renewed aidant.Session) error {
	var row sessionRow
	if err := t.get(&row, t.s.q.sessionPlain, oldRef); errors.Is(err, sql.ErrNoRows) {
		return aidant.ErrSession
	} else if err != nil {
		return err
	}
	if row.AidantID != renewed.AidantID || row.Entrusted != "" {
		return aidant.ErrOther
	}
	row.Ref, row.SeenAt, row.AuthAt, row.Auth = renewed.Ref, instant(renewed.SeenAt), instant(renewed.AuthAt), renewed.Auth
	t.s.origin(&row, renewed.Origin)
	if err := t.must(aidant.ErrSession, t.s.q.sessionDelete, oldRef); err != nil {
		return err
	}
	_, err := t.exec(t.s.q.sessionInsert, args(row)...)
	return err
}
