package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/login"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutToken is one that counts, but for the changes; nil removes.
func (f *fake) logoutToken(changes map[string]any) map[string]any {
	return with(map[string]any{"iss": f.issuer(), "aud": clientID, "sub": "personne-1", "sid": "session-1", "jti": "j-1",
		"iat": f.now.Unix(), "exp": f.now.Add(2 * time.Minute).Unix(), "events": map[string]any{logoutEvent: map[string]any{}}}, changes)
}

// typed is a JWS that names a type, or none for "".
func typed(kind string, alg jose.SignatureAlgorithm, key any, claims any) string {
	return named("cle-1", kind, alg, key, claims)
}

// named is a JWS of a key and a type, each named unless it is "".
func named(kid, kind string, alg jose.SignatureAlgorithm, key any, claims any) string {
	opts := &jose.SignerOptions{}
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	if kind != "" {
		opts = opts.WithType(jose.ContentType(kind))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		panic(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	jws, err := s.Sign(body)
	if err != nil {
		panic(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return compact
}

func (f *fake) logout(changes map[string]any) string {
	return typed("logout+jwt", jose.ES256, f.key, f.logoutToken(changes))
}

// TestLogoutToken holds the rules of Back-Channel Logout 1.0 §2.6, each.
func TestLogoutToken(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	for name, token := range map[string]string{
		"whole": f.logout(nil), "no typ": typed("", jose.ES256, f.key, f.logoutToken(nil)), "long typ": typed("application/logout+JWT", jose.ES256, f.key, f.logoutToken(nil)),
		"sub alone": f.logout(map[string]any{"sid": nil}), "sid alone": f.logout(map[string]any{"sub": nil}), "audience as a list": f.logout(map[string]any{"aud": []string{clientID}}),
		"expired within the leeway": f.logout(map[string]any{"exp": f.now.Add(-20 * time.Second).Unix()}),
	} {
		d, err := l.AgentLogout(t.Context(), token)
		if err != nil || d.Origin.Issuer != f.issuer() || d.Origin.Sub == "" && d.Origin.SID == "" || d.ID == "" || !d.Until.After(f.now) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	stranger := newKey(t)
	parts := strings.Split(f.logout(nil), ".")
	for name, token := range map[string]string{
		"none at all": "", "garbage": "a.b.c", "too long": strings.Repeat("a", 20<<10),
		"forged":         typed("logout+jwt", jose.ES256, stranger, f.logoutToken(nil)),
		"altered":        parts[0] + "." + parts[1][:8] + "A" + parts[1][9:] + "." + parts[2],
		"alg none":       unsigned(f.logoutToken(nil)),
		"HS256":          typed("logout+jwt", jose.HS256, []byte(secret), f.logoutToken(nil)),
		"an id_token":    sign(f.key, f.kid, with(f.logoutToken(map[string]any{"events": nil}), map[string]any{"nonce": "n"})),
		"typ JWT":        typed("JWT", jose.ES256, f.key, f.logoutToken(nil)),
		"typ at+jwt":     typed("at+jwt", jose.ES256, f.key, f.logoutToken(nil)),
		"other issuer":   f.logout(map[string]any{"iss": "https://autre.example"}),
		"no issuer":      f.logout(map[string]any{"iss": nil}),
		"other audience": f.logout(map[string]any{"aud": "autre"}),
		"two audiences":  f.logout(map[string]any{"aud": []string{clientID, "autre"}}),
		"no audience":    f.logout(map[string]any{"aud": nil}),
		"nonce":          f.logout(map[string]any{"nonce": "n"}),
		"empty nonce":    f.logout(map[string]any{"nonce": ""}),
		"expired":        f.logout(map[string]any{"exp": f.now.Add(-time.Minute).Unix()}),
		"no exp":         f.logout(map[string]any{"exp": nil}),
		"old":            f.logout(map[string]any{"iat": f.now.Add(-11 * time.Minute).Unix()}),
		"of tomorrow":    f.logout(map[string]any{"iat": f.now.Add(time.Hour).Unix()}),
		"no iat":         f.logout(map[string]any{"iat": nil}),
		"no event":       f.logout(map[string]any{"events": map[string]any{"autre": map[string]any{}}}),
		"null event":     f.logout(map[string]any{"events": map[string]any{logoutEvent: nil}}),
		"event as text":  f.logout(map[string]any{"events": map[string]any{logoutEvent: "oui"}}),
		"nobody":         f.logout(map[string]any{"sub": nil, "sid": nil}),
		"empty sub":      f.logout(map[string]any{"sub": "", "sid": nil}),
		"sid no text":    f.logout(map[string]any{"sid": 7}), // as absent it would end all of that person's
		"no jti":         f.logout(map[string]any{"jti": nil}),
	} {
		if d, err := l.AgentLogout(t.Context(), token); !errors.Is(err, login.ErrToken) || d != (login.Logout{}) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

// TestLogoutTokenKeys: a new key of the provider's is fetched when a token names
// it, and a stranger who names unknown ones does not make Relais ask all the time.
func TestLogoutTokenKeys(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	refused := func(token string) {
		t.Helper()
		if _, err := l.AgentLogout(t.Context(), token); !errors.Is(err, login.ErrToken) {
			t.Errorf("taken: %v", err)
		}
	}
	for range 5 {
		refused(named("cle-inconnue", "logout+jwt", jose.ES256, newKey(t), f.logoutToken(nil)))
	}
	if f.calls["/jwks"] != 1 {
		t.Errorf("keys fetched %d times", f.calls["/jwks"])
	}
	f.now = f.now.Add(time.Minute)
	f.key, f.kid = newKey(t), "cle-2"
	fresh := named(f.kid, "logout+jwt", jose.ES256, f.key, f.logoutToken(nil))
	if _, err := l.AgentLogout(t.Context(), fresh); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	f.now = f.now.Add(11 * time.Minute)
	f.handle = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	asked := f.calls["/jwks"]
	for range 5 {
		if _, err := l.AgentLogout(t.Context(), fresh); !errors.Is(err, login.ErrDown) {
			t.Errorf("keys too old, provider down: %v", err)
		}
	}
	if f.calls["/jwks"] > asked+1 {
		t.Errorf("a provider that is down was asked %d times", f.calls["/jwks"]-asked)
	}
}

// TestLogoutTokensTogether: two sessions that end at once, while the keys are old, are
// both taken: the provider does not say it again.
func TestLogoutTokensTogether(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	asked := make(chan struct{})
	f.handle = at("/jwks", func(http.ResponseWriter, *http.Request) {
		close(asked)
		time.Sleep(50 * time.Millisecond) // the other comes meanwhile
	})
	first := make(chan error)
	go func() {
		_, err := l.AgentLogout(t.Context(), f.logout(nil))
		first <- err
	}()
	<-asked
	if _, err := l.AgentLogout(t.Context(), f.logout(map[string]any{"jti": "j-2", "sid": "session-2"})); err != nil {
		t.Errorf("the second: %v", err)
	}
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
	if f.calls["/jwks"] != 1 {
		t.Errorf("keys fetched %d times", f.calls["/jwks"])
	}
}

// TestLogoutTokenEncrypted: encrypted as an id_token, or signed alone.
func TestLogoutTokenEncrypted(t *testing.T) {
	f := newFake(t)
	keys := encryptionKeys(t)
	token := encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], f.logout(nil))
	if _, err := f.login(t).AgentLogout(t.Context(), token); !errors.Is(err, login.ErrToken) {
		t.Errorf("without keys: %v", err)
	}
	f.decrypt = keys
	l := f.login(t)
	for name, token := range map[string]string{"encrypted": token, "signed alone": f.logout(nil)} {
		if d, err := l.AgentLogout(t.Context(), token); err != nil || d.Origin.SID != "session-1" {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	forged := encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], typed("logout+jwt", jose.ES256, newKey(t), f.logoutToken(nil)))
	if _, err := l.AgentLogout(t.Context(), forged); !errors.Is(err, login.ErrToken) {
		t.Errorf("encrypted by anybody, signed by nobody: %v", err)
	}
}

// TestWhoLeavesIsNoFailure: a browser that closes while keys are fetched does not
// make the others wait as if the provider were down.
func TestWhoLeavesIsNoFailure(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	if _, _, err := l.Keys(t.Context(), login.FranceConnect); err != nil { // the document is there
		t.Fatal(err)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	_, _, _ = l.Keys(left, login.FranceConnect) // nobody reads it
	if _, _, err := l.Keys(t.Context(), login.FranceConnect); err != nil {
		t.Errorf("the next: %v", err)
	}
}
