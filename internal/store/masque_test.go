package store_test

import (
	"bytes"
	"testing"
	"time"

	"relais/internal/journal"
)

// TestAgentsAreHidden: no entry shows which agent acted, Relais can tell for as
// long as the month's key is there, and nobody afterwards; every proof stays.
func TestAgentsAreHidden(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.Append(h.ctx, m.Viewed(by)))
		for index := range h.size() {
			row, err := h.Entry(h.ctx, index)
			h.ok(err)
			if bytes.Contains(row.Body, []byte("a-jeanne")) || row.Copies.Actor.Ref == "a-jeanne" {
				t.Fatalf("entry %d names the agent: %s", index, row.Body)
			}
		}
		viewed, signed := h.actorOf(m.ID, journal.MandatView), h.actorOf(m.ID, journal.MandatSign)
		if viewed != "a-jeanne" || signed != "a-jeanne" {
			t.Errorf("the view by %q, the signature by %q", viewed, signed)
		}
		h.pass(40 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		h.pass(400 * 24 * time.Hour)
		report, err := h.Retain(h.ctx, 12, false)
		h.ok(err)
		if report.Agents != 1 {
			t.Errorf("%d months forgotten after a year, want the access entries' one", report.Agents)
		}
		h.expect(journal.AgentsForget, journal.OK)
		if signed := h.actorOf(m.ID, journal.MandatSign); signed != "a-jeanne" {
			t.Errorf("the evidence is already unreadable: %q", signed)
		}
		h.pass(8 * 366 * 24 * time.Hour)
		if report, err = h.Retain(h.ctx, 12, false); err != nil || report.Agents == 0 {
			t.Errorf("after eight years: %+v, %v", report, err)
		}
		if signed := h.actorOf(m.ID, journal.MandatSign); !journal.Hidden(signed) {
			t.Errorf("the signature still names %q", signed)
		}
		if _, err := h.Replay(h.ctx); err != nil {
			t.Errorf("replay: %v", err)
		}
	})
}

// TestHiddenAgentsOfAMonth: one month's references never fit another's.
func TestHiddenAgentsOfAMonth(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		refs := map[string]bool{}
		for range 3 {
			h.ok(h.Append(h.ctx, m.Viewed(by), m.Viewed(by)))
			row, err := h.Entry(h.ctx, h.size()-1)
			h.ok(err)
			refs[row.Copies.Actor.Ref] = true
			if id, err := h.Agent(h.ctx, row.Copies.Actor.Ref); err != nil || id != "a-jeanne" {
				t.Errorf("Agent = %q, %v", id, err)
			}
			h.pass(31 * 24 * time.Hour)
		}
		if len(refs) != 3 {
			t.Errorf("%d references in three months: %v", len(refs), refs)
		}
		for _, ref := range []string{"a-jeanne", "m2611p-abc", "m2611x-abc", "m9913p-abc", ""} {
			if id, err := h.Agent(h.ctx, ref); err != nil || id != ref {
				t.Errorf("Agent(%q) = %q, %v", ref, id, err)
			}
		}
	})
}

func (h *house) actorOf(mandatID string, action journal.Action) string {
	h.t.Helper()
	entries, err := h.MandatEntries(h.ctx, mandatID)
	h.ok(err)
	for _, e := range entries {
		if e.Action == action && e.PrunedBy == 0 {
			return e.Actor.Ref
		}
	}
	return ""
}
