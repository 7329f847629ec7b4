package provider_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The modules of oidcc-rp-initiated-logout-certification-test-plan, in
// docs/conformance.md's order.

const suiteOut = "https://suite.example/out"

func TestLogoutOPDiscovery(t *testing.T) {
	h := newHouse(t)
	if doc := h.discovery(); doc["end_session_endpoint"] != h.url+"/session/end" {
		t.Errorf("end_session_endpoint = %v", doc["end_session_endpoint"])
	}
}

// TestLogoutOP: after it, prompt=none finds nothing, whichever id_token of the
// session was the hint.
func TestLogoutOP(t *testing.T) {
	for _, which := range []int{0, 1} {
		r := newHouse(t).rp("suite")
		logins := []login{r.login(r.request()), r.login(r.request("prompt", "none"))}
		resp := r.out(url.Values{"id_token_hint": {logins[which].IDToken}, "post_logout_redirect_uri": {suiteOut}, "state": {"s 1"}})
		if resp.status != 303 || resp.header.Get("Location") != suiteOut+"?state=s+1" {
			t.Errorf("logout = %+v", resp)
		}
		if back, _ := r.send(r.request("prompt", "none")); back.Get("error") != "login_required" {
			t.Errorf("hint %d, afterwards = %v", which, back)
		}
		for _, l := range logins {
			if got := r.userinfo(l.Access); got.status != 401 {
				t.Errorf("hint %d: a token outlived the logout: %+v", which, got)
			}
		}
	}
}

func (r rp) out(v url.Values) response {
	r.t.Helper()
	return r.b.get("/session/end?" + v.Encode())
}

// stays expects no redirect and a session that goes on.
func (r rp) stays(v url.Values) {
	r.t.Helper()
	if resp := r.out(v); resp.header.Get("Location") != "" || resp.status == 303 {
		r.t.Errorf("redirected: %+v", resp)
	}
	if back, _ := r.send(r.request("prompt", "none")); back.Get("code") == "" {
		r.t.Errorf("the session ended: %v", back)
	}
}

func (h *house) logoutRP() (rp, login, url.Values) {
	h.t.Helper()
	r := h.rp("suite")
	l := r.login(r.request())
	return r, l, url.Values{"id_token_hint": {l.IDToken}, "post_logout_redirect_uri": {suiteOut}, "state": {"s"}}
}

func TestLogoutOPBadRedirectURI(t *testing.T) {
	r, _, v := newHouse(t).logoutRP()
	r.stays(with(v, "post_logout_redirect_uri", "https://suite.example/elsewhere"))
}

func TestLogoutOPQueryAdded(t *testing.T) {
	r, _, v := newHouse(t).logoutRP()
	r.stays(with(v, "post_logout_redirect_uri", suiteOut+"?foo=bar"))
}

func TestLogoutOPModifiedHint(t *testing.T) {
	r, l, v := newHouse(t).logoutRP()
	parts := strings.Split(l.IDToken, ".")
	r.stays(with(v, "id_token_hint", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))+"."+parts[1]+"."))
}

func TestLogoutOPBadHint(t *testing.T) {
	r, l, v := newHouse(t).logoutRP()
	r.stays(with(v, "id_token_hint", forged(t, jose.ES256, newKey(t, r.published().Keys[0].KeyID, "sig", "ES256"), l.claims)))
}

func TestLogoutOPNoHint(t *testing.T) {
	r, _, v := newHouse(t).logoutRP()
	r.stays(with(v, "id_token_hint", ""))
}

func TestLogoutOPNoParams(t *testing.T) {
	r, _, _ := newHouse(t).logoutRP()
	r.stays(url.Values{})
}

func TestLogoutOPNoRedirectURI(t *testing.T) {
	r, _, v := newHouse(t).logoutRP()
	resp := r.out(with(v, "post_logout_redirect_uri", "", "state", ""))
	if resp.status != 200 || resp.header.Get("Location") != "" || !strings.Contains(resp.body, "terminée") {
		t.Errorf("logout = %+v", resp)
	}
	if back, _ := r.send(r.request("prompt", "none")); back.Get("error") != "login_required" {
		t.Errorf("afterwards = %v", back)
	}
}

func TestLogoutOPNoState(t *testing.T) {
	r, _, v := newHouse(t).logoutRP()
	if resp := r.out(with(v, "state", "")); resp.status != 303 || resp.header.Get("Location") != suiteOut {
		t.Errorf("logout = %+v", resp)
	}
}

func TestLogoutOPOnlyState(t *testing.T) {
	r, _, _ := newHouse(t).logoutRP()
	r.stays(url.Values{"state": {"s"}})
}
