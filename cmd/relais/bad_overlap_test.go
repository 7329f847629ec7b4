package main

import (
	"net/http"
	"net/url"
	"testing"

	"relais/internal/journal"
	"relais/internal/mandat"
)

// TestOverlap: a second mandat of the same usager in the same domaine. The usager
// sees it, keeps the old one, or replaces it in a new text for which they
// identify again; the old one ends then, for that reason.
func TestOverlap(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			p := logement()
			p.demarches = append(p.demarches, "argent/declaration-revenus")
			old := w.give(nadia, "nadia", "perrin", p)

			kept := w.draft(nadia, logement())
			w.identify(nadia, kept, "perrin")
			nadia.Click("oui").MustBeAt("/tour/remplacer").MustSee(spacedNumber(old.number))
			w.harmless(func() { // the text is not to be had around the question
				nadia.Open(w.relais + "/tour/mandat").MustBeAt("/tour/remplacer")
				nadia.Post(w.relais+"/tour/mandat", url.Values{"decision": {"donner"}, "empreinte": {w.mandatOf("nadia", kept).Texte.Nonce()}}).MustBeAt("/tour/remplacer")
				nadia.Post(w.relais+"/tour/remplacer", url.Values{"decision": {"autre"}}).MustBeAt("/tour/remplacer")
			})
			nadia.Click("garder").MustBeAt("/tour/fin")
			w.takeBack(nadia, "nadia")
			if m := w.mandatOf("nadia", old.id); m.State != mandat.Actif || len(m.ActiveAutorisations(w.d.now())) != 2 {
				t.Errorf("the mandat that was kept: %s", m.State)
			}
			w.checkJournal()

			next := w.draft(nadia, logement())
			w.identify(nadia, next, "perrin")
			before := w.mandatOf("nadia", next).Texte.Nonce()
			nadia.Click("oui").MustBeAt("/tour/remplacer").Click("remplacer").MustBeAt("/tour")
			if after := w.mandatOf("nadia", next); after.Texte.Nonce() == before || !after.Signature.IdentifiedAt.IsZero() {
				t.Error("the replacement does not stand in a new text")
			}
			nadia.Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer").MustBeAt("/tour/identite").Click("oui").MustBeAt("/tour/mandat")
			nadia.MustSee("remplace", spacedNumber(old.number)).Click("donner")
			w.takeBack(nadia, "nadia")
			nadia.Submit("/acceptation").MustBeAt("/mandats/" + next)
			w.checkJournal()
			m := w.mandatOf("nadia", old.id)
			if _, active := m.Active("logement", w.d.now()); active || m.Autorisations[0].EndReason+m.Autorisations[1].EndReason != "remplacement" {
				t.Errorf("the old mandat: %s, %+v", m.State, m.Autorisations)
			}
			if _, active := m.Active("argent", w.d.now()); !active {
				t.Error("the domaine that was not replaced has ended too")
			}
			if w.times(old.id, journal.MandatReplace) != 1 {
				t.Error("the replacement is not in the old mandat's entries")
			}
			h := w.rawHub()
			h.access(h.code(nadia, next, "logement"))
			w.harmless(func() { w.chooseRefused(h, nadia, old.id, "logement", http.StatusForbidden) })
			if code, out := w.verb("mandat", "verify", m.Number); code != 0 {
				t.Errorf("verify: %s", out)
			}
		})
	}
}

// spacedNumber groups a number as people read it.
func spacedNumber(s string) string { return s[:4] + " " + s[4:8] + " " + s[8:] }

// TestOverlapMeanwhile: a colleague signs another mandat of the same usager and
// domaine between the usager's act and the acceptance.
func TestOverlapMeanwhile(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia, julien := w.agent("nadia"), w.agent("julien")
			id := w.draft(nadia, logement())
			w.identify(nadia, id, "perrin")
			nadia.Click("oui").Click("donner")
			w.takeBack(nadia, "nadia")
			w.give(julien, "julien", "perrin", logement())
			w.harmless(func() {
				nadia.Submit("/acceptation").MustStatus(http.StatusConflict).MustSee("Un autre mandat vient de couvrir ce domaine")
			}, "mandat.sign/chevauchement")
			if m := w.mandatOf("nadia", id); m.State != mandat.Brouillon {
				t.Errorf("the draft is %s", m.State)
			}
		})
	}
}

// TestEnding: what has ended stays ended; the wrong form ends nothing.
func TestEnding(t *testing.T) {
	w := newWorld(t, "sqlite")
	nadia, julien := w.agent("nadia"), w.agent("julien")
	p := logement()
	p.demarches = append(p.demarches, "argent/declaration-revenus")
	g := w.give(nadia, "nadia", "perrin", p)
	path := "/mandats/" + g.id
	for name, form := range map[string]url.Values{
		"no channel":       {"portee": {"tout"}},
		"unknown channel":  {"portee": {"tout"}, "canal": {"pigeon"}},
		"unknown part":     {"portee": {"moitie"}, "canal": {"telephone"}},
		"no domaine":       {"portee": {"partie"}, "canal": {"telephone"}},
		"another domaine":  {"portee": {"partie"}, "canal": {"telephone"}, "domaine": {"justice"}},
		"one that is none": {"portee": {"partie"}, "canal": {"telephone"}, "domaine": {"logement", "tout"}},
	} {
		w.harmless(func() {
			if a := w.postForm(nadia, path+"/revocation", form); a.status != http.StatusUnprocessableEntity {
				t.Errorf("revocation, %s: %d", name, a.status)
			}
			form.Set("motif", form.Get("canal"))
			if a := w.postForm(nadia, path+"/renonciation", form); a.status != http.StatusUnprocessableEntity {
				t.Errorf("renonciation, %s: %d", name, a.status)
			}
		})
	}
	// Partly, by a colleague: stopping is never gated.
	w.revoke(julien, g.id, "argent")
	w.checkJournal()
	nadia.Open(w.relais+path).MustSee("Révocation", "En cours")
	w.harmless(func() { w.revoke(julien, g.id, "argent") }) // twice: done already
	motif := mandat.RenounceReasons()[0][0]
	if a := w.postForm(nadia, path+"/renonciation", url.Values{"portee": {"tout"}, "motif": {motif}}); a.status != http.StatusSeeOther {
		t.Fatalf("renonciation: %d %s", a.status, a.text())
	}
	w.checkJournal()
	nadia.Open(w.relais+path).MustSee("Terminé", "Renonciation")
	nadia.Open(w.relais + path + "/avis").MustStatus(http.StatusOK).MustSee("Perrin")
	w.harmless(func() {
		w.revoke(nadia, g.id, "")
		nadia.Open(w.relais + path + "/revocation").MustBeAt(path)
		nadia.Open(w.relais + path + "/renonciation").MustBeAt(path)
		nadia.Post(w.relais+path+"/acceptation", url.Values{}).MustBeAt(path)
	})
	if n := w.times(g.id, journal.MandatRevoke) + w.times(g.id, journal.MandatRenounce); n != 2 {
		t.Errorf("%d ends in the journal", n)
	}
}
