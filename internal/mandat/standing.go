package mandat

import (
	"time"

	"relais/internal/journal"
)

// Standing answers a public service that asks whether a structure may act under
// the mandat in one domaine at a moment: until when, at the latest, or the zero
// time for no. Its fact says why; the service is not told.
func (m Mandat) Standing(organisationID, domaine string, by journal.Actor, at time.Time) (until time.Time, fact journal.Fact) {
	fact = m.fact(by, journal.MandatAsk)
	if m.Covers(domaine) {
		fact = fact.With("domaine", domaine)
	}
	switch _, active := m.Active(domaine, at); {
	case m.OrganisationID != organisationID:
		return time.Time{}, fact.Denied("autre_structure")
	case !m.Covers(domaine):
		return time.Time{}, fact.Denied("hors_perimetre")
	case !active:
		return time.Time{}, fact.Denied("mandat_termine")
	}
	return m.EndsAt, fact
}

// StandingUnknown is the fact of the same question where there is nothing to ask
// about: reason is a code.
func StandingUnknown(by journal.Actor, reason string) journal.Fact {
	return journal.NewFact(by, journal.MandatAsk, journal.Object{Type: "client", ID: by.Ref}).Denied(reason)
}
