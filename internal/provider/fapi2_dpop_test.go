package provider_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The same list on DPoP proofs.

func (s *strictRP) thumbprint() string {
	sum, err := s.dpop.Thumbprint(crypto.SHA256)
	if err != nil {
		s.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// another is a proof by a key that the client did not show before.
func (s *strictRP) another(method, path, access string) func(*http.Request) {
	return dpopHeader(s.t, newKey(s.t, "", "", ""), s.claims(method, path, access))
}

// TestFAPI2SchemeCase: the scheme of a bound token is a word in any letters
// (RFC 9110 §11.1).
func TestFAPI2SchemeCase(t *testing.T) {
	s := newStrict(t)
	tk := s.mustRedeem(s.code())
	for _, scheme := range []string{"dpop", "DPOP", "dPoP"} {
		resp := s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access), func(r *http.Request) { r.Header.Set("Authorization", scheme+" "+tk.Access) })
		if resp.status != 200 {
			t.Errorf("%s = %+v", scheme, resp)
		}
	}
}

// TestFAPI2ProofNbfExp: what a proof says beside its claims is ignored.
func TestFAPI2ProofNbfExp(t *testing.T) {
	s := newStrict(t)
	more := func(c map[string]any) {
		c["nbf"], c["exp"], c["autre"] = s.now().Unix(), s.now().Add(5*time.Minute).Unix(), true
	}
	tk, resp := s.token(s.assert(serviceForm(s.code())), s.proof("POST", "/token", "", more))
	if resp.status != 200 || s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access, more)).status != 200 {
		t.Errorf("token = %+v", resp)
	}
}

func TestFAPI2ProofSkew(t *testing.T) {
	s := newStrict(t)
	for _, d := range []time.Duration{-10 * time.Second, 10 * time.Second} {
		moved := func(c map[string]any) { c["iat"] = s.now().Add(d).Unix() }
		tk, resp := s.token(s.assert(serviceForm(s.code())), s.proof("POST", "/token", "", moved))
		if resp.status != 200 || s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access, moved)).status != 200 {
			t.Errorf("%v = %+v", d, resp)
		}
	}
}

func TestFAPI2JKTAndProofDiffer(t *testing.T) {
	s := newStrict(t)
	if name, resp := s.push(strictRequest("dpop_jkt", s.thumbprint()), s.another("POST", "/par", "")); name != "" || resp.status != 400 || !strings.Contains(resp.body, "invalid_dpop_proof") {
		t.Errorf("par = %+v", resp)
	}
}

// boundTo expects that a code is redeemed by its key and by no other.
func (s *strictRP) boundTo(code string) {
	s.t.Helper()
	if tk, resp := s.token(s.assert(serviceForm(code)), s.another("POST", "/token", "")); resp.status != 400 || tk.Error != "invalid_dpop_proof" {
		s.t.Errorf("another key = %+v", resp)
	}
	s.mustRedeem(code)
}

func TestFAPI2BoundByProof(t *testing.T) {
	s := newStrict(t)
	s.boundTo(s.through(strictRequest(), s.proof("POST", "/par", "")).Get("code"))
}

func TestFAPI2BoundByJKT(t *testing.T) {
	s := newStrict(t)
	s.boundTo(s.through(strictRequest("dpop_jkt", s.thumbprint())).Get("code"))
	s.boundTo(s.through(strictRequest("dpop_jkt", s.thumbprint(), "prompt", "login"), s.proof("POST", "/par", "")).Get("code"))
}

// raw is a proof with a header of the test's own.
func (s *strictRP) raw(alg jose.SignatureAlgorithm, key any, head map[string]any, claims map[string]any) func(*http.Request) {
	s.t.Helper()
	opts := &jose.SignerOptions{}
	for name, value := range head {
		opts = opts.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		s.t.Fatal(err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return func(r *http.Request) { r.Header.Set("DPoP", text) }
}

// TestFAPI2ProofNegatives: each rule of RFC 9449 §4.3 broken once, at /userinfo and
// at /token, and what must be let through beside them.
func TestFAPI2ProofNegatives(t *testing.T) {
	s := newStrict(t)
	tk := s.mustRedeem(s.code())
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public, foreign := s.dpop.Public(), newKey(t, "", "", "")
	type make func(method, path, access string) func(*http.Request)
	edit := func(change func(map[string]any)) make {
		return func(m, p, a string) func(*http.Request) { return s.proof(m, p, a, change) }
	}
	head := func(alg jose.SignatureAlgorithm, key any, h map[string]any) make {
		return func(m, p, a string) func(*http.Request) { return s.raw(alg, key, h, s.claims(m, p, a)) }
	}
	text := func(change func(string) string) make {
		return func(m, p, a string) func(*http.Request) {
			good := s.proof(m, p, a)
			return func(r *http.Request) { good(r); r.Header.Set("DPoP", change(r.Header.Get("DPoP"))) }
		}
	}
	drop := func(name string) make { return edit(func(c map[string]any) { delete(c, name) }) }
	put := func(name string, v any) make { return edit(func(c map[string]any) { c[name] = v }) }
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"dpop+jwt"}`))
	bad := map[string]make{
		"two headers": func(m, p, a string) func(*http.Request) {
			return func(r *http.Request) { s.proof(m, p, a)(r); r.Header.Add("DPoP", r.Header.Get("DPoP")) }
		},
		"no JWT":            text(func(string) string { return "ceci" }),
		"a cut JWT":         text(func(x string) string { return x[:len(x)-10] }),
		"another signature": text(func(x string) string { return x[:strings.LastIndex(x, ".")+1] + strings.Repeat("A", 86) }),
		"alg none":          text(func(x string) string { return none + "." + strings.Split(x, ".")[1] + "." }),
		"no typ":            head(jose.ES256, s.dpop.Key, map[string]any{"jwk": public}),
		"another typ":       head(jose.ES256, s.dpop.Key, map[string]any{"jwk": public, "typ": "JWT"}),
		"no jwk":            head(jose.ES256, s.dpop.Key, map[string]any{"typ": "dpop+jwt"}),
		"another's jwk":     head(jose.ES256, s.dpop.Key, map[string]any{"typ": "dpop+jwt", "jwk": foreign.Public()}),
		"a private jwk":     head(jose.ES256, s.dpop.Key, map[string]any{"typ": "dpop+jwt", "jwk": s.dpop}),
		"RS256":             head(jose.RS256, rs, map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: rs.Public()}}),
		"RSA of 1024 bits":  head(jose.PS256, small, map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: small.Public()}}),
		"HS256":             head(jose.HS256, []byte(secret), map[string]any{"typ": "dpop+jwt", "jwk": public}),
		"no jti":            drop("jti"), "no htm": drop("htm"), "no htu": drop("htu"), "no iat": drop("iat"),
		"another htm": put("htm", "PUT"), "small htm": put("htm", "get"), "another htu": put("htu", s.url+"/autre"), "another host": put("htu", "https://evil.example/userinfo"),
		"htu with somebody": put("htu", strings.Replace(s.url, "http://", "http://a@", 1)+"/userinfo"), "htu a path": put("htu", "/userinfo"),
		"an hour ahead": put("iat", s.now().Add(time.Hour).Unix()), "an hour ago": put("iat", s.now().Add(-time.Hour).Unix()),
	}
	for name, wrong := range bad {
		if resp := s.info(tk.Access, wrong("GET", "/userinfo", tk.Access)); resp.status != 401 {
			t.Errorf("%s at /userinfo = %+v", name, resp)
		}
		if name != "small htm" {
			if got, resp := s.token(s.assert(serviceForm("x")), wrong("POST", "/token", "")); resp.status != 400 || got.Error != "invalid_dpop_proof" {
				t.Errorf("%s at /token = %+v", name, resp)
			}
		}
	}
	for name, wrong := range map[string]make{"no ath": drop("ath"), "another ath": put("ath", "x"), "another key": s.another} {
		if resp := s.info(tk.Access, wrong("GET", "/userinfo", tk.Access)); resp.status != 401 {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	for name, right := range map[string]make{
		"htu with a query":    put("htu", s.url+"/userinfo?a=b"),
		"htu with a fragment": put("htu", s.url+"/userinfo#a"),
		"htu with both":       put("htu", s.url+"/userinfo?a=b#c"),
		"htu in capitals":     put("htu", strings.Replace(s.url, "http://", "HTTP://", 1)+"/userinfo"),
		"more in it":          put("autre", map[string]any{"a": 1}),
		"more in its head":    head(jose.ES256, s.dpop.Key, map[string]any{"typ": "dpop+jwt", "jwk": public, "autre": "x"}),
	} {
		if resp := s.info(tk.Access, right("GET", "/userinfo", tk.Access)); resp.status != 200 {
			t.Errorf("%s = %+v", name, resp)
		}
	}
}

// TestFAPI2ProofOnce: a jti serves once, at each endpoint and across them.
func TestFAPI2ProofOnce(t *testing.T) {
	s := newStrict(t)
	fixed := func(c map[string]any) { c["jti"] = "toujours" }
	tk, resp := s.token(s.assert(serviceForm(s.code())), s.proof("POST", "/token", "", fixed))
	if resp.status != 200 {
		t.Fatalf("token = %+v", resp)
	}
	code := s.code()
	if again, _ := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "", fixed)); again.Error != "invalid_dpop_proof" {
		t.Errorf("twice at /token = %+v", again)
	}
	s.mustRedeem(code) // which lost nothing
	if resp := s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access, fixed)); resp.status != 401 {
		t.Errorf("at /userinfo = %+v", resp)
	}
	if name, _ := s.push(strictRequest(), s.proof("POST", "/par", "", fixed)); name != "" {
		t.Error("taken at /par")
	}
}
