package signal

import (
	"time"

	"relais/internal/journal"
)

// Found is one signal: a rule that holds for one entry.
type Found struct {
	Rule        Code
	Index       int64 // the entry
	At          time.Time
	Mandat      string // its id
	Aidant      string // the agent's opaque reference
	Structure   string // its id
	Departement string
	SeenAt      time.Time // zero until an auditeur has marked it
}

// Filter is what an auditeur asks of the signals. Zero fields ask nothing.
// Results come newest first, after the one of the cursor.
type Filter struct {
	Scope     journal.Scope // what the auditeur's mission lets them see
	Structure string        // one structure within it
	Rule      Code
	Unseen    bool      // only those that nobody has marked
	From, To  time.Time // From included, To excluded
	After     Cursor
	Limit     int
}

// Cursor is the last signal of the page before; the zero Cursor is none.
type Cursor struct {
	Index int64
	Rule  Code
}

// Period is what a relevé is asked for: days of the structures' own calendars,
// both included, as 2006-01-02.
type Period struct {
	Scope     journal.Scope
	Structure string // one structure within the scope
	From, To  string
}

// Releve is how many entries there are in a period.
type Releve struct {
	Days   []Day
	Counts []Count
	Upto   int64 // entries below this index are counted
}

// Day is one day on which something was counted.
type Day struct {
	Day                string // 2006-01-02
	Uses, Signatures   int64  // that succeeded
	Refusals, Failures int64  // of any action
}

// Count is how many entries of one kind there are in a whole period.
type Count struct {
	Action  journal.Action
	Outcome journal.Outcome
	Domaine string // "" when the entry names none
	N       int64
}
