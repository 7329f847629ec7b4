package guichet_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
)

const token = "mabcdefghijklmnopqrstuvwxyz"

func planValues() url.Values {
	return url.Values{"jeton": {token}, "demarche": {"famille/bourse", "papiers/passeport", "papiers/permis"},
		"duree": {"31"}, "capacite": {"aucune"}}
}

// drafted opens a draft; entrusted, given and taken back, it can be accepted.
func (c *counter) drafted() string {
	c.Helper()
	c.post("/mandats", planValues(), http.StatusSeeOther, "/mandats/"+token)
	return token
}

func (c *counter) given() string {
	c.Helper()
	id := c.drafted()
	c.post("/mandats/"+id+"/confier", nil, http.StatusSeeOther, "/tour")
	c.step(id, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Identify(mandat.Identified{Pivot: jeannePlain(), IDP: "x", OwnIDP: "y", ACR: "eidas1"}, time.UTC, c.now)
	})
	c.step(id, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Confirm(true, c.now) })
	c.step(id, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Give(c.now) })
	return id
}

func (c *counter) takenBack() string {
	c.Helper()
	id := c.given()
	c.step(id, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.TakeBack(camil.Actor("p"), c.now) })
	c.dossier = evidence(c.T, c.mandats[id].Texte, camil.Sub)
	return id
}

func (c *counter) signed() string {
	c.Helper()
	id := c.takenBack()
	c.post("/mandats/"+id+"/acceptation", nil, http.StatusSeeOther, "/mandats/"+id+"?signe=oui")
	return id
}

func (c *counter) step(id string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) {
	c.Helper()
	if _, err := c.ChangeMandat(c.Context(), "o1", id, t); err != nil {
		c.Fatal(err)
	}
}

func jeannePlain() identite.Pivot {
	p := jeanne
	p.FamilyName = "MARTIN"
	return p
}

func (c *counter) count(a journal.Action) int {
	n := 0
	for _, f := range c.facts {
		if f.Action() == a && f.Outcome() == journal.OK {
			n++
		}
	}
	return n
}

func TestEmptyPages(t *testing.T) {
	c := newCounter(t)
	for _, path := range []string{"/guichet", "/mandats", "/mandats?etat=termine", "/mandats/nouveau"} {
		c.get(path, http.StatusOK)
	}
	c.post("/mandats/recherche", url.Values{"q": {""}}, http.StatusUnprocessableEntity, "")
	c.post("/mandats/recherche", url.Values{"q": {"\u202emartin"}}, http.StatusUnprocessableEntity, "")
	c.get("/mandats?recherche=derniere", http.StatusSeeOther) // nothing was searched
	c.get("/mandats/inconnu", http.StatusNotFound)
	c.get("/mandats/..%2Fx", http.StatusNotFound)
	if n := c.count(journal.MandatSearch); n != 0 {
		t.Errorf("%d searches written for none", n)
	}
}

func TestSearch(t *testing.T) {
	c := newCounter(t)
	id := c.signed()
	c.found = []usager.File{c.file(c.mandats[id])}
	c.post("/mandats/recherche", url.Values{"q": {"martin"}}, http.StatusSeeOther, "/mandats?recherche=derniere")
	if body := c.get("/mandats?recherche=derniere", http.StatusOK); !strings.Contains(body, "mars 1948") {
		t.Error("the birth date is not shown")
	}
	if n := c.count(journal.MandatSearch); n != 1 {
		t.Errorf("%d searches written", n)
	}
}

func TestDraftKeepsWhatWasTyped(t *testing.T) {
	c := newCounter(t)
	form := planValues()
	form.Del("capacite")
	form.Set("duree", "date")
	form.Set("fin-jour", "31")
	form.Set("fin-mois", "2")
	form.Set("fin-annee", "2027")
	form["aidant"] = []string{"a2"}
	body := c.post("/mandats", form, http.StatusUnprocessableEntity, "")
	for _, want := range []string{`value="` + token + `"`, `value="famille/bourse" checked`, `value="a2" checked`, `value="2027"`, "Erreur : "} {
		if !strings.Contains(body, want) {
			t.Errorf("lost: %s", want)
		}
	}
	for _, bad := range []url.Values{
		{"demarche": {"papiers/inconnue"}}, {"demarche": nil}, {"aidant": {"autre"}}, {"duree": {"3"}}, {"capacite": {""}},
	} {
		form := planValues()
		for k, v := range bad {
			form[k] = v
		}
		c.post("/mandats", form, http.StatusUnprocessableEntity, "")
	}
	if len(c.mandats) != 0 || len(c.facts) != 0 {
		t.Error("a refused form left something behind")
	}
}

func TestSameFormTwice(t *testing.T) {
	c := newCounter(t)
	c.drafted()
	c.drafted()
	if len(c.mandats) != 1 || len(c.facts) != 1 {
		t.Fatalf("%d mandats, %d facts", len(c.mandats), len(c.facts))
	}
	changed := planValues()
	changed.Set("duree", "1")
	c.post("/mandats", changed, http.StatusSeeOther, "/mandats/"+token)
	if got := c.mandats[token].Duration.Days; got != 1 {
		t.Errorf("after « back » and a change the draft lasts %d days", got)
	}
}

func TestProtection(t *testing.T) {
	c := newCounter(t)
	for _, capacity := range mandat.Capacities()[1:] {
		body := c.post("/mandats", url.Values{"jeton": {token}, "capacite": {string(capacity)}}, http.StatusUnprocessableEntity, "")
		if !strings.Contains(body, "Vers qui se tourner") {
			t.Errorf("%s: the page does not say whom to turn to", capacity)
		}
	}
	if len(c.mandats) != 0 || len(c.facts) != 4 || c.facts[0].Outcome() != journal.Denied {
		t.Errorf("%d mandats, %d facts", len(c.mandats), len(c.facts))
	}
}

func TestModifyAndAbandon(t *testing.T) {
	c := newCounter(t)
	id := c.drafted()
	c.get("/mandats/"+id, http.StatusOK)
	c.get("/mandats/"+id+"/modifier", http.StatusOK)
	form := planValues()
	form.Set("collegues", "oui")
	c.post("/mandats/"+id+"/modifier", form, http.StatusSeeOther, "/mandats/"+id)
	if !c.mandats[id].Colleagues {
		t.Error("not modified")
	}
	for range 2 {
		c.post("/mandats/"+id+"/abandonner", nil, http.StatusSeeOther, "/guichet")
	}
	if n := c.count(journal.MandatAbandon); n != 1 {
		t.Errorf("abandoned %d times", n)
	}
	c.get("/mandats/"+id, http.StatusOK)
}

func TestGivenDraftIsNotTouched(t *testing.T) {
	c := newCounter(t)
	id := c.given()
	c.get("/mandats/"+id+"/modifier", http.StatusConflict)
	c.post("/mandats/"+id+"/modifier", planValues(), http.StatusConflict, "")
	c.post("/mandats/"+id+"/acceptation", nil, http.StatusSeeOther, "/mandats/"+id) // screen not taken back
	c.get("/mandats/"+id, http.StatusOK)
}

func TestAccept(t *testing.T) {
	c := newCounter(t)
	id := c.takenBack()
	c.get("/mandats/"+id, http.StatusOK)
	c.get("/mandats/"+id+"/acceptation", http.StatusOK)
	c.get("/mandats/"+id+"/acte", http.StatusConflict)
	c.as = sacha
	c.post("/mandats/"+id+"/acceptation", nil, http.StatusForbidden, "")
	c.as = camil
	c.overlap = []mandat.Replacement{{MandatID: "old", Domaine: "papiers"}}
	c.post("/mandats/"+id+"/acceptation", nil, http.StatusConflict, "")
	c.overlap = nil
	good := c.dossier
	c.dossier.Texte.Body += "x"
	c.post("/mandats/"+id+"/acceptation", nil, http.StatusConflict, "")
	c.dossier = good
	for range 2 {
		c.post("/mandats/"+id+"/acceptation", nil, http.StatusSeeOther, "/mandats/"+id+"?signe=oui")
	}
	if n := c.count(journal.MandatSign); n != 1 {
		t.Errorf("signed %d times", n)
	}
}

func TestSignedMandat(t *testing.T) {
	c := newCounter(t)
	id := c.signed()
	c.get("/mandats/"+id+"?signe=oui", http.StatusOK)
	c.get("/mandats/"+id, http.StatusOK)
	c.get("/guichet", http.StatusOK)
	c.get("/mandats?apres="+id, http.StatusOK)
	acte := c.get("/mandats/"+id+"/acte", http.StatusOK)
	for _, want := range []string{"Exemplaire de l’usager", "Exemplaire de la structure", "25462", "mars 1948", c.mandats[id].Texte.Nonce(),
		"Je donne mandat", "accepte le mandat", "13002526500013", "Gratuité", "mot de passe"} {
		if !strings.Contains(acte, want) {
			t.Errorf("the acte lacks %q", want)
		}
	}
	c.get("/mandats/"+id+"/avis", http.StatusConflict)
	if c.count(journal.MandatPrint) != 1 || c.count(journal.MandatView) == 0 {
		t.Error("view or print not written")
	}
}

func TestRevoke(t *testing.T) {
	c := newCounter(t)
	id := c.signed()
	path := "/mandats/" + id + "/revocation"
	c.get(path, http.StatusOK)
	c.post(path, url.Values{"portee": {"partie"}, "canal": {"guichet"}}, http.StatusUnprocessableEntity, "")
	c.post(path, url.Values{"portee": {"tout"}}, http.StatusUnprocessableEntity, "")
	for range 2 {
		c.post(path, url.Values{"portee": {"partie"}, "domaine": {"famille"}, "canal": {"telephone"}}, http.StatusSeeOther, "/mandats/"+id)
	}
	if body := c.get("/mandats/"+id+"/avis", http.StatusOK); !strings.Contains(body, "Ce qui continue") || !strings.Contains(body, "Par téléphone") {
		t.Error("the notice does not say what goes on, or by which channel")
	}
	c.post(path, url.Values{"portee": {"tout"}, "canal": {"courrier"}}, http.StatusSeeOther, "/mandats/"+id)
	c.get(path, http.StatusSeeOther)
	if n := c.count(journal.MandatRevoke); n != 2 {
		t.Errorf("%d révocations", n)
	}
}

func TestRenounce(t *testing.T) {
	c := newCounter(t)
	id := c.signed()
	path := "/mandats/" + id + "/renonciation"
	c.get(path, http.StatusOK)
	c.post(path, url.Values{"portee": {"tout"}, "motif": {"inconnu"}}, http.StatusUnprocessableEntity, "")
	for range 2 {
		c.post(path, url.Values{"portee": {"tout"}, "motif": {"desaccord"}}, http.StatusSeeOther, "/mandats/"+id)
	}
	if n := c.count(journal.MandatRenounce); n != 1 {
		t.Errorf("%d renonciations", n)
	}
	if body := c.get("/mandats/"+id+"/avis", http.StatusOK); !strings.Contains(body, "Un désaccord") {
		t.Error("the notice does not say why")
	}
}

func TestTextNamesAllParties(t *testing.T) {
	c := newCounter(t)
	id := c.given()
	body := c.mandats[id].Texte.Body
	for _, want := range []string{"Maison", "130", "1 place, 25300 Pontarlier", "03 81", "Camille", "passeport", "22 décembre 2026", "heure de Paris", "À Pontarlier"} {
		if !strings.Contains(body, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	if !regexp.MustCompile(`n°\s?[\x{a0}]?([346789BCDFGHJKMPQRTVWXY]{4} ){2}`).MatchString(body) {
		t.Error("the text lacks its number")
	}
}
