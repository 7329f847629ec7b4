package store_test

import (
	"sync"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/journal"
)

// TestCount: however many count at once, each leaves its entry, one closes the
// counter and says so, and the sweep forgets it once it says nothing any more.
func TestCount(t *testing.T) {
	onBoth(t, func(h *house) {
		counter := h.DebitKey(debit.Refusal, "203.0.113.9")
		limit, from := debit.Refusal.Limit(), h.size()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range limit.Burst / 4 {
					if _, err := h.Count(h.ctx, debit.Refusal, counter, aidant.Refused(journal.Nobody(), "POST:/x", "essai")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		closed, err := h.Count(h.ctx, debit.Refusal, counter, journal.Fact{})
		h.ok(err)
		if !closed.After(h.time()) {
			t.Errorf("open after %d", limit.Burst)
		}
		if n := h.size() - from; n != int64(limit.Burst)+1 {
			t.Errorf("%d entries for %d refusals and one closing", n, limit.Burst)
		}
		marks, err := h.Marks(h.ctx)
		h.ok(err)
		if len(marks) != 1 || !limit.Closed(marks[counter]).Equal(closed) {
			t.Errorf("marks: %v", marks)
		}
		if marks[h.DebitKey(debit.Machine, "203.0.113.9")] != (time.Time{}) {
			t.Error("another rule counts too")
		}
		h.pass(time.Hour)
		h.ok(h.Sweep(h.ctx))
		if n, err := h.raw("SELECT count(*) FROM debit"); err != nil || n != "0" {
			t.Errorf("%s counters after an hour, %v", n, err)
		}
	})
}
