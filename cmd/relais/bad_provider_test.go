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

// TestAgentsProviderDown: ProConnect does not answer when the aidant takes the
// screen back, before and after they identified. What the usager signed stands, the
// page says so and what to do, and the same screen goes on afterwards.
func TestAgentsProviderDown(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	nadia.Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer")
	nadia.MustBeAt("/tour/identite").Click("oui").MustBeAt("/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	given := w.mandatOf("nadia", id).Signature.GivenAt
	stands := func() {
		t.Helper()
		m := w.mandatOf("nadia", id)
		if m.State != mandat.Brouillon || !m.Signature.GivenAt.Equal(given) {
			t.Errorf("what was given did not stand: %s, %+v", m.State, m.Signature)
		}
		nadia.MustStatus(http.StatusServiceUnavailable).MustSee("ne répond pas", "Ce que l’usager a signé est conservé", "Laissez cet écran ouvert")
		nadia.Open(w.relais + "/guichet").MustStatus(http.StatusForbidden)
		nadia.Open(w.relais + "/tour/fin").MustSee("Vous avez donné mandat")
		w.checkJournal()
	}
	w.agents.stand(hangUp("/api/v2/"))
	nadia.Submit("/tour/reprendre")
	stands()
	w.agents.stand(nil)
	for _, path := range []string{"/api/v2/token", "/api/v2/userinfo"} {
		w.waitForAgents(nadia)
		w.agents.stand(hangUp(path))
		nadia.Click("agent-nadia")
		stands()
		w.agents.stand(nil)
	}
	w.waitForAgents(nadia)
	nadia.Click("agent-nadia").MustBeAt("/mandats/" + id + "/acceptation").Submit("/acceptation").MustBeAt("/mandats/" + id)
	if m := w.mandatOf("nadia", id); m.State != mandat.Actif {
		t.Errorf("the mandat is %s", m.State)
	}
}

// waitForAgents begins to take the screen back, once Relais asks its provider again.
func (w *world) waitForAgents(v *visitor.Visitor) {
	w.t.Helper()
	for range 100 {
		if v.Open(w.relais + "/tour/fin").Submit("/tour/reprendre"); v.Has("agent-nadia") {
			return
		}
		pause()
	}
	w.t.Fatalf("the provider is back and Relais does not ask it:\n%s", v.Describe())
}

// TestAgentsProviderDownAtLogin: nobody is let in, the page says what happened, and
// the same browser comes in afterwards.
func TestAgentsProviderDownAtLogin(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := visitor.New(t)
	w.harmless(func() {
		w.agents.stand(hangUp("/api/v2/token"))
		w.signIn(v, "nadia")
		v.MustStatus(http.StatusServiceUnavailable).MustSee("ne répond pas", "Réessayez")
		w.agents.stand(nil)
	}, "session.refuse/fournisseur_injoignable")
	v.Open(w.relais + "/connexion").Submit("/connexion").MustBeAt("/guichet") // her provider still knows her
}

// TestPlatformRefusals: a code of the platform's is explained and shown small, and
// its own words never are; the draft survives.
func TestPlatformRefusals(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	for code, says := range map[string]string{
		"Y010008": "nom de naissance", "Y600007": "dernière page de FranceConnect", "Y777777": "n’est pas dans la liste", "": "mal réglé",
	} {
		nadia.Open(w.relais + "/tour").Click("identifier")
		back, err := url.Parse(w.away(nadia, "annuler"))
		if err != nil {
			t.Fatal(err)
		}
		q := back.Query()
		q.Set("error", "invalid_request")
		q.Set("error_description", "<b>appelez le 0899</b> "+code)
		back.RawQuery = q.Encode()
		nadia.Open(back.String()).MustSee(says, "Rien n’a été enregistré").MustNotSee("0899")
		if want := code; strings.Contains(nadia.Body, "<b>appelez") || (want != "" && nadia.TextOf("reference") != want) || (want == "" && nadia.TextOf("reference") != "invalid_request") {
			t.Errorf("%q: code %q", code, nadia.TextOf("reference"))
		}
		w.survives(before, "nadia")
	}
	w.finish(nadia, id, "nadia", "perrin")
}

// TestCodesPage explains a code that a page of FranceConnect shows, without ever
// repeating what was typed.
func TestCodesPage(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := visitor.New(t)
	v.Open(w.relais+"/aide/codes").Fill("code", "y 600 020").Submit("/aide/codes").MustSee("Y600020 : Ce service n’est pas couvert par le domaine choisi")
	v.Open(w.relais + "/aide/codes?code=" + url.QueryEscape(`"><script>alert(1)</script>`)).MustStatus(http.StatusOK).MustSee("Ce code n’est pas dans la liste")
	if strings.Contains(v.Body, "alert(1)") {
		t.Error("what was typed came back")
	}
	v.Open(w.relais + "/aide").MustSee("Un code d’erreur de FranceConnect")
}

// TestHubDownAtLogout: FranceConnect stops answering while the browser is on its way
// to log out there. Whoever comes back to the screen is warned that it may be open,
// told what became of the identification, and goes on.
func TestHubDownAtLogout(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	stranded := func(usager string) {
		t.Helper()
		nadia.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-" + usager)
		back, err := url.Parse(w.away(nadia, "continuer"))
		if err != nil {
			t.Fatal(err)
		}
		w.hub.stand(hangUp("/api/v2/session/end"))
		if a := w.send(nadia, http.MethodGet, back.RequestURI(), "", nil); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), w.d.conf.HubURL) {
			t.Fatalf("after the identification: %d %s", a.status, a.header.Get("Location"))
		}
		w.hub.stand(nil)
	}
	stranded("garnier") // a minor
	nadia.Open(w.relais + "/tour").MustSee("Il faut avoir 18 ans").MustNotSee("Garnier")
	w.survives(before, "nadia")
	stranded("perrin")
	nadia.Open(w.relais+"/tour").MustBeAt("/tour/identite").MustSee("FranceConnect n’a pas pu être fermé", "Perrin")
	nadia.Open(w.relais + "/tour").MustBeAt("/tour/identite").MustNotSee("FranceConnect n’a pas pu être fermé") // said once
	nadia.Click("oui").MustBeAt("/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	w.takeBack(nadia, "nadia")
	nadia.MustBeAt("/mandats/" + id + "/acceptation")
}
