package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/testkit/browser"
	"relais/internal/testkit/visitor"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// TestEveryPage holds every page, of every route, role and state, against axe
// (RGAA 4, WCAG 2.2 AA), its width at 1280 and at 360 px, its contrasts in the
// dark, and 50 KB. The states are reached over plain HTTP; what people were
// shown on the way is then opened in a real browser.
func TestEveryPage(t *testing.T) {
	w := newWorld(t, config.SQLite)
	a := newAlbum(t, w)
	a.emptyHouse()
	g := a.signing()
	a.ending()
	a.acting(g)
	a.reviewing(g)
	a.confirming()
	a.closing()
	a.disowning()
	a.doors()
	a.proving()
	a.everyRoute(g)
	a.errorPages()
	a.mustHaveSeenEverything()
	a.firstViews()
	t.Logf("%d different pages", len(a.shots))
	b := browser.Start(t)
	t.Run("looks", func(t *testing.T) { a.look(t, b) }) // returns when both windows are done
}

// look opens every page of the album in two windows at once.
func (a *album) look(t *testing.T, b *browser.Browser) {
	for _, look := range []struct {
		name  string
		dark  bool
		looks func(p *browser.Person)
	}{{"light", false, lookLight}, {"dark", true, lookDark}} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			p := b.Person(t, look.name, browser.Options{JavaScript: true, Dark: look.dark})
			for _, s := range a.shots {
				t.Run(s.path, func(t *testing.T) {
					p := p.In(t)
					p.Resize(1280, 900)
					p.Open(a.site + s.path)
					look.looks(p)
				})
			}
		})
	}
}

func lookLight(p *browser.Person) {
	p.NoViolations()
	p.NoOverflow()
	p.Narrow()
	p.NoViolations()
	p.NoOverflow()
}

func lookDark(p *browser.Person) { p.NoViolations() }

// emptyHouse meets the pages before anything has happened.
func (a *album) emptyHouse() {
	w := a.w
	nobody := a.person("personne")
	for _, path := range []string{"/", "/connexion", "/deconnexion/retour", "/compte", "/nulle-part", "/connexion/retour?code=x&state=y"} {
		nobody.Open(w.relais + path)
	}
	for _, agent := range []string{"paul", "lucie", "karim"} { // suspended, without a second factor, unknown
		a.agent(agent)
	}
	w.cancelSignIn(a.person("personne"))
	nadia := a.agent("nadia")
	for _, path := range []string{"/guichet", "/mandats", "/mandats?etat=brouillon", "/demarche", "/demarche/terminee", "/agir/inconnue", "/compte"} {
		nadia.Open(w.relais + path)
	}
	request := w.arrive(nadia, "allocations") // nobody to choose
	nadia.Open(w.relais + "/guichet").Submit("/mandats/recherche").MustStatus(http.StatusUnprocessableEntity)
	nadia.Fill("q", "personne").Submit("/mandats/recherche").MustSee("Aucun mandat trouvé")
	nadia.Open(w.relais + "/agir/" + request).Click("refuser")
	a.agent("thomas")
	claire := a.agent("claire")
	claire.Open(w.relais + "/structure")
	a.agent("sophie").Open(w.relais + "/administration")
}

func (w *world) cancelSignIn(v *visitor.Visitor) {
	v.Open(w.relais + "/connexion").Submit("/connexion").Click("annuler")
}

// signing plays the three screens with all that can go wrong on them, and
// returns a mandat that runs.
func (a *album) signing() given {
	w, v := a.w, a.agent("nadia")
	v.Open(w.relais + "/mandats/nouveau").Submit("/mandats").MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais+"/mandats/nouveau").Choose("demarche", "logement/apl").Choose("duree", "date").
		Fill("fin-jour", "31").Fill("fin-mois", "2").Choose("capacite", "aucune").Submit("/mandats").MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais+"/mandats/nouveau").Choose("demarche", "logement/apl").Choose("capacite", "tutelle").Submit("/mandats")
	id := w.draft(v, logement())
	v.Open(w.relais + "/mandats/" + id + "/modifier")
	v.Submit("/modifier")
	v.Open(w.relais + "/guichet")

	v.Open(w.relais + "/mandats/" + id).Submit("/confier").MustBeAt("/tour")
	v.Open(w.relais + "/tour/fin").Click("revenir")
	v.Click("identifier").Click("annuler") // at the hub
	v.Open(w.relais + "/tour").Click("identifier").Click("fi-relais")
	v.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-garnier").Click("continuer")
	v.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-lemaire").Click("continuer").MustBeAt("/tour/identite")
	v.Post(w.relais+"/tour/identite", url.Values{}).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/tour/identite").Click("non")
	v.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer").MustBeAt("/tour/identite")
	v.Click("oui").MustBeAt("/tour/mandat")
	digest := v.Match(`name="empreinte"[^>]*value="([^"]*)"`)
	v.Post(w.relais+"/tour/mandat", url.Values{"empreinte": {digest}})
	v.Open(w.relais + "/tour/mandat").Click("reflechir").MustBeAt("/tour/fin")
	w.takeBack(v, "nadia")

	w.identify(v, id, "perrin")
	v.Click("oui").Click("donner").MustBeAt("/tour/fin")
	v.Open(w.relais + "/mandats/" + id) // the usager has the screen: refused
	v.Open(w.relais + "/tour/fin")
	w.takeBack(v, "nadia")
	v.MustBeAt("/mandats/" + id + "/acceptation")
	v.Open(w.relais + "/mandats/" + id).Click("accepter").Submit("/acceptation").MustBeAt("/mandats/" + id)
	for _, path := range []string{"", "/acte", "/acceptation", "/modifier", "/avis", "/revocation", "/renonciation"} {
		v.Open(w.relais + "/mandats/" + id + path)
	}
	return given{id: id, number: w.mandatOf("nadia", id).Number}
}

// ending overlaps, replaces, revokes and renounces.
func (a *album) ending() {
	w, v := a.w, a.agent("nadia")
	two := logement()
	two.demarches = []string{"logement/apl", "argent/declaration-revenus"}
	two.colleagues = true
	first := w.give(v, "nadia", "hauteville", two)
	id := w.draft(v, logement())
	w.identify(v, id, "hauteville")
	v.Click("oui").MustBeAt("/tour/remplacer").Click("remplacer").MustBeAt("/tour")
	v.Click("identifier").Click("fi-impots").Click("usager-hauteville").Click("continuer").Click("oui").MustBeAt("/tour/mandat").Click("donner")
	w.takeBack(v, "nadia")
	v.Submit("/acceptation").Open(w.relais + "/mandats/" + first.id) // one of its two domaines is replaced

	v.Open(w.relais + "/mandats/" + id).Click("revocation")
	v.Post(w.relais+"/mandats/"+id+"/revocation", url.Values{}).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/mandats/" + id).Click("renonciation")
	v.Post(w.relais+"/mandats/"+id+"/renonciation", url.Values{}).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais+"/mandats/"+id+"/revocation").Choose("canal", "telephone").Submit("/revocation")
	v.Open(w.relais + "/mandats/" + id + "/avis")

	whole := w.give(v, "nadia", "muller", two)
	v.Open(w.relais + "/mandats/" + whole.id + "/renonciation")
	v.Post(w.relais+"/mandats/"+whole.id+"/renonciation", url.Values{"portee": {"partie"}}).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais+"/mandats/"+whole.id+"/revocation").Choose("portee", "partie").Choose("domaine", "logement").Choose("canal", "telephone").Submit("/revocation")
	v.Open(w.relais + "/mandats/" + whole.id).Open(w.relais + "/mandats/" + whole.id + "/avis")

	short := logement()
	short.days = "1"
	w.give(v, "nadia", "haddad", short)
	w.draft(v, logement())
	for _, path := range []string{"/guichet", "/mandats", "/mandats?etat=termine"} {
		v.Open(w.relais + path)
	}
	v.Fill("q", "haut").Submit("/mandats/recherche").MustSee("Hauteville")
	dropped := w.draft(v, logement())
	v.Open(w.relais + "/mandats/" + dropped).Submit("/abandonner")
	v.Open(w.relais + "/mandats/" + dropped)
}

// acting uses mandats at a service, alone and while another use is open.
func (a *album) acting(g given) {
	w := a.w
	relais, err := url.Parse(w.relais)
	if err != nil {
		a.t.Fatal(err)
	}
	late := a.person("nadia")
	late.Open(w.services + "/allocations").Click("connexion-allocations").Click("fi-relais").MustBeAt("/connexion")

	v := a.agent("nadia")
	other := w.give(v, "nadia", "petit", logement())
	request := w.arrive(v, "allocations")
	v.Submit("/recherche").MustStatus(http.StatusUnprocessableEntity)
	v.Fill("q", "introuvable").Submit("/recherche").MustSee("Personne à proposer")
	v.Fill("q", "perrin").Submit("/recherche").MustSee("Perrin")
	v.Open(w.relais + "/agir/" + request + "/mandats/" + g.id)
	v.Post(w.relais+"/agir/"+request, url.Values{"mandat": {g.id}}).MustStatus(http.StatusUnprocessableEntity)
	v.Post(w.relais+"/agir/"+request, url.Values{"mandat": {"inconnu"}, "domaine": {"logement"}}).MustStatus(http.StatusNotFound)
	w.choose(v, request, g.id, "logement")
	if v.Has("continuer") {
		v.Click("continuer")
	}
	for _, path := range []string{"/demarche", "/guichet", "/mandats", "/mandats/nouveau", "/compte", "/aide", "/mandats/" + g.id, "/mandats/inconnu", "/controle", "/nulle-part"} {
		v.Open(w.relais + path).MustSee("Vous agissez pour Simone Jeanne Perrin") // on every page, refusals too
	}
	v.Open(w.relais + "/mandats/nouveau").Submit("/mandats").MustStatus(http.StatusUnprocessableEntity).MustSee("Vous agissez pour Simone Jeanne Perrin")
	v.Open(w.services + "/allocations/espace")
	signedOut := a.person("nadia") // the hub and the service have forgotten her, Relais has not
	signedOut.Client.Jar.SetCookies(relais, v.Client.Jar.Cookies(relais))
	served := v
	v = signedOut
	request = w.arrive(v, "allocations")
	v.MustSee("Une démarche est déjà ouverte pour")
	v.Open(w.relais + "/agir/" + request + "/mandats/" + other.id).MustSee("Terminez-la d’abord")
	v.Submit("/demarche/terminer").MustBeAt("/demarche/terminee")
	v.Open(w.relais + "/demarche").Open(w.relais + "/demarche/terminee")
	served.Click("deconnexion")
}

// reviewing is the auditeur's, the référent's and the administrateur's work.
func (a *album) reviewing(g given) {
	w := a.w
	v := a.agent("thomas")
	for _, path := range []string{"/controle", "/controle/sante", "/controle?du-jour=40&du-mois=1&du-annee=2026", "/controle?acteur=personne",
		"/controle?action=mandat.give", "/controle?issue=refuse", "/controle?domaine=logement&structure=ccas-valfictif", "/controle?usager=u-inconnu&service=franceconnect-fictif", "/controle/entrees/0", "/controle/entrees/999999", "/controle/mandats/" + g.id} {
		v.Open(w.relais + path)
	}
	v.Open(w.relais + "/controle?mandat=" + g.number)
	for _, path := range []string{"/controle/signaux?du=2000-01-01&au=2000-01-02", "/controle/activite?du=2000-01-01&au=2000-01-02", "/controle/signaux?regle=autre", "/controle/activite?du=2000-01-01"} {
		v.Open(w.relais + path) // nothing there, or refused
	}
	w.derive()
	for _, path := range []string{"/controle/signaux", "/controle/signaux?regle=lecture_rapide", "/controle/activite"} {
		v.Open(w.relais + path)
	}
	a.watching(v)
	a.revealing(v, g)
	v.Open(w.relais+"/controle/mandats/"+g.id).Click("exporter").Fill("since", "rien").Click("exporter").MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/controle/exporter") // nothing asked
	a.revues()
	claire := a.agent("claire")
	for _, agent := range []string{"julien", "claire", "paul", "monique"} {
		claire.Open(w.relais + "/structure/agents/" + w.idOf(agent))
	}
	claire.Open(w.relais + "/structure/agents/" + w.idOf("julien")).Submit("/suspendre").MustBeAt("/structure")
	claire.Open(w.relais + "/structure/agents/" + w.idOf("julien")).Submit("/retablir")
	sophie := a.agent("sophie")
	for _, path := range []string{"/administration", "/administration/structures/ccas-valfictif", "/administration/agents/" + w.idOf("monique"), "/administration/structures/inconnue"} {
		sophie.Open(w.relais + path)
	}
	a.missions(sophie)
	nadia := a.agent("nadia")
	nadia.Open(w.relais+"/compte").Post(w.relais+"/compte/sessions/inconnue/fermer", url.Values{})
	nadia.Open(w.relais + "/compte").Click("fermer-les-autres")
	nadia.Open(w.relais + "/compte").Click("quitter")
	nadia.Open(w.relais + "/mandats")
}

// watching marks a signal as seen.
func (a *album) watching(v *visitor.Visitor) {
	w := a.w
	v.Open(w.relais + "/controle/signaux?regle=lecture_rapide&vus=non")
	one := v.Match(`"(/controle/signaux/[0-9]+/lecture_rapide)"`)
	v.Open(w.relais+one).Fill("note", strings.Repeat("x", 501)).Submit(one).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais+one).Fill("note", "Texte lu ensemble au guichet.").Submit(one).MustBeAt(one).MustSee("Texte lu ensemble")
	v.Post(w.relais+one, url.Values{}).MustStatus(http.StatusConflict)
	v.Open(w.relais + "/controle/signaux/999999/rafale").MustStatus(http.StatusNotFound)
}

// revealing follows one agent and has identities shown.
func (a *album) revealing(v *visitor.Visitor, g given) {
	w := a.w
	v.Open(w.relais + "/controle/agents/" + w.missionOf("thomas").Label(w.idOf("nadia"))).MustStatus(http.StatusOK)
	v.Open(w.relais + "/controle/mandats/" + g.id).Click("reveler")
	v.Submit("/reveler").MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/controle/mandats/" + g.id).Click("reveler")
	v.Choose("identite", "usager").Fill("motif", "Signature plus rapide que la lecture.").Choose("confirmer", "oui").Submit("/reveler")
	v.MustBeAt("/controle/revelation").MustSee("Perrin")
	v.Open(w.relais + "/controle/revelation").MustStatus(http.StatusNotFound)
	v.Open(w.relais + "/controle/mission")
}

// derive brings what the journal is watched by up to date, as the house does each
// second.
func (w *world) derive() {
	w.t.Helper()
	if err := w.d.store.RunFollowers(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// missions opens one more for the auditeur, who then chooses, and ends it.
func (a *album) missions(sophie *visitor.Visitor) {
	w := a.w
	sophie.Open(w.relais + "/administration/missions/nouvelle").Submit("/administration/missions").MustStatus(http.StatusUnprocessableEntity)
	m := w.openMission(sophie, "thomas", "structure", "ccas-valfictif")
	sophie.Open(w.relais + "/administration/missions").Open(w.relais + "/administration")
	thomas := a.agent("thomas")
	thomas.Open(w.relais+"/controle/mission").Post(w.relais+"/controle/mission", url.Values{}).MustStatus(http.StatusUnprocessableEntity)
	thomas.Open(w.relais+"/controle/mission").Choose("mission", m.ID).Submit("/controle/mission")
	thomas.Open(w.relais + "/controle/mission")
	a.agent("claire").Open(w.relais + "/structure")
	sophie.Open(w.relais + "/administration/missions/" + w.otherMission(m))
	sophie.Post(w.relais+"/administration/missions/"+m.ID+"/terminer", url.Values{}).MustStatus(http.StatusUnprocessableEntity)
	sophie.Open(w.relais+"/administration/missions/"+m.ID).Choose("motif", "achevee").Submit("/terminer")
}

// everyRoute opens every GET page as every kind of visitor, allowed or not, and
// a route of forms by GET.
func (a *album) everyRoute(g given) {
	for _, k := range kinds {
		v := a.person(k.name)
		a.w.become(v, k.agent, k.enrol)
		if k.lend {
			id := a.w.draft(v, logement())
			v.Open(a.w.relais + "/mandats/" + id).Submit("/confier").MustBeAt("/tour")
		}
		for _, pattern := range a.pageRoutes() {
			v.Open(a.w.relais + a.fill(pattern, g.id))
		}
		v.Open(a.w.relais + "/aide/codes?code=Y600020").MustSee("Ce service n’est pas couvert")
		v.Open(a.w.relais + "/aide/codes?code=inconnu").MustSee("Ce code n’est pas dans la liste")
		v.Open(a.w.relais + "/demarche/terminer").MustStatus(http.StatusMethodNotAllowed)
		v.Open(a.w.relais + "/nulle-part").MustStatus(http.StatusNotFound)
	}
}

// pageRoutes are the routes that show people a page.
func (a *album) pageRoutes() (patterns []string) {
	for _, rt := range a.w.d.web.Routes() {
		if strings.HasPrefix(rt.Pattern, "GET ") && rt.Access != desk.Protocol {
			patterns = append(patterns, rt.Pattern)
		}
	}
	return patterns
}

func (a *album) fill(pattern, mandat string) string {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.NewReplacer("{$}", "", "{id}", a.w.objectOf(path, mandat), "{demande}", "inconnue", "{mandat}", mandat,
		"{ref}", "inconnue", "{regle}", "lecture_rapide", "{index}", "0").Replace(path)
}

// errorPages adds what no person can bring about at will.
func (a *album) errorPages() {
	for _, status := range []int{400, 403, 404, 405, 409, 413, 422, 429, 500, 503} {
		rec := httptest.NewRecorder()
		p := page.NewErrorPage(status)
		p.Reference = "0123456789ABCDEFGHIJKLMNOP"
		a.w.d.web.Pages.RenderError(rec, p)
		r := httptest.NewRequestWithContext(a.t.Context(), http.MethodGet, "http://erreurs.example/", nil)
		a.keep("personne", r, rec.Code, rec.Result().Header, rec.Body.Bytes())
	}
}

// returns are the routes where another site sends people back: they answer by a
// redirect, or by the page of a failure. And a picture is no page.
var returns = map[string]bool{"GET /compte/facteurs/application/code.png": true, "GET /connexion/retour": true, "GET /identification/retour": true, "GET /identification/deconnecte": true}

// mustHaveSeenEverything fails for a page of the route table that was never
// shown, so that a new page cannot be forgotten here.
func (a *album) mustHaveSeenEverything() {
	a.t.Helper()
	shown := map[string]bool{}
	for roleAndPattern := range a.seen {
		_, pattern, _ := strings.Cut(roleAndPattern, " GET ")
		shown["GET "+pattern] = true
	}
	for _, pattern := range a.pageRoutes() {
		if !shown[pattern] && !returns[pattern] {
			a.t.Errorf("%s is never looked at: play a state of it here", pattern)
		}
	}
}

// firstViewMax is what a first visit may weigh on the wire with everything it
// needs, DESIGN's 50 KB.
const firstViewMax = 50 << 10

func (a *album) firstViews() {
	a.t.Helper()
	rest := 0
	for _, name := range []string{"relais.css", "relais.js", "cle.js", "relais.svg"} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(a.t.Context(), http.MethodGet, "/static/"+name, nil)
		r.Header.Set("Accept-Encoding", "gzip, deflate, br")
		page.Static(a.w.d.web.Static).ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			a.t.Fatalf("%s: %d", name, rec.Code)
		}
		rest += rec.Body.Len()
	}
	for _, s := range a.shots {
		if n := len(s.body) + rest; s.pattern != "" && n > firstViewMax {
			a.t.Errorf("%s: %d bytes at a first view, of them %d its own; at most %d", s.path, n, len(s.body), firstViewMax)
		}
	}
}
