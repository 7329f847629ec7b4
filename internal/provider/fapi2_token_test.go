package provider_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The same list at the token endpoint, and the client's assertion, at /par as there.

// TestFAPI2AssertionAndClientID: a client_id of somebody else beside the assertion.
func TestFAPI2AssertionAndClientID(t *testing.T) {
	s := newStrict(t)
	code := s.code()
	if tk, resp := s.token(with(s.assert(serviceForm(code)), "client_id", "fort2"), s.proof("POST", "/token", "")); resp.status < 400 || tk.Access != "" {
		t.Errorf("token = %+v", resp)
	}
	s.mustRedeem(code) // which lost nothing
}

func TestFAPI2HolderOfKey(t *testing.T) {
	s := newStrict(t)
	if tk, resp := s.token(s.assert(serviceForm(s.code()))); resp.status != 400 || tk.Error != "invalid_dpop_proof" {
		t.Errorf("without a proof = %+v", resp)
	}
}

func TestFAPI2CodeOfAnotherClient(t *testing.T) {
	s := newStrict(t)
	form := asserted(serviceForm(s.code()), assertion(t, s.other, "fort2", s.url, s.next(), time.Minute))
	if tk, resp := s.token(form, s.proof("POST", "/token", "")); resp.status != 400 || tk.Error != "invalid_grant" {
		t.Errorf("another client's code = %+v", resp)
	}
}

func TestFAPI2CodeReuse(t *testing.T) {
	s := newStrict(t)
	code := s.code()
	tk := s.mustRedeem(code)
	s.later(time.Second)
	if again, resp := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "")); resp.status != 400 || again.Error != "invalid_grant" {
		t.Errorf("after a second = %+v", resp)
	}
	if got := s.info(tk.Access, s.proof("GET", "/userinfo", tk.Access)); got.status != 401 {
		t.Errorf("the first token lives: %+v", got)
	}
}

func TestFAPI2ExpiredCode(t *testing.T) {
	s := newStrict(t)
	code := s.code()
	s.later(time.Minute)
	if tk, resp := s.token(s.assert(serviceForm(code)), s.proof("POST", "/token", "")); resp.status != 400 || tk.Error != "invalid_grant" {
		t.Errorf("after a minute = %+v", resp)
	}
}

func TestFAPI2VerifierRequired(t *testing.T) {
	s := newStrict(t)
	if tk, _ := s.token(s.assert(with(serviceForm(s.code()), "code_verifier", "")), s.proof("POST", "/token", "")); tk.Error != "invalid_grant" && tk.Error != "invalid_request" {
		t.Errorf("without a verifier = %+v", tk)
	}
}

func TestFAPI2WrongVerifier(t *testing.T) {
	s := newStrict(t)
	if tk, _ := s.token(s.assert(with(serviceForm(s.code()), "code_verifier", strings.Repeat("b", 43))), s.proof("POST", "/token", "")); tk.Error != "invalid_grant" {
		t.Errorf("a wrong verifier = %+v", tk)
	}
}

// claimsOfAssertion signs an assertion that was changed.
func (s *strictRP) changed(change func(map[string]any)) string {
	claims := map[string]any{"iss": "fort", "sub": "fort", "aud": s.url, "jti": s.next(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	change(claims)
	return forged(s.t, jose.ES256, s.key, claims)
}

// assertionRefused expects that an assertion is refused at /par and at /token,
// whose code is not lost.
func (s *strictRP) assertionRefused(make func() string) {
	s.t.Helper()
	if resp := s.house.browser().post("/par", asserted(strictRequest(), make())); resp.status != 401 || !strings.Contains(resp.body, "invalid_client") {
		s.t.Errorf("par = %+v", resp)
	}
	code := s.code()
	if tk, resp := s.token(asserted(serviceForm(code), make()), s.proof("POST", "/token", "")); resp.status != 401 || tk.Error != "invalid_client" {
		s.t.Errorf("token = %+v", resp)
	}
	s.mustRedeem(code)
}

func (s *strictRP) refuses(change func(map[string]any)) {
	s.t.Helper()
	s.assertionRefused(func() string { return s.changed(change) })
}

func TestFAPI2AssertionMissing(t *testing.T) {
	s := newStrict(t)
	code := s.code()
	if tk, resp := s.token(with(serviceForm(code), "client_id", "fort"), s.proof("POST", "/token", "")); resp.status != 401 || tk.Error != "invalid_client" {
		t.Errorf("without an assertion = %+v", resp)
	}
	if resp := s.house.browser().post("/par", strictRequest()); resp.status != 401 {
		t.Errorf("par without an assertion = %+v", resp)
	}
	s.mustRedeem(code)
}

func TestFAPI2AssertionRS256(t *testing.T) {
	s := newStrict(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for alg, with := range map[jose.SignatureAlgorithm]any{jose.RS256: key, jose.HS256: []byte(secret), jose.RS512: key} {
		s.assertionRefused(func() string {
			return forged(t, alg, with, map[string]any{"iss": "fort", "sub": "fort", "aud": s.url, "jti": s.next(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
		})
	}
}

func TestFAPI2AssertionExpired(t *testing.T) {
	newStrict(t).refuses(func(c map[string]any) { c["exp"] = time.Now().Add(-5 * time.Minute).Unix() })
}

func TestFAPI2AssertionWrongAudience(t *testing.T) {
	newStrict(t).refuses(func(c map[string]any) { c["aud"] = "https://autre.example" })
}

func TestFAPI2AssertionWithoutSub(t *testing.T) {
	newStrict(t).refuses(func(c map[string]any) { delete(c, "sub") })
}

// TestFAPI2AssertionInvalid: the rest of what an assertion must be (RFC 7523 §3).
func TestFAPI2AssertionInvalid(t *testing.T) {
	s := newStrict(t)
	for name, change := range map[string]func(map[string]any){
		"another sub": func(c map[string]any) { c["sub"] = "fort2" },
		"another iss": func(c map[string]any) { c["iss"] = "fort2" },
		"no iss":      func(c map[string]any) { delete(c, "iss") },
		"no aud":      func(c map[string]any) { delete(c, "aud") },
		"no exp":      func(c map[string]any) { delete(c, "exp") },
		"no jti":      func(c map[string]any) { delete(c, "jti") },
		"far exp":     func(c map[string]any) { c["exp"] = time.Now().Add(24 * time.Hour).Unix() },
	} {
		t.Run(name, func(t *testing.T) { s.house.t = t; s.refuses(change) })
	}
	s.house.t = t
	s.assertionRefused(func() string {
		return forged(t, jose.ES256, s.other, map[string]any{"iss": "fort", "sub": "fort", "aud": s.url, "jti": s.next(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
	})
	once := s.changed(func(map[string]any) {})
	if _, resp := s.house.browser(), s.house.browser().post("/par", asserted(strictRequest(), once)); resp.status != 201 {
		t.Errorf("the first use = %+v", resp)
	}
	s.assertionRefused(func() string { return once })
}

// TestFAPI2AssertionSkew: two honest clocks differ by eight seconds, not by a minute
// and more.
func TestFAPI2AssertionSkew(t *testing.T) {
	s := newStrict(t)
	ahead := func(d time.Duration) func(map[string]any) {
		return func(c map[string]any) { c["iat"], c["nbf"] = time.Now().Add(d).Unix(), time.Now().Add(d).Unix() }
	}
	if resp := s.house.browser().post("/par", asserted(strictRequest(), s.changed(ahead(8*time.Second)))); resp.status != 201 {
		t.Errorf("eight seconds ahead = %+v", resp)
	}
	s.refuses(ahead(65 * time.Second))
	s.refuses(func(c map[string]any) { c["nbf"] = time.Now().Add(65 * time.Second).Unix() })
}

func TestFAPI2AssertionAudienceList(t *testing.T) {
	s := newStrict(t)
	s.refuses(func(c map[string]any) { c["aud"] = []string{s.url} })
	s.refuses(func(c map[string]any) { c["aud"] = []string{s.url, "https://autre.example"} })
}

func TestFAPI2AssertionAudiencePAR(t *testing.T) {
	s := newStrict(t)
	s.refuses(func(c map[string]any) { c["aud"] = s.url + "/par" })
}

func TestFAPI2AssertionAudienceToken(t *testing.T) {
	s := newStrict(t)
	s.refuses(func(c map[string]any) { c["aud"] = s.url + "/token" })
	s.refuses(func(c map[string]any) { c["aud"] = s.url + "/" })
}

func TestFAPI2RefreshToken(t *testing.T) {
	s := newStrict(t)
	if tk := s.mustRedeem(s.code()); tk.Refresh != "" {
		t.Error("a refresh token")
	}
	form := s.assert(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
	if tk, _ := s.token(form, s.proof("POST", "/token", "")); tk.Error != "unsupported_grant_type" {
		t.Errorf("refresh = %+v", tk)
	}
}
