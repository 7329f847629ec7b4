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
		var old sessionRow
		if err := t.get(&old, s.q.sessionPlain, oldRef); errors.Is(err, sql.ErrNoRows) {
			return aidant.ErrSession
		} else if err != nil {
			return err
		}
		if old.AidantID != renewed.AidantID || old.Entrusted != "" {
			return aidant.ErrOther
		}
		row := old
		row.Ref, row.SeenAt, row.AuthAt, row.Auth = renewed.Ref, instant(renewed.SeenAt), instant(renewed.AuthAt), renewed.Auth
		s.origin(&row, renewed.Origin)
		if err := t.must(aidant.ErrSession, s.q.sessionDelete, oldRef); err != nil {
			return err
		}
		if _, err := t.exec(s.q.sessionInsert, args(row)...); err != nil {
			return err
		}
		_, err := t.append(fact)
		return err
	})
}
