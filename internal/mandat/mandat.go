// Package mandat is the mandat itself: what an usager allows a structure to do,
// for how long, who may do it, and its life from draft to end.
//
// It guarantees that every transition is pure and returns the new value together
// with the journal's fact; that a mandat ends at 23:59:59 of its last day in the
// structure's time zone; that nobody under 18 on the day, or under a protection
// measure they declare, gives one; that stopping is never refused while there is
// something to stop. On a refusal the fact returned with the error is the trace
// to be written, or the zero Fact when there is nothing to trace.
//
//	state       transition            next
//	(none)      Draft                 brouillon
//	brouillon   Redraft               brouillon (text forgotten; refused once given)
//	brouillon   Entrust               brouillon (text fixed, screen entrusted)
//	brouillon   Identify, Confirm     brouillon
//	brouillon   Unidentify            brouillon (« Ce n'est pas moi »; refused once given)
//	brouillon   Give | Decline        brouillon (decision recorded)
//	brouillon   TakeBack              brouillon (the usager's turn is over)
//	brouillon   Sign                  actif
//	brouillon   Abandon               sans suite
//	actif       Use                   actif
//	actif       Revoke, Renounce      actif (some autorisations ended) or terminé
//	actif       Replace               actif or terminé
//	actif       Expire                terminé
//
// A mandat suspendu is stopped, replaced and expires like one that is actif.
package mandat

import (
	"errors"
	"slices"
	"time"

	"relais/internal/acte"
	"relais/internal/journal"
)

// Errors that callers act on.
var (
	ErrNotFound  = errors.New("mandat introuvable")
	ErrInvalid   = errors.New("mandat refusé")
	ErrState     = errors.New("le mandat n’est pas dans l’état voulu")
	ErrMinor     = errors.New("la personne n’est pas majeure")
	ErrProtected = errors.New("la personne déclare une mesure de protection")
	ErrCircle    = errors.New("identification par Relais lui-même")
	ErrOverlap   = errors.New("un mandat en cours couvre déjà ce domaine")
	ErrEnded     = errors.New("le mandat ou l’autorisation a pris fin")
	ErrScope     = errors.New("le mandat ne couvre pas ce domaine")
	ErrNotNamed  = errors.New("le mandat ne nomme pas cet aidant")
	ErrStale     = errors.New("le mandat a changé entre-temps")
)

// State is where a mandat stands in its life.
type State string

// The states. Whether an actif mandat has reached its end is a question of time:
// see [Mandat.Status].
const (
	Brouillon State = "brouillon"
	Actif     State = "actif"
	Suspendu  State = "suspendu"
	Termine   State = "termine"
	SansSuite State = "sans_suite"
)

// Label is the state in French.
func (s State) Label() string {
	switch s {
	case Brouillon:
		return "Brouillon"
	case Actif:
		return "Actif"
	case Suspendu:
		return "Suspendu"
	case Termine:
		return "Terminé"
	case SansSuite:
		return "Sans suite"
	}
	return string(s)
}

// Reason says why a mandat or an autorisation ended.
type Reason string

// The reasons of an end.
const (
	Echeance     Reason = "echeance"
	Revocation   Reason = "revocation"
	Renonciation Reason = "renonciation"
	Remplacement Reason = "remplacement"
	Deces        Reason = "deces"
	Protection   Reason = "protection"
	Retrait      Reason = "retrait"
)

// Label is the reason in French.
func (r Reason) Label() string {
	switch r {
	case Echeance:
		return "Échéance"
	case Revocation:
		return "Révocation par l’usager"
	case Renonciation:
		return "Renonciation de la structure"
	case Remplacement:
		return "Remplacement par un autre mandat"
	case Deces:
		return "Décès"
	case Protection:
		return "Mesure de protection"
	case Retrait:
		return "Retrait d’habilitation"
	}
	return string(r)
}

// Autorisation is one domaine inside a mandat, with its précise démarches.
type Autorisation struct {
	Domaine   string
	Demarches []string
	EndedAt   time.Time // zero while it runs; an expired one is closed when someone looks
	EndReason Reason
}

// Mandat is one mandat. Values are copied by transitions, never changed.
type Mandat struct {
	ID             string
	Number         string
	OrganisationID string
	UsagerID       string // "" until signed
	CreatedBy      string // the aidant who opened it
	CreatedAt      time.Time
	State          State
	Autorisations  []Autorisation
	Aidants        []string // ids of those whom the text names
	Colleagues     bool     // any habilitated colleague may act
	Duration       Duration
	EndsAt         time.Time // fixed with the text; before that, what it would be today
	Replaces       []Replacement
	Texte          acte.Texte // zero until composed
	Signature      Signature
	SignedAt       time.Time
	AcceptedBy     string // the aidant who accepted it
	EndedAt        time.Time
	EndReason      Reason
	Litige         Dispute
	Rev            int64 // number of writes, for optimistic concurrency
}

// Replacement is an autorisation of another mandat that the signature ends.
type Replacement struct {
	MandatID string
	Number   string
	Domaine  string
}

// Signature is how far the signature of a draft has come. Each time is zero
// until its step is done; a new Entrust clears them all.
type Signature struct {
	EntrustedAt  time.Time
	IdentifiedAt time.Time
	ConfirmedAt  time.Time
	EmailSafe    bool
	GivenAt      time.Time
	DeclinedAt   time.Time
	TakenBackAt  time.Time
}

// Status is the state that people see: a mandat past its end is terminé.
func (m Mandat) Status(at time.Time) State {
	if m.running() && !at.Before(m.EndsAt) || m.State == Actif && len(m.ActiveAutorisations(at)) == 0 {
		return Termine
	}
	return m.State
}

// running tells a mandat that was signed and has not been closed.
func (m Mandat) running() bool { return m.State == Actif || m.State == Suspendu }

// ActiveAutorisations lists what the mandat allows at a time.
func (m Mandat) ActiveAutorisations(at time.Time) []Autorisation {
	if m.State != Actif || !at.Before(m.EndsAt) {
		return nil
	}
	var active []Autorisation
	for _, a := range m.Autorisations {
		if a.EndedAt.IsZero() {
			active = append(active, a)
		}
	}
	return active
}

// Active returns the autorisation of a domaine if it runs at a time.
func (m Mandat) Active(code string, at time.Time) (Autorisation, bool) {
	active := m.ActiveAutorisations(at)
	i := slices.IndexFunc(active, func(a Autorisation) bool { return a.Domaine == code })
	if i < 0 {
		return Autorisation{}, false
	}
	return active[i], true
}

// Names tells whether the text lets an aidant of the structure act.
func (m Mandat) Names(aidantID string) bool {
	return aidantID != "" && (m.Colleagues || slices.Contains(m.Aidants, aidantID))
}

func (m Mandat) object() journal.Object { return journal.Object{Type: "mandat", ID: m.ID} }

func (m Mandat) fact(by journal.Actor, a journal.Action) journal.Fact {
	return journal.NewFact(by, a, m.object()).OfMandat(m.ID)
}

// usagerActor is the mandant at the entrusted screen.
func usagerActor(auth string) journal.Actor {
	return journal.Actor{Type: journal.ActorUsager, Auth: auth}
}

// Viewed is the fact that an agent opened the mandat's page.
func (m Mandat) Viewed(by journal.Actor) journal.Fact { return m.fact(by, journal.MandatView) }

// Printed is the fact that a document of the mandat was laid out for paper;
// document is a code: "acte", "revocation", "renonciation".
func (m Mandat) Printed(by journal.Actor, document string) journal.Fact {
	return m.fact(by, journal.MandatPrint).With("document", document)
}
