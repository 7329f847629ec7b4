// Package signal says what in the journal is worth a second look: eight rules,
// each a pure function of one entry and of the entries before it.
//
// It guarantees that
//   - a rule reads nothing that lies after its entry, so that the same entries
//     give the same signals, whenever and in whatever batches they are read;
//   - every number a rule uses stands once, here, and in the sentence that the
//     page shows beside it;
//   - a signal decides nothing: no noun, page or service acts on one.
//
// A signal is no suspicion: each rule says what may explain it innocently. The
// rules know neither public holidays nor what was done on paper or by telephone.
package signal

import (
	"slices"
	"time"

	"relais/internal/journal"
	"relais/internal/organisation"
)

// Code names a rule. It is kept with each signal and never changes its meaning.
type Code string

// The eight rules.
const (
	OutsideHours    Code = "horaires"
	Burst           Code = "rafale"
	SignatureSeries Code = "serie_signatures"
	ImmediateUse    Code = "usage_immediat"
	SameName        Code = "meme_nom"
	QuickReading    Code = "lecture_rapide"
	LastHours       Code = "fin_proche"
	UnusedRenewal   Code = "renouvellement_sans_usage"
)

// The numbers of the rules.
const (
	BurstUses        = 6 // more uses than that by one aidant…
	BurstWithin      = 10 * time.Minute
	SeriesSignatures = 6 // more signatures than that accepted by one aidant…
	SeriesWithin     = time.Hour
	ImmediateWithin  = 60 * time.Second
	ReadingSpeed     = 300 // words a minute: a quick reader
	LastWithin       = 24 * time.Hour
	LastLeast        = 48 * time.Hour // shorter mandats are used in their last hours, or never
	RenewalLeast     = 24 * time.Hour // a mandat replaced sooner was corrected, not renewed
)

// Rule is one rule as people read it.
type Rule struct {
	Code      Code
	Title     string
	Statement string // the rule in one sentence, with its numbers
	Innocent  string // what may explain it
	On        []journal.Action
	holds     func(e journal.Record, c Context) bool
}

// Context is what stands around one entry: told by the store from entries with a
// lower index, from what the entry's mandat has fixed, and from the vault. What is
// not known is zero, and no rule holds on it.
type Context struct {
	Zone     *time.Location // of the mandat's structure
	Opening  organisation.Hours
	Acts     []time.Time // earlier successful entries of the same actor and action, newest first, at least Lookback of them
	Signed   time.Time   // when the mandat was accepted
	SignedBy string      // by which agent
	Ends     time.Time   // the end that its text names
	LastUse  time.Time   // its last use before this one
	Known    bool        // this agent accepted it, or has used it before
	Namesake bool        // agent and usager bear the same name
	Shown    time.Time   // when the usager was last shown the text
	Words    int         // how many words it has
	Former   Former      // the mandat that this one follows
}

// Former is the last mandat accepted before by the same structure of the same
// usager with a domaine in common; zero when there is none.
type Former struct {
	Signed time.Time
	Used   bool
}

// Lookback is how many earlier acts of one actor the rules look at.
const Lookback = max(BurstUses, SeriesSignatures) + 1

// Rules lists the rules in the order of the page.
func Rules() []Rule { return rules() }

// Find returns a rule by its code.
func Find(code Code) (Rule, bool) {
	for _, r := range rules() {
		if r.Code == code {
			return r, true
		}
	}
	return Rule{}, false
}

// Concerns tells whether a rule looks at such an entry at all: only what
// succeeded can be a signal, refusals have their own place in the journal.
func Concerns(a journal.Action, o journal.Outcome) bool {
	return o == journal.OK && (a == journal.DelegationUse || a == journal.MandatSign || a == journal.MandatGive)
}

// Evaluate lists the rules that hold for an entry, in the order of [Rules].
func Evaluate(e journal.Record, c Context) []Code {
	if !Concerns(e.Action, e.Outcome) {
		return nil
	}
	var held []Code
	for _, r := range rules() {
		if slices.Contains(r.On, e.Action) && r.holds(e, c) {
			held = append(held, r.Code)
		}
	}
	return held
}
