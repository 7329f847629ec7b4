package main

import (
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/browser"
)

// hand is how a person of a story works: with the mouse, or with the keyboard
// alone. Every page they come to rest on is looked at by axe.
type hand struct {
	*browser.Person
	t        *testing.T
	keyboard bool
}

// press activates a link or a button.
func (h *hand) press(selector string) {
	h.t.Helper()
	if h.keyboard {
		h.FocusByTab(selector, 200)
		h.Press("Enter")
	} else {
		h.Click(selector)
	}
	h.look()
}

// tick chooses a box or a radio button. A radio group has one stop of the Tab
// key: its neighbours are reached by the arrows.
func (h *hand) tick(selector, group string) {
	h.t.Helper()
	if !h.keyboard {
		h.Check(selector)
		return
	}
	if group == "" {
		h.FocusByTab(selector, 200)
		h.Press("Space")
		return
	}
	h.FocusByTab(group, 200)
	h.Press("Space")
	for range 12 {
		if h.Has(selector + ":checked") {
			return
		}
		h.Press("ArrowDown")
	}
	h.t.Fatalf("%s cannot be reached by the arrows", selector)
}

func (h *hand) goTo(address string) {
	h.t.Helper()
	h.Open(address)
	h.look()
}

// look holds the page against axe and its width.
func (h *hand) look() {
	h.t.Helper()
	h.NoViolations()
	h.NoOverflow()
}

// window is a size and a way of working that the whole story is played in.
type window struct {
	name       string
	width      int
	javascript bool
	keyboard   bool
}

// TestStory plays the whole product with one browser context a person: an aidant
// signs in, a mandat is given by the usager and accepted, a service is reached as
// the usager, everybody signs out, the mandat is revoked, a second attempt is
// refused, and the auditeur sees all of it.
func TestStory(t *testing.T) {
	for _, win := range []window{
		{"1280 px", 1280, true, false},
		{"360 px", 360, true, false},
		{"keyboard only, no JavaScript", 1280, false, true},
	} {
		t.Run(win.name, func(t *testing.T) {
			w := newWorld(t, config.SQLite)
			b := browser.Start(t)
			person := func(name string) *hand {
				return &hand{Person: b.Person(t, name, browser.Options{Width: win.width, Height: 900, JavaScript: win.javascript}), t: t, keyboard: win.keyboard}
			}
			nadia := person("Nadia, aidante")
			w.storySignIn(nadia, "nadia")
			id := w.storyGive(nadia)
			w.checkJournal()
			w.storyUse(nadia)
			w.checkJournal()
			w.storyRevoke(nadia, id)
			w.storyRefused(nadia)
			w.checkJournal()
			thomas := person("Thomas, auditeur")
			w.storySignIn(thomas, "thomas")
			w.storyAudit(thomas, id)
			if code, out := w.verb("journal", "verify"); code != 0 || !strings.Contains(out, "intact") {
				t.Errorf("journal verify: %d %s", code, out)
			}
		})
	}
}

func (w *world) storySignIn(h *hand, agent string) {
	h.t.Helper()
	h.goTo(w.relais + "/")
	h.press("#s-identifier")
	h.press("main form button")
	h.press("#agent-" + agent)
}

// storyGive plays the three screens and returns the mandat's id.
func (w *world) storyGive(h *hand) string {
	h.t.Helper()
	h.MustSee("Guichet")
	h.goTo(w.relais + "/mandats/nouveau")
	h.MustSee("Étape 1 sur 3")
	h.press("details:has(#demarche-logement-apl) > summary")
	h.tick("#demarche-logement-apl", "")
	h.tick("input[name=duree][value='31']", "input[name=duree]")
	h.tick("input[name=capacite][value=aucune]", "input[name=capacite]")
	h.press("main form[action='/mandats'] button.button")
	id := lastSegment(h.URL())
	h.press("#confier")

	h.MustSee("C’est votre tour", "Nadia Belkacem")
	h.press("#identifier")
	h.press("#fi-impots")
	h.press("#usager-perrin")
	h.press("#continuer")
	h.MustSee("Est-ce bien vous", "Simone", "18 avril 1942")
	h.press("#oui")
	h.MustSee("Simone Jeanne Perrin", "Je donne mandat", "Je préfère réfléchir", "aide personnelle au logement")
	h.press("#donner")
	h.press("#reprendre")
	h.press("#agent-nadia")
	h.MustSee("J’accepte le mandat")
	h.press("#accepter")
	h.MustSee("Simone Jeanne Perrin", "Actif")
	h.goTo(w.relais + "/mandats/" + id + "/acte")
	h.MustSee("Exemplaire", "Perrin", "18 avril 1942", "gratuit")
	return id
}

func lastSegment(address string) string {
	return address[strings.LastIndexByte(address, '/')+1:]
}

func (w *world) storyUse(h *hand) {
	h.t.Helper()
	h.goTo(w.services + "/allocations")
	h.press("#connexion-allocations")
	h.press("#fi-relais")
	h.MustSee("Pour qui agissez-vous")
	h.Fill("#q", "perrin")
	h.press("#chercher")
	h.press("#resultats a")
	h.MustSee("Vous allez agir pour Simone Jeanne Perrin")
	h.press("#continuer")
	if h.Has("#continuer") { // the hub's own page before the service
		h.press("#continuer")
	}
	h.MustSee("Perrin", "1942-04-18")
	h.goTo(w.relais + "/demarche")
	h.MustSee("Vous agissez pour Simone Jeanne Perrin")
	h.goTo(w.services + "/allocations/espace")
	h.press("#deconnexion")
	h.goTo(w.relais + "/demarche")
	if h.Has("#terminer-demarche") {
		h.press("#terminer-demarche")
	}
	h.MustNotSee("Vous agissez pour")
}

func (w *world) storyRevoke(h *hand, id string) {
	h.t.Helper()
	h.goTo(w.relais + "/mandats/" + id)
	h.press("a[href='/mandats/" + id + "/revocation']")
	h.tick("input[name=canal][value=telephone]", "input[name=canal]")
	h.press("main form[action$='/revocation'] button.button")
	h.MustSee("Révocation")
	h.goTo(w.relais + "/mandats/" + id + "/avis")
	h.MustSee("Perrin")
}

func (w *world) storyRefused(h *hand) {
	h.t.Helper()
	h.goTo(w.services + "/allocations")
	h.press("#connexion-allocations")
	h.press("#fi-relais")
	h.Fill("#q", "perrin")
	h.press("#chercher")
	h.MustSee("Personne à proposer")
	h.press("#refuser")
	h.MustSee("access_denied")
}

func (w *world) storyAudit(h *hand, id string) {
	h.t.Helper()
	h.goTo(w.relais + "/controle")
	h.MustSee("Révocation par l’usager", "Mandat utilisé", "Identité transmise au service")
	h.MustNotSee("Perrin", "Belkacem")
	h.goTo(w.relais + "/controle/mandats/" + id)
	h.MustSee("« Je donne mandat »", "Mandat accepté et signé", "Mandat utilisé", "Révocation par l’usager")
}

// TestStoryOfTheHubSession shows what the hub's own 30-minute session does, and
// that Relais is honest about it: a second service is opened as the same usager
// without Relais being asked.
func TestStoryOfTheHubSession(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	p := logement()
	p.demarches = []string{"logement/apl", "argent/declaration-revenus"}
	g := w.give(nadia, "nadia", "perrin", p)
	h := &hand{Person: browser.Start(t).Person(t, "Nadia, aidante", browser.Options{JavaScript: true}), t: t}
	w.storySignIn(h, "nadia")
	uses := func() int {
		entries, err := w.d.store.MandatEntries(t.Context(), g.id)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range entries {
			if e.Action == "delegation.use" {
				n++
			}
		}
		return n
	}
	h.goTo(w.services + "/allocations")
	h.press("#connexion-allocations")
	h.press("#fi-relais")
	h.Fill("#q", "perrin")
	h.press("#chercher")
	h.press("#resultats a")
	h.press("#continuer")
	if h.Has("#continuer") {
		h.press("#continuer")
	}
	h.MustSee("Perrin")
	before := uses()
	h.goTo(w.services + "/demarches")
	h.press("#connexion-demarches")
	if h.Has("#continuer") {
		h.press("#continuer")
	}
	h.MustSee("Perrin")
	if uses() != before {
		t.Error("the hub asked Relais again: the story is not the one to be told")
	}
	h.goTo(w.relais + "/demarche")
	h.MustSee("30 minutes", "sans que Relais le sache")
	h.press("#terminer-demarche")
	h.MustSee("FranceConnect garde sa propre session pendant 30 minutes")
	h.goTo(w.relais + "/aide/session")
	h.MustSee("30 minutes")
}

// TestStoryOfAStepUp: a form that took too long waits while its sender confirms who
// they are, on a small screen, by the keyboard alone and without scripts.
func TestStoryOfAStepUp(t *testing.T) {
	w := newWorld(t, config.SQLite)
	sophie := &hand{Person: browser.Start(t).Person(t, "Sophie, administratrice", browser.Options{Width: 360, Height: 800}), t: t, keyboard: true}
	w.storySignIn(sophie, "sophie")
	sophie.goTo(w.relais + "/administration/missions/nouvelle")
	const purpose = "Contrôle annuel des mandats, sur pièces."
	sophie.FocusByTab("#objet", 200)
	sophie.Press(purpose)
	sophie.FocusByTab("#reference", 200)
	sophie.Press("OM-2026-41")
	w.aged("sophie", 16*time.Minute)
	from := w.size()
	sophie.press("#continuer")
	sophie.MustSee("Confirmez votre identité", "Ce que vous avez saisi est gardé")
	w.mustTrace(from, "access.refuse/identification_ancienne", "the form that came too late")
	sophie.press("#confirmer")
	sophie.press("#agent-sophie")
	sophie.MustSee("Votre identité est confirmée", "pas encore été envoyée")
	sophie.press("#reprendre")
	sophie.MustSee("Choisissez")
	if got := sophie.Value("#objet"); got != purpose {
		t.Errorf("given back: %q", got)
	}
	if w.count(journal.MissionOpen) != 1 { // the world's own
		t.Error("a mission was opened")
	}
}
