package scellement_test

import (
	"testing"
	"time"

	"relais/internal/scellement"
)

// TestWitnessClock: a witness whose clock is ten years ahead of ours still
// counts, since its signature says what it saw and not when; how far it is off is
// told, and no entry's date comes of it. The time authority's is told too.
func TestWitnessClock(t *testing.T) {
	h, _, _ := withWitness(t, nil)
	h.opts.Now = func() time.Time { return time.Now().AddDate(-10, 0, 0) }
	h.opts.TSA, _ = authority(t)
	h.restart()
	h.grow(1)
	before := h.seal()
	h.ok(h.Cosign(h.ctx))
	st := h.State()
	year := 365 * 24 * time.Hour
	if c := st.Clocks["temoin.example"]; c.Ahead < 9*year || c.Ahead > 11*year || c.Give <= 0 || c.Give > 10*time.Second {
		t.Errorf("the witness's clock: %+v", c)
	}
	if st.Progress.Cosigned != before.Size || !st.Last.At.Equal(before.At) {
		t.Errorf("state %+v", st)
	}
	if _, err := h.Stamp(h.ctx, before); err == nil {
		t.Error("a token ten years ahead was taken")
	}
	if c := h.State().Clocks[scellement.Authority]; c.Ahead < 9*year {
		t.Errorf("the authority's clock: %+v", c)
	}
	h.opts.Now = nil
	h.restart()
	h.grow(1)
	h.seal()
	h.ok(h.Cosign(h.ctx))
	if c := h.State().Clocks["temoin.example"]; c.Ahead.Abs() > c.Give {
		t.Errorf("the same clock: %+v", c)
	}
}

// TestSealWithTheClockSetBack: sealing follows the tree, not the clock.
func TestSealWithTheClockSetBack(t *testing.T) {
	h := newHouse(t)
	now := time.Now()
	h.opts.Now = func() time.Time { return now }
	h.restart()
	h.grow(2)
	before := h.seal()
	now = now.Add(-time.Hour)
	h.grow(2)
	after := h.seal()
	if after.Size <= before.Size || !after.At.Before(before.At) {
		t.Errorf("%d entries at %s, then %d at %s", before.Size, before.At, after.Size, after.At)
	}
	h.restart()
	h.grow(1)
	if again := h.seal(); again.Size <= after.Size {
		t.Errorf("%d entries, then %d", after.Size, again.Size)
	}
	last, err := h.st.LastCheckpoint(h.ctx, after.Origin)
	if err != nil || last.Size <= after.Size {
		t.Errorf("the last checkpoint kept has %d entries, %v", last.Size, err)
	}
}
