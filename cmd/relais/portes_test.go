package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/debit"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

const lostReason = "Téléphone perdu hier, codes de secours introuvables."

// enrolled gives an agent a factor of their own, so that there is something to
// reset.
func (w *world) enrolled(agentID string) {
	w.t.Helper()
	session, _ := w.onlyEnrols(agentID)
	_, err := w.d.store.ChangeFacteurs(context.Background(), agentID, session.Ref, func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f.AddTOTP(facteur.TOTP{Secret: facteur.NewSecret(), Phrase: facteur.HashPhrase("une phrase de passe assez longue")},
			aidant.Aidant{ID: agentID}.Actor(aidant.AuthInvitation), time.Now())
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// admitted is an agent whom the sandbox does not know.
func (w *world) admitted(name, structure, siret string, roles ...aidant.Role) string {
	w.t.Helper()
	a := aidant.Aidant{ID: "a-" + name, OrganisationID: structure, Email: name + "@exemple.example", SIRET: siret, GivenName: strings.ToUpper(name[:1]) + name[1:], UsualName: "Test", Roles: roles}
	if err := w.d.store.AdmitAidant(context.Background(), a, journal.Systeme()); err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// enter signs an agent in as their provider would, whatever the sandbox knows.
func (w *world) enter(v *visitor.Visitor, agentID string) *visitor.Visitor {
	w.t.Helper()
	ctx := context.Background()
	a, err := w.d.store.Aidant(ctx, agentID)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	s, id := w.d.sessions.Fresh(r)
	s.AuthAt = time.Now()
	if _, err := w.d.store.SignIn(ctx, aidant.Login{Issuer: "test", Sub: "sub-" + agentID, Email: a.Email, SIRET: a.SIRET, ACR: "eidas1-mfa"}, s); err != nil {
		w.t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	w.d.sessions.SetID(rec, id)
	u, err := url.Parse(w.relais)
	if err != nil {
		w.t.Fatal(err)
	}
	v.Client.Jar.SetCookies(u, rec.Result().Cookies())
	return v
}

// resetOf is a reset of an agent's factors that is under way, asked by the
// administrateur.
func (w *world) resetOf(agent string) string {
	w.t.Helper()
	ctx, id := context.Background(), w.idOf(agent)
	if q, found, err := w.d.store.ResetOf(ctx, id); err != nil || found {
		return q.ID
	}
	w.enrolled(id)
	r, err := w.d.store.AskReset(ctx, id, lostReason, aidant.Aidant{ID: w.idOf("sophie")}.Actor("proconnect:eidas1-mfa"))
	if err != nil {
		w.t.Fatal(err)
	}
	return r.ID
}

// TestResetOfAStranger: a référent of a structure that is no partner sees nothing of
// a reset; a partner's sees the reset and nothing else, until it is decided.
func TestResetOfAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	ctx := context.Background()
	id := w.admitted("brice", "france-services-ravine", "20999903600012", aidant.RoleReferent)
	brice := w.enter(visitor.New(t), id)
	reset := w.relais + "/structure/reinitialisations/" + w.resetOf("nadia")
	refused := func(n int) {
		t.Helper()
		for _, what := range []string{"/approuver", "/ecarter", "/retirer", "/code"} {
			brice.Post(reset+what, url.Values{}).MustStatus(n)
		}
	}
	before := w.count(journal.AccessRefuse)
	brice.Open(w.relais + "/structure/reinitialisations").MustNotSee("Nadia")
	brice.Open(reset).MustStatus(http.StatusNotFound)
	refused(http.StatusNotFound)
	if got := w.count(journal.AccessRefuse) - before; got != 5 {
		t.Errorf("%d refusals in the journal, want 5", got)
	}
	sophie := w.agent("sophie")
	sophie.Open(w.relais+"/administration/structures/ccas-valfictif").Choose("partenaire", "france-services-ravine").Submit("/partenaires").MustSee("Mettre fin au partenariat")
	brice.Open(w.relais + "/structure").MustSee("Une demande de réinitialisation attend votre décision.")
	brice.Open(w.relais+"/structure/reinitialisations").MustSee("Nadia Belkacem", "CCAS de Valfictif")
	brice.Open(reset).MustSee(lostReason, "Sophie")
	for _, path := range []string{"/structure/agents/" + w.idOf("nadia"), "/structure/agents/" + w.idOf("nadia") + "/reinitialiser"} {
		brice.Open(w.relais + path).MustStatus(http.StatusNotFound)
	}
	brice.Post(reset+"/retirer", url.Values{}).MustStatus(http.StatusForbidden)
	brice.Post(reset+"/code", url.Values{}).MustStatus(http.StatusForbidden)
	sophie.Open(w.relais + "/administration/structures/ccas-valfictif").Click("terminer-france-services-ravine").MustSee("n’a pas de partenaire")
	brice.Open(reset).MustStatus(http.StatusNotFound)
	sophie.Open(w.relais+"/administration/structures/france-services-ravine").Choose("partenaire", "ccas-valfictif").Submit("/partenaires")
	brice.Open(reset).Click("ecarter").MustBeAt("/structure/reinitialisations").MustSee("La demande est écartée")
	if _, found, err := w.d.store.ResetOf(ctx, w.idOf("nadia")); err != nil || found {
		t.Errorf("the reset goes on: %v", err)
	}
	w.checkJournal()
}

// doors meets the pages of how agents get in and back in.
func (a *album) doors() {
	w := a.w
	claire := a.agent("claire")
	claire.Open(w.relais + "/structure/inviter").Submit("/inviter").MustStatus(http.StatusUnprocessableEntity)
	code := a.invites(claire, "Léonie", "leonie.sans@ccas-valfictif.example")
	claire.Open(w.relais + "/structure/fiche").MustStatus(http.StatusNotFound)
	claire.Open(w.relais+"/structure").MustSee("Léonie Sansproconnect", "En attente")
	leonie := claire.Match(`"(/structure/agents/[a-z0-9]+)">Léonie`)
	claire.Open(w.relais + leonie).Click("annuler").MustSee("L’invitation est annulée")
	claire.Open(w.relais + leonie).Click("inviter").MustBeAt("/structure/fiche")
	newer := claire.Match(`id="code">([A-Z0-9-]+)<`)

	v := a.person("personne")
	v.Open(w.relais + "/invitation").Submit("/invitation").MustStatus(http.StatusUnprocessableEntity)
	v.Fill("code", code).Submit("/invitation").MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/invitation/vous").MustStatus(http.StatusConflict)
	v.Open(w.relais+"/invitation").Fill("code", strings.ToLower(strings.ReplaceAll(newer, "-", " "))).Submit("/invitation").MustBeAt("/invitation/vous").MustSee("Léonie", "CCAS de Valfictif")
	v.Click("non").MustSee("Ce code n’est pas pour vous")
	a.agent("nadia").Open(w.relais + "/invitation").MustSee("Quitter cette session")

	sophie := a.agent("sophie")
	sophie.Open(w.relais + "/administration/structures/departement-fictif/inviter").MustSee("Administrateur")
	a.invites(sophie, "Odile", "odile.sans@departement-fictif.example")
	sophie.Open(w.relais + "/administration/structures/ccas-valfictif").Submit("/partenaires").MustStatus(http.StatusUnprocessableEntity)
	sophie.Choose("partenaire", "france-services-ravine").Submit("/partenaires").MustSee("Mettre fin au partenariat")
	a.resets(claire, sophie)
}

// invites fills the form of a new agent, and returns the code on their sheet.
func (a *album) invites(v *visitor.Visitor, name, email string) string {
	a.t.Helper()
	home := "/structure/inviter"
	if strings.Contains(email, "departement") {
		home = "/administration/structures/departement-fictif/inviter"
	}
	v.Open(a.w.relais+home).Fill("prenom", name).Fill("nom", "Sansproconnect").Fill("courriel", email).Choose("roles", "aidant").Choose("acces", "code")
	v.Submit("/inviter").MustSee(name, "Ce code n’est montré qu’une fois")
	return v.Match(`id="code">([A-Z0-9-]+)<`)
}

// resets goes the way back in for an agent of a house whose second person is a
// partner's.
func (a *album) resets(claire, sophie *visitor.Visitor) {
	w := a.w
	julien := w.idOf("julien")
	w.enrolled(julien)
	sophie.Open(w.relais + "/administration/agents/" + julien + "/reinitialiser").MustSee("Motif")
	told := a.agent("julien")
	claire.Open(w.relais + "/structure/agents/" + julien).Click("reinitialiser").Submit("/reinitialiser").MustStatus(http.StatusUnprocessableEntity)
	claire.Fill("motif", lostReason).Submit("/reinitialiser").MustBeAt("/structure/reinitialisations/")
	reset := claire.Match(`action="/structure(/reinitialisations/[a-z0-9]+)/retirer"`)
	claire.Post(w.relais+"/structure"+reset+"/approuver", url.Values{}).MustStatus(http.StatusForbidden)
	told.Open(w.relais+"/mandats").MustSee("Claire Fontaine demande que ce qui vous sert à vous identifier soit réinitialisé.", "Voir la demande, ou la refuser")
	told.Open(w.relais + "/mandats").MustNotSee("Claire Fontaine demande")
	told.Open(w.relais + "/compte").MustSee("Quelqu’un demande que vos facteurs soient réinitialisés")
	brice := w.enter(a.person("brice"), w.admitted("brice", "france-services-ravine", "20999903600012", aidant.RoleReferent))
	brice.Open(w.relais + "/structure").Open(w.relais + "/structure/reinitialisations").Open(w.relais + "/structure" + reset).Click("approuver").MustSee("Vous avez approuvé")
	sophie.Open(w.relais + "/administration/reinitialisations").MustSee("Julien Marchand")
	sophie.Open(w.relais + "/administration" + reset).MustSee("France services de la Ravine-Fictive")
	claire.Open(w.relais + "/structure" + reset).Click("code").MustBeAt("/structure/fiche")
	code := claire.Match(`id="code">([A-Z0-9-]+)<`)
	v := a.person("julien, dehors")
	v.Open(w.relais+"/invitation").Fill("code", code).Submit("/invitation").MustSee("Claire Fontaine", "Brice Test", lostReason)
	v.Click("non").MustSee("La réinitialisation est refusée")
	claire.Open(w.relais + "/structure" + reset).MustSee("Refusée par l’agent")

	claire.Open(w.relais+"/structure/agents/"+julien+"/reinitialiser").Fill("motif", lostReason).Submit("/reinitialiser").MustBeAt("/structure/reinitialisations/")
	again := claire.Match(`action="/structure(/reinitialisations/[a-z0-9]+)/retirer"`)
	sophie.Open(w.relais + "/administration").MustSee("attend votre décision")
	sophie.Open(w.relais + "/administration" + again).Click("approuver")
	claire.Open(w.relais + "/structure" + again).Click("code")
	v.Open(w.relais+"/invitation").Fill("code", claire.Match(`id="code">([A-Z0-9-]+)<`)).Submit("/invitation").Click("oui").MustBeAt("/compte/facteurs")
}

// playDoors plays every decision on how agents get in and back in.
func (w *world) playDoors(claire, sophie *visitor.Visitor) {
	w.t.Helper()
	post := func(v *visitor.Visitor, path string, form url.Values) {
		w.t.Helper()
		if v.Post(w.relais+path, form); v.Status != http.StatusOK {
			w.t.Errorf("%s: %s", path, v.Describe())
		}
	}
	someone := visitor.New(w.t)
	typed := func(v *visitor.Visitor) {
		w.t.Helper()
		someone.Open(w.relais+"/invitation").Fill("code", v.Match(`id="code">([A-Z0-9-]+)<`)).Submit("/invitation").MustBeAt("/invitation/vous")
	}
	someone.Open(w.relais+"/invitation").Fill("code", "faux").Submit("/invitation").MustStatus(http.StatusUnprocessableEntity)
	julien := w.idOf("julien")
	w.enrolled(julien)
	reset := func(asker *visitor.Visitor, home string) (path string) {
		w.t.Helper()
		post(asker, home+"/agents/"+julien+"/reinitialiser", url.Values{"motif": {lostReason}})
		return "/reinitialisations/" + asker.Match(`action="`+home+`/reinitialisations/([a-z0-9]+)/retirer"`)
	}
	for _, side := range []struct {
		v, other     *visitor.Visitor
		home, across string
		invite       string
	}{{claire, sophie, "/structure", "/administration", "/structure/inviter"}, {sophie, claire, "/administration", "/structure", "/administration/structures/ccas-valfictif/inviter"}} {
		post(side.v, side.invite, url.Values{"prenom": {"Neuf"}, "nom": {"Agent"}, "courriel": {"neuf" + side.home[1:] + "@exemple.example"}, "roles": {"aidant"}, "acces": {"code"}})
		id := side.v.Match(`href="` + side.home + `/agents/([a-z0-9]+)"`)
		post(side.v, side.home+"/agents/"+id+"/inviter/annuler", nil)
		post(side.v, side.home+"/agents/"+id+"/inviter", nil)
		typed(side.v)
		someone.Click("oui").Post(w.relais+"/deconnexion", nil)
		post(side.v, side.home+reset(side.v, side.home)+"/retirer", nil)
		post(side.other, side.across+reset(side.v, side.home)+"/ecarter", nil)
		r := reset(side.v, side.home)
		post(side.other, side.across+r+"/approuver", nil)
		post(side.v, side.home+r+"/code", nil)
		typed(side.v)
		someone.Click("non").MustSee("La réinitialisation est refusée")
	}
	reset(claire, "/structure")
	w.agent("julien").Open(w.relais + "/compte").Click("refuser-reinitialisation").MustSee("La réinitialisation est refusée")
	for _, path := range []string{"", "/terminer"} {
		post(sophie, "/administration/structures/ccas-valfictif/partenaires"+path, url.Values{"partenaire": {"france-services-ravine"}})
	}
}

// TestAdminInviter: the operator's code lets the first administrateur in, once, and
// never somebody who is in already.
func TestAdminInviter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	id := w.admitted("premiere", "departement-fictif", "22999904000012", aidant.RoleAdministrateur)
	code, out := w.verb("admin", "inviter", "premiere@exemple.example")
	typed := regexp.MustCompile(`[0-9A-Z]{4}(-[0-9A-Z]{4}){3}`).FindString(out)
	if code != 0 || typed == "" || !strings.Contains(out, "Premiere Test") {
		t.Fatalf("%d %s", code, out)
	}
	v := visitor.New(t)
	v.Open(w.relais+"/invitation").Fill("code", typed).Submit("/invitation").MustSee("Premiere Test", "Département de la Fictive").Click("oui").MustBeAt("/compte/facteurs")
	v.Open(w.relais + "/administration").MustStatus(http.StatusForbidden) // an enrolment, and nothing else
	w.enrolled(id)
	for _, email := range []string{"premiere@exemple.example", "personne@exemple.example"} {
		if code, out := w.verb("admin", "inviter", email); code != 1 || regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}`).MatchString(out) {
			t.Errorf("%s: %d %s", email, code, out)
		}
	}
	w.checkJournal()
}

// TestDemoInvitesOneAgent: the demonstration's agent without ProConnect gets a new
// code at each start, until she has enrolled.
func TestDemoInvitesOneAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	seen := map[string]bool{}
	for range 2 {
		code, err := inviteFictional(t.Context(), w.d.store)
		if err != nil || code == "" || seen[code] {
			t.Fatalf("%q %v", code, err)
		}
		seen[code] = true
	}
	w.enrolled(outsideID)
	if code, err := inviteFictional(t.Context(), w.d.store); err != nil || code != "" {
		t.Errorf("%q %v", code, err)
	}
	var out strings.Builder
	w.d.greet(&out, "ABCD-EFGH-JKMN-PQRS")
	w.d.greet(&out, "")
	if !strings.Contains(out.String(), "/invitation et saisissez ABCD-EFGH-JKMN-PQRS") || !strings.Contains(out.String(), outsideEmail) {
		t.Error(out.String())
	}
}

// TestThrottleCodes: codes are typed a few times a minute from one address, on every
// instance, and no oftener.
func TestThrottleCodes(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine, func(c *config.Config) { c.Throttle = true })
			burst := debit.Invitation.Limit().Burst
			statuses := map[int]int{}
			for range burst + 10 {
				statuses[w.postForm(nil, "/invitation", url.Values{"code": {facteur.NewCode()}}).status]++
			}
			if statuses[http.StatusUnprocessableEntity] != burst || statuses[http.StatusTooManyRequests] != 10 {
				t.Errorf("statuses: %v", statuses)
			}
			w.agent("nadia").Open(w.relais + "/guichet").MustStatus(http.StatusOK)
			w.otherInstanceKnows(debit.Invitation)
		})
	}
}
