package provider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/provider"
)

func signing(t testing.TB, at time.Time) []provider.SigningKey {
	t.Helper()
	keys, err := provider.NewSigningKeys(at)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func keysOf(t testing.TB, list ...provider.SigningKey) provider.Keys {
	t.Helper()
	keys, err := provider.NewKeys(list)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func kid(t testing.TB, raw string) string {
	t.Helper()
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return token.Headers[0].KeyID
}

// TestGuard14Rotation: of several keys of an algorithm the newest that may sign
// does, whatever the order they come in; all are published until they retire.
func TestGuard14Rotation(t *testing.T) {
	now := time.Now()
	old, fresh := signing(t, now.Add(-time.Hour)), signing(t, now.Add(time.Minute))
	for i := range old {
		old[i].RetiresAt = now.Add(time.Hour)
	}
	for _, list := range [][]provider.SigningKey{slices.Concat(old, fresh), slices.Concat(fresh, old)} {
		h := newHouse(t, func(o *provider.Options) { o.Keys = keysOf(t, list...) })
		for _, step := range []struct {
			wait      time.Duration
			signer    string
			published int
		}{{0, old[0].KeyID(), 4}, {2 * time.Minute, fresh[0].KeyID(), 4}, {time.Hour, fresh[0].KeyID(), 2}} {
			h.later(step.wait)
			raw, _ := h.loggedIn(clients()[0])
			if got := kid(t, raw); got != step.signer || len(h.published().Keys) != step.published {
				t.Errorf("after %v: signed by %s, %d published", step.wait, got, len(h.published().Keys))
			}
		}
	}
}

// instance is one more process over the same ledger, clock and cookies.
func (h *house) instance(o provider.Options) (*provider.Provider, *httptest.Server) {
	h.t.Helper()
	p, err := provider.New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	srv := httptest.NewServer(p.Handler())
	h.t.Cleanup(srv.Close)
	return p, srv
}

// TestRotationOfTwoInstances: two instances read the keys at their own pace, a
// relying party keeps /jwks for the five minutes it may, and asks for nothing
// else. A rotation passes, and no login and no logout fails on the way.
func TestRotationOfTwoInstances(t *testing.T) {
	var opts provider.Options
	start := time.Now()
	database := signing(t, start.Add(-time.Hour)) // what both read
	h := newHouse(t, func(o *provider.Options) { o.Keys = keysOf(t, database...); opts = *o })
	second, srv := h.instance(opts)
	jwks := func(address string) (set jose.JSONWebKeySet) {
		resp, err := http.Get(address + "/jwks")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.Header.Get("Cache-Control") != "public, max-age=300" || json.NewDecoder(resp.Body).Decode(&set) != nil {
			t.Fatal(resp)
		}
		return set
	}
	cached, fetched := jwks(h.url), start
	var signers []string
	var first string // an id_token of before the rotation
	for minute := 0; minute < 40; minute++ {
		if minute == 7 { // relais keys rotate
			at := h.now().Add(provider.PublishBefore)
			for i := range database {
				database[i].RetiresAt = at.Add(provider.KeepAfter)
			}
			database = append(database, signing(t, at)...)
		}
		if minute%2 == 0 {
			h.p.SetKeys(keysOf(t, database...))
		} else {
			second.SetKeys(keysOf(t, database...))
		}
		if h.now().Sub(fetched) >= 5*time.Minute {
			cached, fetched = jwks([]string{h.url, srv.URL}[minute%2]), h.now()
		}
		code, _ := h.browser().code(hubRequest())
		resp, err := http.PostForm([]string{h.url, srv.URL}[minute/2%2]+"/token", hubForm(code))
		if err != nil {
			t.Fatal(err)
		}
		var tk tokens
		err = json.NewDecoder(resp.Body).Decode(&tk)
		_ = resp.Body.Close() // read
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("minute %d: %d %v", minute, resp.StatusCode, err)
		}
		signed(t, tk.IDToken, "ES256", &cached)
		if k := kid(t, tk.IDToken); !slices.Contains(signers, k) {
			signers = append(signers, k)
		}
		if first == "" {
			first = tk.IDToken
		}
		h.later(time.Minute)
	}
	if len(signers) != 2 {
		t.Errorf("%d keys signed, want the old and the new one", len(signers))
	}
	out := "/session/end?" + url.Values{"id_token_hint": {first}, "post_logout_redirect_uri": {logoutBack}}.Encode()
	h.later(24 * time.Hour)
	if resp := h.browser().get(out); resp.status != 303 {
		t.Errorf("a logout with yesterday's id_token = %+v", resp)
	}
	h.later(2 * 24 * time.Hour)
	if resp := h.browser().get(out); resp.status != 400 || len(h.published().Keys) != 2 {
		t.Errorf("once the key retired = %+v", resp)
	}
}

// TestWithoutKeys: until keys are read nothing is signed and nothing breaks.
func TestWithoutKeys(t *testing.T) {
	h := newHouse(t, func(o *provider.Options) { o.Keys = provider.Keys{} })
	if n := len(h.published().Keys); n != 0 {
		t.Errorf("%d keys", n)
	}
	code, _ := h.browser().code(hubRequest())
	if _, resp := h.token(hubForm(code)); resp.status != 500 {
		t.Errorf("token = %+v", resp)
	}
	h.p.SetKeys(testKeys)
	if _, resp := h.token(hubForm(code)); resp.status != 200 {
		t.Errorf("the code was lost: %+v", resp)
	}
}

func TestSigningKeys(t *testing.T) {
	keys := signing(t, time.Now())
	if s := fmt.Sprintf("%v %+v %#v %v", keys, keys[0], keys[0], keysOf(t, keys...)); strings.Contains(s, "0x") || strings.Contains(s, keys[0].KeyID()) {
		t.Errorf("printed: %s", s)
	}
	text, err := keys[0].Private()
	if err != nil {
		t.Fatal(err)
	}
	again, err := provider.ParseSigningKey(text, time.Now(), time.Time{})
	if err != nil || again.KeyID() != keys[0].KeyID() || again.Algorithm() != "ES256" {
		t.Errorf("read again: %v", err)
	}
	one := newKey(t, "a", "sig", "ES256")
	public, err := json.Marshal(one.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{}", string(public), strings.Replace(string(text), "ES256", "RS256", 1)} {
		if _, err := provider.ParseSigningKey([]byte(bad), time.Now(), time.Time{}); !errors.Is(err, provider.ErrKey) {
			t.Errorf("%.30q = %v", bad, err)
		}
	}
	for name, list := range map[string][]provider.SigningKey{"none": nil, "one algorithm": keys[:1], "twice": {keys[0], keys[1], keys[0]}} {
		if _, err := provider.NewKeys(list); !errors.Is(err, provider.ErrKey) {
			t.Errorf("%s = %v", name, err)
		}
	}
}

// TestKeysFile: the file of former versions is read with its order, or refused.
func TestKeysFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, provider.KeysFile)
	if keys, err := provider.ReadKeysFile(dir, time.Now()); err != nil || len(keys) != 0 {
		t.Errorf("no file = %v, %v", keys, err)
	}
	var all []json.RawMessage
	list := slices.Concat(signing(t, time.Now()), signing(t, time.Now()))
	for _, k := range list {
		text, err := k.Private()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	text, err := json.Marshal(map[string]any{"keys": all})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	keys, err := provider.ReadKeysFile(dir, now)
	if err != nil || len(keys) != 4 {
		t.Fatal(keys, err)
	}
	h := newHouse(t, func(o *provider.Options) { o.Keys = keysOf(t, keys...) })
	if raw, _ := h.loggedIn(clients()[0]); kid(t, raw) != list[0].KeyID() {
		t.Error("another key than the first of the file signs")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.ReadKeysFile(dir, now); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by the group: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"keys":[]}`, string(publicSet(t, newKey(t, "a", "sig", "ES256")))} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := provider.ReadKeysFile(dir, now); !errors.Is(err, provider.ErrDamaged) {
			t.Errorf("%.20q = %v", bad, err)
		}
	}
}
