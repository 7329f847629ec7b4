package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/delegation"
)

// TestLiveLogins: the uses that a session made for a client lately, until they end.
func TestLiveLogins(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		from := h.now
		live := func(session, client string, since time.Time) int {
			t.Helper()
			all, err := h.LiveLogins(h.ctx, "a-jeanne", session, client, since)
			h.ok(err)
			return len(all)
		}
		h.ok(h.choose(m, "r1", "social"))
		h.pass(time.Minute)
		h.ok(h.choose(m, "r2", "social"))
		first, err := h.ByCode(h.ctx, delegation.Hash("code-r1"))
		h.ok(err)
		session, client := first.SessionRef, first.ClientID
		all, err := h.LiveLogins(h.ctx, "a-jeanne", session, client, from)
		h.ok(err)
		if len(all) != 2 || all[0].ID != "r2" || all[1].ID != "r1" || len(all[0].Protocol) == 0 {
			t.Errorf("live = %+v", all)
		}
		if live("autre", client, from) != 0 || live(session, "autre", from) != 0 || live(session, client, from.Add(30*time.Second)) != 1 {
			t.Error("another session, another client, an older use")
		}
		h.ok(h.Stop(h.ctx, "r1", delegation.Client(client), "rejeu", false))
		if live(session, client, from) != 2 {
			t.Error("a revoked use must be seen, to stop the reuse of its choice")
		}
		if err := h.EndUsesLike(h.ctx, "inconnu", delegation.Client(client), "x"); !errors.Is(err, delegation.ErrNotFound) {
			t.Errorf("an unknown login = %v", err)
		}
		size := h.size()
		h.ok(h.EndUsesLike(h.ctx, "r1", delegation.Client(client), "deconnexion_service"))
		h.ok(h.EndUsesLike(h.ctx, "r1", delegation.Client(client), "deconnexion_service"))
		if live(session, client, from) != 0 || h.size() != size+2 {
			t.Errorf("after the logout: %d live, %d entries", live(session, client, from), h.size()-size)
		}
	})
}

// TestProviderShares: a proof serves once and a pushed request is handed out once,
// whichever instance asks, until their end.
func TestProviderShares(t *testing.T) {
	onBoth(t, func(h *house) {
		until := h.now.Add(time.Minute)
		var good atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				first, err := h.UseOnce(h.ctx, "assertion c jti", until)
				if err != nil {
					t.Error(err)
				}
				if first {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		if good.Load() != 1 {
			t.Errorf("%d times the first", good.Load())
		}
		h.ok(h.Push(h.ctx, "nom", "fort", "scellé", until))
		take := func(client string) string {
			sealed, err := h.Pushed(h.ctx, "nom", client)
			h.ok(err)
			return sealed
		}
		h.ok(h.DropPushed(h.ctx, "nom", "autre"))
		if take("autre") != "" || take("fort") != "scellé" || take("fort") != "scellé" {
			t.Error("a pushed request is its client's, until it is answered")
		}
		h.ok(h.DropPushed(h.ctx, "nom", "fort"))
		if take("fort") != "" {
			t.Error("an answered request was found again")
		}
		h.ok(h.Push(h.ctx, "nom", "fort", "scellé", until))
		h.pass(2 * time.Minute)
		if take("fort") != "" {
			t.Error("a pushed request outlived its end")
		}
		h.ok(h.Sweep(h.ctx))
		if n := h.value("SELECT count(*) FROM preuve_vue") + h.value("SELECT count(*) FROM demande_poussee"); n != "00" {
			t.Errorf("%s rows are left", n)
		}
	})
}
