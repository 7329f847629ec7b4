package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
)

// lives plays several mandats to different ends.
func (h *house) lives() (running mandat.Mandat) {
	h.t.Helper()
	running = h.signed("ccas", martin, "social", "logement")
	h.change(running, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Revoke([]string{"logement"}, mandat.ByTelephone, by, h.time())
	})
	renounced := h.signed("ccas", durand, "papiers")
	h.change(renounced, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Renounce(nil, "erreur", by, h.time())
	})
	abandoned := h.draft("ccas", "argent")
	h.change(abandoned, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Abandon(by, h.time()) })
	entrusted, _ := h.entrusted(h.draft("ccas", "transports"))
	h.change(h.identified(entrusted, durand), func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Unidentify("pas_moi") })
	h.change(running, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.OpenDispute("plainte", h.time().AddDate(1, 0, 0), by, h.time())
	})
	replaced := h.signed("ccas", martin, "transports")
	next, err := h.sign(h.given("ccas", martin, []mandat.Replacement{{MandatID: replaced.ID, Number: replaced.Number, Domaine: "transports"}}, "transports"), martin)
	h.ok(err)
	h.ok(h.Append(h.ctx, next.Viewed(by)))
	return running
}

// TestReplay rebuilds every mandat from the journal and finds each change of a
// table that the journal does not tell.
func TestReplay(t *testing.T) {
	onBoth(t, func(h *house) {
		h.lives()
		h.ok(h.Sweep(h.ctx))
		n, err := h.Replay(h.ctx)
		h.ok(err)
		if n != 6 {
			t.Errorf("%d mandats agree, want 6", n)
		}
		h.expect(journal.JournalReplay, journal.OK)
		h.pass(40 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		if _, err := h.Replay(h.ctx); err != nil {
			t.Errorf("after the ends: %v", err)
		}
	})
}

func TestReplayFinds(t *testing.T) {
	for name, change := range map[string]string{
		"state":   "UPDATE mandat SET state = 'termine' WHERE id = 'ID'",
		"end":     "UPDATE mandat SET ends_at = '2027-11-21T22:59:59.000000Z' WHERE id = 'ID'",
		"agent":   "UPDATE mandat SET accepted_by = 'a-paul' WHERE id = 'ID'",
		"date":    "UPDATE mandat SET signed_at = '2026-11-01T09:00:00.000000Z' WHERE id = 'ID'",
		"dispute": "UPDATE mandat SET disputed_at = NULL, dispute_reason = '' WHERE id = 'ID'",
		"undone":  "UPDATE autorisation SET ended_at = NULL, end_reason = '' WHERE mandat_id = 'ID' AND domaine = 'logement'",
		"added":   "UPDATE autorisation SET domaine = 'argent' WHERE mandat_id = 'ID' AND domaine = 'social'",
		"entry":   "UPDATE mandat SET journal_id = journal_id - 1 WHERE id = 'ID'",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, store.SQLite)
			m := h.lives()
			_, err := h.raw("DROP TRIGGER mandat_update; DROP TRIGGER autorisation_update; " + strings.ReplaceAll(change, "ID", m.ID))
			h.ok(err)
			if _, err := h.Replay(h.ctx); !errors.Is(err, store.ErrReplay) || !strings.Contains(err.Error(), m.ID) {
				t.Errorf("Replay = %v", err)
			}
			h.expect(journal.JournalReplay, journal.Failed)
		})
	}
}

// TestClockBack sets the clock back an hour: the order is kept, the date of the
// entry is what the clock said, and an entry before it says so, once.
func TestClockBack(t *testing.T) {
	onBoth(t, func(h *house) {
		h.ok(h.Beat(h.ctx))
		size := h.size()
		h.pass(-time.Hour)
		h.ok(h.Sweep(h.ctx)) // writes, but no entry: it must not hide the step
		h.ok(h.Beat(h.ctx))
		h.ok(h.Beat(h.ctx))
		if h.size() != size+3 {
			t.Fatalf("%d entries for two beats", h.size()-size)
		}
		row, err := h.Entry(h.ctx, size)
		h.ok(err)
		r, err := journal.Parse(row.Body)
		h.ok(err)
		if r.Action != journal.ClockBack || r.Details["secondes"] != "3600" || !r.At.Equal(h.time()) {
			t.Errorf("the entry of the step: %+v", r)
		}
		h.pass(-time.Hour)
		h.Close()
		again := h.open()
		h.Store = again
		h.ok(again.Beat(h.ctx))
		if r := h.last(); r.Action != journal.Heartbeat {
			t.Errorf("last: %+v", r)
		}
		if h.size() != size+5 {
			t.Errorf("a step across a restart is not noticed: %d entries", h.size()-size)
		}
	})
}
