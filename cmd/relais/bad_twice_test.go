package main

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/testkit/visitor"
)

func pause() { time.Sleep(50 * time.Millisecond) }

// times is how many successful entries of an action a mandat has.
func (w *world) times(id string, action journal.Action) (n int) {
	w.t.Helper()
	entries, err := w.d.store.MandatEntries(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Action == action && e.Outcome == journal.OK {
			n++
		}
	}
	return n
}

// twice presses a button of the page twice at once, as an impatient hand does,
// then goes on from the page that the first click led to.
func (w *world) twice(v *visitor.Visitor, id string) {
	w.t.Helper()
	action, form := v.FormOf(id)
	u, err := url.Parse(action)
	if err != nil {
		w.t.Fatal(err)
	}
	answers := make(chan answer, 2)
	for range 2 {
		go func() { answers <- w.postForm(v, u.Path, form) }()
	}
	for range 2 {
		if a := <-answers; a.status != http.StatusSeeOther && a.status != http.StatusOK {
			w.t.Errorf("%s pressed twice: %d %s", id, a.status, a.text())
		}
	}
	v.Post(action, form) // and once more, later, from a page the back button showed
	if v.Status != http.StatusOK {
		w.t.Errorf("%s pressed again: %s", id, v.Describe())
	}
	w.checkJournal()
}

// TestEveryButtonTwice: each POST of the signature sent twice at once and once
// more has one effect, and leads to the same good page.
func TestEveryButtonTwice(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			nadia.Open(w.relais+"/mandats/nouveau").Choose("demarche", "logement/apl").Choose("duree", "31").Choose("capacite", "aucune")
			action, form := nadia.FormOf("duree-31")
			nadia.Post(action, form).MustBeAt("/mandats/m")
			id := last(nadia.URL.Path)
			nadia.Post(action, form).MustBeAt("/mandats/" + id)
			if n := w.times(id, journal.MandatDraft); n != 1 {
				t.Errorf("%d drafts", n)
			}
			nadia.Submit("/confier").MustBeAt("/tour")
			nadia.Refresh = false
			w.twice(nadia, "identifier")
			nadia.Refresh = true
			nadia.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer").MustBeAt("/tour/identite")
			w.twice(nadia, "oui")
			nadia.MustBeAt("/tour/mandat")
			w.twice(nadia, "donner")
			nadia.MustBeAt("/tour/fin")
			nadia.Refresh = false
			w.twice(nadia, "reprendre")
			nadia.Refresh = true
			nadia.Open(w.relais + "/tour/fin")
			w.takeBack(nadia, "nadia")
			nadia.MustBeAt("/mandats/" + id + "/acceptation")
			w.twice(nadia, "accepter")
			nadia.MustBeAt("/mandats/" + id)
			for _, once := range []journal.Action{journal.MandatEntrust, journal.MandatIdentify, journal.MandatConfirm, journal.MandatGive, journal.MandatTakeBack, journal.MandatSign} {
				if n := w.times(id, once); n != 1 {
					t.Errorf("%s: %d entries", once, n)
				}
			}
			if m := w.mandatOf("nadia", id); m.State != mandat.Actif {
				t.Errorf("the mandat is %s", m.State)
			}
		})
	}
}

// TestBackButton: old pages of the signature lead to the step that the store
// knows, and change nothing.
func TestBackButton(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.draft(nadia, logement())
	w.identify(nadia, id, "perrin")
	oui, confirm := nadia.FormOf("oui")
	nadia.Click("oui").MustBeAt("/tour/mandat")
	donner, give := nadia.FormOf("donner")
	w.harmless(func() {
		nadia.Open(w.relais + "/tour").MustBeAt("/tour/mandat")
		nadia.Open(w.relais + "/tour/identite").MustBeAt("/tour/mandat")
		nadia.Post(oui, confirm).MustBeAt("/tour/mandat")
		nadia.Post(oui, url.Values{"decision": {"non"}}).MustBeAt("/tour/mandat")
		nadia.Open(w.relais + "/identification/retour?code=x&state=y").MustStatus(http.StatusBadRequest)
		nadia.Open(w.relais + "/identification/deconnecte?state=x").MustBeAt("/tour/mandat")
		for _, digest := range []string{"", "x", give.Get("empreinte")[1:], "0" + give.Get("empreinte")[1:] + "0"} {
			nadia.Post(donner, url.Values{"decision": {"donner"}, "empreinte": {digest}}).MustBeAt("/tour/mandat")
		}
		nadia.Post(donner, url.Values{"decision": {"autre"}}).MustStatus(http.StatusUnprocessableEntity)
	})
	nadia.Open(w.relais + "/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	w.harmless(func() {
		nadia.Open(w.relais + "/tour/mandat").MustBeAt("/tour/fin")
		nadia.Post(donner, give).MustBeAt("/tour/fin")
		nadia.Post(donner, url.Values{"decision": {"reflechir"}}).MustBeAt("/tour/fin")
		nadia.Post(oui, url.Values{"decision": {"non"}}).MustBeAt("/tour/fin")
		nadia.Post(w.relais+"/tour/remplacer", url.Values{"decision": {"garder"}}).MustBeAt("/tour/fin")
		nadia.Post(w.relais+"/tour/identification", url.Values{}).MustBeAt("/tour/fin")
	})
	w.takeBack(nadia, "nadia")
	nadia.Submit("/acceptation").MustBeAt("/mandats/" + id)
	w.harmless(func() { // pages of the signature, once it is over
		for _, path := range []string{"/tour", "/tour/identite", "/tour/mandat", "/tour/fin"} {
			nadia.Open(w.relais + path).MustStatus(http.StatusForbidden)
		}
		nadia.Post(donner, give).MustStatus(http.StatusForbidden)
		nadia.Post(w.relais+"/tour/reprendre", url.Values{}).MustBeAt("/guichet")
		nadia.Open(w.relais + "/mandats/" + id + "/acceptation").MustBeAt("/mandats/" + id)
		nadia.Post(w.relais+"/mandats/"+id+"/abandonner", url.Values{}).MustStatus(http.StatusConflict)
		nadia.Post(w.relais+"/mandats/"+id+"/modifier", url.Values{}).MustStatus(http.StatusConflict)
		nadia.Post(w.relais+"/mandats/"+id+"/confier", url.Values{}).MustBeAt("/mandats/" + id)
	})
}

// TestClosedTab: the usager leaves in the middle by closing the tab; the aidant
// takes the screen back; the next usager is never taken for the first.
func TestClosedTab(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.draft(nadia, logement())
	// At the hub, identified there, not back at Relais.
	nadia.Open(w.relais + "/mandats/" + id).Submit("/mandats/" + id + "/confier").Click("identifier").Click("fi-impots").Click("usager-perrin")
	before := w.mandatOf("nadia", id)
	nadia.Open(w.relais + "/guichet").MustStatus(http.StatusForbidden)
	nadia.Open(w.relais + "/tour/fin")
	w.takeBack(nadia, "nadia")
	nadia.MustBeAt("/mandats/" + id)
	before.Texte = w.mandatOf("nadia", id).Texte // taken back without a gift: the text is to be fixed again
	w.survives(before, "nadia")
	// The next usager, same browser: whatever the hub still has open, it asks.
	second := w.draft(nadia, logement())
	nadia.Open(w.relais + "/mandats/" + second).Submit("/mandats/" + second + "/confier").Click("identifier")
	if nadia.Has("continuer") || !nadia.Has("fi-impots") {
		t.Fatalf("the hub goes on with the first usager:\n%s", nadia.Describe())
	}
	nadia.Click("fi-impots").Click("usager-petit").Click("continuer").MustBeAt("/tour/identite").MustSee("Inès").MustNotSee("Perrin", "Simone")
	// And this one leaves after « Est-ce bien vous ? » without answering.
	nadia.Open(w.relais + "/tour/fin")
	w.takeBack(nadia, "nadia")
	nadia.MustBeAt("/mandats/" + second)
	nadia.Submit("/mandats/" + second + "/confier").MustBeAt("/tour").MustNotSee("Inès")
	nadia.Open(w.relais + "/tour/mandat").MustBeAt("/tour")
	w.finish(nadia, second, "nadia", "rousseau")
	nadia.MustSee("Rousseau").MustNotSee("Inès", "Perrin")
	// « Non, ce n'est pas moi » forgets the identity.
	third := w.draft(nadia, logement())
	w.identify(nadia, third, "perrin")
	nadia.Click("non").MustBeAt("/tour").MustNotSee("Simone")
	w.finish(nadia, third, "nadia", "petit")
	// « Je préfère réfléchir » leaves the draft and nothing of the usager.
	fourth := w.draft(nadia, logement())
	w.identify(nadia, fourth, "diallo")
	nadia.Click("oui").Click("reflechir").MustBeAt("/tour/fin")
	w.takeBack(nadia, "nadia")
	nadia.MustBeAt("/mandats/" + fourth).MustSee("préfère réfléchir").MustNotSee("Diallo")
	if m := w.mandatOf("nadia", fourth); m.State != mandat.Brouillon || !m.Signature.IdentifiedAt.IsZero() {
		t.Errorf("%s, %+v", m.State, m.Signature)
	}
}
