package store

import (
	"database/sql"
	"errors"
	"sync"
	"time"

	"relais/internal/journal"
)

// clockTolerance is how far the clock may step back unremarked: what a time
// server corrects, and what two instances' clocks differ by.
const clockTolerance = 5 * time.Second

// clock remembers the date of the last entry written here, to notice a clock
// that goes backwards. The order of entries is the tree's and never follows it.
type clock struct {
	mu    sync.Mutex
	known bool
	last  time.Time
}

func (c *clock) wrote(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		c.last = at
	}
}

// watchClock writes once a transaction that the clock shows less than at the
// entry before. Actions of one group may each say so.
func (t *tx) watchClock() error {
	if t.caught {
		return nil
	}
	t.caught = true
	last, err := t.lastMoment()
	if err != nil {
		return err
	}
	if back := last.Sub(t.now); back > clockTolerance {
		_, err = t.enter(journal.SteppedBack(back))
	}
	return err
}

// lastMoment asks the database once, then remembers.
func (t *tx) lastMoment() (time.Time, error) {
	c := &t.s.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.last, nil
	}
	var last instant
	if err := t.get(&last, t.s.q.lastMoment); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, err
	}
	c.known, c.last = true, last.time()
	return c.last, nil
}
