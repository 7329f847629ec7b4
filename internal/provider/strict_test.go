package provider_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/provider"
)

// strictRP is a client of the strict profile, with its two keys.
type strictRP struct {
	*house
	b         browser
	key, dpop jose.JSONWebKey
	n         int
}

func newStrict(t *testing.T) *strictRP {
	s := &strictRP{key: newKey(t, "s", "sig", "ES256"), dpop: newKey(t, "", "", "")}
	s.house = newHouse(t, func(o *provider.Options) {
		c := strict("fort")
		c.Profile, c.UserinfoAlg, c.JWKS = provider.ProfileStrict, "ES256", publicSet(t, s.key)
		c.RedirectURIs, c.PostLogoutRedirectURIs = []string{"https://service.example/cb?x=1"}, nil
		hub := o.Clients[0]
		hub.ID, hub.AuthMethod = "hub-basic", "client_secret_basic"
		o.Clients = append(o.Clients, c, hub)
	})
	s.b = s.house.browser()
	return s
}

func (s *strictRP) next() string {
	s.n++
	return fmt.Sprint("n", s.n)
}

// proof is a DPoP proof; change edits its claims.
func (s *strictRP) proof(method, path, access string, change ...func(map[string]any)) func(*http.Request) {
	return dpopHeader(s.t, s.dpop, s.claims(method, path, access, change...))
}

func (s *strictRP) claims(method, path, access string, change ...func(map[string]any)) map[string]any {
	claims := map[string]any{"htm": method, "htu": s.url + path, "jti": s.next(), "iat": s.now().Unix()}
	if access != "" {
		sum := sha256.Sum256([]byte(access))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for _, f := range change {
		f(claims)
	}
	return claims
}

func dpopHeader(t testing.TB, key jose.JSONWebKey, claims map[string]any) func(*http.Request) {
	t.Helper()
	opts := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key.Key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return func(r *http.Request) { r.Header.Set("DPoP", text) }
}

func (s *strictRP) assert(form url.Values) url.Values {
	return with(form, "client_assertion", assertion(s.t, s.key, "fort", s.url, s.next(), time.Minute),
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}

func strictRequest(change ...string) url.Values {
	return serviceRequest(append([]string{"client_id", "fort", "nonce", "n"}, change...)...)
}

// push pushes a request and returns its name.
func (s *strictRP) push(v url.Values, change ...func(*http.Request)) (string, response) {
	s.t.Helper()
	resp := s.house.browser().post("/par", s.assert(v), change...)
	var pushed struct {
		Name string `json:"request_uri"`
		Life int    `json:"expires_in"`
	}
	if resp.status == http.StatusCreated && (json.Unmarshal([]byte(resp.body), &pushed) != nil || pushed.Life < 5 || pushed.Life >= 600) {
		s.t.Errorf("par = %+v", resp)
	}
	return pushed.Name, resp
}

func (s *strictRP) bring(name string) response {
	return s.b.get("/authorize?" + url.Values{"client_id": {"fort"}, "request_uri": {name}}.Encode())
}

// code runs PAR, /authorize and the choice.
func (s *strictRP) code(change ...func(*http.Request)) string {
	s.t.Helper()
	name, resp := s.push(strictRequest("prompt", "login"), change...)
	if name == "" {
		s.t.Fatalf("par = %+v", resp)
	}
	to := s.bring(name)
	id, ok := strings.CutPrefix(to.header.Get("Location"), "/agir/")
	if !ok {
		s.t.Fatalf("authorize = %+v", to)
	}
	u, err := url.Parse(s.b.post("/agir/"+id, nil).body)
	if err != nil || u.Query().Get("iss") != s.url {
		s.t.Fatal(u, err)
	}
	return u.Query().Get("code")
}

func (s *strictRP) info(access string, change ...func(*http.Request)) response {
	r, err := http.NewRequest(http.MethodGet, s.url+"/userinfo", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "DPoP "+access)
	for _, f := range change {
		f(r)
	}
	return s.house.browser().do(r)
}

// TestStrictLogin is the whole way of FAPI 2.0's Security Profile.
func TestStrictLogin(t *testing.T) {
	s := newStrict(t)
	tk, resp := s.token(s.assert(serviceForm(s.code())), s.proof("POST", "/token", ""))
	if resp.status != 200 || tk.Type != "DPoP" || tk.Refresh != "" {
		t.Fatalf("token = %+v", resp)
	}
	if claims := s.idToken(tk.IDToken, "fort"); claims["aud"] != "fort" || claims["nonce"] != "n" {
		t.Errorf("id_token = %v", claims)
	}
	got := s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access))
	if got.status != 200 || signed(t, got.body, "ES256", s.published())["family_name"] != "Le Goff" {
		t.Errorf("userinfo = %+v", got)
	}
	for name, resp := range map[string]response{
		"as a bearer":   s.userinfo(tk.Access),
		"in the body":   s.house.browser().post("/userinfo", url.Values{"access_token": {tk.Access}}),
		"without proof": s.info(tk.Access),
		"without ath":   s.info(tk.Access, s.proof("GET", "/userinfo", "")),
		"another token": s.info(tk.Access, s.proof("GET", "/userinfo", "x")),
		"for a POST":    s.info(tk.Access, s.proof("POST", "/userinfo", tk.Access)),
		"another place": s.info(tk.Access, s.proof("GET", "/token", tk.Access)),
		"another key":   s.info(tk.Access, dpopHeader(t, newKey(t, "", "", ""), s.claims("GET", "/userinfo", tk.Access))),
		"too old":       s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access, func(c map[string]any) { c["iat"] = s.now().Add(-2 * time.Minute).Unix() })),
		"to come":       s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access, func(c map[string]any) { c["iat"] = s.now().Add(2 * time.Minute).Unix() })),
		"without jti":   s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access, func(c map[string]any) { delete(c, "jti") })),
	} {
		challenge := resp.header.Get("WWW-Authenticate")
		if resp.status != 401 || !strings.Contains(challenge, "error=") || !strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `algs="ES256 PS256"`) {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	for name, c := range map[string]struct {
		resp response
		want string
	}{
		"no token":         {s.info(""), `DPoP realm="relais", algs="ES256 PS256"`},
		"an unknown one":   {s.info("d"+strings.Repeat("A", 26), s.proof("GET", "/userinfo", "d"+strings.Repeat("A", 26))), `DPoP realm="relais", error="invalid_token", algs="ES256 PS256"`},
		"a bearer's as it": {s.info(strings.Repeat("A", 26)), `DPoP realm="relais", error="invalid_token", algs="ES256 PS256"`},
		"it as a bearer's": {s.userinfo(tk.Access), `DPoP realm="relais", error="invalid_token", algs="ES256 PS256"`},
	} {
		if c.resp.status != 401 || c.resp.header.Get("WWW-Authenticate") != c.want {
			t.Errorf("%s = %d %q", name, c.resp.status, c.resp.header.Get("WWW-Authenticate"))
		}
	}
	once := s.proof("GET", "/userinfo", tk.Access)
	if a, b := s.info(tk.Access, once), s.info(tk.Access, once); a.status != 200 || b.status != 401 {
		t.Errorf("a proof used twice = %d, %d", a.status, b.status)
	}
	if n := s.l.count("Show"); n != 2 {
		t.Errorf("%d entries of an identity handed over, want 2", n)
	}
}

// TestStrictToken: no proof, another key than the pushed one, a foreign verifier.
func TestStrictToken(t *testing.T) {
	s := newStrict(t)
	code := s.code()
	if tk, _ := s.token(s.assert(serviceForm(code))); tk.Error != "invalid_dpop_proof" {
		t.Errorf("without a proof = %+v", tk)
	}
	if _, resp := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "")); resp.status != 200 {
		t.Errorf("a missing proof lost the code: %+v", resp)
	}
	if tk, _ := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "")); tk.Error != "invalid_grant" {
		t.Errorf("replay = %+v", tk)
	}
	code = s.code(s.proof("POST", "/par", ""))
	if tk, _ := s.token(s.assert(serviceForm(code)), dpopHeader(t, newKey(t, "", "", ""), s.claims("POST", "/token", ""))); tk.Error != "invalid_dpop_proof" {
		t.Errorf("another key than at /par = %+v", tk)
	}
	if _, resp := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "")); resp.status != 200 {
		t.Errorf("the key of /par = %+v", resp)
	}
	code = s.code()
	if tk, _ := s.token(s.assert(with(serviceForm(code), "code_verifier", strings.Repeat("b", 43))), s.proof("POST", "/token", "")); tk.Error != "invalid_grant" {
		t.Errorf("a wrong verifier = %+v", tk)
	}
	code = s.code()
	s.later(time.Minute)
	if tk, _ := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "")); tk.Error != "invalid_grant" {
		t.Errorf("after a minute = %+v", tk)
	}
}

// TestStrictAssertion: what the library takes and FAPI 2.0 does not.
func TestStrictAssertion(t *testing.T) {
	s := newStrict(t)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(alg jose.SignatureAlgorithm, key any, change func(map[string]any)) string {
		claims := map[string]any{"iss": "fort", "sub": "fort", "aud": s.url, "jti": s.next(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		change(claims)
		return forged(t, alg, key, claims)
	}
	none := func(map[string]any) {}
	for name, text := range map[string]string{
		"RS256":             sign(jose.RS256, rs, none),
		"audience /token":   sign(jose.ES256, s.key, func(c map[string]any) { c["aud"] = s.url + "/token" }),
		"audience /par":     sign(jose.ES256, s.key, func(c map[string]any) { c["aud"] = s.url + "/par" }),
		"a list":            sign(jose.ES256, s.key, func(c map[string]any) { c["aud"] = []string{s.url} }),
		"two audiences":     sign(jose.ES256, s.key, func(c map[string]any) { c["aud"] = []string{s.url, "https://autre.example"} }),
		"issued to come":    sign(jose.ES256, s.key, func(c map[string]any) { c["iat"] = time.Now().Add(2 * time.Minute).Unix() }),
		"good from to come": sign(jose.ES256, s.key, func(c map[string]any) { c["nbf"] = time.Now().Add(2 * time.Minute).Unix() }),
		"another key":       sign(jose.ES256, newKey(t, "s", "sig", "ES256"), none),
		"expired":           sign(jose.ES256, s.key, func(c map[string]any) { c["exp"] = time.Now().Add(-2 * time.Minute).Unix() }),
	} {
		form := with(strictRequest(), "client_assertion", text, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		for _, path := range []string{"/par", "/token", "/revoke"} {
			resp := s.house.browser().post(path, with(form, "grant_type", "authorization_code", "token", "x"))
			if resp.status != 401 || !strings.Contains(resp.body, "invalid_client") {
				t.Errorf("%s at %s = %+v", name, path, resp)
			}
		}
	}
	if !strings.Contains(s.l.reasons(), "delegation.deny:client_non_authentifie") {
		t.Error("no trace")
	}
}

func TestStrictPAR(t *testing.T) {
	s := newStrict(t)
	s.fails(strictRequest(), "invalid_request") // brought by the browser
	for name, c := range map[string]struct {
		v    url.Values
		want string
	}{
		"request_uri inside": {strictRequest("request_uri", "urn:x"), "invalid_request"},
		"no redirect_uri":    {strictRequest("redirect_uri", ""), "invalid_request"},
		"other redirect_uri": {strictRequest("redirect_uri", "https://evil.example/"), "invalid_request"},
		"no PKCE":            {strictRequest("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"plain PKCE":         {strictRequest("code_challenge_method", "plain"), "invalid_request"},
		"token":              {strictRequest("response_type", "token"), "unsupported_response_type"},
		"hybrid":             {strictRequest("response_type", "code id_token"), "unsupported_response_type"},
		"no openid":          {strictRequest("scope", "profile"), "invalid_scope"},
		"request object":     {strictRequest("request", "e30."), "request_not_supported"},
		"bad claims":         {strictRequest("claims", "{"), "invalid_request"},
		"another client":     {strictRequest("client_id", "suite"), "invalid_client"},
	} {
		if _, resp := s.push(c.v); resp.status < 400 || !strings.Contains(resp.body, `"`+c.want+`"`) {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	if resp := s.house.browser().get("/par"); resp.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /par = %+v", resp)
	}
	long := strings.Repeat("s", 900)
	name, _ := s.push(strictRequest("state", long, "nonce", long))
	other := rp{s.house, s.b, "suite"}
	if resp := s.b.get("/authorize?" + url.Values{"client_id": {other.id}, "request_uri": {name}}.Encode()); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("another client's = %+v", resp)
	}
	if resp := s.bring(name); resp.status != 303 || !strings.HasPrefix(resp.header.Get("Location"), "/agir/") {
		t.Errorf("long state and nonce = %+v", resp)
	}
	if resp := s.bring(name); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("twice = %+v", resp)
	}
	name, _ = s.push(strictRequest())
	if resp := s.b.post("/authorize", url.Values{"client_id": {"fort"}, "request_uri": {name}}); resp.status != 303 || !strings.HasPrefix(s.b.get(resp.header.Get("Location")).header.Get("Location"), "/agir/") {
		t.Errorf("by POST = %+v", resp)
	}
	name, _ = s.push(strictRequest())
	s.later(2 * time.Minute)
	if resp := s.bring(name); resp.status != 400 {
		t.Errorf("after two minutes = %+v", resp)
	}
}

// brokenShared fails where a request is taken.
type brokenShared struct{}

func (brokenShared) UseOnce(context.Context, string, time.Time) (bool, error)      { return true, nil }
func (brokenShared) Push(context.Context, string, string, string, time.Time) error { return nil }
func (brokenShared) TakePushed(context.Context, string, string) (string, error) {
	return "", errors.New("base fermée")
}

// TestPushedNotRead: a store that fails is our fault and not the service's, and
// says nothing of itself.
func TestPushedNotRead(t *testing.T) {
	r := newHouse(t, func(o *provider.Options) { o.Shared = brokenShared{} }).rp("suite")
	resp := r.b.get("/authorize?" + url.Values{"client_id": {"suite"}, "request_uri": {"urn:ietf:params:oauth:request_uri:X"}}.Encode())
	if resp.status != http.StatusInternalServerError || resp.header.Get("Location") != "" || strings.Contains(resp.body, "base") || !strings.Contains(resp.body, "Rien n’a été transmis") {
		t.Errorf("a store that fails = %+v", resp)
	}
	r = newHouse(t).rp("suite")
	if resp := r.b.get("/authorize?" + url.Values{"client_id": {"suite"}, "request_uri": {"urn:ietf:params:oauth:request_uri:X"}}.Encode()); resp.status != 400 {
		t.Errorf("a request that nobody pushed = %+v", resp)
	}
}

// TestPushedByAll: a standard client may push too, with its secret.
func TestPushedByAll(t *testing.T) {
	r := newHouse(t).rp("suite")
	resp := r.b.post("/par", r.request(), basic("suite", url.QueryEscape(secret)))
	var pushed struct {
		Name string `json:"request_uri"`
	}
	if resp.status != 201 || json.Unmarshal([]byte(resp.body), &pushed) != nil {
		t.Fatalf("par = %+v", resp)
	}
	back, id := r.send(url.Values{"client_id": {"suite"}, "request_uri": {pushed.Name}})
	r.finish(r.request(), back, id)
	if resp := r.b.post("/par", r.request()); resp.status != 401 {
		t.Errorf("without authentication = %+v", resp)
	}
}

// TestBoundByChoice: a standard client that proves a key gets a bound token, and a
// hub's header means nothing, however the hub authenticates.
func TestBoundByChoice(t *testing.T) {
	s := newStrict(t)
	r := rp{s.house, s.b, "suite-post"}
	jkt, err := s.dpop.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	_, id := r.send(r.request("dpop_jkt", base64.RawURLEncoding.EncodeToString(jkt)))
	form := url.Values{"grant_type": {"authorization_code"}, "code": {r.choose(id).Get("code")}, "redirect_uri": {suiteBack}, "client_id": {"suite-post"}, "client_secret": {secret}}
	if tk, _ := s.token(form); tk.Error != "invalid_dpop_proof" {
		t.Errorf("a code bound to a key, without proof = %+v", tk)
	}
	tk, _ := s.token(form, s.proof("POST", "/token", ""))
	if tk.Type != "DPoP" || s.userinfo(tk.Access).status != 401 || s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access)).status != 200 {
		t.Errorf("token = %+v", tk)
	}
	code, _ := s.house.browser().code(hubRequest())
	if tk, _ := s.token(hubForm(code), s.proof("POST", "/token", "")); tk.Type != "Bearer" || s.userinfo(tk.Access).status != 200 {
		t.Errorf("a hub's token = %+v", tk)
	}
	asHub := basic("hub-basic", url.QueryEscape(secret))
	stray := func(r *http.Request) { r.Header.Set("DPoP", "e30.e30.e30") }
	for name, header := range map[string]func(*http.Request){"a proof": s.proof("POST", "/token", ""), "no proof": stray} {
		code, _ = s.house.browser().code(hubRequest("client_id", "hub-basic"))
		if tk, _ := s.token(hubForm(code, "client_id", "", "client_secret", ""), asHub, header); tk.Type != "Bearer" || s.userinfo(tk.Access).status != 200 {
			t.Errorf("a hub's token, with Basic and %s = %+v", name, tk)
		}
	}
	if resp := s.b.post("/par", hubRequest("client_id", ""), asHub, stray); resp.status != 201 {
		t.Errorf("a hub's header at /par = %+v", resp)
	}
	code, _ = s.house.browser().code(serviceRequest())
	if tk, _ := s.token(with(serviceForm(code), "client_id", "hub"), basic("service", url.QueryEscape(secret)), stray); tk.Access != "" || tk.Error == "" {
		t.Errorf("a stray header of a client that also says it is a hub = %+v", tk)
	}
}

func TestStrictRefusedAtStart(t *testing.T) {
	key := newKey(t, "s", "sig", "ES256")
	for name, change := range map[string]func(*provider.Client){
		"a secret": func(c *provider.Client) { c.AuthMethod, c.Secret = "client_secret_post", secret },
		"no PKCE":  func(c *provider.Client) { c.PKCERequired = false },
		"RS256":    func(c *provider.Client) { c.IDTokenAlg = "RS256" },
		"http":     func(c *provider.Client) { c.RedirectURIs = []string{"http://service.example/cb"} },
	} {
		h := newHouse(t)
		c := strict("fort")
		c.Profile, c.JWKS = provider.ProfileStrict, publicSet(t, key)
		change(&c)
		_, err := provider.New(provider.Options{Issuer: h.url, Clients: []provider.Client{c}, Keys: testKeys, Ledger: h.l, Recorder: h.l, Sealer: newSealer(t),
			Pseudonym: pseudonym, ChoosePath: func(string) string { return "/" }})
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestRevocation is RFC 7009.
func TestRevocation(t *testing.T) {
	r := newHouse(t).rp("suite-post")
	l := r.login(r.request())
	as := func(id string, token string) response {
		return r.b.post("/revoke", url.Values{"token": {token}, "client_id": {id}, "client_secret": {secret}, "token_type_hint": {"access_token"}})
	}
	if resp := as("hub", l.Access); resp.status != 400 || r.userinfo(l.Access).status != 200 {
		t.Errorf("another client's token = %+v", resp)
	}
	if resp := as("suite-post", "inconnu"); resp.status != 200 {
		t.Errorf("a token that nobody has = %+v", resp)
	}
	for range 2 {
		if resp := as("suite-post", l.Access); resp.status != 200 || r.userinfo(l.Access).status != 401 {
			t.Errorf("revocation = %+v", resp)
		}
	}
	if n := strings.Count(r.l.reasons(), "delegation.revoke:jeton_rendu"); n != 1 {
		t.Errorf("%d entries: %s", n, r.l.reasons())
	}
	if resp := r.b.post("/revoke", url.Values{"token": {l.Access}, "client_id": {"suite-post"}, "client_secret": {"wrong"}}); resp.status != 401 {
		t.Errorf("without the secret = %+v", resp)
	}
	r.refusedSilently("after a revocation")
}

// TestIntrospection is RFC 7662: only for a resource server, only of the clients
// it serves, and never of what no longer stands.
func TestIntrospection(t *testing.T) {
	h := newHouse(t)
	r, other := h.rp("suite"), h.rp("suite-post")
	l, foreign := r.login(r.request()), other.login(other.request())
	ask := func(id, token string) (map[string]any, int) {
		resp := r.b.post("/introspect", url.Values{"token": {token}, "client_id": {id}, "client_secret": {secret}})
		var info map[string]any
		if err := json.Unmarshal([]byte(resp.body), &info); err != nil {
			t.Fatal(resp)
		}
		return info, resp.status
	}
	info, status := ask("ressource", l.Access)
	if status != 200 || info["active"] != true || info["client_id"] != "suite" || info["scope"] != "openid" || info["sub"] != pseudonym("sub", "ressource", "u1") ||
		info["token_type"] != "Bearer" || info["act"] == nil || info["auth_time"] != l.claims["auth_time"] {
		t.Errorf("info = %v", info)
	}
	for name, token := range map[string]string{"unknown": "x", "another client's": foreign.Access} {
		if info, _ := ask("ressource", token); len(info) != 1 || info["active"] != false {
			t.Errorf("%s = %v", name, info)
		}
	}
	if info, status := ask("suite-post", l.Access); status != 403 || info["active"] != nil {
		t.Errorf("by a client that is no resource server = %d %v", status, info)
	}
	if n := strings.Count(h.l.reasons(), "delegation.introspect:"); n != 1 {
		t.Errorf("%d entries: %s", n, h.l.reasons())
	}
	h.stopAll(false)
	if info, _ := ask("ressource", l.Access); info["active"] != false {
		t.Errorf("a revoked token = %v", info)
	}
}
