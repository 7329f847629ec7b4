package mandat

import (
	"slices"
	"strconv"
	"time"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/journal"
)

// Entrust fixes the text and hands the screen to the usager. It may be done
// again after a refusal, with a fresh text under a fresh salt; whatever was done
// under the text before is forgotten with it. endsAt is the end that the text
// names, and lies ahead.
func (m Mandat) Entrust(t acte.Texte, replaces []Replacement, endsAt time.Time, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || t.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	if !endsAt.After(at) {
		return m, journal.Fact{}, ErrEnded
	}
	m.Texte, m.Replaces, m.EndsAt = t, slices.Clone(replaces), endsAt
	m.Signature = Signature{EntrustedAt: at}
	return m, m.fact(by, journal.MandatEntrust).With("texte", t.Version).With("empreinte", t.Nonce()).
		With("mots", strconv.Itoa(t.Words())).With("fin", endsAt.UTC().Format(time.RFC3339)), nil
}

// Identified is what a FranceConnect login said, already verified.
type Identified struct {
	Pivot  identite.Pivot
	IDP    string // the identity provider that the usager used (claim idp_id)
	OwnIDP string // our own at that hub
	ACR    string
	JWKS   string // SHA-256 of the hub's keys, committed before
}

// Identify records who the usager is. Refused: our own provider (an aidant under
// a mandat would sign for the usager), a person who may be under 18 on the day.
// A provider that cannot be told from ours is refused too.
func (m Mandat) Identify(who Identified, zone *time.Location, at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || m.Signature.EntrustedAt.IsZero() || !m.Signature.GivenAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	by := usagerActor("franceconnect:" + who.ACR)
	fact := m.fact(by, journal.MandatIdentify).With("jwks_sha256", who.JWKS)
	if who.IDP == "" || who.OwnIDP == "" || who.IDP == who.OwnIDP {
		return m, fact.Denied("cercle"), ErrCircle
	}
	if err := who.Pivot.Check(); err != nil {
		return m, fact.Denied("identite_incomplete"), err
	}
	if !who.Pivot.Birthdate.Adult(at.In(zone)) {
		return m, fact.Denied("mineur"), ErrMinor
	}
	m.Signature = Signature{EntrustedAt: m.Signature.EntrustedAt, IdentifiedAt: at}
	return m, fact, nil
}

// Unidentify forgets an identification: « Ce n'est pas moi », or a login that
// failed. The text stays fixed, and a mandat that was given stays given: a login
// that fails late in another window takes nothing away.
func (m Mandat) Unidentify(reason string) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || m.Signature.EntrustedAt.IsZero() || !m.Signature.GivenAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	m.Signature = Signature{EntrustedAt: m.Signature.EntrustedAt}
	return m, m.fact(usagerActor(""), journal.MandatIdentify).Denied(reason), nil
}

// Confirm is « Oui, c'est bien moi ». emailSafe: nobody else reads the address.
func (m Mandat) Confirm(emailSafe bool, at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || m.Signature.IdentifiedAt.IsZero() || !m.Signature.GivenAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	m.Signature.ConfirmedAt, m.Signature.EmailSafe = at, emailSafe
	return m, m.fact(usagerActor("franceconnect"), journal.MandatConfirm), nil
}

// Give is « Je donne mandat », the usager's act. Giving twice changes nothing.
func (m Mandat) Give(at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || m.Signature.ConfirmedAt.IsZero() || !m.Signature.GivenAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	m.Signature.GivenAt, m.Signature.DeclinedAt = at, time.Time{}
	return m, m.fact(usagerActor("franceconnect"), journal.MandatGive).With("empreinte", m.Texte.Nonce()), nil
}

// Decline is « Je préfère réfléchir »: what was learnt of the usager is
// forgotten, the draft stays.
func (m Mandat) Decline(at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || m.Signature.EntrustedAt.IsZero() || !m.Signature.GivenAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	m.Signature = Signature{DeclinedAt: at}
	return m, m.fact(usagerActor(""), journal.MandatDecline), nil
}

// TakeBack records that the aidant identified again and has the screen back. If
// the usager had not given the mandat, their turn is over and what was learnt of
// them forgotten: nobody goes on as the usager at the aidant's screen.
func (m Mandat) TakeBack(by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon {
		return m, journal.Fact{}, ErrState
	}
	if m.Signature.GivenAt.IsZero() {
		m.Signature = Signature{DeclinedAt: m.Signature.DeclinedAt}
	}
	m.Signature.TakenBackAt = at
	return m, m.fact(by, journal.MandatTakeBack), nil
}

// Sign is « J'accepte le mandat », the structure's act by its aidant, after the
// usager's. overlaps are the other autorisations of the same structure and
// usager that still run; all of them must be replaced by the signed text.
// evidence is the digest of the sealed [acte.Dossier], without which nothing is
// signed.
func (m Mandat) Sign(usagerID string, overlaps []Replacement, evidence string, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	s := m.Signature
	if m.State != Brouillon || s.GivenAt.IsZero() || s.TakenBackAt.Before(s.GivenAt) || usagerID == "" || evidence == "" {
		return m, journal.Fact{}, ErrState
	}
	if !at.Before(m.EndsAt) {
		return m, m.fact(by, journal.MandatSign).Denied("texte_perime"), ErrEnded
	}
	for _, o := range overlaps {
		if !m.replaces(o) {
			return m, m.fact(by, journal.MandatSign).Denied("chevauchement"), ErrOverlap
		}
	}
	m.State, m.UsagerID, m.SignedAt, m.AcceptedBy = Actif, usagerID, at, by.Ref
	return m, m.fact(by, journal.MandatSign).With("texte", m.Texte.Version).
		With("empreinte", m.Texte.Nonce()).With("preuve_sha256", evidence), nil
}

func (m Mandat) replaces(o Replacement) bool {
	for _, r := range m.Replaces {
		if r.MandatID == o.MandatID && r.Domaine == o.Domaine {
			return true
		}
	}
	return false
}

// Covers tells whether the mandat lists a domaine, whether it runs or has ended.
func (m Mandat) Covers(code string) bool {
	for _, a := range m.Autorisations {
		if a.Domaine == code {
			return true
		}
	}
	return false
}
