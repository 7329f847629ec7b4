package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/provider"
)

// FuzzToken: no body, credentials or proof get anything out of the endpoints of
// clients, nor an answer that is not an OAuth error; a client that knows its secret
// gets no token, and no word of one.
func FuzzToken(f *testing.F) {
	key := newKey(f, "s", "sig", "ES256")
	h := newHouse(f, func(o *provider.Options) {
		c := strict("fort")
		c.Profile, c.UserinfoAlg, c.JWKS, c.PostLogoutRedirectURIs = provider.ProfileStrict, "ES256", publicSet(f, key), nil
		o.Clients = append(o.Clients, c)
	})
	b := h.browser()
	code, _ := b.code(hubRequest())
	h.token(hubForm(code)) // consumed: nothing below may succeed
	proof := dpopHeader(f, newKey(f, "", "", ""), map[string]any{"htm": "POST", "htu": h.url + "/token", "jti": "j", "iat": time.Now().Unix()})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	proof(r)
	wrong := with(hubForm(code), "client_secret", "faux")
	f.Add(uint8(0), wrong.Encode(), "", "")
	f.Add(uint8(0), hubForm(code).Encode(), "", r.Header.Get("DPoP"))
	f.Add(uint8(1), strictRequest("client_assertion", assertion(f, newKey(f, "s", "sig", "ES256"), "fort", h.url, "j", time.Minute),
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer").Encode(), "", r.Header.Get("DPoP"))
	f.Add(uint8(2), "token=x&client_id=hub&client_secret="+url.QueryEscape("faux"), "", "")
	f.Add(uint8(3), "token=x", "Basic c2VydmljZTpmYXV4", "")
	f.Add(uint8(0), "grant_type=authorization_code&code=x&client_assertion=e30.e30.&client_assertion_type=x", "Basic %%%", "e30.e30.e30")
	f.Add(uint8(0), "grant_type=refresh_token&refresh_token=x&client_id=hub", "Bearer x", "a.b.c")
	f.Add(uint8(4), "mandat=BCDF3467GHJK&siret=12345678200010&domaine=social&client_id=ressource&client_secret=faux", "", "")
	f.Add(uint8(4), url.Values{"mandat": {"BCDF3467GHJK"}, "siret": {"12345678200010"}, "domaine": {"social"}, "client_id": {"ressource"}, "client_secret": {secret}}.Encode(), "", "")
	f.Add(uint8(3), url.Values{"token": {"x"}, "client_id": {"ressource"}, "client_secret": {secret}}.Encode(), "", "")
	f.Add(uint8(1), with(hubRequest(), "client_secret", secret).Encode(), "", "x")
	handler := h.p.Handler()
	paths := []string{"/token", "/par", "/revoke", "/introspect", "/mandat/verification"}
	done := map[string]int{"/par": http.StatusCreated, "/revoke": http.StatusOK, "/introspect": http.StatusOK, "/mandat/verification": http.StatusOK}
	f.Fuzz(func(t *testing.T, which uint8, body, auth, dpop string) {
		r := httptest.NewRequest(http.MethodPost, paths[int(which)%len(paths)], strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header["Authorization"], r.Header["Dpop"] = []string{auth}, []string{dpop}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			if !strings.Contains(w.Body.String(), `"error":"`) {
				t.Errorf("%s %q %q %q = %d %s", r.URL.Path, body, auth, dpop, w.Code, w.Body)
			}
		default:
			if !knowsSecret(body) || w.Code != done[r.URL.Path] || strings.Contains(w.Body.String(), `"active":true`) {
				t.Errorf("%s %q %q %q = %d %s", r.URL.Path, body, auth, dpop, w.Code, w.Body)
			}
		}
	})
}

// knowsSecret tells whether a form holds a secret that is a client's.
func knowsSecret(body string) bool {
	v, _ := url.ParseQuery(body) // what cannot be read is refused by the endpoint
	return slices.ContainsFunc(clients(), func(c provider.Client) bool { return v.Get("client_secret") == c.Secret })
}

// FuzzHint: nothing but an id_token_hint of ours makes a logout lead the browser
// anywhere, then to a registered address only; nor does anything break it.
func FuzzHint(f *testing.F) {
	h := newHouse(f)
	raw, _ := h.loggedIn(clients()[0])
	f.Add(raw[:len(raw)-2], "https://evil.example/", "s")
	f.Add("e30.e30.", logoutBack, "")
	f.Add("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", logoutBack, "\x00")
	handler := h.p.Handler()
	f.Fuzz(func(t *testing.T, hint, back, state string) {
		q := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {back}, "state": {state}}
		r := httptest.NewRequest(http.MethodGet, "/session/end?"+q.Encode(), nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if to := w.Header().Get("Location"); w.Code >= 300 && w.Code != http.StatusBadRequest || to != "" && (hint != raw || !strings.HasPrefix(to, logoutBack)) {
			t.Errorf("%q = %d %s", q.Encode(), w.Code, to)
		}
	})
}
