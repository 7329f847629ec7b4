package provider_test

import (
	"crypto"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
)

// TestBoundByChoice: a standard client that proves a key gets a bound token, and a
// hub's header means nothing, however the hub authenticates.
func TestBoundByChoice(t *testing.T) {
	s := newStrict(t)
	r := rp{s.house, s.b, "suite-post"}
	jkt, err := s.dpop.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	_, id := r.send(r.request("dpop_jkt", base64.RawURLEncoding.EncodeToString(jkt)))
	form := url.Values{"grant_type": {"authorization_code"}, "code": {r.choose(id).Get("code")}, "redirect_uri": {suiteBack}, "client_id": {"suite-post"}, "client_secret": {secret}}
	if tk, _ := s.token(form); tk.Error != "invalid_dpop_proof" {
		t.Errorf("a code bound to a key, without proof = %+v", tk)
	}
	tk, _ := s.token(form, s.proof("POST", "/token", ""))
	if tk.Type != "DPoP" || s.userinfo(tk.Access).status != 401 || s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access)).status != 200 {
		t.Errorf("token = %+v", tk)
	}
	code, _ := s.house.browser().code(hubRequest())
	if tk, _ := s.token(hubForm(code), s.proof("POST", "/token", "")); tk.Type != "Bearer" || s.userinfo(tk.Access).status != 200 {
		t.Errorf("a hub's token = %+v", tk)
	}
	asHub := basic("hub-basic", url.QueryEscape(secret))
	stray := func(r *http.Request) { r.Header.Set("DPoP", "e30.e30.e30") }
	for name, header := range map[string]func(*http.Request){"a proof": s.proof("POST", "/token", ""), "no proof": stray} {
		code, _ = s.house.browser().code(hubRequest("client_id", "hub-basic"))
		if tk, _ := s.token(hubForm(code, "client_id", "", "client_secret", ""), asHub, header); tk.Type != "Bearer" || s.userinfo(tk.Access).status != 200 {
			t.Errorf("a hub's token, with Basic and %s = %+v", name, tk)
		}
	}
	if resp := s.b.post("/par", hubRequest("client_id", ""), asHub, stray); resp.status != 201 {
		t.Errorf("a hub's header at /par = %+v", resp)
	}
	code, _ = s.house.browser().code(serviceRequest())
	if tk, _ := s.token(with(serviceForm(code), "client_id", "hub"), basic("service", url.QueryEscape(secret)), stray); tk.Access != "" || tk.Error == "" {
		t.Errorf("a stray header of a client that also says it is a hub = %+v", tk)
	}
}
