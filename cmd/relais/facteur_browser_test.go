package main

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/testkit/browser"
	"relais/internal/testkit/visitor"
)

// windowFor is a person's window with scripts, whose every page axe looks at.
func windowFor(t *testing.T, name string) *hand {
	return &hand{Person: browser.Start(t).Person(t, name, browser.Options{JavaScript: true}), t: t}
}

// codeOf makes recovery codes for an agent, who has no pass phrase, and gives one.
func (w *world) codeOf(agent string) string {
	w.t.Helper()
	v := w.agent(agent)
	return v.Open(w.relais + "/compte/facteurs").Click("creer-codes").Match(`<code>([0-9A-Z-]{19})</code>`)
}

// TestPasskeyInABrowser: a real browser and its authenticator enrol a passkey in a
// session that may do nothing else, sign in with it, accept a mandat with it, and
// are refused once the authenticator is a copy, or does not verify the person.
func TestPasskeyInABrowser(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := windowFor(t, "Nadia")
	x := nadia.Authenticator()
	nadia.goTo(w.relais + "/connexion/secours")
	nadia.Fill("#courriel", w.emailOf("nadia"))
	nadia.Fill("#code", w.codeOf("nadia"))
	nadia.press("#entrer")
	nadia.MustSee("Cette session ne sert qu’à cela")
	nadia.press("#ajouter-cle")
	x.Verifies(false)
	if said := nadia.ClickAndRead("#creer", "[data-cle-dit]"); !strings.Contains(said, "Rien n’a été modifié") {
		t.Errorf("not verified: %q", said)
	}
	x.Verifies(true)
	nadia.Fill("#nom", "Poste de l’accueil")
	nadia.ClickThrough("#creer", "/connexion")
	nadia.look()
	nadia.MustSee("Votre clé d’accès est enregistrée")
	w.checkJournal()

	nadia.ClickThrough("#cle", "/guichet")
	nadia.look()
	nadia.goTo(w.relais + "/compte/facteurs")
	nadia.MustSee("Poste de l’accueil")
	nadia.press("#supprimer-0")
	nadia.press("#supprimer")
	nadia.MustSee("C’est votre dernier facteur")

	id := w.storyUntilBack(nadia)
	nadia.ClickThrough("#cle", "/mandats/"+id+"/acceptation")
	nadia.look()
	nadia.press("#accepter")
	nadia.MustSee("signé")
	w.checkJournal()
	m, err := w.d.store.Mandat(t.Context(), w.structureOf("nadia"), id)
	if err != nil {
		t.Fatal(err)
	}
	if code, out := w.verb("mandat", "verify", m.Number); code != 0 || !strings.Contains(out, "la clé d’accès de l’aidant") {
		t.Errorf("verify: %d\n%s", code, out)
	}

	nadia.press("#quitter")
	x.Rewind(1)
	nadia.goTo(w.relais + "/connexion")
	nadia.ClickThrough("#cle", "/connexion/cle")
	nadia.look()
	nadia.MustSee("Cette clé d’accès a été refusée", "compteur est revenu en arrière")
	by := w.agent("nadia") // by her identity provider, she reads it
	by.Open(w.relais + "/compte/facteurs").MustSee("Peut-être copiée")
}

// storyUntilBack plays the three screens in a browser up to taking the screen back.
func (w *world) storyUntilBack(h *hand) string {
	h.t.Helper()
	h.goTo(w.relais + "/mandats/nouveau")
	h.press("details:has(#demarche-logement-apl) > summary")
	h.tick("#demarche-logement-apl", "")
	h.tick("input[name=duree][value='31']", "input[name=duree]")
	h.tick("input[name=capacite][value=aucune]", "input[name=capacite]")
	h.press("main form[action='/mandats'] button.button")
	id := lastSegment(h.URL())
	for _, button := range []string{"#confier", "#identifier", "#fi-impots", "#usager-perrin", "#continuer", "#oui", "#donner", "#reprendre"} {
		h.press(button)
	}
	h.MustSee("Reprendre avec ma clé d’accès")
	return id
}

// TestApplicationWithoutJavaScript: an application of codes is enrolled and signs
// in with the keyboard alone, in a browser that runs no script.
func TestApplicationWithoutJavaScript(t *testing.T) {
	w := newWorld(t, config.SQLite)
	code := w.codeOf("julien")
	h := &hand{Person: browser.Start(t).Person(t, "Julien", browser.Options{}), t: t, keyboard: true}
	typed := func(selector, text string) {
		h.FocusByTab(selector, 60)
		h.Press(text)
	}
	h.goTo(w.relais + "/connexion")
	h.MustSee("Une clé d’accès a besoin de JavaScript")
	h.press("#par-secours")
	typed("#courriel", w.emailOf("julien"))
	typed("#code", code)
	h.press("#entrer")
	h.press("#ajouter-application")
	secret := strings.ReplaceAll(h.Text("#secret"), " ", "")
	typed("#phrase", "il pleut sur le lavoir du bourg")
	typed("#confirmation", "il pleut sur le lavoir du bourg")
	typed("#code", w.code(secret, -30*time.Second))
	h.press("#enregistrer")
	h.MustSee("Votre application de codes est enregistrée")
	h.press("#par-code")
	typed("#courriel", w.emailOf("julien"))
	typed("#phrase", "il pleut sur le lavoir du bourg")
	used := w.code(secret, 0)
	typed("#code", used)
	h.press("#entrer")
	h.MustSee("Guichet")
	w.checkJournal()
	stranger := visitor.New(t)
	stranger.Post(w.relais+"/connexion/code", url.Values{"courriel": {w.emailOf("julien")}, "phrase": {"il pleut sur le lavoir du bourg"}, "code": {used}}).
		MustStatus(422)
}
