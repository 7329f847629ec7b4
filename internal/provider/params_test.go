package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What each parameter of OpenID Connect asks of the aidant's choice, where the
// modules of the Basic OP list do not show it already.

// TestParamPromptAsks: consent and select_account want a page, as login does, and
// none stands alone.
func TestParamPromptAsks(t *testing.T) {
	r := newHouse(t).rp("suite")
	first := r.login(r.request())
	for _, prompt := range []string{"consent", "select_account", "login consent"} {
		r.later(2 * time.Second)
		if l := r.login(r.request("prompt", prompt)); !l.asked || at(l) <= at(first) {
			t.Errorf("prompt=%s: asked %v, auth_time %d after %d", prompt, l.asked, at(l), at(first))
		}
	}
	if back, _ := r.send(r.request("prompt", "none login")); back.Get("error") != "invalid_request" {
		t.Errorf("none login = %v", back)
	}
}

// TestParamAuthTime: the moment of the choice, in every id_token, asked for or not,
// and the same in an answer that reuses it.
func TestParamAuthTime(t *testing.T) {
	r := newHouse(t).rp("suite")
	before := r.now().Unix()
	first := r.login(r.request())
	if at(first) < before || at(first) > r.now().Unix() {
		t.Errorf("auth_time %d, chosen at %d", at(first), before)
	}
	r.later(time.Minute)
	if again := r.login(r.request("claims", `{"id_token":{"auth_time":{"essential":true}}}`)); again.asked || at(again) != at(first) {
		t.Errorf("auth_time of a reuse %d, first %d", at(again), at(first))
	}
}

// TestParamMaxAge counts from the choice and not from its last use; what is no
// number of seconds is refused.
func TestParamMaxAge(t *testing.T) {
	r := newHouse(t).rp("suite")
	r.login(r.request())
	r.later(50 * time.Second)
	if l := r.login(r.request("max_age", "60")); l.asked {
		t.Error("asked again within max_age")
	}
	r.later(20 * time.Second)
	if back, _ := r.send(r.request("max_age", "60", "prompt", "none")); back.Get("error") != "login_required" {
		t.Errorf("70 s after the choice, max_age=60, prompt=none = %v", back)
	}
	for _, bad := range []string{"-1", "dix", "1.5", "99999999999"} {
		if back, _ := r.send(r.request("max_age", bad)); back.Get("error") != "invalid_request" {
			t.Errorf("max_age=%s = %v", bad, back)
		}
	}
}

// TestParamACR: eidas1, whatever is asked; an essential level that excludes it
// cannot be met, at /authorize as at /par.
func TestParamACR(t *testing.T) {
	r := newHouse(t).rp("suite")
	for _, asked := range []string{"", "eidas1", "eidas2 eidas3", "mfa"} {
		if l := r.login(r.request("acr_values", asked, "prompt", "login")); l.claims["acr"] != "eidas1" {
			t.Errorf("acr_values=%q: acr = %v", asked, l.claims["acr"])
		}
	}
	for claims, want := range map[string]string{
		`{"id_token":{"acr":{"essential":true,"value":"eidas2"}}}`:             "unmet_authentication_requirements",
		`{"id_token":{"acr":{"essential":true,"values":["eidas2","eidas3"]}}}`: "unmet_authentication_requirements",
		`{"id_token":{"acr":{"essential":true,"values":["eidas1","eidas2"]}}}`: "",
		`{"id_token":{"acr":{"essential":true}}}`:                              "",
		`{"id_token":{"acr":{"value":"eidas3"}}}`:                              "",
	} {
		if back, _ := r.send(r.request("prompt", "login", "claims", claims)); back.Get("error") != want {
			t.Errorf("%s = %v, want %q", claims, back, want)
		}
	}
}

// TestParamAMR: nobody authenticated as the usager, so no method is claimed, not
// even when a client calls it essential.
func TestParamAMR(t *testing.T) {
	r := newHouse(t).rp("suite")
	l := r.login(r.request("claims", `{"id_token":{"amr":{"essential":true}}}`))
	if _, given := l.claims["amr"]; given {
		t.Errorf("amr = %v", l.claims["amr"])
	}
}

// TestParamHints: what helps a login page to guess changes nothing here, and what
// it may hold never reaches the page of the choice.
func TestParamHints(t *testing.T) {
	r := newHouse(t).rp("suite")
	_, id := r.send(r.request("login_hint", "jeanne@example.fr", "ui_locales", "en fr", "display", "touch", "claims_locales", "en"))
	page := r.b.get("/agir/" + id)
	for _, leak := range []string{"jeanne", "touch"} {
		if page.status != 200 || strings.Contains(page.body, leak) {
			t.Errorf("the page of the choice = %+v", page)
		}
	}
}

// TestHeadDoesNothing: a GET of these endpoints writes an entry, so a HEAD, which
// somebody sends to see whether an address answers, must not reach them.
func TestHeadDoesNothing(t *testing.T) {
	h := newHouse(t)
	r := h.rp("suite")
	l := r.login(r.request())
	before := len(h.l.facts)
	for _, path := range []string{"/authorize?" + r.request().Encode(), "/userinfo", "/session/end?" + url.Values{"id_token_hint": {l.IDToken}}.Encode()} {
		q, err := http.NewRequest(http.MethodHead, h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+l.Access)
		if resp := r.b.do(q); resp.status != http.StatusMethodNotAllowed || resp.header.Get("Allow") != "GET, POST" || resp.header.Get("Location") != "" {
			t.Errorf("HEAD %s = %+v", path, resp)
		}
	}
	if n := len(h.l.facts) - before; n != 0 || r.userinfo(l.Access).status != 200 {
		t.Errorf("%d entries of HEAD requests: %s", n, h.l.reasons())
	}
}
