package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

const strictBack = "https://fort.example/retour"

// strictService is a client of the strict profile, with its two keys.
type strictService struct {
	w          *world
	sign, dpop *ecdsa.PrivateKey
}

// strictHouse is a world with such a service.
func strictHouse(t *testing.T, engine string) (*world, *strictService) {
	t.Helper()
	s := &strictService{}
	for _, into := range []**ecdsa.PrivateKey{&s.sign, &s.dpop} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*into = k
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.sign.Public(), KeyID: "fort", Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.w = newWorld(t, engine, func(cfg *config.Config) {
		cfg.Clients = append(cfg.Clients, config.Client{ClientID: "fort", ClientName: "Service fort", RedirectURIs: []string{strictBack}, Scope: "openid profile",
			TokenEndpointAuthMethod: config.AuthPrivateKey, IDTokenSignedResponseAlg: "ES256", UserinfoSignedResponseAlg: "ES256", JWKS: public,
			Profile: config.ProfileStrict, PKCE: config.PKCERequired})
	})
	return s.w, s
}

func (s *strictService) jws(typ jose.ContentType, key *ecdsa.PrivateKey, embed bool, claims map[string]any) string {
	opts := (&jose.SignerOptions{EmbedJWK: embed}).WithType(typ)
	var signing any = jose.JSONWebKey{Key: key, KeyID: "fort"}
	if embed {
		signing = key
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: signing}, opts)
	if err != nil {
		s.w.t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		s.w.t.Fatal(err)
	}
	return text
}

// post sends a form with an assertion and, but to /par, a proof.
func (s *strictService) post(path string, form url.Values) answer {
	now := time.Now()
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", s.jws("JWT", s.sign, false, map[string]any{"iss": "fort", "sub": "fort", "aud": s.w.relais, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}))
	header := http.Header{}
	if path != "/par" {
		header.Set("DPoP", s.proof(http.MethodPost, path, ""))
	}
	return s.w.send(nil, http.MethodPost, path, form.Encode(), header)
}

func (s *strictService) proof(method, path, access string) string {
	claims := map[string]any{"htm": method, "htu": s.w.relais + path, "jti": rand.Text(), "iat": time.Now().Unix()}
	if access != "" {
		sum := sha256.Sum256([]byte(access))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return s.jws("dpop+jwt", s.dpop, true, claims)
}

const strictVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// push leaves a request and returns the address that the browser is sent to.
func (s *strictService) push() string {
	s.w.t.Helper()
	sum := sha256.Sum256([]byte(strictVerifier))
	a := s.post("/par", url.Values{"response_type": {"code"}, "scope": {"openid profile"}, "redirect_uri": {strictBack}, "state": {"etat"}, "nonce": {"nonce"},
		"prompt": {"login"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}})
	if a.status != http.StatusCreated {
		s.w.t.Fatalf("par: %d %s", a.status, a.body)
	}
	return s.w.url("/authorize", url.Values{"client_id": {"fort"}, "request_uri": {a.field("request_uri")}})
}

// TestStrictInTheHouse: a pushed request on a real database, loaded by two browsers
// of one aidant and answered by both at once: one use, one code, one identity.
func TestStrictInTheHouse(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w, s := strictHouse(t, engine)
			nadia, other := w.agent("nadia"), w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			uses, to := w.count(journal.DelegationUse), s.push()
			choice := url.Values{"mandat": {g.id}, "domaine": {"logement"}}
			nadia.Open(to).MustBeAt("/agir/")
			path := nadia.URL.Path
			nadia.Open(to).MustBeAt(path) // loaded again
			other.Open(to).MustBeAt(path)
			answers := make([]answer, 2)
			var wg sync.WaitGroup
			for i, v := range []*visitor.Visitor{nadia, other} {
				wg.Go(func() { answers[i] = w.postForm(v, path, choice) })
			}
			wg.Wait()
			if answers[0].status != http.StatusOK {
				answers[0], answers[1] = answers[1], answers[0]
			}
			if answers[1].status != http.StatusConflict || w.count(journal.DelegationUse) != uses+1 {
				t.Errorf("answers %d and %d, %d uses", answers[0].status, answers[1].status, w.count(journal.DelegationUse)-uses)
			}
			back, err := url.Parse(leads(t, answers[0], strictBack))
			if err != nil || back.Query().Get("state") != "etat" || back.Query().Get("iss") != w.relais {
				t.Fatal(back, err)
			}
			tk := s.post("/token", url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {strictBack}, "code_verifier": {strictVerifier}})
			access := tk.field("access_token")
			if tk.status != http.StatusOK || tk.field("token_type") != "DPoP" {
				t.Fatalf("token: %d %s", tk.status, tk.body)
			}
			info := w.send(nil, http.MethodGet, "/userinfo", "", http.Header{"Authorization": {"DPoP " + access}, "Dpop": {s.proof(http.MethodGet, "/userinfo", access)}})
			if info.status != http.StatusOK || !strings.EqualFold(tokenClaims(t, info.body)["family_name"].(string), "Perrin") {
				t.Errorf("userinfo: %d %s", info.status, info.body)
			}
			if a := w.send(nadia, http.MethodGet, strings.TrimPrefix(to, w.relais), "", nil); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
				t.Errorf("the answered request again: %d", a.status)
			}
			w.checkJournal()
		})
	}
}
