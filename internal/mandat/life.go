package mandat

import (
	"slices"
	"strings"
	"time"

	"relais/internal/journal"
)

// Channel is how the usager told that they stop.
type Channel string

// The channels of a révocation: none is better than another, and none needs a
// code or a proof first.
const (
	AtCounter   Channel = "guichet"
	ByTelephone Channel = "telephone"
	ByPost      Channel = "courrier"
	ByEmail     Channel = "courriel"
)

// Channels lists the channels in the order of the form.
func Channels() []Channel { return []Channel{AtCounter, ByTelephone, ByPost, ByEmail} }

// Label is the channel in French.
func (c Channel) Label() string {
	switch c {
	case AtCounter:
		return "Au guichet"
	case ByTelephone:
		return "Par téléphone"
	case ByPost:
		return "Par courrier"
	case ByEmail:
		return "Par courriel"
	}
	return string(c)
}

// RenounceReasons lists the codes of why a structure renounces, in the order of
// the form, with their French.
func RenounceReasons() [][2]string {
	return [][2]string{
		{"demarches_terminees", "Les démarches sont terminées"},
		{"plus_les_moyens", "La structure ne peut plus accomplir les démarches"},
		{"desaccord", "Un désaccord avec l’usager"},
		{"autre_structure", "L’usager est suivi par une autre structure"},
		{"erreur", "Le mandat a été établi par erreur"},
	}
}

// Revoke is the usager's end of the whole mandat (no domaine named) or of some
// domaines, recorded by an agent, at once. It is never refused while there is
// something to stop.
func (m Mandat) Revoke(domaines []string, via Channel, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if !slices.Contains(Channels(), via) {
		return m, journal.Fact{}, ErrInvalid
	}
	return m.end(domaines, Revocation, journal.MandatRevoke, string(via), by, at)
}

// Renounce is the structure's end; the structure must tell the usager. reason is
// one of [RenounceReasons].
func (m Mandat) Renounce(domaines []string, reason string, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	known := slices.ContainsFunc(RenounceReasons(), func(r [2]string) bool { return r[0] == reason })
	if !known {
		return m, journal.Fact{}, ErrInvalid
	}
	return m.end(domaines, Renonciation, journal.MandatRenounce, reason, by, at)
}

// Replace ends one autorisation because a newer mandat, signed by the usager,
// takes its place.
func (m Mandat) Replace(domaine, byMandat string, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	return m.end([]string{domaine}, Remplacement, journal.MandatReplace, byMandat, by, at)
}

// Expire closes what has passed its end, so that a new mandat may be signed. The
// autorisations end at their own end, not at the moment someone noticed.
func (m Mandat) Expire(at time.Time) (Mandat, journal.Fact, error) {
	if !m.running() || at.Before(m.EndsAt) {
		return m, journal.Fact{}, ErrState
	}
	m.Autorisations = slices.Clone(m.Autorisations)
	for i, a := range m.Autorisations {
		if a.EndedAt.IsZero() {
			m.Autorisations[i].EndedAt, m.Autorisations[i].EndReason = m.EndsAt, Echeance
		}
	}
	m.State, m.EndedAt, m.EndReason = Termine, m.EndsAt, Echeance
	return m, m.fact(journal.Systeme(), journal.MandatExpire), nil
}

func (m Mandat) end(domaines []string, why Reason, action journal.Action, detail string, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if !m.running() {
		return m, journal.Fact{}, ErrState
	}
	if !at.Before(m.EndsAt) {
		return m, journal.Fact{}, ErrEnded
	}
	m.Autorisations = slices.Clone(m.Autorisations)
	var ended []string
	for i, a := range m.Autorisations {
		if !a.EndedAt.IsZero() || (len(domaines) > 0 && !slices.Contains(domaines, a.Domaine)) {
			continue
		}
		m.Autorisations[i].EndedAt, m.Autorisations[i].EndReason = at, why
		ended = append(ended, a.Domaine)
	}
	if len(ended) == 0 {
		return m, journal.Fact{}, ErrEnded
	}
	if !slices.ContainsFunc(m.Autorisations, func(a Autorisation) bool { return a.EndedAt.IsZero() }) {
		m.State, m.EndedAt, m.EndReason = Termine, at, why
	}
	return m, m.fact(by, action).Because(detail).With("domaines", strings.Join(ended, ",")), nil
}

// Use is an aidant acting under the mandat at a client, in one domaine. within
// lists the domaines that the client's perimeter allows; client is its id.
func (m Mandat) Use(domaine string, within []string, organisationID, client, delegation string, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if m.OrganisationID != organisationID {
		return m, journal.Fact{}, ErrNotFound
	}
	fact := m.fact(by, journal.DelegationUse).With("client", client).With("delegation", delegation)
	if m.Covers(domaine) {
		fact = fact.With("domaine", domaine)
	}
	if !m.Names(by.Ref) {
		return m, fact.Denied("aidant_non_nomme"), ErrNotNamed
	}
	if !m.Covers(domaine) || !slices.Contains(within, domaine) {
		return m, fact.Denied("hors_perimetre"), ErrScope
	}
	if _, ok := m.Active(domaine, at); !ok {
		return m, fact.Denied("mandat_termine"), ErrEnded
	}
	return m, fact, nil
}

// Filter is what a structure's list of mandats shows: one page of at most Limit,
// newest first, after the mandat of the cursor.
type Filter struct {
	Status State  // "" for all but sans suite
	After  string // keyset: id of the last mandat of the previous page, "" for the first
	Limit  int
}
