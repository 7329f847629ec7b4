package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func code(f *fault) string {
	if f == nil {
		return ""
	}
	return f.Code
}

func ecKey(t *testing.T, kid string) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: kid, Algorithm: "ES256"}
}

// TestCheckIDToken has a line for each line of protocols.md §1.5.
func TestCheckIDToken(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	key, other, unknown := ecKey(t, "k1"), ecKey(t, "k1"), ecKey(t, "k9")
	noKid := key
	noKid.KeyID = ""
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	drop := func(name string) func(map[string]any) { return func(c map[string]any) { delete(c, name) } }
	tests := []struct {
		name string
		edit func(map[string]any)
		key  any
		want string
	}{
		{"right", nil, key, ""},
		{"iat 120 s ahead", set("iat", now.Unix()+120), key, ""},
		{"iat an hour ago", set("iat", now.Unix()-3600), key, ""},
		{"aud of one element", set("aud", []string{"hub"}), key, ""},
		{"aud of two with azp", func(c map[string]any) { c["aud"], c["azp"] = []string{"hub", "x"}, "hub" }, key, ""},
		{"act", set("act", map[string]any{"sub": "a"}), key, ""},
		{"amr text", set("amr", "pwd"), key, ""},
		{"no kid", nil, noKid, ""},
		{"right at_hash", set("at_hash", halfHash("jeton")), key, ""},
		{"acr missing", drop("acr"), key, "Y020030"},
		{"acr not alphanumeric", set("acr", "eidas1-mfa"), key, "Y020030"},
		{"acr not text", set("acr", 1), key, "Y020030"},
		{"iss with slash", set("iss", "https://relais.example/"), key, "Y020026"},
		{"nonce wrong", set("nonce", "autre"), key, "Y020026"},
		{"nonce missing", drop("nonce"), key, "Y020026"},
		{"expired", set("exp", now.Unix()), key, "Y020026"},
		{"exp text", set("exp", "demain"), key, "Y020026"},
		{"aud wrong", set("aud", "autre"), key, "Y020026"},
		{"aud of two", set("aud", []string{"hub", "x"}), key, "Y020026"},
		{"azp wrong", set("azp", "x"), key, "Y020026"},
		{"at_hash wrong", set("at_hash", halfHash("autre")), key, "Y020026"},
		{"nbf ahead", set("nbf", now.Unix()+60), key, "Y020026"},
		{"sub missing", drop("sub"), key, "Y020026"},
		{"iat missing", drop("iat"), key, "Y020026"},
		{"wrong key", nil, other, "Y020026"},
		{"unknown kid", nil, unknown, "Y020026"},
		{"wrong alg", nil, []byte("DemoFictiveHub0123456789abcdefghijklmnop"), "Y020026"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := map[string]any{"iss": "https://relais.example", "sub": "u", "aud": "hub", "exp": now.Unix() + 60, "iat": now.Unix(), "nonce": "n", "acr": "eidas1"}
			if tt.edit != nil {
				tt.edit(claims)
			}
			want := expectation{issuer: "https://relais.example", clientID: "hub", nonce: "n", alg: jose.ES256, accessToken: "jeton",
				keys: []jose.JSONWebKey{key.Public()}, now: now}
			if _, f := checkIDToken(signWith(tt.key, claims), want); code(f) != tt.want {
				t.Errorf("checkIDToken = %v, want %q", f, tt.want)
			}
		})
	}
}

func TestCheckIDTokenAlgorithms(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	claims := map[string]any{"iss": "i", "sub": "u", "aud": "hub", "exp": now.Unix() + 60, "iat": now.Unix(), "nonce": "n", "acr": "eidas1"}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "r", Algorithm: "RS256"}
	secret := strings.Repeat("s", 40)
	want := expectation{issuer: "i", clientID: "hub", nonce: "n", now: now, keys: []jose.JSONWebKey{key.Public()}, secret: secret}
	want.alg = jose.RS256
	if _, f := checkIDToken(signWith(key, claims), want); f != nil {
		t.Errorf("RS256 = %v", f)
	}
	want.alg = jose.HS256
	if _, f := checkIDToken(signWith([]byte(secret), claims), want); f != nil {
		t.Errorf("HS256 = %v", f)
	}
	if _, f := checkIDToken(signWith([]byte(secret+"x"), claims), want); code(f) != "Y020026" {
		t.Errorf("HS256 with another secret = %v", f)
	}
	for _, raw := range []string{"", "a.b.c", "eyJhbGciOiJub25lIn0.e30."} {
		if _, f := checkIDToken(raw, want); code(f) != "Y020026" {
			t.Errorf("checkIDToken(%q) = %v", raw, f)
		}
	}
}

func TestCheckUserinfo(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	key := ecKey(t, "k1")
	signed := expectation{issuer: "i", clientID: "hub", alg: jose.ES256, keys: []jose.JSONWebKey{key.Public()}, now: now}
	plain := expectation{}
	tests := []struct {
		name, contentType, body string
		expect                  expectation
		want                    string
	}{
		{"signed without iss and aud", "application/jwt", signWith(key, map[string]any{"sub": "u"}), signed, ""},
		{"plain", "application/json", `{"sub":"u"}`, plain, ""},
		{"JSON where a JWT is configured", "application/json", `{"sub":"u"}`, signed, "Y020027"},
		{"JWT where JSON is configured", "application/jwt", signWith(key, map[string]any{"sub": "u"}), plain, "Y020027"},
		{"JWT under another type", "application/json", signWith(key, map[string]any{"sub": "u"}), signed, "Y020027"},
		{"wrong key", "application/jwt", signWith(ecKey(t, "k1"), map[string]any{"sub": "u"}), signed, "Y020027"},
		{"wrong iss", "application/jwt", signWith(key, map[string]any{"sub": "u", "iss": "x"}), signed, "Y020027"},
		{"wrong aud", "application/jwt", signWith(key, map[string]any{"sub": "u", "aud": "x"}), signed, "Y020027"},
		{"no sub signed", "application/jwt", signWith(key, map[string]any{}), signed, "Y020029"},
		{"no sub plain", "application/json", `{}`, plain, "Y020029"},
		{"null", "application/json", `null`, plain, "Y020027"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, f := checkUserinfo(tt.contentType, tt.body, tt.expect); code(f) != tt.want {
				t.Errorf("checkUserinfo = %v, want %q", f, tt.want)
			}
		})
	}
}

// TestCheckIdentity has the rows of protocols.md §1.6.
func TestCheckIdentity(t *testing.T) {
	tests := []struct {
		name, claim string
		value       any
		ok          bool
	}{
		{"right", "given_name", "Anne Marie", true},
		{"sub empty", "sub", "", false}, {"sub not ASCII", "sub", "é", false},
		{"given names as array", "given_name", []string{"Anne"}, false}, {"given name empty", "given_name", "", false},
		{"name of 256", "family_name", strings.Repeat("é", 256), true}, {"name of 257", "family_name", strings.Repeat("é", 257), false},
		{"unspecified", "gender", "unspecified", true}, {"gender F", "gender", "F", false},
		{"day unknown", "birthdate", "1957-06-00", true}, {"month unknown", "birthdate", "1948-00-00", true},
		{"month without day", "birthdate", "1957-06", false}, {"year only", "birthdate", "1957", false},
		{"impossible day", "birthdate", "1957-02-30", false}, {"day without month", "birthdate", "1957-00-12", false},
		{"birth abroad", "birthcountry", "99352", true}, {"no country", "birthcountry", "", false}, {"country in letters", "birthcountry", "FR", false},
		{"Corsica", "birthplace", "2A004", true}, {"overseas", "birthplace", "97411", true},
		{"four digits", "birthplace", "5935", false}, {"None", "birthplace", "None", false}, {"no place in France", "birthplace", "", false},
		{"no e-mail", "email", nil, false}, {"bad e-mail", "email", "a@b", false}, {"named e-mail", "email", "A <a@b.example>", false},
		{"usage name empty", "preferred_username", "", true}, {"usage name null", "preferred_username", nil, true}, {"usage name number", "preferred_username", 3, false},
		{"address ignored", "address", "n'importe quoi", true}, {"phone ignored", "phone_number", "x", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := Usagers()[0].claims()
			claims[tt.claim] = tt.value
			var received map[string]any
			raw, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &received); err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: "", false: "Y600006"}[tt.ok]
			if f := checkIdentity(received); code(f) != want {
				t.Errorf("checkIdentity = %v, want %q", f, want)
			}
		})
	}
	abroad := Usagers()[2].claims()
	for _, place := range []any{"", nil, "Alger"} {
		if abroad["birthplace"] = place; checkIdentity(abroad) != nil {
			t.Errorf("birth abroad with place %v refused", place)
		}
	}
}

func TestCheckACR(t *testing.T) {
	tests := []struct {
		got, asked, want string
		allowed          []string
	}{
		{"eidas1", "eidas1", "", []string{"eidas1"}},
		{"eidas2", "eidas1", "Y100018", []string{"eidas1"}},
		{"eidas1", "eidas2", "Y100001", []string{"eidas1"}},
		{"eidas2", "eidas1", "", []string{"eidas1", "eidas2"}},
	}
	for _, tt := range tests {
		if f := checkACR(tt.got, tt.allowed, tt.asked); code(f) != tt.want {
			t.Errorf("checkACR(%s, %v, %s) = %v, want %q", tt.got, tt.allowed, tt.asked, f, tt.want)
		}
	}
}

// TestCheckRepScope follows the acceptance list TA01, TA03–TA06 of the real hub.
func TestCheckRepScope(t *testing.T) {
	two := []string{"Logement", "Social-Santé"}
	tests := []struct {
		name       string
		claim      any
		registered []string
		want       string
	}{
		{"no perimeter, no claim", nil, nil, ""},
		{"no perimeter, a claim", []any{"Justice"}, nil, ""},
		{"one in common", []any{"Logement"}, two, ""},
		{"two in common", []any{"Social-Santé", "Logement"}, two, ""},
		{"none", []any{}, two, "Y600020"},
		{"absent", nil, two, "Y600020"},
		{"different", []any{"Justice"}, two, "Y600020"},
		{"other case", []any{"logement"}, two, "Y600020"},
		{"text", "Logement", two, "Y000000"},
		{"text, no perimeter", "Logement", nil, "Y000000"},
		{"object", map[string]any{}, two, "Y000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, f := checkRepScope(tt.claim, tt.registered); code(f) != tt.want {
				t.Errorf("checkRepScope = %v, want %q", f, tt.want)
			}
		})
	}
}

func TestCheckCallback(t *testing.T) {
	tests := map[string]string{
		"code=x": "", "code=x&iss=i": "", "code=x&iss=i/": "Y020026", "": "Y020025", "code=": "Y020025",
	}
	for raw, want := range tests {
		if f := checkCallback(mustURL("?"+raw).Query(), "i"); code(f) != want {
			t.Errorf("checkCallback(%q) = %v, want %q", raw, f, want)
		}
	}
	if f := checkCallback(mustURL("?error=access_denied&iss=i").Query(), "i"); f == nil || f.OAuth != "access_denied" {
		t.Errorf("error on callback = %v", f)
	}
}
