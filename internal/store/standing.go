package store

import (
	"context"
	"time"

	"relais/internal/debit"
	"relais/internal/journal"
	"relais/internal/mandat"
)

func (q *queries) standing(light string) {
	q.mandatAsked = query(light + " WHERE m.number = ? ORDER BY a.position")
	q.organisationAsked = query("SELECT " + plain(organisationRow{}) + " FROM organisation WHERE siret = ?")
}

// MayAct answers whether the structure of a SIRET may act under the mandat of a
// number in one domaine now: until when at the latest, the zero time for no. Each
// question leaves an entry. wait is not zero for a service that asks too often; it
// learns nothing then.
func (s *Store) MayAct(ctx context.Context, number, siret, domaine string, by journal.Actor) (until time.Time, wait time.Duration, err error) {
	counter := s.DebitKey(debit.Question, by.Ref)
	err = s.write(ctx, func(t *tx) error {
		was, _, err := t.count(debit.Question, counter)
		if err != nil {
			return err
		}
		if wait = max(0, was.Sub(t.now)); wait > 0 {
			return nil
		}
		var fact journal.Fact
		if until, fact, err = t.mayAct(number, siret, domaine, by); err != nil {
			return err
		}
		_, err = t.append(fact)
		return err
	})
	return until, wait, err
}

func (t *tx) mayAct(number, siret, domaine string, by journal.Actor) (time.Time, journal.Fact, error) {
	found, err := t.lightMandats(t.s.q.mandatAsked, number)
	if err != nil {
		return time.Time{}, journal.Fact{}, err
	}
	if len(found) != 1 || found[0].UsagerID == "" {
		return time.Time{}, mandat.StandingUnknown(by, "mandat_inconnu"), nil
	}
	var rows []organisationRow
	if err := t.list(&rows, t.s.q.organisationAsked, siret); err != nil {
		return time.Time{}, journal.Fact{}, err
	}
	structure := "" // nobody's
	for _, r := range rows {
		if r.ID == found[0].OrganisationID && r.Suspended == 0 {
			structure = r.ID
		}
	}
	until, fact := found[0].Standing(structure, domaine, by, t.now)
	return until, fact, nil
}
