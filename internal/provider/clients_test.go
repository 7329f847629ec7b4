package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/provider"
)

func newKey(t testing.TB, kid, use, alg string) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: kid, Use: use, Algorithm: alg}
}

func publicSet(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// strict is a client of private_key_jwt with PKCE.
func strict(id string) provider.Client {
	c := clients()[3]
	c.ID, c.Secret, c.AuthMethod, c.IDTokenAlg = id, "", "private_key_jwt", "ES256"
	return c
}

// assertion is RFC 7523's proof of a client.
func assertion(t testing.TB, key jose.JSONWebKey, id, aud, jti string, life time.Duration) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: id, Subject: id, Audience: jwt.Audience{aud}, ID: jti,
		IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(life))}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func assertionForm(code, text string) url.Values {
	return with(serviceForm(code), "client_assertion", text, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}

func TestGuard07And23Assertion(t *testing.T) {
	ka, kb := newKey(t, "a", "sig", "ES256"), newKey(t, "b", "sig", "ES256")
	h := newHouse(t, func(o *provider.Options) {
		a, b := strict("sa"), strict("sb")
		a.JWKS, b.JWKS = publicSet(t, ka), publicSet(t, kb)
		o.Clients = append(o.Clients, a, b)
	})
	code, _ := h.browser().code(serviceRequest("client_id", "sa"))
	proof := assertion(t, ka, "sa", h.url, "one", time.Minute)
	if _, resp := h.token(assertionForm(code, proof)); resp.status != 200 {
		t.Fatalf("assertion = %+v", resp)
	}
	code, _ = h.browser().code(serviceRequest("client_id", "sa"))
	if tk, _ := h.token(assertionForm(code, proof)); tk.Error != "invalid_client" {
		t.Errorf("assertion replayed = %+v", tk)
	}
	for name, bad := range map[string]string{
		"another key":      assertion(t, kb, "sa", h.url, "two", time.Minute),
		"another audience": assertion(t, ka, "sa", "https://autre.example", "three", time.Minute),
		"expired":          assertion(t, ka, "sa", h.url, "four", -2*time.Minute),
		"too long a life":  assertion(t, ka, "sa", h.url, "five", time.Hour),
		"no jti":           assertion(t, ka, "sa", h.url, "", time.Minute),
	} {
		if tk, resp := h.token(assertionForm(code, bad)); tk.Error != "invalid_client" || resp.status != 401 {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	codeB, _ := h.browser().code(serviceRequest("client_id", "sb"))
	if _, resp := h.token(assertionForm(codeB, assertion(t, kb, "sb", h.url, "one", time.Minute))); resp.status != 200 {
		t.Errorf("the same jti from another client = %+v", resp)
	}
	if _, resp := h.token(assertionForm(code, assertion(t, ka, "sa", h.url+"/token", "six", time.Minute))); resp.status != 200 {
		t.Errorf("failed proofs lost the code: %+v", resp)
	}
}

// TestGuard16Strict: private_key_jwt, PKCE and encryption for one client do not
// ask anything of the hub beside it.
func TestGuard16Strict(t *testing.T) {
	sign, enc := newKey(t, "s", "sig", ""), newKey(t, "e", "enc", "")
	h := newHouse(t, func(o *provider.Options) {
		c := strict("fort")
		c.JWKS = publicSet(t, sign, enc)
		c.IDTokenKeyAlg, c.IDTokenEnc, c.UserinfoAlg, c.UserinfoKeyAlg, c.UserinfoEnc = "ECDH-ES", "A256GCM", "ES256", "ECDH-ES", "A256GCM"
		o.Clients = append(o.Clients, c)
	})
	h.fails(serviceRequest("client_id", "fort", "code_challenge", "", "code_challenge_method", ""), "invalid_request")
	code, _ := h.browser().code(serviceRequest("client_id", "fort"))
	tk, resp := h.token(assertionForm(code, assertion(t, sign, "fort", h.url, "x", time.Minute)))
	if resp.status != 200 {
		t.Fatalf("token = %+v", resp)
	}
	open := func(text string) map[string]any {
		jwe, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := jwe.Decrypt(enc)
		if err != nil {
			t.Fatal(err)
		}
		return signed(t, string(plain), "ES256", h.published())
	}
	if claims := open(tk.IDToken); claims["aud"] != "fort" {
		t.Errorf("id_token = %v", claims)
	}
	if claims := open(h.userinfo(tk.Access).body); claims["family_name"] != "Le Goff" {
		t.Errorf("userinfo = %v", claims)
	}
	h.browser().code(hubRequest())
}

// TestGuard20ClientKeys: keys without alg are found, a rotation is seen, many
// requests at once share nothing unlocked (run with -race), an outage is survived.
func TestGuard20ClientKeys(t *testing.T) {
	keys := []jose.JSONWebKey{newKey(t, "1", "", ""), newKey(t, "2", "", "")}
	var current, fetches atomic.Int32
	var down atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(publicSet(t, keys[current.Load()]))
	}))
	defer srv.Close()
	h := newHouse(t, func(o *provider.Options) {
		c := strict("loin")
		c.JWKSURI = srv.URL
		o.Clients = append(o.Clients, c)
	})
	login := func(key jose.JSONWebKey, jti string) int {
		code, _ := h.browser().code(serviceRequest("client_id", "loin"))
		_, resp := h.token(assertionForm(code, assertion(t, key, "loin", h.url, jti, time.Minute)))
		return resp.status
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if status := login(keys[0], fmt.Sprint("first", i)); status != 200 {
				t.Errorf("login = %d", status)
			}
		})
	}
	wg.Wait()
	if fetches.Load() != 1 {
		t.Errorf("%d fetches", fetches.Load())
	}
	current.Store(1)
	h.later(6 * time.Minute)
	if old, fresh := login(keys[0], "x"), login(keys[1], "y"); old != 401 || fresh != 200 {
		t.Errorf("after the rotation: old key %d, new key %d", old, fresh)
	}
	down.Store(true)
	h.later(6 * time.Minute)
	if status := login(keys[1], "z"); status != 200 {
		t.Errorf("during an outage = %d", status)
	}
	h.later(25 * time.Hour)
	if status := login(keys[1], "zz"); status != 401 {
		t.Errorf("after a day of outage = %d", status)
	}
}
