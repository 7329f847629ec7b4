package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"relais/internal/journal"
)

// TestCloseDay: one summary a day, of what moved since the last, and verified.
func TestCloseDay(t *testing.T) {
	onBoth(t, func(h *house) {
		if _, _, err := h.LastDay(h.ctx); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("before the first: %v", err)
		}
		m := h.signed("ccas", martin, "social")
		again := func(want bool) {
			t.Helper()
			done, err := h.CloseDay(h.ctx)
			h.ok(err)
			same(t, "a summary written", done, want)
		}
		again(true)
		again(false)
		d, list, err := h.LastDay(h.ctx)
		h.ok(err)
		sum := sha256.Sum256(list)
		if d.From != 0 || d.To != d.Index-1 || d.Count != 1 || d.Digest != hex.EncodeToString(sum[:]) {
			t.Errorf("%+v\n%s", d, list)
		}
		h.pass(24 * time.Hour)
		h.ok(h.Append(h.ctx, journal.Beat()))
		again(true)
		d, _, err = h.LastDay(h.ctx)
		h.ok(err)
		same(t, "a quiet day", d.Count, 0)
		h.pass(24 * time.Hour)
		h.ok(h.Append(h.ctx, journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}).OfMandat(m.ID)))
		again(true)
		h.pass(2 * 366 * 24 * time.Hour)
		_, err = h.Retain(h.ctx, journal.AccessMonths, false)
		h.ok(err)
		d2, _, err := h.LastDay(h.ctx)
		h.ok(err)
		same(t, "the mandat that moved", d2.Count, 1)
		_, err = h.VerifyJournal(h.ctx)
		h.ok(err)
	})
}
