package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The modules of oidcc-basic-certification-test-plan, in docs/conformance.md's
// order.

func TestBasicOPServer(t *testing.T) {
	r := newHouse(t).rp("suite")
	l := r.login(r.request())
	if l.Type != "Bearer" || l.ExpiresIn <= 0 || l.Refresh != "" || l.claims["iss"] != r.url || l.claims["aud"] != "suite" {
		t.Errorf("login = %+v", l)
	}
	for _, name := range []string{"sub", "exp", "iat", "auth_time"} {
		if l.claims[name] == nil {
			t.Errorf("id_token lacks %s", name)
		}
	}
	if len(l.info) != 1 {
		t.Errorf("scope openid alone gave %v", l.info)
	}
}

func TestBasicOPResponseTypeMissing(t *testing.T) {
	r := newHouse(t).rp("suite")
	if back, _ := r.send(r.request("response_type", "")); back.Get("error") != "invalid_request" || back.Get("state") == "" {
		t.Errorf("way back = %v", back)
	}
}

func TestBasicOPIDTokenSignature(t *testing.T) {
	r := newHouse(t).rp("suite")
	l := r.login(r.request())
	var head struct{ Alg, Kid string }
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(l.IDToken, ".")[0])
	if err != nil || json.Unmarshal(text, &head) != nil {
		t.Fatal(err)
	}
	key := r.published().Key(head.Kid)
	if head.Alg != "RS256" || len(key) != 1 || key[0].Algorithm != "RS256" || key[0].Use != "sig" {
		t.Errorf("head = %+v, keys of that kid %d", head, len(key))
	}
}

// TestBasicOPUnsigned: none is neither announced nor accepted at registration,
// for id_tokens as for request objects.
func TestBasicOPUnsigned(t *testing.T) {
	doc := newHouse(t).discovery()
	for _, name := range []string{"id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported"} {
		list, _ := doc[name].([]any)
		for _, alg := range list {
			if alg == "none" {
				t.Errorf("%s offers none", name)
			}
		}
	}
	if doc["request_object_signing_alg_values_supported"] != nil {
		t.Error("request objects are announced")
	}
}

func (h *house) discovery() map[string]any {
	h.t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(h.browser().get("/.well-known/openid-configuration").body), &doc); err != nil {
		h.t.Fatal(err)
	}
	return doc
}

func TestBasicOPUserinfo(t *testing.T) {
	r := newHouse(t).rp("suite")
	l := r.login(r.request("scope", "openid profile"))
	header := func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+l.Access) }
	for name, resp := range map[string]response{
		"get":         r.userinfo(l.Access),
		"post header": r.b.post("/userinfo", nil, header),
		"post body":   r.b.post("/userinfo", url.Values{"access_token": {l.Access}}),
	} {
		var info map[string]any
		if resp.status != 200 || resp.header.Get("Content-Type") != "application/json" || json.Unmarshal([]byte(resp.body), &info) != nil || info["family_name"] != "Le Goff" {
			t.Errorf("%s = %+v", name, resp)
		}
	}
}

func TestBasicOPWithoutNonce(t *testing.T) {
	r := newHouse(t).rp("suite")
	if l := r.login(r.request("nonce", "")); l.claims["nonce"] != nil {
		t.Errorf("a nonce from nowhere: %v", l.claims)
	}
}

// TestBasicOPScopes: what a scope gives, at userinfo and never in the id_token.
// The pivot holds neither address nor telephone: both scopes are taken and give
// nothing.
func TestBasicOPScopes(t *testing.T) {
	profile := []string{"name", "given_name", "family_name", "preferred_username", "gender", "birthdate"}
	for scope, want := range map[string][]string{
		"openid profile":                     profile,
		"openid email":                       {"email"},
		"openid address":                     nil,
		"openid phone":                       nil,
		"openid profile email address phone": append(append([]string{}, profile...), "email"),
	} {
		h := newHouse(t)
		h.choice.Usager.Telephone = "+33612345678"
		r := h.rp("suite")
		l := r.login(r.request("scope", scope))
		for _, name := range want {
			if l.info[name] == nil {
				t.Errorf("%s lacks %s", scope, name)
			}
			if l.claims[name] != nil {
				t.Errorf("%s: the id_token holds %s", scope, name)
			}
		}
		if len(l.info) != len(want)+1 {
			t.Errorf("%s gave %v", scope, l.info)
		}
	}
	h := newHouse(t)
	h.choice.Usager.EmailSafe = false
	r := h.rp("suite")
	if l := r.login(r.request("scope", "openid email")); l.info["email"] != nil {
		t.Error("an address that is not the usager's own was given to a service")
	}
}

func TestBasicOPAlternateHappyFlow(t *testing.T) {
	r := newHouse(t).rp("suite")
	v := r.request()
	query := "nonce=nonce-1&state=" + url.QueryEscape(v.Get("state")) + "&redirect_uri=" + url.QueryEscape(suiteBack) +
		"&scope=email+openid&response_type=code&client_id=suite"
	back, id := r.arrived(r.b.get("/authorize?" + query))
	r.finish(v, back, id)
}

// TestBasicOPTaken: what may be asked for and changes nothing is no error.
func TestBasicOPTaken(t *testing.T) {
	for name, change := range map[string][]string{
		"display-page":      {"display", "page"},
		"display-popup":     {"display", "popup"},
		"unknown-parameter": {"extra", "foobar"},
		"login-hint":        {"login_hint", "jeanne@example.fr"},
		"ui-locales":        {"ui_locales", "se"},
		"claims-locales":    {"claims_locales", "se"},
	} {
		r := newHouse(t).rp("suite")
		if l := r.login(r.request(change...)); !l.asked {
			t.Errorf("%s: nobody chose", name)
		}
	}
}

func at(l login) int64 {
	n, _ := l.claims["auth_time"].(float64)
	return int64(n)
}

func TestBasicOPPromptLogin(t *testing.T) {
	r := newHouse(t).rp("suite")
	first := r.login(r.request())
	r.later(2 * time.Second)
	second := r.login(r.request("prompt", "login"))
	if !second.asked || at(second) <= at(first) {
		t.Errorf("asked again %v, auth_time %d then %d", second.asked, at(first), at(second))
	}
}

func TestBasicOPPromptNoneNotLoggedIn(t *testing.T) {
	r := newHouse(t).rp("suite")
	back, _ := r.send(r.request("prompt", "none"))
	if back.Get("error") != "login_required" || back.Get("state") == "" || back.Get("iss") != r.url {
		t.Errorf("way back = %v", back)
	}
}

func TestBasicOPPromptNoneLoggedIn(t *testing.T) {
	r := newHouse(t).rp("suite")
	first := r.login(r.request())
	r.later(2 * time.Second)
	second := r.login(r.request("prompt", "none", "nonce", "nonce-2"))
	if second.asked || second.claims["sub"] != first.claims["sub"] || at(second) != at(first) || second.claims["sid"] == first.claims["sid"] {
		t.Errorf("first %v, second %v", first.claims, second.claims)
	}
	if n := strings.Count(r.l.reasons(), "delegation.use:"); n != 1 {
		t.Errorf("%d use entries of the silent answer, want 1: %s", n, r.l.reasons())
	}
}

func TestBasicOPMaxAge1(t *testing.T) {
	r := newHouse(t).rp("suite")
	first := r.login(r.request())
	r.later(2 * time.Second)
	second := r.login(r.request("max_age", "1"))
	if !second.asked || at(second) <= at(first) {
		t.Errorf("asked again %v, auth_time %d then %d", second.asked, at(first), at(second))
	}
	if zero := r.login(r.request("max_age", "0")); !zero.asked {
		t.Error("max_age=0 was answered by an old choice")
	}
}

func TestBasicOPMaxAge10000(t *testing.T) {
	r := newHouse(t).rp("suite")
	first := r.login(r.request())
	r.later(2 * time.Second)
	second := r.login(r.request("max_age", "10000"))
	if second.asked || at(second) != at(first) {
		t.Errorf("asked again %v, auth_time %d then %d", second.asked, at(first), at(second))
	}
}

func TestBasicOPIDTokenHint(t *testing.T) {
	r := newHouse(t).rp("suite")
	first := r.login(r.request())
	second := r.login(r.request("prompt", "none", "id_token_hint", first.IDToken))
	if second.asked || second.claims["sub"] != first.claims["sub"] {
		t.Errorf("second = %+v", second.claims)
	}
}

func TestBasicOPACRValues(t *testing.T) {
	r := newHouse(t).rp("suite")
	if l := r.login(r.request("acr_values", "1 2 eidas3")); l.claims["acr"] != "eidas1" {
		t.Errorf("acr = %v", l.claims["acr"])
	}
}

func TestBasicOPCodeReuse(t *testing.T) {
	for _, wait := range []time.Duration{0, 30 * time.Second} {
		r := newHouse(t).rp("suite")
		l := r.login(r.request())
		r.later(wait)
		if tk, resp := r.redeem(l.code); resp.status != 400 || tk.Error != "invalid_grant" {
			t.Errorf("after %v = %+v", wait, resp)
		}
		if got := r.userinfo(l.Access); got.status != 401 {
			t.Errorf("after %v the first token lives: %+v", wait, got)
		}
	}
}

func TestBasicOPRegisteredRedirectURI(t *testing.T) {
	r := newHouse(t).rp("suite")
	resp := r.b.get("/authorize?" + r.request("redirect_uri", suiteBack+"/other").Encode())
	if resp.status != 400 || resp.header.Get("Location") != "" || !strings.Contains(resp.body, "adresse de retour") {
		t.Errorf("authorize = %+v", resp)
	}
}

// TestBasicOPPost: a form of another site, with which no cookie travels. The
// request comes back as a GET, and then the aidant's choice is found.
func TestBasicOPPost(t *testing.T) {
	r := newHouse(t).rp("suite")
	for _, asked := range []bool{true, false} {
		v := r.request()
		resp := r.house.browser().post("/authorize", v)
		to := resp.header.Get("Location")
		if resp.status != http.StatusSeeOther || !strings.HasPrefix(to, "/authorize?") || len(resp.header.Values("Set-Cookie")) != 0 {
			t.Fatalf("POST = %+v", resp)
		}
		back, id := r.arrived(r.b.get(to))
		if l := r.finish(v, back, id); l.asked != asked {
			t.Errorf("asked = %v", l.asked)
		}
	}
	if resp := r.b.post("/authorize", r.request("redirect_uri", "https://evil.example/")); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("POST with a bad redirect_uri = %+v", resp)
	}
}

func TestBasicOPSecretPost(t *testing.T) {
	r := newHouse(t).rp("suite-post")
	r.login(r.request())
}

func TestBasicOPRequestObjects(t *testing.T) {
	r := newHouse(t).rp("suite")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"redirect_uri":"https://evil.example/"}`)) + "."
	for name, want := range map[string]string{"request": "request_not_supported", "request_uri": "request_uri_not_supported"} {
		value := none
		if name == "request_uri" {
			value = "https://suite.example/request.jwt"
		}
		if back, _ := r.send(r.request(name, value)); back.Get("error") != want || back.Get("state") == "" {
			t.Errorf("%s: %v", name, back)
		}
	}
	doc := r.discovery()
	if doc["request_parameter_supported"] != false || doc["request_uri_parameter_supported"] != false {
		t.Error("discovery announces request objects")
	}
}

func TestBasicOPClaimsEssential(t *testing.T) {
	r := newHouse(t).rp("suite")
	l := r.login(r.request("claims", `{"userinfo":{"name":{"essential":true},"birthplace":null,"picture":{"essential":true}}}`))
	if l.info["name"] != "Jeanne Marie Petit" || l.info["birthplace"] != "2A004" || l.info["family_name"] != nil || l.info["picture"] != nil {
		t.Errorf("userinfo = %v", l.info)
	}
}

func TestBasicOPRefreshToken(t *testing.T) {
	r := newHouse(t).rp("suite")
	if l := r.login(r.request("scope", "openid offline_access")); l.Refresh != "" {
		t.Error("a refresh token")
	}
	tk, resp := r.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, basic("suite", url.QueryEscape(secret)))
	if resp.status != 400 || tk.Error != "unsupported_grant_type" {
		t.Errorf("refresh = %+v", resp)
	}
}

func TestBasicOPPKCE(t *testing.T) {
	r := newHouse(t).rp("suite")
	v := r.request("code_challenge", serviceRequest().Get("code_challenge"), "code_challenge_method", "S256")
	_, id := r.send(v)
	form := url.Values{"grant_type": {"authorization_code"}, "code": {r.choose(id).Get("code")}, "redirect_uri": {suiteBack}, "code_verifier": {verifier}}
	if _, resp := r.token(form, basic("suite", url.QueryEscape(secret))); resp.status != 200 {
		t.Errorf("token = %+v", resp)
	}
	_, id = r.send(with(v, "prompt", "login"))
	if tk, _ := r.redeem(r.choose(id).Get("code")); tk.Error != "invalid_grant" {
		t.Errorf("without the verifier = %+v", tk)
	}
}

// TestConfigOP is oidcc-discovery-endpoint-verification.
func TestConfigOP(t *testing.T) {
	h := newHouse(t)
	doc := h.discovery()
	if doc["issuer"] != h.url {
		t.Errorf("issuer = %v", doc["issuer"])
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"} {
		if s, _ := doc[name].(string); !strings.HasPrefix(s, h.url+"/") {
			t.Errorf("%s = %v", name, doc[name])
		}
	}
	for name, want := range map[string]string{
		"response_types_supported": "code", "subject_types_supported": "pairwise", "scopes_supported": "openid",
		"id_token_signing_alg_values_supported": "RS256", "grant_types_supported": "authorization_code",
		"token_endpoint_auth_methods_supported": "client_secret_basic", "claims_supported": "sub",
	} {
		list, _ := doc[name].([]any)
		found := false
		for _, v := range list {
			found = found || v == want
		}
		if !found {
			t.Errorf("%s = %v lacks %s", name, doc[name], want)
		}
	}
	for _, k := range h.published().Keys {
		if !k.IsPublic() || k.KeyID == "" || k.Use != "sig" || k.Algorithm == "" {
			t.Errorf("key %+v", k)
		}
	}
}
