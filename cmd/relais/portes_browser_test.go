package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/testkit/browser"
	"relais/internal/testkit/visitor"
)

const (
	leaEmail  = "lea.sansproconnect@ccas-valfictif.example"
	leaPhrase = "il pleut sur le lavoir du bourg"
)

// TestWithoutProConnect plays an agent's way in and back in, keyboard alone, without
// scripts, in a window of 360 px: invited, enrolled, signed in; then the telephone is
// lost, a partner's référent answers for them, they confirm, and enrol anew.
func TestWithoutProConnect(t *testing.T) {
	w := newWorld(t, config.SQLite)
	b := browser.Start(t)
	person := func(name string) *hand {
		return &hand{Person: b.Person(t, name, browser.Options{Width: 360, Height: 900}), t: t, keyboard: true}
	}
	claire, lea := person("Claire, référente"), person("Léa, sans ProConnect")
	w.storySignIn(claire, "claire")
	w.storyInvite(claire)
	former := w.storyEnrol(lea, claire.Text("#code"))
	w.storyByCode(lea, former)
	lea.MustSee("Guichet")
	w.checkJournal()

	claire.goTo(w.relais + "/structure/agents/" + w.leaID())
	claire.press("#reinitialiser")
	claire.typed("#motif", lostReason)
	claire.press("#demander")
	claire.MustSee("Attend une seconde personne")
	reset := lastSegment(claire.URL())
	lea.goTo(w.relais + "/mandats")
	lea.MustSee("Claire Fontaine demande que ce qui vous sert")
	brice := w.enter(visitor.New(t), w.admitted("brice", "france-services-ravine", "20999903600012", aidant.RoleReferent))
	brice.Open(w.relais + "/structure/reinitialisations/" + reset).MustStatus(http.StatusNotFound)
	w.agent("sophie").Post(w.relais+"/administration/structures/ccas-valfictif/partenaires", url.Values{"partenaire": {"france-services-ravine"}}).MustStatus(http.StatusOK)
	brice.Open(w.relais + "/structure/reinitialisations/" + reset).Click("approuver").MustSee("Vous avez approuvé")

	claire.goTo(w.relais + "/structure/reinitialisations/" + reset)
	claire.press("#code")
	code := claire.Text("#code")
	elsewhere := person("Léa, sur un autre poste")
	next := w.storyEnrol(elsewhere, code, "Claire Fontaine", "Brice Test", lostReason)
	lea.goTo(w.relais + "/mandats")
	lea.MustNotSee("Mes mandats")
	lea.MustSee("S’identifier")
	w.storyByCode(lea, former)
	lea.MustNotSee("Guichet")
	w.storyByCode(elsewhere, next)
	elsewhere.MustSee("Guichet")
	w.checkJournal()
}

// typed fills a field with the keyboard alone.
func (h *hand) typed(selector, text string) {
	h.t.Helper()
	h.FocusByTab(selector, 200)
	h.Press(text)
}

// storyInvite fills the form of a new agent, and ends on their sheet.
func (w *world) storyInvite(claire *hand) {
	claire.goTo(w.relais + "/structure")
	claire.press("#inviter")
	claire.press("main form button.button") // nothing typed: every field says so
	claire.MustSee("réponses à corriger")
	claire.typed("#prenom", "Lea")
	claire.typed("#nom", "Sansproconnect")
	claire.typed("#courriel", leaEmail)
	claire.tick("input[name=roles][value=aidant]", "")
	claire.tick("input[name=acces][value=code]", "input[name=acces]")
	claire.press("main form button.button")
	claire.MustSee("Ce code n’est montré qu’une fois", "Lea Sansproconnect")
}

func (w *world) leaID() string {
	w.t.Helper()
	a, err := w.d.store.AidantByEmail(w.t.Context(), leaEmail)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// storyEnrol types a code, says yes, and enrols an application, whose secret it
// returns; the page before the yes shows what is expected.
func (w *world) storyEnrol(h *hand, code string, expected ...string) (secret string) {
	h.goTo(w.relais + "/connexion")
	h.press("#invitation")
	h.typed("#code", strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	h.press("#continuer")
	h.MustSee(append(expected, "Est-ce bien vous ?", "Lea Sansproconnect")...)
	h.press("#oui")
	h.press("#ajouter-application")
	secret = strings.ReplaceAll(h.Text("#secret"), " ", "")
	h.typed("#phrase", leaPhrase)
	h.typed("#confirmation", leaPhrase)
	h.typed("#code", w.code(secret, -30*time.Second))
	h.press("#enregistrer")
	h.MustSee("Votre application de codes est enregistrée")
	return secret
}

// storyByCode signs in with pass phrase and code.
func (w *world) storyByCode(h *hand, secret string) {
	h.goTo(w.relais + "/connexion")
	h.press("#par-code")
	h.typed("#courriel", leaEmail)
	h.typed("#phrase", leaPhrase)
	h.typed("#code", w.code(secret, 0))
	h.press("#entrer")
}
