package sandbox

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// hubQuery is Relais asking the hub for an usager.
func (w *world) hubQuery(edit url.Values) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {w.cfg.FranceConnect.ID}, "redirect_uri": {w.cfg.RelaisURL + "/identification/retour"},
		"scope": {"openid identite_pivot preferred_username email idp_id idp_birthdate inconnu"}, "acr_values": {"eidas1"},
		"state": {"etat"}, "nonce": {strings.Repeat("n", 22)},
	}
	for name, values := range edit {
		if values == nil {
			q.Del(name)
			continue
		}
		q[name] = values
	}
	return w.cfg.HubURL + "/api/v2/authorize?" + q.Encode()
}

func (w *world) hubToken(t *testing.T, code string) (int, map[string]any) {
	return post(t, w.cfg.HubURL+"/api/v2/token", url.Values{"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {w.cfg.RelaisURL + "/identification/retour"}, "client_id": {w.cfg.FranceConnect.ID}, "client_secret": {w.cfg.FranceConnect.Secret}})
}

func TestHubAuthorizeRefusals(t *testing.T) {
	w := newWorld(t)
	pages := map[string]struct {
		edit url.Values
		want string
	}{
		"PKCE":             {url.Values{"code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"}}, "Y030007"},
		"login_hint":       {url.Values{"login_hint": {"x"}}, "Y030007"},
		"max_age":          {url.Values{"max_age": {"1"}}, "Y030007"},
		"prompt=none":      {url.Values{"prompt": {"none"}}, "Y030007"},
		"no acr_values":    {url.Values{"acr_values": nil}, "Y030007"},
		"no nonce":         {url.Values{"nonce": nil}, "Y030007"},
		"nonce of 21":      {url.Values{"nonce": {strings.Repeat("n", 21)}}, "Y030007"},
		"no state":         {url.Values{"state": nil}, "Y030007"},
		"repeated state":   {url.Values{"state": {"a", "b"}}, "Y030007"},
		"bad redirect_uri": {url.Values{"redirect_uri": {"https://ailleurs.example"}}, "Y04C013"},
		"unknown client":   {url.Values{"client_id": {"x"}}, "Y04EA6E"},
		"eidas2":           {url.Values{"acr_values": {"eidas2"}}, "Y100018"},
		"amr not granted": {url.Values{"client_id": {"impots-fictif"}, "redirect_uri": {w.cfg.ServicesURL + "/impots/retour"}, "scope": {"openid"},
			"claims": {`{"id_token":{"amr":{"essential":true}}}`}}, "Y100009"},
	}
	for name, tt := range pages {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t).open(w.hubQuery(tt.edit))
			if b.status != 400 {
				t.Errorf("status %d", b.status)
			}
			b.wants(`<code id="code-erreur">` + tt.want)
		})
	}
	for want, edit := range map[string]url.Values{
		"invalid_scope": {"scope": {"openid dgfip_rfr"}}, "invalid_idp_hint": {"idp_hint": {"x"}},
		"unsupported_response_type": {"response_type": {"token"}}, "invalid_request": {"claims": {"{"}},
	} {
		b := newBrowser(t).open(w.hubQuery(edit))
		if q := b.url.Query(); q.Get("error") != want || q.Get("state") != "etat" || q.Get("iss") == "" {
			t.Errorf("%v: %s, want %s", edit, b.url, want)
		}
	}
}

// TestHubTowardsRelaisAsService is an usager identifying at the hub.
func TestHubTowardsRelaisAsService(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.open(w.hubQuery(url.Values{"prompt": {"login"}, "claims": {`{"id_token":{"amr":{"essential":true}}}`}}))
	b.wants(`id="fi-relais"`, `id="fi-ameli"`)
	b.click("fi-impots").click("usager-haddad").wants("Yamina Haddad")
	b.click("continuer")
	if q := b.url.Query(); q.Get("state") != "etat" || q.Get("iss") != w.cfg.HubURL+"/api/v2" {
		t.Fatalf("back at %s", b.url)
	}
	status, answer := w.hubToken(t, b.url.Query().Get("code"))
	if status != 200 || answer["expires_in"] != 60.0 {
		t.Fatalf("token = %d %v", status, answer)
	}
	access := answer["access_token"].(string)
	_, info := userinfo(t, w.cfg.HubURL+"/api/v2", w.cfg.FranceConnect.ID, access, w.clock.now())
	for name, value := range map[string]string{"birthdate": "1948-01-01", "idp_birthdate": "1948-00-00", "idp_id": impotsIDP, "birthcountry": "99352", "birthplace": ""} {
		if info[name] != value {
			t.Errorf("userinfo %s = %v, want %q", name, info[name], value)
		}
	}
	if sub, _ := info["sub"].(string); len(sub) != 66 || !strings.HasSuffix(sub, "v1") {
		t.Errorf("sub = %v", info["sub"])
	}
	w.clock.advance(time.Minute)
	if status, _ := userinfo(t, w.cfg.HubURL+"/api/v2", w.cfg.FranceConnect.ID, access, w.clock.now()); status != 401 {
		t.Errorf("userinfo after 60 s = %d", status)
	}
	end := w.cfg.HubURL + "/api/v2/session/end?"
	q := url.Values{"id_token_hint": {answer["id_token"].(string)}, "state": {"fin"}, "post_logout_redirect_uri": {w.cfg.RelaisURL + "/identification/deconnecte"}}
	b.open(end + "state=fin").wants("Y030007")
	if b.open(end + q.Encode()); b.url.Path != "/identification/deconnecte" || b.url.Query().Get("state") != "fin" {
		t.Errorf("logout with an expired hint: %s", b.url)
	}
	if b.open(w.hubQuery(nil)); !strings.Contains(b.body, "fi-impots") {
		t.Error("identity still in session after the logout")
	}
}

func TestHubCodeAndRevocation(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	b.open(w.hubQuery(nil)).click("fi-ameli").click("usager-colonna").click("continuer")
	late := b.url.Query().Get("code")
	w.clock.advance(30 * time.Second)
	if status, _ := w.hubToken(t, late); status != 400 {
		t.Errorf("after 30 s = %d", status)
	}
	b.open(w.hubQuery(nil)).click("continuer") // the hub's session answers
	_, answer := w.hubToken(t, b.url.Query().Get("code"))
	access, _ := answer["access_token"].(string)
	status, _ := post(t, w.cfg.HubURL+"/api/v2/token/revocation", url.Values{"token": {access}, "client_id": {w.cfg.FranceConnect.ID}, "client_secret": {w.cfg.FranceConnect.Secret}})
	if after, _ := userinfo(t, w.cfg.HubURL+"/api/v2", w.cfg.FranceConnect.ID, access, w.clock.now()); status != 200 || after != 401 {
		t.Errorf("revocation = %d, then userinfo = %d", status, after)
	}
	b.open(w.hubQuery(url.Values{"prompt": {"login"}})).click("fi-ameli").click("annuler")
	if b.url.Query().Get("error") != "access_denied" {
		t.Errorf("cancel: %s", b.url)
	}
	w.clock.advance(30 * time.Minute)
	if b.open(w.hubQuery(nil)); !strings.Contains(b.body, "fi-impots") {
		t.Error("session lives beyond 30 minutes")
	}
}

func TestPairwiseSub(t *testing.T) {
	who := identity{idp: impotsIDP, claims: Usagers()[0].claims()}
	same := identity{idp: relaisIDP, idToken: "x", claims: Usagers()[0].claims()}
	if who.sub("a") != same.sub("a") {
		t.Error("sub depends on the provider")
	}
	if who.sub("a") == who.sub("b") || who.sub("a") == (identity{claims: Usagers()[1].claims()}).sub("a") {
		t.Error("sub is shared")
	}
}

func TestInteractionIsOfItsBrowser(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t).open(w.hubQuery(nil))
	newBrowser(t).open(b.url.String()).wants("Y190001")
	resp, err := b.client.Post(w.cfg.HubURL+"/api/v2/authorize", "application/x-www-form-urlencoded",
		strings.NewReader(strings.SplitN(w.hubQuery(nil), "?", 2)[1]))
	if b.show(resp, err); !strings.Contains(b.url.Path, "/interaction/") {
		t.Errorf("POST authorize: %s", b.url)
	}
}

func TestMemoryDropsWhatExpired(t *testing.T) {
	c := &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	table := newTable[int](c.now, time.Minute)
	table.put("a", 1)
	c.advance(2 * time.Minute)
	table.put("b", 2)
	if _, ok := table.rows["a"]; ok || len(table.rows) != 1 {
		t.Errorf("rows = %v", table.rows)
	}
	if _, ok := table.take("b"); !ok {
		t.Error("take lost a live row")
	}
	if table.update("b", func(*int) {}) {
		t.Error("update found a taken row")
	}
}

func TestConfigFaultsTogether(t *testing.T) {
	_, err := New(Config{RelaisURL: "http://localhost:8080/", IDTokenAlg: "none"})
	for _, part := range []string{"RelaisURL", "HubURL", "ProConnect", "HubAtRelais", "IDTokenAlg"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %s", err, part)
		}
	}
	if secrets := DefaultConfig(); slices.ContainsFunc([]string{secrets.ProConnect.Secret, secrets.FranceConnect.Secret, secrets.HubAtRelais.Secret},
		func(s string) bool { return len(s) < minSecret || !alphanumeric.MatchString(s) }) {
		t.Error("a default secret is too short or not alphanumeric")
	}
}
