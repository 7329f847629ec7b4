package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/html"
)

// clock is a settable time source.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is the whole sandbox on real ports, with a minimal Relais.
type world struct {
	cfg    Config
	clock  *clock
	relais *fakeRelais
}

// late is a server whose handler comes after its address.
func late(t *testing.T) (*httptest.Server, *http.Handler) {
	var h http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	return srv, &h
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	relais, relaisHandler := late(t)
	agents, agentsHandler := late(t)
	hub, hubHandler := late(t)
	services, servicesHandler := late(t)
	cfg := DefaultConfig()
	cfg.Now, cfg.RelaisURL, cfg.AgentsURL, cfg.HubURL, cfg.ServicesURL = c.now, relais.URL, agents.URL, hub.URL, services.URL
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fake := newFakeRelais(t, cfg, c)
	*relaisHandler, *agentsHandler, *hubHandler, *servicesHandler = fake, s.Agents(), s.Hub(), s.Services()
	return &world{cfg: cfg, clock: c, relais: fake}
}

// browser is one person: cookies, and the page shown.
type browser struct {
	t      *testing.T
	client *http.Client
	url    *url.URL
	status int
	body   string
	doc    *html.Node
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, client: &http.Client{Jar: jar}}
}

func (b *browser) open(address string) *browser {
	b.t.Helper()
	resp, err := b.client.Get(address)
	return b.show(resp, err)
}

func (b *browser) show(resp *http.Response, err error) *browser {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.url, b.status, b.body = resp.Request.URL, resp.StatusCode, string(raw)
	if b.doc, err = html.Parse(strings.NewReader(b.body)); err != nil {
		b.t.Fatal(err)
	}
	return b
}

// find returns the element of that id and the form around it.
func find(n, form *html.Node, id string) (*html.Node, *html.Node) {
	if n.Type == html.ElementNode && n.Data == "form" {
		form = n
	}
	if attr(n, "id") == id {
		return n, form
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found, f := find(c, form, id); found != nil {
			return found, f
		}
	}
	return nil, nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// click follows a link or posts the form of a button, by id.
func (b *browser) click(id string) *browser {
	b.t.Helper()
	el, form := find(b.doc, nil, id)
	if el == nil {
		b.t.Fatalf("no #%s on %s (%d):\n%s", id, b.url, b.status, b.body)
	}
	if el.Data == "a" {
		return b.open(b.url.ResolveReference(mustURL(attr(el, "href"))).String())
	}
	target := b.url.ResolveReference(mustURL(attr(form, "action"))).String()
	resp, err := b.client.PostForm(target, url.Values{attr(el, "name"): {attr(el, "value")}})
	return b.show(resp, err)
}

func (b *browser) wants(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if !strings.Contains(b.body, text) {
			b.t.Fatalf("%q is not on %s (%d):\n%s", text, b.url, b.status, b.body)
		}
	}
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// post sends a form without a browser and reads a JSON answer.
func post(t *testing.T, address string, form url.Values) (int, map[string]any) {
	t.Helper()
	resp, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out) // an empty body stays nil
	return resp.StatusCode, out
}

// fakeRelais is the least identity provider the hub can talk to, and the
// landing pages of Relais as client. edit hooks spoil its answers.
type fakeRelais struct {
	http.Handler
	cfg       Config
	clock     *clock
	key       jose.JSONWebKey
	mu        sync.Mutex
	authorize url.Values // last request
	logout    url.Values
	calls     int
	refuse    string // OAuth error for the next authorize
	idToken   func(map[string]any)
	userinfo  func(map[string]any)
}

func newFakeRelais(t *testing.T, cfg Config, c *clock) *fakeRelais {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeRelais{cfg: cfg, clock: c, key: jose.JSONWebKey{Key: private, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}
	mux := http.NewServeMux()
	base := cfg.RelaisURL
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]string{"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
			"userinfo_endpoint": base + "/userinfo", "jwks_uri": base + "/jwks", "end_session_endpoint": base + "/session/end"})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{f.key.Public()}})
	})
	mux.HandleFunc("/authorize", f.serveAuthorize)
	mux.HandleFunc("/token", f.serveToken)
	mux.HandleFunc("/userinfo", f.serveUserinfo)
	mux.HandleFunc("/session/end", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.logout = r.URL.Query()
		f.mu.Unlock()
		http.Redirect(w, r, back(r.URL.Query().Get("post_logout_redirect_uri"), url.Values{"state": {r.URL.Query().Get("state")}}), http.StatusSeeOther)
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {}) // Relais as client: the browser's address tells
	f.Handler = mux
	return f
}

func (f *fakeRelais) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.authorize = r.URL.Query()
	f.calls++
	answer := url.Values{"state": {f.authorize.Get("state")}, "iss": {f.cfg.RelaisURL}}
	if f.refuse != "" {
		answer.Set("error", f.refuse)
		answer.Set("error_description", "mandat absent")
	} else {
		answer.Set("code", "un-code")
	}
	http.Redirect(w, r, back(f.authorize.Get("redirect_uri"), answer), http.StatusSeeOther)
}

func (f *fakeRelais) serveToken(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.PostFormValue("client_id") != f.cfg.HubAtRelais.ID || r.PostFormValue("client_secret") != f.cfg.HubAtRelais.Secret ||
		r.PostFormValue("redirect_uri") != f.cfg.HubURL+"/api/v2/oidc-callback" || r.PostFormValue("grant_type") != "authorization_code" {
		writeOAuthError(w, 401, "invalid_client")
		return
	}
	claims := map[string]any{
		"iss": f.cfg.RelaisURL, "sub": "usager-1", "aud": f.cfg.HubAtRelais.ID, "iat": f.clock.now().Unix(), "exp": f.clock.now().Add(time.Minute).Unix(),
		"nonce": f.authorize.Get("nonce"), "acr": "eidas1", "rep_scope": []string{"Logement"},
		"act": map[string]any{"sub": "aidant-1", "organisation": "CCAS de Valfictif"},
	}
	if f.idToken != nil {
		f.idToken(claims)
	}
	writeJSON(w, 200, map[string]string{"access_token": "jeton", "id_token": signWith(f.key, claims)})
}

func (f *fakeRelais) serveUserinfo(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer jeton" || r.Header.Get("Accept") != "application/jwt" {
		w.WriteHeader(401)
		return
	}
	claims := Usagers()[0].claims()
	if f.userinfo != nil {
		f.userinfo(claims)
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = io.WriteString(w, signWith(f.key, claims))
}

// signWith signs with any key: a JWK, or bytes for HS256.
func signWith(key any, claims map[string]any) string {
	alg := jose.ES256
	switch k := key.(type) {
	case []byte:
		alg = jose.HS256
	case jose.JSONWebKey:
		alg = jose.SignatureAlgorithm(k.Algorithm)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	obj, err := s.Sign(payload)
	if err != nil {
		panic(err)
	}
	raw, err := obj.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return raw
}
