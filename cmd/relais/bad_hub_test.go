package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/config"
)

// tokenClaims reads a JWT without judging it.
func tokenClaims(t testing.TB, token string) map[string]any {
	t.Helper()
	claims := map[string]any{}
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %d parts", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// liar stands before the hub: it publishes a key of its own and signs with it
// what the hub said, after a change.
type liar struct {
	t        testing.TB
	key      *ecdsa.PrivateKey
	idToken  func(map[string]any)
	userinfo func(map[string]any)
	sign     func(map[string]any) string // nil: as published
	said     sync.Map                    // id_token told → id_token that the hub made
}

// lie is what one test makes the hub say.
type lie struct {
	idToken, userinfo func(map[string]any)
	sign              func(map[string]any) string
}

func (l *liar) token(claims map[string]any) string {
	if l.sign != nil {
		return l.sign(claims)
	}
	return signedWith(l.t, jose.ES256, jose.JSONWebKey{Key: l.key, KeyID: "liar"}, claims)
}

func signedWith(t testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

func (l *liar) before(hub http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hint, ok := l.said.Load(r.URL.Query().Get("id_token_hint")); ok {
			q := r.URL.Query()
			q.Set("id_token_hint", hint.(string))
			r.URL.RawQuery = q.Encode()
		}
		said := httptest.NewRecorder()
		hub.ServeHTTP(said, r)
		body := said.Body.Bytes()
		switch {
		case said.Code != http.StatusOK:
		case r.URL.Path == "/api/v2/jwks":
			body, _ = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: l.key.Public(), KeyID: "liar", Algorithm: "ES256", Use: "sig"}}})
		case r.URL.Path == "/api/v2/token":
			var answer map[string]any
			if err := json.Unmarshal(body, &answer); err != nil {
				l.t.Error(err)
			}
			claims := tokenClaims(l.t, answer["id_token"].(string))
			l.idToken(claims)
			made := answer["id_token"]
			answer["id_token"] = l.token(claims)
			l.said.Store(answer["id_token"], made)
			body, _ = json.Marshal(answer)
		case r.URL.Path == "/api/v2/userinfo":
			claims := tokenClaims(l.t, string(body))
			l.userinfo(claims)
			body = []byte(l.token(claims))
		}
		for name, values := range said.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(said.Code)
		_, _ = w.Write(body)
	})
}

// TestLyingHub: a FranceConnect whose id_token or userinfo is not right proves
// nobody; the draft survives. internal/login tests each check by itself.
func TestLyingHub(t *testing.T) {
	w := newWorld(t, config.SQLite)
	l := &liar{t: t}
	var err error
	if l.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	honest := func(map[string]any) {}
	l.idToken, l.userinfo = honest, honest
	w.hub.stand(l.before)
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	now := time.Now()
	for name, lie := range map[string]lie{
		"nonce of another text": {idToken: set("nonce", strings.Repeat("a", 64)), userinfo: honest},
		"no nonce":              {idToken: func(c map[string]any) { delete(c, "nonce") }, userinfo: honest},
		"another issuer":        {idToken: set("iss", "https://evil.example/api/v2"), userinfo: honest},
		"issuer with a slash":   {idToken: set("iss", w.d.conf.HubURL+"/api/v2/"), userinfo: honest},
		"another audience":      {idToken: set("aud", "autre"), userinfo: honest},
		"two audiences":         {idToken: set("aud", []string{w.d.conf.FranceConnect.ID, "autre"}), userinfo: honest},
		"expired":               {idToken: set("exp", now.Add(-time.Hour).Unix()), userinfo: honest},
		"issued tomorrow":       {idToken: set("iat", now.Add(24*time.Hour).Unix()), userinfo: honest},
		"another at_hash":       {idToken: set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), userinfo: honest},
		"no sub":                {idToken: func(c map[string]any) { delete(c, "sub") }, userinfo: honest},
		"another key": {idToken: honest, userinfo: honest, sign: func(c map[string]any) string {
			return signedWith(t, jose.ES256, jose.JSONWebKey{Key: other, KeyID: "liar"}, c)
		}},
		"an unknown key": {idToken: honest, userinfo: honest, sign: func(c map[string]any) string {
			return signedWith(t, jose.ES256, jose.JSONWebKey{Key: other, KeyID: "autre"}, c)
		}},
		"HS256 with the secret": {idToken: honest, userinfo: honest, sign: func(c map[string]any) string {
			return signedWith(t, jose.HS256, []byte(w.d.conf.FranceConnect.Secret), c)
		}},
		"alg none":                {idToken: honest, userinfo: honest, sign: unsigned},
		"userinfo of another sub": {idToken: honest, userinfo: set("sub", strings.Repeat("b", 64))},
		"userinfo without sub":    {idToken: honest, userinfo: func(c map[string]any) { delete(c, "sub") }},
		"userinfo for another":    {idToken: honest, userinfo: set("aud", "autre")},
		"no provider named":       {idToken: honest, userinfo: func(c map[string]any) { delete(c, "idp_id") }},
		"no name":                 {idToken: honest, userinfo: func(c map[string]any) { delete(c, "family_name") }},
		"a name of 10 kB":         {idToken: honest, userinfo: set("family_name", strings.Repeat("Martin ", 1500))},
		"a name with an override": {idToken: honest, userinfo: set("family_name", "\u202enitraM")},
		"a control character":     {idToken: honest, userinfo: set("given_name", "Simone\x00")},
		"a pile of marks":         {idToken: honest, userinfo: set("given_name", "S"+strings.Repeat("\u0301", 50))},
		"a birth date of words":   {idToken: honest, userinfo: func(c map[string]any) { c["birthdate"], c["idp_birthdate"] = "hier", "hier" }},
		"a name that is a list":   {idToken: honest, userinfo: set("given_name", []string{"Simone"})},
	} {
		t.Run(name, func(t *testing.T) {
			w, nadia := w.in(t), nadia.In(t)
			l.idToken, l.userinfo, l.sign = lie.idToken, lie.userinfo, lie.sign
			nadia.Open(w.relais + "/tour").Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer")
			if nadia.Status < 400 || nadia.Status >= 500 || nadia.Sees("Est-ce bien vous") || nadia.Sees("Perrin") {
				t.Errorf("%s", nadia.Describe())
			}
			w.survives(before, "nadia")
		})
	}
	l.idToken, l.userinfo, l.sign = honest, honest, nil
	w.finish(nadia, id, "nadia", "perrin")
}

func unsigned(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}
