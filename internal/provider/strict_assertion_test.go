package provider_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

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
