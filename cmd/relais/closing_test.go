package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

// TestCloseSessions: a référent ends an agent's sessions, and a structure's, at one
// instance; the other refuses them at the next request. Nobody is suspended.
func TestCloseSessions(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine)
			other := w.beside(nil)
			nadia, again, julien, claire := w.agent("nadia"), w.agent("nadia"), w.agent("julien"), w.agent("claire")
			m := w.give(nadia, "nadia", "perrin", logement())
			w.choose(nadia, w.arrive(nadia, "allocations"), m.id, "logement")
			elsewhere := w.at(other.URL, again)
			elsewhere.Open(other.URL + "/mandats").MustStatus(http.StatusOK).MustBeAt("/mandats")
			claire.Open(w.relais + "/structure/agents/" + w.idOf("nadia")).Click("fermer-sessions").MustSee("2 sessions sont ouvertes")
			claire.Click("fermer").MustStatus(http.StatusUnprocessableEntity)
			claire.Choose("motif", "soupcon").Click("fermer").MustSee("2 sessions fermées.", "Suspendre")
			elsewhere.Open(other.URL + "/mandats").MustBeAt("/connexion")
			nadia.Open(w.relais + "/mandats").MustBeAt("/connexion")
			if w.count(journal.DelegationStop) != 1 || w.count(journal.SessionRevoke) != 1 {
				t.Error("the use was not stopped, or there is not one entry")
			}
			w.notTheirs(claire)
			julien.Open(w.relais + "/guichet").MustBeAt("/guichet")
			nadia = w.agent("nadia")
			claire.Open(w.relais + "/structure").Click("fermer-sessions").MustSee("2 sessions sont ouvertes, de 2 agents")
			claire.Choose("motif", "incident").Click("fermer").MustSee("2 sessions fermées, de 2 agents", "La vôtre reste ouverte")
			for _, v := range []*visitor.Visitor{nadia, julien} {
				w.at(other.URL, v).Open(other.URL + "/guichet").MustBeAt("/connexion")
			}
			sophie := w.agent("sophie")
			sophie.Open(w.relais + "/administration/structures/" + w.structureOf("claire")).Click("fermer-sessions").MustSee("de 1 agent")
			sophie.Choose("motif", "depart").Click("fermer").MustSee("1 session fermée, de 1 agent")
			claire.Open(w.relais + "/structure").MustBeAt("/connexion")
		})
	}
}

// notTheirs asks for sessions that a référent may not end.
func (w *world) notTheirs(claire *visitor.Visitor) {
	w.t.Helper()
	w.agent("thomas")
	w.agent("monique")
	w.harmless(func() {
		for agent, want := range map[string]int{"monique": 404, "thomas": 404, "claire": 403} {
			if a := w.postForm(claire, "/structure/agents/"+w.idOf(agent)+"/sessions", map[string][]string{"motif": {"depart"}}); a.status != want {
				w.t.Errorf("%s: %d, want %d", agent, a.status, want)
			}
		}
	})
}

// at is the same browser at another instance's address.
func (w *world) at(address string, v *visitor.Visitor) *visitor.Visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	here, err := url.Parse(w.relais)
	if err != nil {
		w.t.Fatal(err)
	}
	there, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range v.Client.Jar.Cookies(here) {
		jar.SetCookies(there, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/"}})
	}
	moved := visitor.New(w.t)
	moved.Client = &http.Client{Jar: jar, Timeout: 20 * time.Second}
	return moved
}
