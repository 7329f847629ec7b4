package sandbox

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// TestServiceThroughRelais is the whole delegated login, reuse and logout.
func TestServiceThroughRelais(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.open(w.cfg.ServicesURL + "/").click("service-allocations").click("connexion-allocations").click("fi-relais")
	b.wants("Françoise Marie Martin", "vient de Relais")
	if strings.Contains(b.body, "extension-act") {
		t.Error("act announced to a service that did not ask")
	}
	b.click("continuer").wants(`id="identite"`, "1961-03-14")
	if strings.Contains(b.body, `id="acteur"`) {
		t.Error("actor shown to a service that did not ask")
	}
	checkHubRequest(t, w, []string{"Famille-Scolarité", "Social-Santé", "Logement"})

	b.open(w.cfg.ServicesURL + "/demarches").click("connexion-demarches").wants("extension-act")
	b.click("continuer").wants(`id="acteur"`, "aidant-1", "CCAS de Valfictif")
	b.open(w.cfg.ServicesURL + "/impots").click("connexion-impots").wants("Y600020")
	if w.relais.calls != 1 {
		t.Errorf("Relais was asked %d times, want once", w.relais.calls)
	}

	b.open(w.cfg.ServicesURL + "/allocations/espace").click("deconnexion")
	if b.url.Path != "/allocations" || b.status != 200 {
		t.Fatalf("after logout: %s (%d)\n%s", b.url, b.status, b.body)
	}
	out := w.relais.logout
	if len(out) != 4 || len(out.Get("state")) != 64 || out.Get("client_id") != w.cfg.HubAtRelais.ID || out.Get("id_token_hint") == "" ||
		out.Get("post_logout_redirect_uri") != w.cfg.HubURL+"/api/v2/client/logout-callback" {
		t.Errorf("end_session = %v", out)
	}
	b.click("connexion-allocations").wants(`id="fi-relais"`)
}

// checkHubRequest compares with protocols.md §1.2, complete list.
func checkHubRequest(t *testing.T, w *world, perimeter []string) {
	t.Helper()
	q := w.relais.authorize
	hex := regexp.MustCompile(`^[0-9a-f]{64}$`)
	fixed := map[string]string{"client_id": "franceconnect-fictif", "response_type": "code", "scope": "openid profile email birth",
		"redirect_uri": w.cfg.HubURL + "/api/v2/oidc-callback", "acr_values": "eidas1", "prompt": "login"}
	for name, value := range fixed {
		if q.Get(name) != value {
			t.Errorf("%s = %q, want %q", name, q.Get(name), value)
		}
	}
	if len(q) != len(fixed)+3 || !hex.MatchString(q.Get("state")) || !hex.MatchString(q.Get("nonce")) {
		t.Errorf("authorize = %v", q)
	}
	want, err := json.Marshal(map[string]any{"id_token": map[string]any{"rep_scope": map[string]any{"essential": true, "values": perimeter}}})
	if err != nil {
		t.Fatal(err)
	}
	if q.Get("claims") != string(want) {
		t.Errorf("claims = %s, want %s", q.Get("claims"), want)
	}
}

func TestEmptyPerimeterIsAnEmptyList(t *testing.T) {
	w := newWorld(t)
	newBrowser(t).open(w.cfg.ServicesURL + "/demarches").click("connexion-demarches").click("fi-relais").click("continuer")
	checkHubRequest(t, w, []string{})
}

func TestHubRefusesRelais(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		idToken, userinfo func(map[string]any)
		refuse, want      string
	}{
		"error on the callback": {refuse: "access_denied", want: "access_denied"},
		"issuer with a slash":   {idToken: func(c map[string]any) { c["iss"] = w.cfg.RelaisURL + "/" }, want: "Y020026"},
		"nonce":                 {idToken: func(c map[string]any) { c["nonce"] = "x" }, want: "Y020026"},
		"acr shape":             {idToken: func(c map[string]any) { c["acr"] = "eidas1-mfa" }, want: "Y020030"},
		"acr level":             {idToken: func(c map[string]any) { c["acr"] = "eidas2" }, want: "Y100018"},
		"perimeter":             {idToken: func(c map[string]any) { c["rep_scope"] = []string{"Justice"} }, want: "Y600020"},
		"perimeter as text":     {idToken: func(c map[string]any) { c["rep_scope"] = "Logement" }, want: "Y000000"},
		"userinfo without sub":  {userinfo: func(c map[string]any) { delete(c, "sub") }, want: "Y020029"},
		"no e-mail":             {userinfo: func(c map[string]any) { delete(c, "email") }, want: "Y600006"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.relais.idToken, w.relais.userinfo, w.relais.refuse = tt.idToken, tt.userinfo, tt.refuse
			b := newBrowser(t).open(w.cfg.ServicesURL + "/allocations").click("connexion-allocations").click("fi-relais")
			b.wants(`<code id="code-erreur">` + tt.want)
			b.click("autre-choix").click("fi-impots").click("usager-diallo").click("continuer").wants("Aminata")
		})
	}
}

func TestHubCallbackState(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t).open(w.cfg.ServicesURL + "/allocations").click("connexion-allocations").click("fi-relais")
	callback := w.cfg.HubURL + "/api/v2/oidc-callback?"
	spent := url.Values{"state": {w.relais.authorize.Get("state")}, "code": {"un-code"}}
	for raw, want := range map[string]string{"code=x": "Y020021", "code=x&state=faux": "Y020022", spent.Encode(): "Y020022"} {
		b.open(callback + raw).wants(want)
	}
	newBrowser(t).open(callback + spent.Encode()).wants("Y190001")
	w.relais.mu.Lock()
	w.relais.key = ecKey(t, "k2")
	w.relais.mu.Unlock()
	w.clock.advance(31 * time.Minute)
	b.open(w.cfg.ServicesURL + "/allocations").click("connexion-allocations").click("fi-relais").wants("vient de Relais")
}

func TestServiceRefusals(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t).open(w.cfg.ServicesURL + "/impots").click("connexion-impots").click("annuler")
	b.wants("access_denied")
	b.open(w.cfg.ServicesURL + "/impots/retour?code=x&state=faux").wants("state inconnu")
	b.open(w.cfg.ServicesURL + "/impots/deconnecte?state=faux").wants("state inconnu")
	if b.open(w.cfg.ServicesURL + "/impots/espace"); b.url.Path != "/impots" {
		t.Errorf("space without a session: %s", b.url)
	}
}

// TestEveryPage holds each kind of page to the rules a reader and axe rely on.
func TestEveryPage(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	steps := []func(){
		func() { b.open(w.cfg.ServicesURL + "/") }, func() { b.open(w.cfg.AgentsURL + "/") }, func() { b.open(w.cfg.HubURL + "/") },
		func() { b.open(w.cfg.HubURL + "/rien") }, func() { b.open(w.agentQuery(url.Values{"login_hint": {Agents()[0].Email}})) },
		func() { b.open(w.cfg.ServicesURL + "/demarches") }, func() { b.click("connexion-demarches") },
		func() { b.click("fi-impots") }, func() { b.click("usager-hauteville") }, func() { b.click("continuer") },
		func() { b.open(w.hubQuery(url.Values{"state": nil})) }, func() { b.open(w.cfg.ServicesURL + "/impots/retour") },
	}
	for _, step := range steps {
		step()
		count := map[string]int{}
		var ids []string
		walk(b.doc, func(n *html.Node) {
			count[n.Data]++
			if id := attr(n, "id"); id != "" {
				ids = append(ids, id)
			}
			if n.Data == "button" && (attr(n, "id") == "" || attr(n, "name") == "") {
				t.Errorf("%s: a button without id or name", b.url)
			}
		})
		if count["h1"] != 1 || count["main"] != 1 || count["script"] != 0 || count["style"] != 0 {
			t.Errorf("%s: %v", b.url, count)
		}
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%s: repeated id in %v", b.url, ids)
		}
		b.wants(`<html lang="fr">`, "Démonstration – service fictif", "<title>")
	}
	b.open(w.cfg.HubURL + "/style.css").wants("--teinte")
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}
