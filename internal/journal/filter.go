package journal

import (
	"errors"
	"time"
)

// ErrNotFound is returned for an index that the journal does not have.
var ErrNotFound = errors.New("entrée introuvable")

// Filter is what an auditeur asks of the journal. Zero fields ask nothing.
// Results come newest first, below the index Before when it is positive.
type Filter struct {
	From, To  time.Time // From included, To excluded
	Actor     string    // an actor's Ref
	Action    Action
	Mandat    string // a mandat's id
	Outcome   Outcome
	Structure string // an organisation's id
	Usager    string // an usager's id
	Domaine   string // a domaine's code
	Service   string // a client_id
	Scope     Scope  // only what it covers
	Before    int64  // keyset: only entries with a lower index; 0 = from the newest
	Limit     int
}

// Page is one part of what answers a [Filter].
type Page struct {
	Records  []Record
	Next     int64 // Before of the part that follows; 0 when there is none
	Examined int   // how many rows were read for it: bounded, whatever the journal's size
	Bounded  bool  // the bound was met before the page was full: Next goes on searching
}

// In tells whether a moment lies in the filter's period.
func (f Filter) In(at time.Time) bool {
	return (f.From.IsZero() || !at.Before(f.From)) && (f.To.IsZero() || at.Before(f.To))
}

// Matches tells whether an entry answers the filter, Before and Limit aside.
func (f Filter) Matches(r Record, of Facets) bool {
	if !f.In(r.At) || (f.Outcome != "" && r.Outcome != f.Outcome) {
		return false
	}
	have := map[string]bool{}
	for _, code := range of.Codes(r) {
		have[code] = true
	}
	for _, code := range f.Codes() {
		if !have[code] {
			return false
		}
	}
	return true
}
