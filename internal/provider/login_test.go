package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"relais/internal/provider"
)

// idToken verifies an id_token with another library, from discovery on.
func (h *house) idToken(raw, client string) map[string]any {
	h.t.Helper()
	op, err := oidc.NewProvider(h.t.Context(), h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := op.Verifier(&oidc.Config{ClientID: client, SupportedSigningAlgs: []string{"ES256", "RS256"}}).Verify(h.t.Context(), raw)
	if err != nil {
		h.t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		h.t.Fatal(err)
	}
	return claims
}

// signed verifies a JWT against a key set or a secret.
func signed(t testing.TB, raw, alg string, key any) map[string]any {
	t.Helper()
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims(key, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func (h *house) published() *jose.JSONWebKeySet {
	h.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(h.browser().get("/jwks").body), &set); err != nil {
		h.t.Fatal(err)
	}
	return &set
}

// TestHubLogin is the whole way of FranceConnect, as its source does it.
func TestHubLogin(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	id := b.begin(hubRequest())
	var req provider.Request
	if err := json.Unmarshal([]byte(b.get("/agir/"+id).body), &req); err != nil {
		t.Fatal(err)
	}
	if req.ClientName != "FranceConnect fictif" || !req.EmailRequired || !reflect.DeepEqual(req.Within, []string{"social", "logement"}) {
		t.Errorf("Pending = %+v", req)
	}
	resp := b.post("/agir/"+id, nil)
	back, err := url.Parse(resp.body)
	if err != nil || !strings.HasPrefix(resp.body, "http://127.0.0.1:8082/api/v2/oidc-callback?") {
		t.Fatalf("choose = %d %s", resp.status, resp.body)
	}
	q := back.Query()
	if q.Get("state") != strings.Repeat("5a", 32) || q.Get("iss") != h.url || len(q) != 3 {
		t.Errorf("way back = %v", q)
	}
	if again := b.post("/agir/"+id, nil); again.status == http.StatusOK {
		t.Error("a request was answered twice")
	}
	tk, raw := h.token(hubForm(q.Get("code")))
	if raw.status != 200 || tk.Type != "Bearer" || tk.ExpiresIn != 60 || tk.Refresh != "" || raw.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("token = %+v %v", tk, raw)
	}
	claims := h.idToken(tk.IDToken, "hub")
	sub := pseudonym("sub", "hub", "u1")
	for name, want := range map[string]any{
		"iss": h.url, "sub": sub, "aud": "hub", "nonce": strings.Repeat("0e", 32), "acr": "eidas1", "sid": id + "." + pseudonym("sid", "hub", id)[:32],
	} {
		if claims[name] != want {
			t.Errorf("id_token %s = %v, want %v", name, claims[name], want)
		}
	}
	if !reflect.DeepEqual(claims["rep_scope"], []any{"Social-Santé"}) || claims["act"] != nil || claims["family_name"] != nil {
		t.Errorf("id_token = %v", claims)
	}
	info := h.userinfo(tk.Access)
	if info.status != 200 || info.header.Get("Content-Type") != "application/jwt" {
		t.Fatalf("userinfo = %+v", info)
	}
	got := signed(t, info.body, "ES256", h.published())
	for name, want := range map[string]any{
		"sub": sub, "given_name": "Jeanne Marie", "family_name": "Le Goff", "preferred_username": "Petit", "gender": "female",
		"birthdate": "1941-00-00", "birthplace": "2A004", "birthcountry": "99100", "email": "jeanne@example.fr",
	} {
		if got[name] != want {
			t.Errorf("userinfo %s = %v, want %v", name, got[name], want)
		}
	}
	if got["act"] != nil || got["rep_scope"] != nil {
		t.Errorf("userinfo = %v", got)
	}
}

// TestStandardLogin is a service of its own, through golang.org/x/oauth2 with
// PKCE and client_secret_basic, which may know that an aidant acts.
func TestStandardLogin(t *testing.T) {
	h := newHouse(t)
	code, q := h.browser().code(serviceRequest("claims", `{"userinfo":{"birthplace":null,"address":null},"id_token":{"rep_scope":{"values":["social"]}}}`))
	if q.Get("x") != "1" || q.Get("state") != "s t" {
		t.Errorf("way back = %v", q)
	}
	config := oauth2.Config{ClientID: "service", ClientSecret: secret, RedirectURL: "https://service.example/cb?x=1",
		Endpoint: oauth2.Endpoint{TokenURL: h.url + "/token", AuthStyle: oauth2.AuthStyleInHeader}}
	tk, err := config.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := tk.Extra("id_token").(string)
	claims := h.idToken(raw, "service")
	wantAct := map[string]any{"sub": pseudonym("act", "service", "a1"), "domaine": "social", "mandat": "BCDF3467GHJK",
		"organisation": map[string]any{"name": "CCAS de Rennes", "siret": "12345678200010"}}
	if !reflect.DeepEqual(claims["act"], wantAct) || !reflect.DeepEqual(claims["rep_scope"], []any{"social"}) {
		t.Errorf("id_token = %v", claims)
	}
	var info map[string]any
	if err := json.Unmarshal([]byte(h.userinfo(tk.AccessToken).body), &info); err != nil {
		t.Fatal(err)
	}
	if info["sub"] != claims["sub"] || info["birthplace"] != "2A004" || info["email"] != nil || info["address"] != nil || !reflect.DeepEqual(info["act"], wantAct) {
		t.Errorf("userinfo = %v", info)
	}
	if info["sub"] == pseudonym("sub", "hub", "u1") {
		t.Error("two clients see the same sub")
	}
}

// TestPostAuthorize is the hub's cross-site POST, with which no cookie travels.
func TestPostAuthorize(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	resp := b.post("/authorize", hubRequest())
	if resp.status != http.StatusSeeOther || !strings.HasPrefix(resp.header.Get("Location"), "/agir/") {
		t.Fatalf("POST /authorize = %+v", resp)
	}
	if got := b.get(resp.header.Get("Location")); got.status != 200 {
		t.Errorf("choice after POST = %+v", got)
	}
	json := b.post("/authorize", hubRequest(), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
	if json.status != http.StatusBadRequest {
		t.Errorf("POST of JSON = %+v", json)
	}
}

func TestRefuse(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	id := b.begin(hubRequest())
	u, err := url.Parse(b.post("/refuser/"+id, nil).body)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("error") != "access_denied" || q.Get("state") != strings.Repeat("5a", 32) || q.Get("iss") != h.url || q.Has("code") {
		t.Errorf("refusal = %v", q)
	}
	if resp := b.post("/agir/"+id, nil); resp.status == 200 {
		t.Error("a refused request was chosen")
	}
}

// TestPerimeter: only the domaines the service declared, all ten without a list.
func TestPerimeter(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	for _, c := range []struct {
		claims, domaine string
		ok              bool
	}{
		{`{"id_token":{"rep_scope":{"essential":true,"values":["Social-Santé"]}}}`, "social", true},
		{`{"id_token":{"rep_scope":{"essential":true,"values":["Social-Santé"]}}}`, "argent", false},
		{`{"id_token":{"rep_scope":{"essential":true,"values":[]}}}`, "argent", true},
		{`{"id_token":{"rep_scope":{"essential":true,"values":["Inconnu"]}}}`, "social", false},
		{``, "argent", true},
	} {
		resp := b.post("/agir/"+b.begin(hubRequest("claims", c.claims)), url.Values{"domaine": {c.domaine}})
		if (resp.status == 200) != c.ok {
			t.Errorf("%s with %s = %d %s", c.domaine, c.claims, resp.status, resp.body)
		}
	}
	if !strings.Contains(h.l.reasons(), "delegation.deny:hors_perimetre") {
		t.Errorf("no trace of the refusal: %s", h.l.reasons())
	}
}

// TestEmail: the hub demands one; the operator's stands in, or the aidant is told.
func TestEmail(t *testing.T) {
	for _, c := range []struct {
		safe         bool
		absent, want string
	}{{true, "", "jeanne@example.fr"}, {false, "absent@relais.example", "absent@relais.example"}, {false, "", ""}} {
		h := newHouse(t, func(o *provider.Options) { o.CourrielAbsent = c.absent })
		h.choice.Usager.EmailSafe = c.safe
		b := h.browser()
		resp := b.post("/agir/"+b.begin(hubRequest()), nil)
		if c.want == "" {
			if resp.status == 200 || !strings.Contains(resp.body, provider.ErrNoEmail.Error()) || h.l.count("Use") != 0 {
				t.Errorf("without any e-mail: %+v", resp)
			}
			if resp := b.post("/agir/"+b.begin(hubRequest("scope", "openid profile birth")), nil); resp.status != 200 {
				t.Errorf("without any e-mail, none asked: %+v", resp)
			}
			continue
		}
		u, _ := url.Parse(resp.body)
		tk, _ := h.token(hubForm(u.Query().Get("code")))
		if got := signed(t, h.userinfo(tk.Access).body, "ES256", h.published())["email"]; got != c.want {
			t.Errorf("email = %v, want %v", got, c.want)
		}
	}
}
