package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/provider"
)

// The modules of fapi2-security-profile-final-test-plan for private_key_jwt, DPoP
// and OpenID Connect, in docs/conformance.md's order: here the pushed request and
// what the browser brings.

// withoutNonce is the strict client as the suite registers it.
func withoutNonce(o *provider.Options) {
	for i := range o.Clients {
		o.Clients[i].NonceRequired = false
	}
}

func TestFAPI2Discovery(t *testing.T) {
	s := newStrict(t)
	doc := s.discovery()
	for name, want := range map[string]string{
		"pushed_authorization_request_endpoint": s.url + "/par", "token_endpoint": s.url + "/token", "authorization_endpoint": s.url + "/authorize", "jwks_uri": s.url + "/jwks",
	} {
		if doc[name] != want {
			t.Errorf("%s = %v", name, doc[name])
		}
	}
	for name, want := range map[string]string{
		"token_endpoint_auth_methods_supported": "private_key_jwt", "token_endpoint_auth_signing_alg_values_supported": "ES256", "dpop_signing_alg_values_supported": "ES256",
		"code_challenge_methods_supported": "S256", "grant_types_supported": "authorization_code", "response_types_supported": "code",
	} {
		list, _ := doc[name].([]any)
		if !slices.Contains(list, any(want)) {
			t.Errorf("%s = %v", name, list)
		}
	}
	if doc["authorization_response_iss_parameter_supported"] != true {
		t.Error("iss is not announced")
	}
}

func TestFAPI2UserRejects(t *testing.T) {
	s := newStrict(t)
	name, _ := s.push(strictRequest())
	id, _ := strings.CutPrefix(s.bring(name).header.Get("Location"), "/agir/")
	u, err := url.Parse(s.b.post("/refuser/"+id, nil).body)
	if err != nil || u.Query().Get("error") != "access_denied" || u.Query().Get("state") == "" || u.Query().Get("iss") != s.url {
		t.Errorf("way back = %v, %v", u, err)
	}
	if resp := s.bring(name); resp.status != 400 {
		t.Errorf("the answered request again = %+v", resp)
	}
}

func TestFAPI2WithoutState(t *testing.T) {
	s := newStrict(t)
	if back := s.through(strictRequest("state", "")); back.Has("state") {
		t.Errorf("way back = %v", back)
	}
}

func TestFAPI2WithoutNonce(t *testing.T) {
	s := newStrict(t, withoutNonce)
	tk := s.mustRedeem(s.through(strictRequest("nonce", "")).Get("code"))
	if claims := s.idToken(tk.IDToken, "fort"); claims["nonce"] != nil {
		t.Errorf("a nonce from nowhere: %v", claims)
	}
}

// TestFAPI2LongNonceAndState: 64 signs must do; so do 900 (the suite's longest is
// shorter), and they come back whole.
func TestFAPI2LongNonceAndState(t *testing.T) {
	s := newStrict(t)
	for _, n := range []int{64, 384, 900} {
		long := strings.Repeat("s", n)
		back := s.through(strictRequest("nonce", long, "state", long, "prompt", "login"))
		if claims := s.idToken(s.mustRedeem(back.Get("code")).IDToken, "fort"); claims["nonce"] != long || back.Get("state") != long {
			t.Errorf("%d signs came back otherwise", n)
		}
	}
}

func TestFAPI2OtherScopeOrder(t *testing.T) {
	s := newStrict(t)
	s.mustRedeem(s.through(strictRequest("scope", "profile openid")).Get("code"))
}

func TestFAPI2ClaimsParameter(t *testing.T) {
	s := newStrict(t)
	tk := s.mustRedeem(s.through(strictRequest("scope", "openid", "claims", `{"userinfo":{"given_name":{"essential":true},"birthdate":null}}`)).Get("code"))
	got := s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access))
	claims := signed(t, got.body, "ES256", s.published())
	if claims["given_name"] != "Jeanne Marie" || claims["birthdate"] != "1941-00-00" || claims["family_name"] != nil {
		t.Errorf("userinfo = %v", claims)
	}
}

// TestFAPI2OutsideIsIgnored: what the browser brings beside the name of the pushed
// request changes nothing: neither another state or nonce, nor one that was not pushed.
func TestFAPI2OutsideIsIgnored(t *testing.T) {
	s := newStrict(t, withoutNonce)
	bring := func(v url.Values) url.Values {
		name, resp := s.push(v)
		if name == "" {
			t.Fatalf("par = %+v", resp)
		}
		outside := url.Values{"client_id": {"fort"}, "request_uri": {name}, "state": {"dehors"}, "nonce": {"dehors"}, "redirect_uri": {"https://evil.example/"}, "scope": {"openid profile"}}
		return s.answer(s.b.get("/authorize?" + outside.Encode()))
	}
	back := bring(strictRequest("state", "dedans", "nonce", "dedans", "prompt", "login"))
	if claims := s.idToken(s.mustRedeem(back.Get("code")).IDToken, "fort"); back.Get("state") != "dedans" || claims["nonce"] != "dedans" {
		t.Errorf("way back = %v, id_token = %v", back, claims)
	}
	back = bring(strictRequest("state", "", "nonce", "", "prompt", "login"))
	if claims := s.idToken(s.mustRedeem(back.Get("code")).IDToken, "fort"); back.Has("state") || claims["nonce"] != nil {
		t.Errorf("way back = %v, id_token = %v", back, claims)
	}
}

// parRefuses expects a refusal of a pushed request, and that nothing was kept.
func parRefuses(t *testing.T, want string, change ...string) {
	t.Helper()
	name, resp := newStrict(t).push(strictRequest(change...))
	if name != "" || resp.status != 400 || !strings.Contains(resp.body, `"`+want+`"`) {
		t.Errorf("par = %+v, want %s", resp, want)
	}
}

func TestFAPI2WithoutRedirectURI(t *testing.T) { parRefuses(t, "invalid_request", "redirect_uri", "") }

// TestFAPI2UnregisteredRedirectURI: FAPI 2.0 lets a pushed redirect_uri be unknown;
// Relais does not.
func TestFAPI2UnregisteredRedirectURI(t *testing.T) {
	parRefuses(t, "invalid_request", "redirect_uri", "https://service.example/cb?x=1&dummy=2")
}

func TestFAPI2NotPushed(t *testing.T) {
	s := newStrict(t)
	s.fails(strictRequest(), "invalid_request")
}

func TestFAPI2ResponseTypes(t *testing.T) {
	for _, kind := range []string{"token", "id_token", "code id_token", "code token", "none"} {
		parRefuses(t, "unsupported_response_type", "response_type", kind)
	}
}

func TestFAPI2PushedRequestURI(t *testing.T) {
	parRefuses(t, "invalid_request", "request_uri", "urn:ietf:params:oauth:request_uri:x")
}

func TestFAPI2PARMethods(t *testing.T) {
	s := newStrict(t)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		r, err := http.NewRequest(method, s.url+"/par", strings.NewReader(s.assert(strictRequest()).Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if resp := s.b.do(r); resp.status != http.StatusMethodNotAllowed {
			t.Errorf("%s = %+v", method, resp)
		}
	}
}

func TestFAPI2PKCERequired(t *testing.T) {
	parRefuses(t, "invalid_request", "code_challenge", "", "code_challenge_method", "")
}

func TestFAPI2PlainPKCE(t *testing.T) {
	parRefuses(t, "invalid_request", "code_challenge_method", "plain")
	parRefuses(t, "invalid_request", "code_challenge_method", "")
}

// TestFAPI2ReloadedRequest: until it is answered, a pushed request may be loaded
// again, by the same browser or another; one answer is what it is good for.
func TestFAPI2ReloadedRequest(t *testing.T) {
	s := newStrict(t)
	name, _ := s.push(strictRequest("prompt", "login"))
	first, elsewhere := s.bring(name), s.house.browser()
	address := "/authorize?" + url.Values{"client_id": {"fort"}, "request_uri": {name}}.Encode()
	other := elsewhere.get(address)
	again := s.bring(name)
	to := again.header.Get("Location")
	if first.header.Get("Location") != to || other.header.Get("Location") != to {
		t.Fatalf("loaded three times: %q, %q, %q", first.header.Get("Location"), other.header.Get("Location"), to)
	}
	s.mustRedeem(s.answer(again).Get("code"))
	if resp := elsewhere.post(to, nil); resp.status != http.StatusConflict || s.l.count("Use") != 2 {
		t.Errorf("a second answer = %+v", resp)
	}
	if len(s.l.logins) != 1 {
		t.Errorf("%d logins of one request", len(s.l.logins))
	}
}

func TestFAPI2AnsweredRequest(t *testing.T) {
	s := newStrict(t)
	name, _ := s.push(strictRequest())
	s.answer(s.bring(name))
	if resp := s.bring(name); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("after its answer = %+v", resp)
	}
	// Answered without a page, by the choice of a minute ago.
	silent, _ := s.push(strictRequest("prompt", "none"))
	if resp := s.bring(silent); !strings.Contains(resp.header.Get("Location"), "code=") {
		t.Fatalf("silent = %+v", resp)
	}
	if resp := s.bring(silent); resp.status != 400 {
		t.Errorf("after its silent answer = %+v", resp)
	}
	refused, _ := s.push(strictRequest("prompt", "none", "max_age", "0"))
	if resp := s.bring(refused); !strings.Contains(resp.header.Get("Location"), "login_required") {
		t.Fatalf("refused = %+v", resp)
	}
	if resp := s.bring(refused); resp.status != 400 {
		t.Errorf("after its refusal = %+v", resp)
	}
}

func TestFAPI2ExpiredRequest(t *testing.T) {
	s := newStrict(t)
	name, _ := s.push(strictRequest())
	s.later(90 * time.Second)
	if resp := s.bring(name); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("after 90 seconds = %+v", resp)
	}
}

func TestFAPI2RequestOfAnotherClient(t *testing.T) {
	s := newStrict(t)
	name, _ := s.push(strictRequest())
	if resp := s.b.get("/authorize?" + url.Values{"client_id": {"fort2"}, "request_uri": {name}}.Encode()); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("another client's = %+v", resp)
	}
	if resp := s.bring(name); !strings.HasPrefix(resp.header.Get("Location"), "/agir/") {
		t.Errorf("its own, afterwards = %+v", resp)
	}
}
