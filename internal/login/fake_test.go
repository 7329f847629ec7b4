package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/login"
)

const (
	relaisURL = "https://relais.example"
	clientID  = "relais-client"
	secret    = "un-secret-de-client-de-plus-de-32-caracteres"
	ownIDP    = "7b0f7c1e-relais-fictif"
)

// fake is an OpenID provider over real HTTP that does what a test tells it to.
type fake struct {
	*httptest.Server
	now    time.Time
	key    *ecdsa.PrivateKey
	kid    string
	extra  []jose.JSONWebKey // further keys in the set
	nonce  string
	pkce   bool
	sendsI bool

	idToken  map[string]any    // what a test changes; nil removes
	userinfo map[string]any    // likewise
	signID   func(any) string  // instead of the key
	signInfo func(any) string  // likewise
	infoType string            // Content-Type of userinfo
	token    map[string]any    // what a test changes in the token answer
	handle   http.HandlerFunc  // first, for any path; returns having written or not
	form     url.Values        // last /token form
	calls    map[string]int    // by path
	override map[string]string // in the discovery document
	decrypt  []jose.JSONWebKey // Relais's private keys, where encryption was agreed
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), key: newKey(t), kid: "cle-1", pkce: true, sendsI: true,
		idToken: map[string]any{}, userinfo: map[string]any{}, token: map[string]any{}, infoType: "application/jwt; charset=utf-8",
		calls: map[string]int{}, override: map[string]string{},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) issuer() string { return f.URL + "/api/v2" }

func (f *fake) login(t *testing.T) *login.Login {
	t.Helper()
	p := login.Provider{Issuer: f.issuer(), ClientID: clientID, ClientSecret: secret, Keys: f.decrypt}
	return login.New(login.Options{
		ProConnect: p, FranceConnect: p, PublicURL: relaisURL, OwnIDP: ownIDP,
		HTTP: &http.Client{Timeout: 900 * time.Millisecond}, Now: func() time.Time { return f.now },
	})
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/v2")
	f.calls[path]++
	if f.handle != nil {
		rec := &written{ResponseWriter: w}
		f.handle(rec, r)
		if rec.done {
			return
		}
	}
	switch path {
	case "/.well-known/openid-configuration":
		f.discovery(w)
	case "/jwks":
		set := jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{{Key: f.key.Public(), KeyID: f.kid, Use: "sig", Algorithm: "ES256"}}, f.extra...)}
		answer(w, set)
	case "/token":
		_ = r.ParseForm() // a test reads what came
		f.form = r.PostForm
		f.answerToken(w)
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer jeton-acces" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", f.infoType)
		claims := with(f.baseUserinfo(), f.userinfo)
		if f.signInfo != nil {
			fmt.Fprint(w, f.signInfo(claims))
			return
		}
		fmt.Fprint(w, sign(f.key, f.kid, claims))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

type written struct {
	http.ResponseWriter
	done bool
}

func (w *written) WriteHeader(c int)           { w.done = true; w.ResponseWriter.WriteHeader(c) }
func (w *written) Write(b []byte) (int, error) { w.done = true; return w.ResponseWriter.Write(b) }

func (f *fake) discovery(w http.ResponseWriter) {
	doc := map[string]any{
		"issuer": f.issuer(), "authorization_endpoint": f.issuer() + "/authorize", "token_endpoint": f.issuer() + "/token",
		"userinfo_endpoint": f.issuer() + "/userinfo", "jwks_uri": f.issuer() + "/jwks", "end_session_endpoint": f.issuer() + "/session/end",
		"authorization_response_iss_parameter_supported": f.sendsI,
	}
	if f.pkce {
		doc["code_challenge_methods_supported"] = []string{"S256"}
	}
	for k, v := range f.override {
		doc[k] = v
	}
	answer(w, doc)
}

func (f *fake) baseIDToken() map[string]any {
	sum := sha256.Sum256([]byte("jeton-acces"))
	return map[string]any{
		"iss": f.issuer(), "aud": clientID, "sub": "personne-1", "nonce": f.nonce, "iat": f.now.Unix(), "exp": f.now.Add(time.Minute).Unix(),
		"acr": "eidas1", "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
}

func (f *fake) baseUserinfo() map[string]any {
	return map[string]any{
		"iss": f.issuer(), "aud": clientID, "iat": f.now.Unix(), "exp": f.now.Add(time.Minute).Unix(), "sub": "personne-1",
		"given_name": "Andrée Jeanne", "family_name": "PETIT", "gender": "female", "birthdate": "1942-01-01", "idp_birthdate": "1942-00-00",
		"birthplace": "2A004", "birthcountry": "99100", "email": "Andree@Example.FR", "idp_id": "1d4f0a52-impots-fictif",
		"usual_name": "Martin", "siret": "21340172201787",
	}
}

func (f *fake) answerToken(w http.ResponseWriter) {
	claims := with(f.baseIDToken(), f.idToken)
	id := ""
	if f.signID != nil {
		id = f.signID(claims)
	} else {
		id = sign(f.key, f.kid, claims)
	}
	answer(w, with(map[string]any{"access_token": "jeton-acces", "token_type": "Bearer", "expires_in": 60, "id_token": id}, f.token))
}

func with(base, changes map[string]any) map[string]any {
	out := maps.Clone(base)
	for k, v := range changes {
		out[k] = v
		if v == nil {
			delete(out, k)
		}
	}
	return out
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func sign(key *ecdsa.PrivateKey, kid string, claims any) string {
	return signWith(jose.ES256, key, kid, claims)
}

func signWith(alg jose.SignatureAlgorithm, key any, kid string, claims any) string {
	return named(kid, "JWT", alg, key, claims)
}

// unsigned is a JWT of algorithm none.
func unsigned(claims any) string {
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + enc(body) + "."
}

// callback is what the provider sends the browser back with.
func (f *fake) callback(p login.Pending) url.Values {
	f.nonce = p.Nonce
	return url.Values{"code": {"code-1"}, "state": {p.State}, "iss": {f.issuer()}}
}
