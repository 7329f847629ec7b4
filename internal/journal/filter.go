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
	From, To time.Time // From included, To excluded
	Actor    string    // an actor's Ref
	Action   Action
	Mandat   string // a mandat's id
	Outcome  Outcome
	Before   int64 // keyset: only entries with a lower index; 0 = from the newest
	Limit    int
}
