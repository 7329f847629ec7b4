package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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
	other     jose.JSONWebKey // of « fort2 », a second strict client
	n         int
}

func newStrict(t *testing.T, change ...func(*provider.Options)) *strictRP {
	s := &strictRP{key: newKey(t, "s", "sig", "ES256"), dpop: newKey(t, "", "", ""), other: newKey(t, "s2", "sig", "ES256")}
	s.house = newHouse(t, append([]func(*provider.Options){func(o *provider.Options) {
		c := strict("fort")
		c.Profile, c.UserinfoAlg, c.JWKS = provider.ProfileStrict, "ES256", publicSet(t, s.key)
		c.RedirectURIs, c.PostLogoutRedirectURIs = []string{"https://service.example/cb?x=1"}, nil
		second := c
		second.ID, second.JWKS = "fort2", publicSet(t, s.other)
		hub := o.Clients[0]
		hub.ID, hub.AuthMethod = "hub-basic", "client_secret_basic"
		o.Clients = append(o.Clients, c, second, hub)
	}}, change...)...)
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
	return asserted(form, assertion(s.t, s.key, "fort", s.url, s.next(), time.Minute))
}

func asserted(form url.Values, text string) url.Values {
	return with(form, "client_assertion", text, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
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
	return s.through(strictRequest("prompt", "login"), change...).Get("code")
}

// through runs PAR, /authorize and the choice for a request, and returns the way back.
func (s *strictRP) through(v url.Values, change ...func(*http.Request)) url.Values {
	s.t.Helper()
	name, resp := s.push(v, change...)
	if name == "" {
		s.t.Fatalf("par = %+v", resp)
	}
	return s.answer(s.bring(name))
}

// answer makes the choice on the page that /authorize led to.
func (s *strictRP) answer(to response) url.Values {
	s.t.Helper()
	id, ok := strings.CutPrefix(to.header.Get("Location"), "/agir/")
	if !ok {
		s.t.Fatalf("authorize = %+v", to)
	}
	u, err := url.Parse(s.b.post("/agir/"+id, nil).body)
	if err != nil || u.Query().Get("iss") != s.url || u.Query().Get("code") == "" {
		s.t.Fatal(u, err)
	}
	return u.Query()
}

// mustRedeem redeems a code as it should be.
func (s *strictRP) mustRedeem(code string) tokens {
	s.t.Helper()
	tk, resp := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", ""))
	if resp.status != 200 || tk.Type != "DPoP" {
		s.t.Fatalf("token = %+v", resp)
	}
	return tk
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
