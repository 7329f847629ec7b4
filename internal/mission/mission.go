// Package mission is the written order under which an auditeur reads the
// journal: for what purpose, over which structures, from when to when, and each
// identity that was revealed on the way.
//
// A mission is à venir, en cours or terminée; only the second opens anything.
//
//	Open     an administrateur or the operator opens it for an auditeur
//	End      one of them ends it early
//	Reveal   its auditeur learns one identity, with a written reason
//
// It guarantees that a mission is bounded (one year at most) and has exactly one
// scope, that nobody opens or ends their own, that no auditeur controls a
// structure in which they work as aidant or référent, and that what people write
// (purpose, reason) never reaches a fact: a keyed commitment does. It neither
// checks that the order itself exists, nor enforces the scope on pages: package
// web and the desk do.
package mission

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/aidant"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// Errors that callers act on.
var (
	ErrInvalid  = errors.New("mission refusée")
	ErrNotFound = errors.New("mission introuvable")
	ErrState    = errors.New("la mission n’est plus dans cet état")
	ErrSelf     = errors.New("on ne décide pas de sa propre mission")
	ErrConflict = errors.New("l’auditeur travaille dans une structure de ce périmètre")
	ErrOver     = errors.New("la mission n’est pas en cours")
	ErrScope    = errors.New("hors du périmètre de la mission")
	ErrTooMany  = errors.New("trop d’identités révélées aujourd’hui")
	ErrErased   = errors.New("les données de cette personne sont effacées")
	ErrNobody   = errors.New("personne à révéler")
)

// What people may write, in characters, and how much may be revealed.
const (
	TextMin, TextMax = 20, 500 // a purpose, a reason
	ReferenceMax     = 100
	RevealMax        = 20 // identities in RevealWindow, for one mission
	RevealWindow     = 24 * time.Hour
)

// State is where a mission stands at a moment.
type State string

// The three states. They follow from the dates: nothing is written when a
// mission begins or reaches its end.
const (
	Upcoming State = "a_venir"
	Running  State = "en_cours"
	Over     State = "terminee"
)

// Label is the state in French.
func (s State) Label() string {
	switch s {
	case Upcoming:
		return "À venir"
	case Running:
		return "En cours"
	}
	return "Terminée"
}

// Mission is one written order.
type Mission struct {
	ID         string
	AuditeurID string
	Purpose    string // l’objet, as written in the order
	Reference  string // of the order or the letter
	Scope      journal.Scope
	From, To   time.Time // From included, To excluded
	Salt       []byte    // keys the commitments and the pseudonyms of this mission
	OpenedBy   string    // Ref of the actor who opened it
	OpenedAt   time.Time
	EndedAt    time.Time // zero unless it was ended early
	EndReason  Motif
	Rev        int64 // version of the stored row
}

// State tells where the mission stands.
func (m Mission) State(at time.Time) State {
	switch {
	case !m.EndedAt.IsZero() || !at.Before(m.To):
		return Over
	case at.Before(m.From):
		return Upcoming
	}
	return Running
}

// LastDay is the last moment of the mission, in a zone: its date is the last day,
// included.
func (m Mission) LastDay(zone *time.Location) time.Time { return m.To.Add(-time.Second).In(zone) }

// NewID is a fresh identifier.
func NewID() string { return "mi" + strings.ToLower(rand.Text()[:16]) }

// Conflict tells whether the agent works, as aidant or référent, in a structure
// of the scope; home is the agent's structure.
func Conflict(a aidant.Aidant, home organisation.Organisation, s journal.Scope) bool {
	return (a.Has(aidant.RoleAidant) || a.Has(aidant.RoleReferent)) &&
		s.Covers(journal.Facets{Structure: home.ID, Departement: home.Departement()})
}

// Check returns an error wrapping [ErrInvalid] that names the faulty field.
func (m Mission) Check() error {
	if m.ID == "" || m.AuditeurID == "" || len(m.Salt) != 32 {
		return fmt.Errorf("%w: identifiant", ErrInvalid)
	}
	if err := CheckText(m.Purpose); err != nil {
		return fmt.Errorf("%w: objet", err)
	}
	if n := utf8.RuneCountInString(m.Reference); n == 0 || n > ReferenceMax || !identite.Plain(m.Reference) {
		return fmt.Errorf("%w: référence", ErrInvalid)
	}
	if m.Scope.Structure != "" && m.Scope.Departement != "" {
		return fmt.Errorf("%w: deux périmètres", ErrInvalid)
	}
	if m.From.IsZero() || !m.To.After(m.From) || m.To.After(m.From.AddDate(1, 0, 0)) {
		return fmt.Errorf("%w: dates (un an au plus)", ErrInvalid)
	}
	return nil
}

// CheckText holds what people write to its length and to readable characters;
// lines may break. The error wraps [ErrInvalid].
func CheckText(s string) error {
	n := utf8.RuneCountInString(s)
	if n < TextMin || n > TextMax || strings.TrimSpace(s) != s || !identite.Plain(strings.ReplaceAll(s, "\n", " ")) {
		return fmt.Errorf("%w: de %d à %d caractères", ErrInvalid, TextMin, TextMax)
	}
	return nil
}

func (m Mission) object() journal.Object { return journal.Object{Type: "mission", ID: m.ID} }

// Open is the decision to give an auditeur a mission; home is the auditeur's
// structure. A refusal for the persons concerned leaves a trace.
func Open(m Mission, a aidant.Aidant, home organisation.Organisation, by journal.Actor, at time.Time) (Mission, journal.Fact, error) {
	if err := m.Check(); err != nil {
		return Mission{}, journal.Fact{}, err
	}
	if !at.Before(m.To) {
		return Mission{}, journal.Fact{}, fmt.Errorf("%w: dates (déjà passées)", ErrInvalid)
	}
	if a.ID != m.AuditeurID || !a.Has(aidant.RoleAuditeur) || a.Suspended() {
		return Mission{}, journal.Fact{}, fmt.Errorf("%w: auditeur", ErrInvalid)
	}
	fact := journal.NewFact(by, journal.MissionOpen, m.object()).With("auditeur", m.AuditeurID).With("perimetre", ScopeCode(m.Scope)).
		With("du", m.From.UTC().Format(time.RFC3339)).With("au", m.To.UTC().Format(time.RFC3339)).
		With("engagement", journal.Commit(m.Salt, m.Purpose, m.Reference))
	if by.Ref == a.ID {
		return Mission{}, fact.Denied("soi_meme"), ErrSelf
	}
	if Conflict(a, home, m.Scope) {
		return Mission{}, fact.Denied("conflit"), ErrConflict
	}
	m.OpenedBy, m.OpenedAt, m.EndedAt, m.EndReason, m.Rev = by.Ref, at, time.Time{}, "", 1
	return m, fact, nil
}

// Motif is why a mission ends early.
type Motif string

// Why missions end early.
const (
	Done      Motif = "achevee"
	Withdrawn Motif = "retiree"
	Mistaken  Motif = "meprise"
)

// Motifs lists them, in the order of the form.
func Motifs() []Motif { return []Motif{Done, Withdrawn, Mistaken} }

// Label is the reason in French.
func (r Motif) Label() string {
	switch r {
	case Done:
		return "La mission est achevée"
	case Withdrawn:
		return "L’ordre de mission est retiré"
	case Mistaken:
		return "La mission a été ouverte par erreur"
	}
	return string(r)
}

// End ends a mission early. Its auditeur may not: they would decide on how long
// they are watched.
func (m Mission) End(why Motif, by journal.Actor, at time.Time) (Mission, journal.Fact, error) {
	if why.Label() == string(why) {
		return m, journal.Fact{}, fmt.Errorf("%w: motif", ErrInvalid)
	}
	fact := journal.NewFact(by, journal.MissionEnd, m.object()).With("auditeur", m.AuditeurID)
	if by.Ref == m.AuditeurID {
		return m, fact.Denied("soi_meme"), ErrSelf
	}
	if m.State(at) == Over {
		return m, journal.Fact{}, ErrState
	}
	m.EndedAt, m.EndReason, m.Rev = at, why, m.Rev+1
	return m, fact.Because(string(why)), nil
}
