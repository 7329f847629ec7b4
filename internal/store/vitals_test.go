package store_test

import (
	"errors"
	"testing"
	"time"

	"relais/internal/journal"
)

// TestVitals: each check leaves the entry by which its age and result are known,
// a failed one too.
func TestVitals(t *testing.T) {
	onBoth(t, func(h *house) {
		v, err := h.Vitals(h.ctx)
		h.ok(err)
		if v.Verified.Action != "" || v.Replayed.Action != "" || v.Beat.Action != "" || v.Behind != h.size() {
			t.Errorf("before anything: %+v", v)
		}
		size := h.size()
		head, err := h.CheckJournal(h.ctx, exploitant)
		h.ok(err)
		if head.Size != size || h.size() != size+1 {
			t.Errorf("verified %d entries of %d, now %d", head.Size, size, h.size())
		}
		h.pass(time.Minute)
		_, err = h.Replay(h.ctx)
		h.ok(err)
		h.pass(time.Minute)
		h.ok(h.Beat(h.ctx))
		h.ok(h.RunFollowers(h.ctx))
		v, err = h.Vitals(h.ctx)
		h.ok(err)
		if v.Verified.Outcome != journal.OK || v.Verified.Details["racine"] == "" || v.Verified.Actor.Ref != exploitant.Ref || v.Verified.Index != size ||
			!v.Beat.At.Equal(h.time()) || v.Replayed.Index != size+1 || v.Behind != 0 || v.Waiting != 0 {
			t.Errorf("after: %+v", v)
		}
		h.broken = true
		if _, err := h.raw("DROP TRIGGER journal_update; UPDATE journal SET outcome = 'denied' WHERE id = 1"); err != nil {
			if _, err := h.raw("ALTER TABLE journal DISABLE TRIGGER USER; UPDATE journal SET outcome = 'denied' WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
		}
		var bad *journal.Finding
		if _, err := h.CheckJournal(h.ctx, exploitant); !errors.As(err, &bad) || bad.Index != 1 {
			t.Errorf("a changed entry: %v", err)
		}
		v, err = h.Vitals(h.ctx)
		h.ok(err)
		if v.Verified.Outcome != journal.Failed || v.Verified.Details["entree"] != "1" {
			t.Errorf("the failed verification: %+v", v.Verified)
		}
	})
}
