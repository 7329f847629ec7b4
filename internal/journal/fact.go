package journal

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// ErrFact is returned for a fact that may not be written: the zero Fact, or
// one with a value that is not a code.
var ErrFact = errors.New("fait du journal refusé")

// Outcome says how an action ended.
type Outcome string

// The three outcomes of an action.
const (
	OK     Outcome = "ok"     // it happened
	Denied Outcome = "denied" // it was refused, nothing changed
	Failed Outcome = "error"  // it broke, nothing changed
)

// ActorType says what kind of actor did something.
type ActorType string

// The kinds of actors.
const (
	ActorAidant  ActorType = "aidant"  // any agent: aidant, référent, auditeur, administrateur
	ActorUsager  ActorType = "usager"  // the mandant, at the entrusted screen
	ActorClient  ActorType = "client"  // a relying party of our provider, such as the hub
	ActorSysteme ActorType = "systeme" // Relais itself, or its operator at the command line
	ActorUnknown ActorType = "inconnu" // nobody who could be named
)

// Actor is who did something. Ref is an opaque identifier, never a name: an
// agent's id, a client_id. An usager has no Ref, since a stable pseudonym would
// survive their erasure; the mandat's stream ties the entry to them.
type Actor struct {
	Type ActorType
	Ref  string
	Auth string // how they proved themselves: "proconnect:eidas1-mfa", "franceconnect:eidas1", ""
}

// Systeme is Relais acting by itself.
func Systeme() Actor { return Actor{Type: ActorSysteme, Ref: "relais"} }

// Nobody is an actor of whom nothing is known, as in a failed login.
func Nobody() Actor { return Actor{Type: ActorUnknown} }

// Object is what an action was done to, by value: the journal references
// nothing by foreign key, so that it outlives what it speaks of.
type Object struct {
	Type string // "mandat", "session", "aidant", "client", "journal"…
	ID   string
}

// Fact is one thing that happened, not yet dated nor numbered. Only nouns make
// one, with [NewFact]; the store turns it into an [Entry] in the transaction
// that writes the state it speaks of.
type Fact struct {
	actor   Actor
	action  Action
	object  Object
	stream  string
	outcome Outcome
	reason  string
	details map[string]string
}

// NewFact says that by did action to on, successfully.
func NewFact(by Actor, action Action, on Object) Fact {
	return Fact{actor: by, action: action, object: on, outcome: OK}
}

// OfMandat places the fact in the gapless stream of one mandat, and says that
// it was done on behalf of that mandat's usager.
func (f Fact) OfMandat(id string) Fact { f.stream = id; return f }

// Because gives the reason, a code such as "echeance".
func (f Fact) Because(reason string) Fact { f.reason = reason; return f }

// Denied turns the fact into the trace of a refusal.
func (f Fact) Denied(reason string) Fact { f.outcome, f.reason = Denied, reason; return f }

// Failed turns the fact into the trace of a failure.
func (f Fact) Failed(reason string) Fact { f.outcome, f.reason = Failed, reason; return f }

// With adds one detail, a code or an identifier; an empty value adds nothing.
func (f Fact) With(key, value string) Fact {
	if value == "" {
		return f
	}
	details := maps.Clone(f.details)
	if details == nil {
		details = map[string]string{}
	}
	details[key] = value
	f.details = details
	return f
}

// IsZero tells the zero Fact, which no writer accepts.
func (f Fact) IsZero() bool { return f.action == "" }

// Action, Stream, Outcome and Reason let writers and tests read a fact.
func (f Fact) Action() Action { return f.action }

// Stream is the mandat whose counter the fact advances, "" for none.
func (f Fact) Stream() string { return f.stream }

// Outcome says how it ended.
func (f Fact) Outcome() Outcome { return f.outcome }

// Reason is the code of why.
func (f Fact) Reason() string { return f.reason }

// Object is what it was done to.
func (f Fact) Object() Object { return f.object }

// Actor is who did it.
func (f Fact) Actor() Actor { return f.actor }

var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// isCode tells 1 to 200 printable ASCII characters without blanks.
func isCode(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 200
}

var (
	outcomes   = []Outcome{OK, Denied, Failed}
	actorTypes = []ActorType{ActorAidant, ActorUsager, ActorClient, ActorSysteme, ActorUnknown}
)

// Check returns an error wrapping [ErrFact] unless the fact may be written.
func (f Fact) Check() error {
	if f.IsZero() {
		return fmt.Errorf("%w: fait vide", ErrFact)
	}
	if _, known := labels[f.action]; !known {
		return fmt.Errorf("%w: action inconnue %q", ErrFact, f.action)
	}
	if !slices.Contains(outcomes, f.outcome) || !slices.Contains(actorTypes, f.actor.Type) || !isCode(f.object.Type) {
		return fmt.Errorf("%w: %s: champ obligatoire absent ou illisible", ErrFact, f.action)
	}
	optional := []string{f.actor.Ref, f.actor.Auth, f.object.ID, f.stream, f.reason}
	for _, v := range optional {
		if v != "" && !isCode(v) {
			return fmt.Errorf("%w: %s: une valeur n’est pas un code", ErrFact, f.action)
		}
	}
	for k, v := range f.details {
		if !keyPattern.MatchString(k) || !isCode(v) {
			return fmt.Errorf("%w: %s: le détail %q n’est pas un code", ErrFact, f.action, k)
		}
	}
	return nil
}

// Detail is one detail, "" when there is none of that name.
func (f Fact) Detail(key string) string { return f.details[key] }
