package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

// TestCodeRedeemedOnce: of 16 redemptions of one code at once, at two instances of
// Relais, exactly one succeeds, for each of 200 codes, on both databases; and since the others are a
// replay, what the one got is worth nothing afterwards (RFC 6749 §4.1.2).
func TestCodeRedeemedOnce(t *testing.T) {
	const codes, rounds = 16, 200
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			h, nadia := w.rawHub(), w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			second := w.second()
			for range rounds {
				code := h.code(nadia, g.id, "logement")
				won := w.race(h.form(code), codes, w.relais, second)
				if len(won) != 1 {
					t.Fatalf("%d of %d redemptions succeeded", len(won), codes)
				}
				if a := h.userinfo(won[0]); a.status != http.StatusUnauthorized {
					t.Fatalf("userinfo after a replay: %d", a.status)
				}
			}
			w.checkJournal()
			taken := 0
			entries, err := w.d.store.MandatEntries(t.Context(), g.id)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Action == journal.DelegationToken && e.Outcome == journal.OK {
					taken++
				}
			}
			if taken != rounds {
				t.Errorf("the journal says that %d codes were redeemed", taken)
			}
		})
	}
}

// second is one more instance of this world's Relais: a store of its own on the
// same database, as another process has. It returns where it listens.
func (w *world) second() string {
	w.t.Helper()
	h, err := build(w.t.Context(), w.d.cfg, slog.New(slog.DiscardHandler), true)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := h.refreshKeys(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(h.handler)
	w.t.Cleanup(func() {
		server.Close()
		if err := h.store.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return server.URL
}

// race redeems one form many times at once, at several instances in turn, and
// returns the access tokens.
func (w *world) race(form url.Values, n int, at ...string) (won []string) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			resp, err := client.PostForm(at[i%len(at)]+"/token", form)
			if err != nil {
				w.t.Error(err)
				return
			}
			a := readAnswer(w.t, resp)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.status == http.StatusOK && a.field("access_token") != "":
				won = append(won, a.field("access_token"))
			case a.status != http.StatusBadRequest || a.field("error") != "invalid_grant":
				w.t.Errorf("a losing redemption: %d %s", a.status, a.field("error"))
			}
		})
	}
	close(start)
	all.Wait()
	return won
}

// TestReplayRevokes: a code that comes a second time ends everything that the
// first had brought.
func TestReplayRevokes(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			h, nadia := w.rawHub(), w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			code := h.code(nadia, g.id, "logement")
			access := h.access(code)
			if a := h.userinfo(access); a.status != http.StatusOK {
				t.Fatalf("userinfo: %d", a.status)
			}
			for range 3 {
				w.mustRefuse(h.token(h.form(code)), http.StatusBadRequest, "invalid_grant")
			}
			w.harmless(func() {
				if a := h.userinfo(access); a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
					t.Errorf("userinfo after the replay: %d", a.status)
				}
			}, "delegation.userinfo/interrompue")
		})
	}
}

// TestRevocationStopsTheUse: what the usager stops is stopped at once, also
// between the choice and the code's redemption, and between that and userinfo.
func TestRevocationStopsTheUse(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			h, nadia := w.rawHub(), w.agent("nadia")
			p := logement()
			p.demarches = append(p.demarches, "argent/declaration-revenus")
			g := w.give(nadia, "nadia", "perrin", p)
			first := h.code(nadia, g.id, "logement")
			second := h.access(h.code(nadia, g.id, "logement"))
			third := h.access(h.code(nadia, g.id, "argent"))
			w.revoke(nadia, g.id, "logement")
			w.checkJournal()
			w.mustRefuse(h.token(h.form(first)), http.StatusBadRequest, "invalid_grant")
			w.harmless(func() {
				if a := h.userinfo(second); a.status != http.StatusUnauthorized {
					t.Errorf("userinfo of the domaine that was stopped: %d", a.status)
				}
			}, "delegation.userinfo/interrompue")
			if a := h.userinfo(third); a.status != http.StatusOK {
				t.Errorf("userinfo of the other domaine: %d", a.status)
			}
			w.harmless(func() {
				id := h.request(nadia)
				nadia.Open(w.relais + "/agir/" + id + "/mandats/" + g.id).MustStatus(http.StatusOK)
				if nadia.Has("domaine-logement") {
					t.Error("the domaine that was stopped is offered")
				}
			})
			w.harmless(func() { w.chooseRefused(h, nadia, g.id, "logement", http.StatusForbidden) }, "delegation.use/mandat_termine")
			fourth := h.code(nadia, g.id, "argent")
			w.revoke(nadia, g.id, "")
			w.mustRefuse(h.token(h.form(fourth)), http.StatusBadRequest, "invalid_grant")
			if a := h.userinfo(third); a.status != http.StatusUnauthorized {
				t.Errorf("userinfo after the whole mandat was stopped: %d", a.status)
			}
			w.harmless(func() { w.chooseRefused(h, nadia, g.id, "argent", http.StatusForbidden) }, "delegation.use/mandat_termine")
		})
	}
}

// revoke stops a mandat, or one domaine of it, as the aidant records it.
func (w *world) revoke(v *visitor.Visitor, id, domaine string) {
	w.t.Helper()
	form := url.Values{"canal": {"telephone"}, "portee": {"tout"}}
	if domaine != "" {
		form = url.Values{"canal": {"telephone"}, "portee": {"partie"}, "domaine": {domaine}}
	}
	if a := w.postForm(v, "/mandats/"+id+"/revocation", form); a.status != http.StatusSeeOther {
		w.t.Fatalf("revocation: %d\n%s", a.status, a.text())
	}
}

// chooseRefused sends a choice that must be refused with a page.
func (w *world) chooseRefused(h *hub, v *visitor.Visitor, mandat, domaine string, status int) {
	w.t.Helper()
	w.choiceRefused(v, h.request(v), mandat, domaine, status)
}

func (w *world) choiceRefused(v *visitor.Visitor, request, mandat, domaine string, status int) {
	w.t.Helper()
	a := w.postForm(v, "/agir/"+request, url.Values{"mandat": {mandat}, "domaine": {domaine}})
	if a.status != status || strings.Contains(a.body, "code=") {
		w.t.Errorf("choice: %d, want %d\n%s", a.status, status, a.text())
	}
}
