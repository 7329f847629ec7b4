package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/sandbox"
	"relais/internal/session"
	"relais/internal/testkit/visitor"
)

const (
	backChannel = "/deconnexion/fournisseur"
	clientID    = "relais-agents-fictif"
)

// idp is an identity provider of agents that says what a test wants.
type idp struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var said any = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}}
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			said = map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/a", "token_endpoint": p.URL + "/t",
				"userinfo_endpoint": p.URL + "/u", "jwks_uri": p.URL + "/jwks", "end_session_endpoint": p.URL + "/e"}
		}
		_ = json.NewEncoder(w).Encode(said) // the asker's loss
	}))
	t.Cleanup(p.Close)
	return p
}

// token is a logout token that counts, but for the changes; nil removes.
func (p *idp) token(t testing.TB, alg jose.SignatureAlgorithm, key any, changes map[string]any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": p.URL, "aud": clientID, "sub": "nadia", "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("logout+jwt").WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// beside starts a second instance on the world's database, whose agents come from p
// if that is given.
func (w *world) beside(p *idp) *httptest.Server {
	w.t.Helper()
	cfg := demoConfig(w.d.cfg, w.d.conf)
	cfg.Clients = w.d.cfg.Clients
	if p != nil {
		cfg.ProConnect = config.RelyingParty{Issuer: p.URL, ClientID: clientID, ClientSecret: config.Secret(strings.Repeat("s", 40))}
	}
	h, err := build(context.Background(), cfg, slog.New(slog.DiscardHandler), true)
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(h.handler)
	w.t.Cleanup(func() {
		server.Close()
		if err := h.store.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return server
}

// vouched signs an agent in as if p had said so, and gives the session to a browser.
func (w *world) vouched(p *idp, agent, sid string) *visitor.Visitor {
	w.t.Helper()
	var l aidant.Login
	for _, a := range sandbox.Agents() {
		if a.ID == agent {
			l = aidant.Login{Issuer: p.URL, Sub: agent, SID: sid, Email: strings.ToLower(a.Email), SIRET: a.Siret, ACR: "eidas2"}
		}
	}
	fresh, id := w.d.sessions.Fresh(httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/", nil))
	fresh.AuthAt = time.Now()
	if _, err := w.d.store.SignIn(w.t.Context(), l, fresh); err != nil {
		w.t.Fatal(err)
	}
	here, err := url.Parse(w.relais)
	if err != nil {
		w.t.Fatal(err)
	}
	v := visitor.New(w.t)
	v.Client.Jar.SetCookies(here, []*http.Cookie{{Name: w.d.sessions.Name(), Value: id, Path: "/"}})
	if session.Ref(id) != fresh.Ref {
		w.t.Fatal("not that session")
	}
	return v
}

func demand(t testing.TB, at, token string) *http.Response {
	t.Helper()
	resp, err := http.PostForm(at+backChannel, url.Values{"logout_token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // it says nothing that is read
	return resp
}

// TestBackChannelLogout: what the agents' provider ends at one instance is refused
// by the other at the next request, and a forged or a used demand ends nothing.
func TestBackChannelLogout(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine)
			p := newIDP(t)
			other := w.beside(p)
			one, two, claire := w.vouched(p, "nadia", "un"), w.vouched(p, "nadia", "deux"), w.vouched(p, "claire", "trois")
			w.badDemands(p, other.URL)
			used := p.token(t, jose.ES256, p.key, map[string]any{"sid": "un"})
			if resp := demand(t, other.URL, used); resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("the good one: %d %v", resp.StatusCode, resp.Header)
			}
			one.Open(w.relais + "/guichet").MustBeAt("/connexion")
			two.Open(w.relais + "/guichet").MustBeAt("/guichet")
			again := w.vouched(p, "nadia", "un")
			w.refusedDemand(other.URL, "replayed", used)
			m := w.give(w.agent("nadia"), "nadia", "perrin", logement()) // by ProConnect: the sandbox's, another issuer
			again.Open(w.relais + "/mandats/" + m.id).MustBeAt("/mandats/")
			demand(t, other.URL, p.token(t, jose.ES256, p.key, nil))
			for _, v := range []*visitor.Visitor{two, again} {
				v.Open(w.relais + "/guichet").MustBeAt("/connexion")
			}
			claire.Open(w.relais + "/structure").MustBeAt("/structure")
			if left := len(w.sessionsOf("nadia")); left != 1 {
				t.Errorf("%d sessions left, want the one of the other provider", left)
			}
			if resp := demand(t, other.URL, p.token(t, jose.ES256, p.key, nil)); resp.StatusCode != http.StatusOK {
				t.Errorf("nothing left to end: %d", resp.StatusCode)
			}
		})
	}
}

// badDemands sends what must end nothing.
func (w *world) badDemands(p *idp, at string) {
	w.t.Helper()
	stranger := newIDP(w.t)
	secret := []byte(strings.Repeat("s", 40))
	good := p.token(w.t, jose.ES256, p.key, nil)
	enc := base64.RawURLEncoding.EncodeToString
	none := enc([]byte(`{"alg":"none","typ":"logout+jwt"}`)) + "." + strings.Split(good, ".")[1] + "."
	signed := func(changes map[string]any) string {
		return p.token(w.t, jose.ES256, p.key, changes)
	}
	for name, token := range map[string]string{
		"forged": p.token(w.t, jose.ES256, stranger.key, nil), "alg none": none, "HS256": p.token(w.t, jose.HS256, secret, nil),
		"other audience": signed(map[string]any{"aud": "autre"}), "with a nonce": signed(map[string]any{"nonce": "n"}),
		"expired": signed(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "old": signed(map[string]any{"iat": time.Now().Add(-time.Hour).Unix()}),
		"other issuer": signed(map[string]any{"iss": stranger.URL}), "no event": signed(map[string]any{"events": nil}), "nothing": "",
	} {
		w.refusedDemand(at, name, token)
	}
}

// refusedDemand sends one that ends nothing and leaves its entry, which another
// instance sees a moment later.
func (w *world) refusedDemand(at, name, token string) {
	w.t.Helper()
	before := w.refusals("demande_non_recevable")
	w.harmless(func() {
		if resp := demand(w.t, at, token); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Cache-Control") != "no-store" {
			w.t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); w.refusals("demande_non_recevable") != before+1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: no entry", name)
		}
	}
}

// TestSignOutAtTheProvider: the fictional provider's own button ends what its agent
// has open at Relais, in every browser; leaving one service ends one session.
func TestSignOutAtTheProvider(t *testing.T) {
	w := newWorld(t, config.SQLite)
	one, two := w.agent("nadia"), w.agent("nadia")
	m := w.give(one, "nadia", "perrin", logement())
	w.agent("nadia").Submit("/deconnexion")
	w.choose(one, w.arrive(one, "allocations"), m.id, "logement")
	two.Open(w.relais + "/guichet").MustBeAt("/guichet")
	one.Open(w.d.conf.AgentsURL + "/").Click("partout").MustSee("prévenus")
	for _, v := range []*visitor.Visitor{one, two} {
		v.Open(w.relais + "/guichet").MustBeAt("/connexion")
	}
	if w.count(journal.DelegationStop) != 1 {
		t.Error("the use under way was not stopped")
	}
}
