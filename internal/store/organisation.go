package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"relais/internal/journal"
	"relais/internal/organisation"
)

type organisationRow struct {
	ID        string       `db:"id"`
	Name      string       `db:"name"`
	SIRET     string       `db:"siret"`
	Address   string       `db:"address"`
	Postcode  string       `db:"postcode"`
	City      string       `db:"city"`
	Telephone string       `db:"telephone"`
	Timezone  string       `db:"timezone"`
	Domaines  list[string] `db:"domaines"`
	Suspended int64        `db:"suspended"`
	JournalID int64        `db:"journal_id"`
	Opening   string       `db:"opening"`
}

func (r organisationRow) organisation() organisation.Organisation {
	return organisation.Organisation{ID: r.ID, Name: r.Name, SIRET: r.SIRET, Address: r.Address, Postcode: r.Postcode, City: r.City,
		Telephone: r.Telephone, Timezone: r.Timezone, Domaines: r.Domaines, Suspended: r.Suspended != 0, Opening: r.Opening}
}

func organisationOf(o organisation.Organisation, journalID int64) organisationRow {
	return organisationRow{ID: o.ID, Name: o.Name, SIRET: o.SIRET, Address: o.Address, Postcode: o.Postcode, City: o.City,
		Telephone: o.Telephone, Timezone: o.Timezone, Domaines: o.Domaines, Suspended: bit(o.Suspended), JournalID: journalID, Opening: o.Opening}
}

// AdmitOrganisation lets a structure in; organisation.ErrInvalid when its id is
// taken.
func (s *Store) AdmitOrganisation(ctx context.Context, o organisation.Organisation, by journal.Actor) error {
	return s.write(ctx, func(t *tx) error {
		var row organisationRow
		switch err := t.get(&row, s.q.organisationByID, o.ID); {
		case err == nil:
			return fmt.Errorf("%w: %s existe déjà", organisation.ErrInvalid, o.ID)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		admitted, fact, err := organisation.Admit(o, by)
		id, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		_, err = t.exec(s.q.organisationInsert, args(organisationOf(admitted, id))...)
		return err
	})
}

// Organisation is one structure; organisation.ErrNotFound.
func (s *Store) Organisation(ctx context.Context, id string) (organisation.Organisation, error) {
	row, err := one[organisationRow](ctx, s, s.q.organisationByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return organisation.Organisation{}, organisation.ErrNotFound
	}
	return row.organisation(), err
}

// Organisations lists all structures by name.
func (s *Store) Organisations(ctx context.Context) ([]organisation.Organisation, error) {
	rows, err := many[organisationRow](ctx, s, s.q.organisationList)
	out := make([]organisation.Organisation, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.organisation())
	}
	return out, err
}
