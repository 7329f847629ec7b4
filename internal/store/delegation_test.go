package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/habilitation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
)

func TestDelegatedLogin(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social", "papiers")
		ref := h.session("s-jeanne", "a-jeanne", "26999901700016")
		statements, commits := h.Counts()
		for range 3 { // authorize, choice page, choice
			_, _, _, err := h.Session(h.ctx, ref)
			h.ok(err)
		}
		_, err := h.SearchUsagers(h.ctx, "ccas", identite.ParseQuery("martin"), 20)
		h.ok(err)
		h.ok(h.choose(m, "r1", "social"))
		code, err := h.ByCode(h.ctx, delegation.Hash("code-r1"))
		h.ok(err)
		h.ok(h.Redeem(h.ctx, code.CodeHash, h.token("r1")))
		_, err = h.ByToken(h.ctx, h.token("r1").Hash)
		h.ok(err)
		id, err := h.Show(h.ctx, h.token("r1").Hash)
		h.ok(err)
		s, c := h.Counts()
		t.Logf("a delegated login takes %d statements and %d commits", s-statements, c-commits)
		if s-statements > 20 || c-commits > 3 {
			t.Error("want at most 20 and 3")
		}
		if id.Usager.Identite != martin.pivot || id.Mandat.ID != m.ID || len(id.Mandat.Autorisations) != 2 || id.Aidant.ID != "a-jeanne" ||
			id.Organisation.ID != "ccas" || id.Login.Domaine != "social" || id.Login.UsagerID != m.UsagerID {
			t.Errorf("identity = %+v", id)
		}
		open, found, err := h.OpenUse(h.ctx, "a-jeanne")
		h.ok(err)
		if !found || open.Login.ID != "r1" || open.Usager.Identite != martin.pivot || open.Mandat.ID != m.ID {
			t.Errorf("open use = %+v, %v", open, found)
		}
		for what, err := range map[string]error{"a second choice": h.choose(m, "r1", "social"), "the same choice elsewhere": h.choose(m, "r1", "papiers")} {
			if !errors.Is(err, delegation.ErrMade) {
				t.Errorf("%s = %v, want ErrMade", what, err)
			}
		}
		other := h.signed("ccas", durand, "social")
		if err := h.choose(other, "r2", "social"); !errors.Is(err, delegation.ErrOpen) {
			t.Errorf("a use for another usager while one is open = %v", err)
		}
		h.expect(journal.DelegationDeny, journal.Denied)
		h.ok(h.EndUses(h.ctx, "a-jeanne", by, "termine"))
		h.expect(journal.DelegationEnd, journal.OK)
		h.ok(h.choose(other, "r2", "social"))
		if err := h.choose(other, "r3", "argent"); !errors.Is(err, mandat.ErrScope) {
			t.Errorf("a domaine the mandat lacks = %v", err)
		}
		size := h.size()
		h.ok(h.Stop(h.ctx, "r2", delegation.Client("c"), "deconnexion", true))
		h.ok(h.Stop(h.ctx, "r2", delegation.Client("c"), "deconnexion", true))
		h.ok(h.Stop(h.ctx, "r2", delegation.Client("c"), "rejeu", false))
		h.ok(h.Stop(h.ctx, "r2", delegation.Client("c"), "rejeu", false))
		if h.size() != size+2 {
			t.Errorf("%d entries for an end and a revocation told twice, want 2", h.size()-size)
		}
		if _, found, err := h.OpenUse(h.ctx, "a-jeanne"); found || err != nil {
			t.Errorf("a use is open after its end: %v", err)
		}
	})
}

func TestDelegationRefusals(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.choose(m, "late", "social"))
		h.ok(h.choose(m, "replay", "social"))
		h.ok(h.choose(m, "stopped", "social"))
		h.ok(h.choose(m, "suspended", "social"))
		h.ok(h.Redeem(h.ctx, delegation.Hash("code-replay"), h.token("replay")))
		h.ok(h.Redeem(h.ctx, delegation.Hash("code-suspended"), h.token("suspended")))
		h.ok(h.Stop(h.ctx, "stopped", delegation.Client("c"), "x", false))
		redeem := func(id string) error { return h.Redeem(h.ctx, delegation.Hash("code-"+id), h.token("second")) }
		show := func(id string) error { _, err := h.Show(h.ctx, h.token(id).Hash); return err }
		if err := redeem("replay"); !errors.Is(err, delegation.ErrConsumed) {
			t.Errorf("replayed code = %v", err)
		}
		h.expect(journal.DelegationToken, journal.Denied)
		if err := show("replay"); !errors.Is(err, delegation.ErrRevoked) {
			t.Errorf("token of a replayed code = %v", err)
		}
		h.expect(journal.DelegationShow, journal.Denied)
		if err := redeem("stopped"); !errors.Is(err, delegation.ErrRevoked) {
			t.Errorf("stopped code = %v", err)
		}
		h.pass(time.Hour)
		if err := redeem("late"); !errors.Is(err, delegation.ErrExpired) {
			t.Errorf("late code = %v", err)
		}
		_, err := h.ChangeAidant(h.ctx, "a-jeanne", func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
			return habilitation.Suspend(a, journal.Systeme(), h.time())
		})
		h.ok(err)
		if err := show("suspended"); !errors.Is(err, delegation.ErrRevoked) {
			t.Errorf("identity through a suspended agent = %v", err)
		}
		_, byCode := h.ByCode(h.ctx, "rien")
		_, byToken := h.ByToken(h.ctx, "rien")
		_, shown := h.Show(h.ctx, "rien")
		for what, err := range map[string]error{"ByCode": byCode, "ByToken": byToken, "Show": shown, "Redeem": h.Redeem(h.ctx, "rien", h.token("x")),
			"Stop": h.Stop(h.ctx, "rien", by, "x", true)} {
			if !errors.Is(err, delegation.ErrNotFound) {
				t.Errorf("%s of nothing = %v", what, err)
			}
		}
	})
}

// TestOneRedemption: 16 parallel redemptions of each of 200 codes, exactly one
// success each.
func TestSuspensionStopsUses(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social", "papiers")
		h.ok(h.choose(m, "r1", "social"))
		_, err := h.ChangeAidant(h.ctx, "a-jeanne", func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
			return habilitation.Suspend(a, journal.Actor{Type: journal.ActorAidant, Ref: "a-chef"}, h.time())
		})
		h.ok(err)
		h.expect(journal.DelegationStop, journal.OK)
		if err := h.Redeem(h.ctx, delegation.Hash("code-r1"), h.token("r1")); !errors.Is(err, delegation.ErrRevoked) {
			t.Errorf("the code of a suspended agent = %v, want ErrRevoked", err)
		}
	})
}

func TestOneRedemption(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		const codes, clients = 200, 16
		var won [codes]atomic.Int64
		var wg sync.WaitGroup
		for i := range codes {
			h.ok(h.choose(m, fmt.Sprint("r", i), "social"))
		}
		for i := range codes {
			for c := range clients {
				wg.Go(func() {
					token := delegation.Token{Hash: delegation.Hash(fmt.Sprint("t", i, "-", c)), ExpiresAt: h.time().Add(time.Minute)}
					err := h.Redeem(h.ctx, delegation.Hash(fmt.Sprint("code-r", i)), token)
					switch {
					case err == nil:
						won[i].Add(1)
					case !errors.Is(err, delegation.ErrConsumed):
						t.Errorf("code %d = %v", i, err)
					}
				})
			}
			if i%8 == 7 {
				wg.Wait()
			}
		}
		wg.Wait()
		for i := range won {
			if n := won[i].Load(); n != 1 {
				t.Errorf("code %d was redeemed %d times", i, n)
			}
		}
		if n := h.value("SELECT count(*) FROM delegation WHERE revoked_at IS NULL"); n != "0" {
			t.Errorf("%s logins live after a replay", n)
		}
	})
}
