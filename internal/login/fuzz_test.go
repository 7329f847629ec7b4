package login_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/login"
)

// inMemory answers for a provider without a network.
type inMemory struct {
	issuer            string
	jwks              []byte
	idToken, userinfo string
}

func (m *inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	kind := "application/json"
	switch strings.TrimPrefix(r.URL.Path, "/api/v2") {
	case "/.well-known/openid-configuration":
		body, _ = json.Marshal(map[string]any{"issuer": m.issuer, "authorization_endpoint": m.issuer + "/authorize", "token_endpoint": m.issuer + "/token",
			"userinfo_endpoint": m.issuer + "/userinfo", "jwks_uri": m.issuer + "/jwks"})
	case "/jwks":
		body = m.jwks
	case "/token":
		body, _ = json.Marshal(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": m.idToken})
	default:
		kind, body = "application/jwt", []byte(m.userinfo)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// FuzzAnswers: whatever stands where id_token and userinfo should, in clear or
// encrypted, nobody comes in by it but with the two tokens that the provider made,
// and no error quotes them.
func FuzzAnswers(f *testing.F) {
	keys, key := encryptionKeys(f), newKey(f)
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		f.Fatal(err)
	}
	const issuer = "https://fournisseur.example/api/v2"
	id := sign(key, "k", map[string]any{"iss": issuer, "aud": clientID, "sub": "personne-1", "nonce": digest, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "acr": "eidas1"})
	info := sign(key, "k", map[string]any{"sub": "personne-1", "idp_id": "impots", "family_name": "PETIT"})
	wrap := func(s string) string { return encrypt(f, jose.ECDH_ES, jose.A256GCM, keys[0], s) }
	f.Add(false, id, unsigned(map[string]any{"sub": "personne-1"}))
	f.Add(false, unsigned(map[string]any{"sub": "personne-1"}), info)
	f.Add(true, wrap(unsigned(map[string]any{})), wrap(info))
	f.Add(true, wrap(id), id)
	f.Add(true, "a.b.c.d.e", "eyJ6aXAiOiJERUYifQ....")
	f.Add(false, "", "{}")
	f.Fuzz(func(t *testing.T, encrypted bool, idToken, userinfo string) {
		m := &inMemory{issuer: issuer, jwks: set, idToken: idToken, userinfo: userinfo}
		p := login.Provider{Issuer: issuer, ClientID: clientID, ClientSecret: secret}
		if encrypted {
			p.Keys = keys
		}
		l := login.New(login.Options{ProConnect: p, FranceConnect: p, PublicURL: relaisURL, OwnIDP: ownIDP, HTTP: &http.Client{Transport: m}, Now: func() time.Time { return now }})
		s, err := l.StartUsager(t.Context(), digest, "m1")
		if err != nil {
			t.Fatal(err)
		}
		u, err := l.FinishUsager(t.Context(), s.State, url.Values{"code": {"c"}, "state": {s.State.State}})
		if err == nil && (encrypted || idToken != id || strings.TrimSpace(userinfo) != info) {
			t.Errorf("%v %q %q let %q in", encrypted, idToken, userinfo, u.Attested.Sub)
		}
		if err != nil && (strings.Contains(err.Error(), "PETIT") || len(err.Error()) > 200) {
			t.Errorf("the error quotes an answer: %v", err)
		}
	})
}
