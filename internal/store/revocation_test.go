package store_test

import (
	"errors"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/journal"
)

// begin signs an agent in with a session of their provider's.
func (h *house) begin(sub, aidantID, sid string) string {
	h.t.Helper()
	ref := delegation.Hash(sid + aidantID)
	_, err := h.SignIn(h.ctx, aidant.Login{Issuer: "i", Sub: sub, SID: sid, Email: aidantID + "@secret.example", SIRET: "26999901700016", ACR: "eidas2"},
		aidant.Session{Ref: ref, CreatedAt: h.time(), SeenAt: h.time(), AuthAt: h.time(), Device: "Firefox"})
	h.ok(err)
	return ref
}

// opened tells how many sessions an agent has.
func (h *house) opened(aidantID string) int {
	h.t.Helper()
	list, err := h.SessionsOf(h.ctx, aidantID)
	h.ok(err)
	return len(list)
}

// TestEndAtProvider: a provider ends the session it names, or all of a person's,
// each demand once, and nobody else's.
func TestEndAtProvider(t *testing.T) {
	onBoth(t, func(h *house) {
		h.begin("s-jeanne", "a-jeanne", "un")
		second := h.begin("s-jeanne", "a-jeanne", "deux")
		until := h.time().Add(time.Hour)
		end := func(o aidant.Origin, proof string, want int) {
			h.t.Helper()
			size := h.size()
			n, err := h.EndAtProvider(h.ctx, o, proof, until)
			h.ok(err)
			if n != want || h.size()-size != int64(want) {
				t.Errorf("%+v ended %d with %d entries, want %d", o, n, h.size()-size, want)
			}
		}
		end(aidant.Origin{Issuer: "autre", Sub: "s-jeanne"}, "p0", 0)
		end(aidant.Origin{Issuer: "i", Sub: "s-paul"}, "p1", 0)
		end(aidant.Origin{Issuer: "i", Sub: "s-paul", SID: "un"}, "p2", 0) // another's session
		end(aidant.Origin{Issuer: "i", SID: "trois"}, "p3", 0)
		end(aidant.Origin{Issuer: "i", Sub: "s-jeanne", SID: "un"}, "p4", 1)
		h.expect(journal.SessionClose, journal.OK)
		same(t, "reason", h.last().Reason, "deconnexion_fournisseur")
		if h.opened("a-jeanne") != 1 {
			t.Error("the other session ended too")
		}
		h.begin("s-jeanne", "a-jeanne", "un")
		if n, err := h.EndAtProvider(h.ctx, aidant.Origin{Issuer: "i", SID: "un"}, "p4", until); !errors.Is(err, aidant.ErrReplayed) || n != 0 || h.opened("a-jeanne") != 2 {
			t.Errorf("replayed: %d, %v", n, err)
		}
		renewed, _, _, err := h.Session(h.ctx, second)
		h.ok(err)
		renewed.Ref = delegation.Hash("neuve")
		h.ok(h.Elevate(h.ctx, second, renewed, aidant.Aidant{ID: "a-jeanne"}.Elevated("relais:passkey", "")))
		end(aidant.Origin{Issuer: "i", SID: "deux"}, "p5", 1) // known by its origin still
		end(aidant.Origin{Issuer: "i", Sub: "s-jeanne"}, "p6", 1)
		if held, err := h.raw("SELECT count(*) FROM session WHERE idp_sub LIKE '%jeanne%' OR idp_sid LIKE '%un%'"); err != nil || held != "0" {
			t.Errorf("clear in the database: %q, %v", held, err)
		}
	})
}

// TestElevate: a session proves itself again under a new reference, once; its
// absolute limit does not move, and nobody takes over another's.
func TestElevate(t *testing.T) {
	onBoth(t, func(h *house) {
		ref := h.begin("s-jeanne", "a-jeanne", "un")
		old, a, _, err := h.Session(h.ctx, ref)
		h.ok(err)
		h.pass(time.Hour)
		renewed := old
		renewed.Ref, renewed.CreatedAt, renewed.AuthAt, renewed.SeenAt, renewed.Auth = delegation.Hash("neuve"), h.time(), h.time(), h.time(), "proconnect:eidas3"
		other := renewed
		other.AidantID = "a-paul"
		size := h.size()
		if err := h.Elevate(h.ctx, ref, other, a.Elevated("x", "")); !errors.Is(err, aidant.ErrOther) {
			t.Errorf("another agent's = %v", err)
		}
		if err := h.Elevate(h.ctx, ref, renewed, journal.Fact{}); !errors.Is(err, journal.ErrFact) || h.size() != size {
			t.Errorf("without a fact = %v", err)
		}
		h.ok(h.Elevate(h.ctx, ref, renewed, a.Elevated(renewed.Auth, "")))
		h.expect(journal.SessionElevate, journal.OK)
		if err := h.Elevate(h.ctx, ref, renewed, a.Elevated("x", "")); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("twice = %v", err)
		}
		now, _, _, err := h.Session(h.ctx, renewed.Ref)
		h.ok(err)
		if !now.CreatedAt.Equal(old.CreatedAt) || !now.AuthAt.Equal(h.time()) || now.Auth != "proconnect:eidas3" || h.opened("a-jeanne") != 1 {
			t.Errorf("session = %+v", now)
		}
	})
}

// TestEndSessions: who decides ends an agent's sessions, or a structure's but for
// those who do not depend on them, with what is under way at a service.
func TestEndSessions(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.choose(m, "r1", "social"))
		first := h.begin("s-jeanne", "a-jeanne", "un")
		h.begin("s-jeanne", "a-jeanne", "deux")
		open := h.opened("a-jeanne")
		chief := journal.Actor{Type: journal.ActorAidant, Ref: "a-chef"}
		closing := func(spare string, refuse error) aidant.Closing {
			return aidant.Closing{Spare: spare, Alive: func(s aidant.Session) bool { return s.Ref != first },
				Decide: func(a aidant.Aidant, n int) (journal.Fact, error) {
					return a.SessionsRevoked(chief, n, "poste_perdu"), refuse
				}}
		}
		size := h.size()
		if _, err := h.EndSessionsOf(h.ctx, "a-jeanne", closing("", aidant.ErrOther)); !errors.Is(err, aidant.ErrOther) || h.opened("a-jeanne") != open || h.size() != size+1 {
			t.Errorf("refused = %v", err)
		}
		if _, err := h.EndSessionsOf(h.ctx, "rien", closing("", nil)); !errors.Is(err, aidant.ErrNotFound) {
			t.Errorf("nobody = %v", err)
		}
		n, err := h.EndSessionsOf(h.ctx, "a-jeanne", closing("", nil))
		h.ok(err)
		if n != open-1 || h.opened("a-jeanne") != 0 { // one row had outlived its session
			t.Errorf("ended %d of %d", n, open)
		}
		h.expect(journal.DelegationStop, journal.OK)
		here := h.begin("s-jeanne", "a-jeanne", "trois")
		h.begin("s-jeanne", "a-jeanne", "quatre")
		told := func(sessions, agents int) journal.Fact {
			return journal.NewFact(chief, journal.SessionRevoke, journal.Object{Type: "structure", ID: "ccas"})
		}
		n, agents, err := h.EndSessionsIn(h.ctx, "ccas", closing(here, nil), told)
		h.ok(err)
		if n != 1 || agents != 1 || h.opened("a-jeanne") != 1 {
			t.Errorf("ended %d of %d agents", n, agents)
		}
		if n, agents, err = h.EndSessionsIn(h.ctx, "ccas", closing("", aidant.ErrSession), told); err != nil || n != 0 || agents != 0 || h.opened("a-jeanne") != 1 {
			t.Errorf("left alone: %d, %d, %v", n, agents, err)
		}
		if n, _, err = h.EndSessionsIn(h.ctx, "autre", closing("", nil), told); err != nil || n != 0 {
			t.Errorf("another structure: %d, %v", n, err)
		}
	})
}
