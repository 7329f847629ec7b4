package provider_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/provider"
)

const logoutBack = "http://127.0.0.1:8082/api/v2/client/logout-callback"

// loggedIn makes one login of a hub client and returns its id_token and id.
func (h *house) loggedIn(c provider.Client) (raw, id string) {
	h.t.Helper()
	b := h.browser()
	id = b.begin(hubRequest("client_id", c.ID))
	u, err := url.Parse(b.post("/agir/"+id, nil).body)
	if err != nil {
		h.t.Fatal(err)
	}
	tk, resp := h.token(hubForm(u.Query().Get("code"), "client_id", c.ID, "client_secret", c.Secret))
	if resp.status != 200 {
		h.t.Fatalf("token = %+v", resp)
	}
	return tk.IDToken, id
}

// TestGuard18EndSession: what FranceConnect sends ends the use and goes back with
// its state, also with an expired hint and with one of HS256.
func TestGuard18EndSession(t *testing.T) {
	h := newHouse(t)
	for _, c := range clients()[:2] {
		raw, id := h.loggedIn(c)
		form := url.Values{"id_token_hint": {raw}, "client_id": {c.ID}, "post_logout_redirect_uri": {logoutBack}, "state": {"ab12"}}
		resp := h.browser().get("/session/end?" + form.Encode())
		if resp.status != 303 || resp.header.Get("Location") != logoutBack+"?state=ab12" {
			t.Errorf("%s: logout = %+v", c.ID, resp)
		}
		if h.l.logins[id].EndedAt.IsZero() {
			t.Errorf("%s: the use is still open", c.ID)
		}
		if again := h.browser().post("/session/end", with(form, "client_id", "", "state", "")); again.status != 303 || again.header.Get("Location") != logoutBack {
			t.Errorf("%s: POST without client_id = %+v", c.ID, again)
		}
		if bare := h.browser().get("/session/end?" + with(form, "post_logout_redirect_uri", "").Encode()); bare.status != 200 || bare.header.Get("Location") != "" {
			t.Errorf("%s: without a way back = %+v", c.ID, bare)
		}
	}
	if !strings.Contains(h.l.reasons(), "delegation.end:deconnexion_service") {
		t.Errorf("journal = %s", h.l.reasons())
	}
}

// forged signs claims of a hint as it likes.
func forged(t testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGuard18NeverRedirects(t *testing.T) {
	h := newHouse(t)
	raw, id := h.loggedIn(clients()[0])
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(raw, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	claims := signed(t, raw, "ES256", h.published())
	sid := claims["sid"]
	if sid == id {
		t.Error("sid is the bare login")
	}
	es := newKey(t, h.published().Keys[0].KeyID, "sig", "ES256")
	good := url.Values{"id_token_hint": {raw}, "client_id": {"hub"}, "post_logout_redirect_uri": {logoutBack}, "state": {"s"}}
	for name, form := range map[string]url.Values{
		"no hint":             with(good, "id_token_hint", ""),
		"nothing":             {},
		"only state":          {"state": {"s"}},
		"another client":      with(good, "client_id", "hub-hs"),
		"unregistered way":    with(good, "post_logout_redirect_uri", logoutBack+"/"),
		"evil way":            with(good, "post_logout_redirect_uri", "https://evil.example/"),
		"alg none":            with(good, "id_token_hint", none),
		"cut":                 with(good, "id_token_hint", raw[:len(raw)-4]),
		"text":                with(good, "id_token_hint", "x"),
		"another ES256 key":   with(good, "id_token_hint", forged(t, jose.ES256, es, claims)),
		"another RS256 key":   with(good, "id_token_hint", forged(t, jose.RS256, rsaKey, claims)),
		"HS256 by its secret": with(good, "id_token_hint", forged(t, jose.HS256, []byte(secret), claims)),
		"secret of another":   with(good, "client_id", "", "id_token_hint", forged(t, jose.HS256, []byte(clients()[2].Secret), map[string]any{"iss": h.url, "aud": "hub-hs", "sid": sid})),
		"another issuer":      with(good, "client_id", "", "id_token_hint", forged(t, jose.HS256, []byte(clients()[1].Secret), map[string]any{"iss": h.url + "/", "aud": "hub-hs", "sid": sid})),
		"the use of another":  with(good, "client_id", "", "id_token_hint", forged(t, jose.HS256, []byte(clients()[1].Secret), map[string]any{"iss": h.url, "aud": "hub-hs", "sid": sid})),
		"unknown audience":    with(good, "client_id", "", "id_token_hint", forged(t, jose.HS256, []byte(secret), map[string]any{"iss": h.url, "aud": "x", "sid": sid})),
		"repeated":            {"id_token_hint": {raw, raw}, "post_logout_redirect_uri": {logoutBack}},
		"two ways":            {"id_token_hint": {raw}, "post_logout_redirect_uri": {logoutBack, "https://evil.example/"}},
		"a script as way":     with(good, "post_logout_redirect_uri", "javascript:alert(1)"),
	} {
		resp := h.browser().get("/session/end?" + form.Encode())
		if resp.header.Get("Location") != "" || resp.status == 303 {
			t.Errorf("%s redirects: %+v", name, resp)
		}
		if !h.l.logins[id].EndedAt.IsZero() {
			t.Fatalf("%s ended the use", name)
		}
	}
	rawHS, _ := h.loggedIn(clients()[1])
	claims = signed(t, rawHS, "HS256", []byte(clients()[1].Secret))
	claims["exp"], claims["iat"] = 2, 1
	expired := forged(t, jose.HS256, []byte(clients()[1].Secret), claims)
	if resp := h.browser().get("/session/end?" + with(good, "client_id", "hub-hs", "id_token_hint", expired).Encode()); resp.status != 303 {
		t.Errorf("expired hint = %+v", resp)
	}
}
