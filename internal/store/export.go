package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/acte"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/usager"
)

// Export is all that Relais holds of one usager.
type Export struct {
	Usager  usager.Usager
	Mandats []ExportedMandat
}

// ExportedMandat is one mandat with its text, the structure that holds it and
// what the journal says of it.
type ExportedMandat struct {
	Mandat    mandat.Mandat
	Texte     acte.Texte
	Structure organisation.Organisation
	Entries   []journal.Record
}

// ExportUsager gathers what is held of an usager, for the usager (RGPD, art.
// 15), and writes it in the stream of each of their mandats.
// usager.ErrNotFound, usager.ErrErased.
func (s *Store) ExportUsager(ctx context.Context, id string, by journal.Actor) (Export, error) {
	var out Export
	var mandats []mandat.Mandat
	err := s.write(ctx, func(t *tx) error {
		var row usagerLine
		err := t.get(&row, s.q.usagerByID, id)
		if errors.Is(err, sql.ErrNoRows) {
			return usager.ErrNotFound
		}
		if err != nil {
			return err
		}
		if out.Usager, err = s.usager(row); err != nil {
			return err
		}
		if mandats, err = t.lightMandats(s.q.mandatsOfUsager, id); err != nil {
			return err
		}
		for _, m := range mandats {
			if _, err := t.append(usager.Exported(m, by)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Export{}, err
	}
	for _, m := range mandats {
		one, err := s.exportMandat(ctx, m)
		if err != nil {
			return Export{}, wrapMandat(m.ID, err)
		}
		out.Mandats = append(out.Mandats, one)
	}
	return out, nil
}

func (s *Store) exportMandat(ctx context.Context, m mandat.Mandat) (ExportedMandat, error) {
	out := ExportedMandat{Mandat: m}
	line, err := one[dossierLine](ctx, s, s.q.dossierByID, m.ID)
	if err != nil {
		return out, err
	}
	d, _, _, err := s.openDossier(m.ID, line)
	if err != nil {
		return out, err
	}
	out.Texte = d.Texte
	if out.Structure, err = s.Organisation(ctx, m.OrganisationID); err != nil {
		return out, err
	}
	out.Entries, err = s.MandatEntries(ctx, m.ID)
	return out, err
}
