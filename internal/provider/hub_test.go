package provider_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/provider"
	"relais/internal/sandbox"
)

// hubWorld is the provider with the fictional hub and a service before it. The hub
// checks with code of its own; spoil changes what it is told, so that a test sees
// each of its checks refuse something.
type hubWorld struct {
	*house
	conf  sandbox.Config
	spoil *spoiler
	b     browser
	page  string
	at    *url.URL
}

// hubAlgs are the algorithms that the hub registered: id_token, userinfo.
type hubAlgs struct{ idToken, userinfo string }

func newHub(t *testing.T, algs hubAlgs, change ...func(*provider.Options)) *hubWorld {
	t.Helper()
	w := &hubWorld{conf: sandbox.DefaultConfig(), spoil: &spoiler{t: t, key: newKey(t, "faux", "sig", "ES256")}}
	var peers *sandbox.Sandbox
	hub := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { peers.Hub().ServeHTTP(rw, r) }))
	services := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { peers.Services().ServeHTTP(rw, r) }))
	t.Cleanup(hub.Close)
	t.Cleanup(services.Close)
	w.conf.HubURL, w.conf.ServicesURL, w.conf.IDTokenAlg, w.conf.UserinfoAlg = hub.URL, services.URL, algs.idToken, algs.userinfo
	w.house = newHouse(t, append([]func(*provider.Options){func(o *provider.Options) {
		c := o.Clients[0]
		c.ID, c.Secret, c.IDTokenAlg, c.UserinfoAlg = w.conf.HubAtRelais.ID, w.conf.HubAtRelais.Secret, algs.idToken, algs.userinfo
		if algs.userinfo == "none" {
			c.UserinfoAlg = ""
		}
		c.RedirectURIs = []string{hub.URL + "/api/v2/oidc-callback"}
		c.PostLogoutRedirectURIs = []string{hub.URL + "/api/v2/client/logout-callback"}
		o.Clients = []provider.Client{c}
	}}, change...)...)
	w.conf.RelaisURL, w.conf.Now, w.conf.HTTP = w.url, w.now, &http.Client{Transport: w.spoil}
	var err error
	if peers, err = sandbox.New(w.conf); err != nil {
		t.Fatal(err)
	}
	w.b = w.house.browser()
	return w
}

// follow goes to an address and on, up to a page or to Relais's own choice, whose
// id it returns.
func (w *hubWorld) follow(resp response, from string) (choice string) {
	w.t.Helper()
	at, err := url.Parse(from)
	if err != nil {
		w.t.Fatal(err)
	}
	for resp.header.Get("Location") != "" {
		if at, err = at.Parse(resp.header.Get("Location")); err != nil {
			w.t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(at.String(), w.url+"/agir/"); ok {
			return id
		}
		resp = w.b.get(at.String())
	}
	w.page, w.at = resp.body, at
	return ""
}

// begin sends the browser from a service to Relais, and returns the request's id.
func (w *hubWorld) begin(service string) string {
	w.t.Helper()
	from := w.conf.ServicesURL + "/" + service
	w.follow(w.b.post(from+"/connexion", nil), from)
	id := w.follow(w.b.post(w.at.String(), url.Values{"fi": {"relais"}}), w.at.String())
	if id == "" {
		w.t.Fatalf("Relais was not reached: %s\n%s", w.at, w.page)
	}
	return id
}

// answer lets the aidant choose; change edits the way back to the hub.
func (w *hubWorld) answer(id, domaine string, change ...func(url.Values)) {
	w.t.Helper()
	resp := w.b.post("/agir/"+id, url.Values{"domaine": {domaine}})
	to, err := url.Parse(resp.body)
	if resp.status != http.StatusOK || err != nil {
		w.t.Fatalf("choose = %d %s", resp.status, resp.body)
	}
	q := to.Query()
	for _, f := range change {
		f(q)
	}
	to.RawQuery = q.Encode()
	w.follow(w.b.get(to.String()), to.String())
}

// enter is the whole way to the hub's last page.
func (w *hubWorld) enter(change ...func(url.Values)) {
	w.t.Helper()
	w.answer(w.begin("allocations"), "social", change...)
}

var faultCode = regexp.MustCompile(`id="code-erreur">([^<]*)<`)

// code is the hub's error code on the page, "" when it takes the person.
func (w *hubWorld) code() string {
	w.t.Helper()
	if m := faultCode.FindStringSubmatch(w.page); m != nil {
		return m[1]
	}
	if !strings.Contains(w.page, "Continuer vers") {
		w.t.Fatalf("neither an error nor the hub's last page: %s\n%s", w.at, w.page)
	}
	return ""
}

// spoiler stands on the way of the hub's own calls to Relais. What it changes it
// signs anew, with a key that it publishes in place of Relais's.
type spoiler struct {
	t                 *testing.T
	key               jose.JSONWebKey
	idToken, userinfo func(map[string]any)
	sign              func(map[string]any) string // instead of key
	media             string                      // Content-Type of userinfo
	plain             bool                        // userinfo as JSON
}

func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || (s.idToken == nil && s.userinfo == nil && s.sign == nil && !s.plain && s.media == "") {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	switch r.URL.Path {
	case "/jwks":
		body = publicSet(s.t, s.key)
	case "/token":
		var answer map[string]any
		if json.Unmarshal(body, &answer) == nil && answer["id_token"] != nil {
			answer["id_token"] = s.again(answer["id_token"].(string), s.idToken)
			body, _ = json.Marshal(answer)
		}
	case "/userinfo":
		body = s.person(resp, body)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func (s *spoiler) person(resp *http.Response, body []byte) []byte {
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(string(body), ".")[1])
	if err != nil {
		s.t.Error(err)
	}
	if s.media != "" {
		resp.Header.Set("Content-Type", s.media)
	}
	if s.plain {
		return claims
	}
	return []byte(s.again(string(body), s.userinfo))
}

// again signs a token's claims anew, after a change.
func (s *spoiler) again(token string, change func(map[string]any)) string {
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		s.t.Error("no token to change")
		return token
	}
	if change != nil {
		change(claims)
	}
	if s.sign != nil {
		return s.sign(claims)
	}
	return forged(s.t, jose.ES256, s.key, claims)
}
