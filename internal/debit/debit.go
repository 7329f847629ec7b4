// Package debit is how often somebody may be refused, or begin a login, before
// Relais makes them wait: rules and arithmetic, no I/O.
//
// It guarantees that the same moments give the same answer whatever instance
// asks (GCRA, the generic cell rate algorithm: one moment per counter is all
// that is kept), and that waiting does not grow by asking again meanwhile.
//
// It counts failures and beginnings, never the acts of somebody who is signed
// in: a town hall where two hundred agents share one address must not lock
// itself out.
package debit

import (
	"time"

	"relais/internal/journal"
)

// Rule says what is counted. Counters of different rules never touch.
type Rule string

// The rules.
const (
	Refusal  Rule = "refus"     // refusals of somebody without a session
	Entry    Rule = "connexion" // logins begun
	Machine  Rule = "machine"   // refusals of a machine at the provider's endpoints
	Question Rule = "question"  // mandats that one service asks about
	Code     Rule = "code"      // codes and pass phrases typed for one account, right or wrong
	// Invitation counts invitations' codes typed, and answers to them, by address:
	// whose code a wrong one was meant to be, nobody knows.
	Invitation Rule = "invitation"
)

// Limit allows Burst at once, and one more each Every.
type Limit struct {
	Burst int
	Every time.Duration
}

var limits = map[Rule]Limit{
	Refusal:  {Burst: 60, Every: time.Second},
	Entry:    {Burst: 300, Every: time.Second},
	Machine:  {Burst: 60, Every: time.Second},
	Question: {Burst: 120, Every: time.Second},
	Code:     {Burst: 10, Every: 10 * time.Minute},
	// Ten agents of a town hall come in on the same morning, two steps each; a code
	// of 80 bits is not found in a lifetime of one try in half a minute.
	Invitation: {Burst: 30, Every: 30 * time.Second},
}

// Limit is the rule's.
func (r Rule) Limit() Limit { return limits[r] }

// Take counts one more at now on a counter that stands at mark (the zero time
// for a fresh one). It returns where the counter stands then, and until when the
// next one is refused, which is not after now while there is room. A counter
// that is closed already stays as it is.
func (l Limit) Take(mark, now time.Time) (next, closed time.Time) {
	if until := l.Closed(mark); until.After(now) {
		return mark, until
	}
	if mark.Before(now) {
		mark = now
	}
	next = mark.Add(l.Every)
	return next, l.Closed(next)
}

// Closed tells until when a counter that stands at mark refuses.
func (l Limit) Closed(mark time.Time) time.Time {
	return mark.Add(-time.Duration(l.Burst-1) * l.Every)
}

// Closing is the fact that a rule's counter begins to refuse. What is refused
// while it stays closed leaves no entry of its own.
func Closing(r Rule) journal.Fact {
	return journal.NewFact(journal.Nobody(), journal.AccessThrottle, journal.Object{Type: "debit", ID: string(r)}).Denied("trop_d_essais")
}
