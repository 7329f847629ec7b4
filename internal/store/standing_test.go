package store_test

import (
	"testing"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// TestMayAct: what the mandat, its domaine and its structure are now, an entry for
// each question, and an end to asking.
func TestMayAct(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		siret := h.value("SELECT siret FROM organisation WHERE id = 'ccas'")
		service := delegation.Client("ressource")
		ask := func(number, siret, domaine string) bool {
			until, wait, err := h.MayAct(h.ctx, number, siret, domaine, service)
			h.ok(err)
			if wait != 0 || (!until.IsZero() && !until.Equal(m.EndsAt)) {
				t.Errorf("until %v, wait %v", until, wait)
			}
			return !until.IsZero()
		}
		size := h.size()
		if !ask(m.Number, siret, "social") {
			t.Error("the mandat's own structure and domaine are refused")
		}
		h.expect(journal.MandatAsk, journal.OK)
		for _, c := range [][3]string{{m.Number, siret, "argent"}, {m.Number, "99999999900010", "social"}, {"BCDFGHJK3467", siret, "social"}} {
			if ask(c[0], c[1], c[2]) {
				t.Errorf("%v is allowed", c)
			}
			h.expect(journal.MandatAsk, journal.Denied)
		}
		if h.size() != size+4 {
			t.Errorf("%d entries for 4 questions", h.size()-size)
		}
		_, err := h.ChangeMandat(h.ctx, "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Revoke(nil, mandat.ByTelephone, by, h.time())
		})
		h.ok(err)
		if ask(m.Number, siret, "social") {
			t.Error("a revoked mandat is allowed")
		}
		var wait time.Duration
		for range 200 {
			if _, wait, err = h.MayAct(h.ctx, m.Number, siret, "social", service); err != nil || wait > 0 {
				break
			}
		}
		h.ok(err)
		if wait <= 0 {
			t.Error("two hundred questions at once were answered")
		}
		if _, wait, _ := h.MayAct(h.ctx, m.Number, siret, "social", delegation.Client("autre")); wait != 0 {
			t.Error("another service waits too")
		}
	})
}
