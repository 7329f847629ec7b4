package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
)

// TestAgentsKeptOut: who may not come in gets a page that says what to do, and
// leaves an entry.
func TestAgentsKeptOut(t *testing.T) {
	w := newWorld(t, config.SQLite)
	for who, c := range map[string]struct{ trace, title, todo string }{
		"karim": {"session.refuse/agent_inconnu", "Relais ne vous connaît pas encore", "référent"},
		"paul":  {"session.refuse/agent_suspendu", "Votre accès à Relais est suspendu", "référent"},
		"lucie": {"session.refuse/second_facteur_absent", "double authentification", "fournisseur d’identité"},
	} {
		t.Run(who, func(t *testing.T) {
			w := w.in(t)
			v := visitor.New(t)
			w.harmless(func() {
				w.signIn(v, who)
				v.MustStatus(http.StatusForbidden).MustSee(c.title, c.todo)
				v.Open(w.relais + "/guichet").MustBeAt("/connexion")
			}, c.trace)
		})
	}
	w.harmless(func() { // gave up at the provider, then a callback nobody asked for
		v := visitor.New(t)
		v.Open(w.relais + "/connexion").Submit("/connexion").Click("annuler").MustStatus(http.StatusForbidden)
		v.Open(w.relais + "/connexion/retour?code=x&state=y").MustStatus(http.StatusBadRequest).MustSee("commencée dans une autre fenêtre")
		v.Open(w.relais + "/connexion").Submit("/connexion")
		v.Open(w.relais + "/connexion/retour?code=x&state=" + strings.Repeat("5", 64)).MustStatus(http.StatusBadRequest)
		v.Open(w.relais + "/connexion").Submit("/connexion")
		v.Open(w.relais + "/connexion/retour?error=access_denied&error=server_error&state=x").MustStatus(http.StatusBadRequest)
	}, "session.refuse/abandon", "session.refuse/etat_inconnu")
}

// TestCallbackElsewhere: what a provider sends back serves the browser that asked,
// once. A second agent, or a second usager's screen, gets nothing of it.
func TestCallbackElsewhere(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia, other := visitor.New(t), visitor.New(t)
	nadia.Open(w.relais + "/connexion").Submit("/connexion")
	back := w.away(nadia, "agent-nadia")
	w.harmless(func() {
		other.Open(back).MustStatus(http.StatusBadRequest)
		other.Open(w.relais + "/connexion").Submit("/connexion") // with a login of its own on the way
		other.Open(back).MustStatus(http.StatusBadRequest)
		other.Open(w.relais + "/guichet").MustBeAt("/connexion")
	}, "session.refuse/etat_inconnu")
	nadia.Open(back).MustBeAt("/guichet")
	w.harmless(func() { nadia.Open(back).MustStatus(http.StatusBadRequest) })

	julien := w.agent("julien")
	first, second := w.entrust(nadia), w.entrust(julien)
	nadia.Click("identifier").Click("fi-impots").Click("usager-perrin")
	julien.Click("identifier").Click("fi-impots").Click("usager-petit")
	mine := w.mandatOf("nadia", first)
	stolen := w.away(julien, "continuer")
	nadia.Open(stolen).MustStatus(http.StatusBadRequest)
	w.survives(mine, "nadia")
	w.survives(w.mandatOf("julien", second), "julien")
	again := w.agent("julien") // at another browser
	w.harmless(func() {
		other.Open(stolen).MustStatus(http.StatusForbidden)
		again.Open(stolen).MustStatus(http.StatusForbidden)
	})
	julien.Open(stolen).MustBeAt("/tour/identite").MustSee("Inès")
	w.finish(nadia, first, "nadia", "perrin")
}

// TestSessionEndedElsewhere: a session that its owner ended, and that of an agent
// who was suspended, answer no more from the next request on.
func TestSessionEndedElsewhere(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia, lost := w.agent("nadia"), w.agent("nadia")
			lost.Open(w.relais + "/guichet").MustStatus(http.StatusOK)
			nadia.Open(w.relais + "/compte").Submit("/compte/sessions/fermer-les-autres").MustStatus(http.StatusOK)
			w.harmless(func() {
				lost.Open(w.relais + "/guichet").MustBeAt("/connexion")
				if a := w.postForm(lost, "/mandats", url.Values{"duree": {"1"}}); a.status != http.StatusForbidden || !strings.Contains(a.text(), "Votre session est terminée") {
					t.Errorf("a form from an ended session: %d", a.status)
				}
			})
			// Suspended while a use is open: the code that waits is worth nothing.
			g := w.give(nadia, "nadia", "perrin", logement())
			h := w.rawHub()
			code, access := h.code(nadia, g.id, "logement"), h.access(h.code(nadia, g.id, "logement"))
			claire := w.agent("claire")
			id := w.mandatOf("nadia", g.id).AcceptedBy
			if a := w.postForm(claire, "/structure/agents/"+id+"/suspendre", nil); a.status != http.StatusSeeOther {
				t.Fatalf("suspension: %d %s", a.status, a.text())
			}
			w.checkJournal()
			w.harmless(func() {
				nadia.Open(w.relais + "/guichet").MustBeAt("/connexion")
				if a := w.postForm(nadia, "/mandats/"+g.id+"/revocation", url.Values{"canal": {"telephone"}}); a.status != http.StatusForbidden {
					t.Errorf("a form of a suspended agent: %d", a.status)
				}
				nadia.Open(w.relais + "/connexion").Submit("/connexion") // her provider still knows her
				nadia.MustStatus(http.StatusForbidden).MustSee("suspendu")
				if a := h.userinfo(access); a.status != http.StatusUnauthorized {
					t.Errorf("userinfo of a suspended agent's use: %d", a.status)
				}
			}, "session.refuse/agent_suspendu")
			if a := h.token(h.form(code)); a.status == http.StatusOK {
				if a := h.userinfo(a.field("access_token")); a.status != http.StatusUnauthorized {
					t.Errorf("a suspended agent's code leads to an identity: %d", a.status)
				}
			}
			w.harmless(func() { // and nobody decides for themselves
				if a := w.postForm(claire, "/structure/agents/"+w.aidantID("claire")+"/suspendre", nil); a.status != http.StatusForbidden {
					t.Errorf("claire suspends herself: %d", a.status)
				}
			})
		})
	}
}

// aidantID is the id of one of the fictional agents.
func (w *world) aidantID(who string) string {
	w.t.Helper()
	all, err := w.d.store.Aidants(w.t.Context(), w.structureOf(who))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		if strings.EqualFold(a.GivenName, who) {
			return a.ID
		}
	}
	w.t.Fatalf("no agent %s", who)
	return ""
}

// TestEmail: the hub demands an address. It is the usager's only if they said
// that nobody else reads it, else the operator's, else there is no login.
func TestEmail(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia, h := w.agent("nadia"), w.rawHub()
	email := func(g given) string {
		return tokenClaims(t, h.userinfo(h.access(h.code(nadia, g.id, "logement"))).body)["email"].(string)
	}
	if got := email(w.give(nadia, "nadia", "lemaire", logement())); got != "absent@relais.example" {
		t.Errorf("an usager without address: %s", got)
	}
	w.postForm(nadia, "/demarche/terminer", nil)
	if got := email(w.give(nadia, "nadia", "perrin", logement())); got != "absent@relais.example" {
		t.Errorf("an address that others may read: %s", got)
	}
	w.postForm(nadia, "/demarche/terminer", nil)
	id := w.draft(nadia, logement())
	w.identify(nadia, id, "petit")
	nadia.Choose("courriel_sur", "oui").Click("oui").MustBeAt("/tour/mandat").Click("donner")
	w.takeBack(nadia, "nadia")
	nadia.Submit("/acceptation").MustBeAt("/mandats/" + id)
	if got := email(given{id: id}); got != "petit@courriel.example" {
		t.Errorf("a safe address: %s", got)
	}
	// Through the hub, to the service.
	w.postForm(nadia, "/demarche/terminer", nil)
	g := w.give(nadia, "nadia", "hoarau", logement())
	w.choose(nadia, w.arrive(nadia, "allocations"), g.id, "logement")
	nadia.Click("continuer").MustSee("Hoarau", "absent@relais.example").MustNotSee("hoarau@courriel.example")
}

// TestNoEmail: without the operator's address the aidant is told why not.
func TestNoEmail(t *testing.T) {
	w := newWorld(t, config.SQLite, func(c *config.Config) { c.CourrielAbsent = "" })
	nadia, h := w.agent("nadia"), w.rawHub()
	for _, who := range []string{"lemaire", "perrin"} {
		g := w.give(nadia, "nadia", who, logement())
		w.harmless(func() {
			id := h.request(nadia)
			a := w.postForm(nadia, "/agir/"+id, url.Values{"mandat": {g.id}, "domaine": {"logement"}})
			if a.status < 400 || a.status >= 500 || !strings.Contains(a.text(), "adresse électronique") || strings.Contains(a.body, "code=") {
				t.Errorf("%s: %d %s", who, a.status, a.text())
			}
			nadia.Open(w.relais + "/guichet").MustNotSee("Vous agissez pour")
		})
	}
}
