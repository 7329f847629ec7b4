package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/journal"
	"relais/internal/organisation"
)

type partenariatRow struct {
	ID        string  `db:"id"`
	AID       string  `db:"a_id"`
	BID       string  `db:"b_id"`
	OpenedBy  string  `db:"opened_by"`
	OpenedAt  instant `db:"opened_at"`
	EndedBy   string  `db:"ended_by"`
	EndedAt   instant `db:"ended_at"`
	JournalID int64   `db:"journal_id"`
}

func (r partenariatRow) partenariat() organisation.Partenariat {
	return organisation.Partenariat{ID: r.ID, A: r.AID, B: r.BID, OpenedBy: r.OpenedBy, OpenedAt: r.OpenedAt.time(), EndedBy: r.EndedBy, EndedAt: r.EndedAt.time()}
}

func (q *queries) partners() {
	q.partnerInsert = insertInto("partenariat", partenariatRow{})
	q.partnerEnd = "UPDATE partenariat SET ended_by = ?, ended_at = ?, journal_id = ? WHERE id = ? AND ended_at IS NULL"
	q.partnerOne = query("SELECT " + plain(partenariatRow{}) + " FROM partenariat WHERE a_id = ? AND b_id = ? AND ended_at IS NULL")
	q.partnersOf = query("SELECT " + plain(organisationRow{}) + ` FROM organisation WHERE id IN (
		SELECT b_id FROM partenariat WHERE a_id = ? AND ended_at IS NULL
		UNION SELECT a_id FROM partenariat WHERE b_id = ? AND ended_at IS NULL) ORDER BY name, id`)
}

// partnership is the one that holds between two structures, if any.
func (t *tx) partnership(a, b string) (p organisation.Partenariat, found bool, err error) {
	a, b = organisation.Pair(a, b)
	var row partenariatRow
	if err := t.get(&row, t.s.q.partnerOne, a, b); errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	} else if err != nil {
		return p, false, err
	}
	return row.partenariat(), true, nil
}

// Associate makes two structures partners; organisation.ErrNotFound, ErrSame, and
// ErrPartner when they are already.
func (s *Store) Associate(ctx context.Context, a, b string, by journal.Actor) error {
	return s.write(ctx, func(t *tx) error {
		one, err := t.organisation(a)
		if err != nil {
			return err
		}
		other, err := t.organisation(b)
		if err != nil {
			return err
		}
		if _, found, err := t.partnership(a, b); err != nil || found {
			return errors.Join(err, when(found, organisation.ErrPartner))
		}
		p, fact, err := organisation.Associate(one, other, by, t.now)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		_, err = t.exec(s.q.partnerInsert, args(partenariatRow{ID: p.ID, AID: p.A, BID: p.B, OpenedBy: p.OpenedBy, OpenedAt: instant(p.OpenedAt), JournalID: entry})...)
		return err
	})
}

// when is err if it holds, nil otherwise.
func when(holds bool, err error) error {
	if holds {
		return err
	}
	return nil
}

// Dissociate ends what [Store.Associate] began; organisation.ErrStranger.
func (s *Store) Dissociate(ctx context.Context, a, b string, by journal.Actor) error {
	return s.write(ctx, func(t *tx) error {
		p, found, err := t.partnership(a, b)
		if err != nil || !found {
			return errors.Join(err, when(!found, organisation.ErrStranger))
		}
		next, fact, err := p.Dissociate(by, t.now)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		return t.must(organisation.ErrStranger, s.q.partnerEnd, next.EndedBy, instant(next.EndedAt), entry, next.ID)
	})
}

// Partners lists the structures that are partners of one, by name.
func (s *Store) Partners(ctx context.Context, organisationID string) ([]organisation.Organisation, error) {
	rows, err := many[organisationRow](ctx, s, s.q.partnersOf, organisationID, organisationID)
	out := make([]organisation.Organisation, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.organisation())
	}
	return out, err
}
