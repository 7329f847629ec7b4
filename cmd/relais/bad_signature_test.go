package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/mandat"
	"relais/internal/testkit/visitor"
)

// entrust prepares a draft and hands the screen over.
func (w *world) entrust(v *visitor.Visitor) string {
	w.t.Helper()
	id := w.draft(v, logement())
	v.Open(w.relais + "/mandats/" + id).Submit("/mandats/" + id + "/confier").MustBeAt("/tour")
	return id
}

// finish plays the rest of a signature whose screen is at « À votre tour ».
func (w *world) finish(v *visitor.Visitor, id, agent, usager string) {
	w.t.Helper()
	v.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-" + usager).Click("continuer")
	v.MustBeAt("/tour/identite").Click("oui").MustBeAt("/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	w.takeBack(v, agent)
	v.MustBeAt("/mandats/" + id + "/acceptation").Submit("/acceptation").MustBeAt("/mandats/" + id)
	if m := w.mandatOf(agent, id); m.State != mandat.Actif {
		w.t.Errorf("the mandat is %s", m.State)
	}
	w.checkJournal()
}

// survives holds that a draft lost nothing but an identification.
func (w *world) survives(before mandat.Mandat, agent string) {
	w.t.Helper()
	m := w.mandatOf(agent, before.ID)
	if m.State != mandat.Brouillon || m.Number != before.Number || m.Texte.Nonce() != before.Texte.Nonce() || m.UsagerID != "" ||
		!m.Signature.IdentifiedAt.IsZero() || !m.Signature.GivenAt.IsZero() || len(m.Autorisations) != len(before.Autorisations) {
		w.t.Errorf("the draft did not survive: %s, %+v", m.State, m.Signature)
	}
	w.checkJournal()
}

// TestNoCircle: an aidant under a mandat who chooses Relais itself at the hub
// cannot identify as the usager, so neither sign, renew nor open anything as them.
func TestNoCircle(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	// The screen is entrusted: Relais as identity provider does not answer it.
	nadia.Open(w.relais + "/tour").Click("identifier").Click("fi-relais")
	if nadia.Status != http.StatusForbidden {
		t.Fatalf("the entrusted screen reaches Relais's own provider:\n%s", nadia.Describe())
	}
	w.survives(before, "nadia")
	// Whoever brings the hub an identity of Relais's from elsewhere: another
	// browser of Nadia's goes through the delegated login and comes back here.
	from := w.size()
	w.circle(nadia, g.id)
	nadia.MustStatus(http.StatusForbidden).MustSee("Choisissez un autre compte", "Le brouillon du mandat est conservé")
	w.mustTrace(from, "mandat.identify/cercle", "the circle")
	w.survives(before, "nadia")
	if !nadia.Has("recommencer") {
		t.Error("no way to try again")
	}
	w.finish(nadia, id, "nadia", "petit")
}

// circle identifies at the hub through a delegated login. At one browser Relais
// refuses already, since the screen is entrusted; so the request to Relais is
// answered at a second browser, and the answer carried back by hand.
func (w *world) circle(v *visitor.Visitor, mandat string) {
	w.t.Helper()
	v.Open(w.relais + "/tour").Click("identifier")
	v.Refresh = false
	a := w.away(v, "fi-relais")
	second := w.agent("nadia")
	second.Open(a).MustBeAt("/agir/")
	page := w.postForm(second, second.URL.Path, url.Values{"mandat": {mandat}, "domaine": {"logement"}})
	_, after, ok := strings.Cut(page.body, `url=`)
	if !ok {
		w.t.Fatalf("no way back to the hub: %d %s", page.status, page.text())
	}
	back, _, _ := strings.Cut(after, `"`)
	v.Refresh = true
	v.Open(strings.ReplaceAll(back, "&amp;", "&")).Click("continuer")
}

// away presses a button of another site and returns where it sends the browser.
func (w *world) away(v *visitor.Visitor, button string) string {
	w.t.Helper()
	action, form := v.FormOf(button)
	client := &http.Client{Jar: v.Client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.PostForm(action, form)
	if err != nil {
		w.t.Fatal(err)
	}
	a := readAnswer(w.t, resp)
	if a.header.Get("Location") == "" {
		w.t.Fatalf("%s: %d %s", button, a.status, a.text())
	}
	return a.header.Get("Location")
}

// TestCancelledThenDone: the usager gives up at FranceConnect, then at the
// provider behind it, and succeeds with the same draft.
func TestCancelledThenDone(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	for range 2 {
		from := w.size()
		nadia.Open(w.relais + "/tour").Click("identifier").Click("annuler").MustSee("Recommencer")
		w.mustTrace(from, "mandat.identify/abandon", "the cancelling")
		w.survives(before, "nadia")
	}
	nadia.Click("recommencer").Click("identifier").Click("fi-ameli").Click("annuler").MustSee("Recommencer")
	w.survives(before, "nadia")
	nadia.Open(w.relais + "/tour").Click("identifier").Click("fi-ameli").Click("usager-perrin").Click("annuler")
	w.survives(before, "nadia")
	w.finish(nadia, id, "nadia", "perrin")
}

// TestHubDown: FranceConnect does not answer before, during and after the
// identification; the draft survives, and the same draft is signed afterwards.
func TestHubDown(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	w.hub.stand(hangUp("/api/v2/"))
	nadia.Open(w.relais + "/tour").Click("identifier").MustStatus(http.StatusServiceUnavailable).MustSee("Recommencer")
	w.survives(before, "nadia")
	w.hub.stand(nil)
	for _, path := range []string{"/api/v2/token", "/api/v2/userinfo"} {
		w.waitForHub(nadia)
		nadia.Click("fi-impots").Click("usager-perrin")
		w.hub.stand(hangUp(path))
		nadia.Click("continuer").MustStatus(http.StatusServiceUnavailable).MustSee("Recommencer")
		w.survives(before, "nadia")
		w.hub.stand(nil)
	}
	w.waitForHub(nadia)
	w.finish(nadia, id, "nadia", "perrin")
}

// waitForHub begins an identification; Relais pauses for a moment before it asks
// a provider again that was down.
func (w *world) waitForHub(v *visitor.Visitor) {
	w.t.Helper()
	for range 100 {
		if v.Open(w.relais + "/tour").Click("identifier"); v.Has("fi-impots") {
			return
		}
		pause()
	}
	w.t.Fatalf("the hub is back and Relais does not ask it:\n%s", v.Describe())
}

// hangUp ends the connection without an answer on some paths.
func hangUp(prefix string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, prefix) {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestWhoMayNotGive: a minor, and people under a measure, get a page that says
// whom to turn to.
func TestWhoMayNotGive(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before, from := w.mandatOf("nadia", id), w.size()
	nadia.Click("identifier").Click("fi-impots").Click("usager-garnier").Click("continuer")
	nadia.MustStatus(http.StatusForbidden).MustSee("18 ans", "autorité parentale", "Le brouillon du mandat est conservé").MustNotSee("Garnier")
	w.mustTrace(from, "mandat.identify/mineur", "the minor")
	w.survives(before, "nadia")
	nadia.Click("rendre").MustBeAt("/tour/fin")
	w.takeBack(nadia, "nadia")
	for capacity, words := range map[string]string{"tutelle": "tuteur", "curatelle": "curateur", "habilitation_familiale": "proche", "protection_future": "mandat de protection future"} {
		w.harmless(func() {
			v := nadia.Open(w.relais+"/mandats/nouveau").Choose("demarche", "logement/apl").Choose("duree", "31").Choose("capacite", capacity).Submit("/mandats")
			v.MustStatus(http.StatusUnprocessableEntity).MustSee("Relais ne peut pas recueillir ce mandat", words)
		}, "mandat.draft/protection_declaree")
	}
	w.harmless(func() {
		nadia.Open(w.relais+"/mandats/nouveau").Choose("demarche", "logement/apl").Choose("duree", "31").Submit("/mandats").MustStatus(http.StatusUnprocessableEntity)
	})
}

// TestAgentTakesOver: only the aidant who entrusted the screen gets it back.
func TestAgentTakesOver(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.draft(nadia, logement())
	w.identify(nadia, id, "perrin")
	nadia.Click("oui").Click("donner").MustBeAt("/tour/fin")
	for _, other := range []string{"julien", "monique", "thomas", "karim", "paul"} {
		w.harmless(func() {
			w.takeBack(nadia, other)
			nadia.MustStatus(http.StatusForbidden).MustSee("l’écran reste à l’usager")
			nadia.Open(w.relais + "/mandats/" + id).MustStatus(http.StatusForbidden)
			nadia.Open(w.relais + "/tour/fin")
		}, "access.refuse/autre_agent")
	}
	w.harmless(func() { // the aidant cancels at their provider
		nadia.Submit("/tour/reprendre").Click("annuler").MustSee("Revenir à la signature")
		nadia.Open(w.relais + "/guichet").MustStatus(http.StatusForbidden)
	})
	julien := w.agent("julien") // a colleague cannot accept what he did not take back
	w.harmless(func() { _ = w.postForm(julien, "/mandats/"+id+"/acceptation", nil) })
	nadia.Open(w.relais + "/tour/fin")
	w.takeBack(nadia, "nadia")
	nadia.MustBeAt("/mandats/" + id + "/acceptation")
	w.harmless(func() {
		if a := w.postForm(julien, "/mandats/"+id+"/acceptation", nil); a.status != http.StatusForbidden {
			t.Errorf("a colleague accepts: %d", a.status)
		}
	}, "access.refuse/autre_agent")
	nadia.Submit("/acceptation").MustBeAt("/mandats/" + id)
}
