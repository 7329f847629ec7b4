package login_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/login"
)

// The thirteen checks of OpenID Connect Core §3.1.3.7, in its order, each broken
// once for an agent's login and once for an usager's.

// refusesToken holds that an answer is not taken in either login, and that nothing
// of it is learnt.
func refusesToken(t *testing.T, change func(*fake)) {
	t.Helper()
	rpRefuses(t, login.ErrToken, change)
	f := newFake(t)
	l := f.login(t)
	s := startUsager(t, l, digest)
	change(f)
	u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
	if !errors.Is(err, login.ErrToken) || u.Attested.Sub != "" || u.Proof.IDToken != "" {
		t.Errorf("usager = %+v, %v", u.Attested, err)
	}
}

func claim(name string, value any) func(*fake) {
	return func(f *fake) { f.idToken[name] = value }
}

// TestIDTokenCheck01Encryption: what was not negotiated is not taken, and what was
// is demanded.
func TestIDTokenCheck01Encryption(t *testing.T) {
	keys := encryptionKeys(t)
	refusesToken(t, func(f *fake) {
		f.signID = func(c any) string { return encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], sign(f.key, f.kid, c)) }
	})
	f := newFake(t)
	f.decrypt = keys
	if _, err := rp(t, f, nil); !errors.Is(err, login.ErrToken) {
		t.Errorf("a token in clear where encryption was agreed: %v", err)
	}
}

func TestIDTokenCheck02Issuer(t *testing.T) {
	for _, wrong := range []any{"https://autre.example/api/v2", nil, 3, "", []string{"x"}} {
		refusesToken(t, claim("iss", wrong))
	}
	refusesToken(t, func(f *fake) { f.idToken["iss"] = f.issuer() + "/" })
	refusesToken(t, func(f *fake) { f.idToken["iss"] = strings.ToUpper(f.issuer()) })
}

func TestIDTokenCheck03Audience(t *testing.T) {
	for _, wrong := range []any{"autre", nil, []string{}, []string{clientID, "autre"}, []string{"autre", clientID}, clientID + " ", 3} {
		refusesToken(t, claim("aud", wrong))
	}
}

// TestIDTokenCheck04SeveralAudiences: not even with an azp of ours.
func TestIDTokenCheck04SeveralAudiences(t *testing.T) {
	refusesToken(t, func(f *fake) { f.idToken["aud"], f.idToken["azp"] = []string{clientID, "autre"}, clientID })
}

func TestIDTokenCheck05AuthorizedParty(t *testing.T) {
	refusesToken(t, claim("azp", "autre"))
	refusesToken(t, claim("azp", ""))
}

func TestIDTokenCheck06Signature(t *testing.T) {
	refusesToken(t, func(f *fake) { f.signID = func(c any) string { return sign(newKey(t), f.kid, c) } })
	refusesToken(t, func(f *fake) {
		f.signID = func(c any) string {
			good, other := strings.Split(sign(f.key, f.kid, c), "."), strings.Split(sign(f.key, f.kid, map[string]any{"sub": "autre"}), ".")
			return good[0] + "." + other[1] + "." + good[2]
		}
	})
	refusesToken(t, func(f *fake) { f.signID = func(c any) string { return sign(f.key, f.kid, c) + "A" } })
}

func TestIDTokenCheck07Algorithm(t *testing.T) {
	refusesToken(t, func(f *fake) { f.signID = unsigned })
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	refusesToken(t, func(f *fake) { // a key that is published, and too short to prove anything
		f.extra = []jose.JSONWebKey{{Key: weak.Public(), KeyID: "faible", Use: "sig", Algorithm: "RS256"}}
		f.signID = func(c any) string { return signWith(jose.RS256, weak, "faible", c) }
	})
	refusesToken(t, func(f *fake) { // an algorithm that the key is not for
		f.extra = []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "autre", Use: "sig", Algorithm: "RS256"}}
		f.signID = func(c any) string { return sign(f.key, "autre", c) }
	})
}

// TestIDTokenCheck08MAC: a token signed with the client's secret proves nothing to a
// third party, who could suppose that Relais made it.
func TestIDTokenCheck08MAC(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
		refusesToken(t, func(f *fake) {
			f.signID = func(c any) string { return signWith(alg, []byte(secret+secret), f.kid, c) }
		})
	}
	refusesToken(t, func(f *fake) { // with a public key as if it were a secret (RFC 8725 §2.1)
		f.signID = func(c any) string { return signWith(jose.HS256, f.key.X.FillBytes(make([]byte, 32)), f.kid, c) }
	})
}

func TestIDTokenCheck09Expiry(t *testing.T) {
	refusesToken(t, claim("exp", nil))
	refusesToken(t, func(f *fake) { f.idToken["exp"] = f.now.Add(-31 * time.Second).Unix() })
	refusesToken(t, claim("exp", "demain"))
	refusesToken(t, claim("exp", 0))
	refusesToken(t, func(f *fake) { f.idToken["nbf"] = f.now.Add(time.Hour).Unix() })
}

func TestIDTokenCheck10IssuedAt(t *testing.T) {
	refusesToken(t, claim("iat", nil))
	refusesToken(t, func(f *fake) { f.idToken["iat"] = f.now.Add(31 * time.Second).Unix() })
	refusesToken(t, func(f *fake) { f.idToken["iat"] = f.now.Add(-16 * time.Minute).Unix() }) // older than the login itself
}

func TestIDTokenCheck11Nonce(t *testing.T) {
	for _, wrong := range []any{strings.Repeat("a", 64), nil, "", 3} {
		refusesToken(t, claim("nonce", wrong))
	}
}

// TestIDTokenCheck12ACR: an usager's level is one that FranceConnect gives, and an
// agent's is what the id_token says, for aidant.SignIn to refuse.
func TestIDTokenCheck12ACR(t *testing.T) {
	for _, wrong := range []any{"eidas0", nil, "", "eidas1-mfa", "eidas4"} {
		f := newFake(t)
		l := f.login(t)
		s := startUsager(t, l, digest)
		f.idToken["acr"] = wrong
		if u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); !errors.Is(err, login.ErrToken) || u.Attested.Sub != "" {
			t.Errorf("acr %v: %v", wrong, err)
		}
	}
	f := newFake(t)
	if a, err := rp(t, f, func() { f.idToken["acr"], f.userinfo["acr"] = "eidas1", "eidas1-mfa" }); err != nil || a.Login.ACR != "eidas1" {
		t.Errorf("the level is the id_token's: %q, %v", a.Login.ACR, err)
	}
}

// TestIDTokenCheck13AuthTime: a login that was forced and only reused a session.
func TestIDTokenCheck13AuthTime(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	s, err := l.StartAgent(t.Context(), login.StartAgent{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	f.idToken["auth_time"] = f.now.Add(-10 * time.Minute).Unix()
	if _, err := l.FinishAgent(t.Context(), s.State, f.callback(s.State)); !errors.Is(err, login.ErrStale) {
		t.Errorf("an old login = %v", err)
	}
	f.idToken["auth_time"] = f.now.Unix()
	if _, err := l.FinishAgent(t.Context(), s.State, f.callback(s.State)); err != nil {
		t.Errorf("a fresh login = %v", err)
	}
}

// TestIssuerOfTheResponse is RFC 9207: announced, it must be there and equal, also
// beside an error; not announced, it must be equal where it is there.
func TestIssuerOfTheResponse(t *testing.T) {
	for name, c := range map[string]struct {
		announced bool
		iss       string
		failed    bool
		want      error
	}{
		"equal":                              {true, "=", false, nil},
		"missing though announced":           {true, "", false, login.ErrState},
		"another":                            {true, "https://autre.example", false, login.ErrState},
		"an error, equal":                    {true, "=", true, login.ErrCancelled},
		"an error, missing though announced": {true, "", true, login.ErrState},
		"an error of another":                {true, "https://autre.example", true, login.ErrState},
		"not announced, missing":             {false, "", false, nil},
		"not announced, equal":               {false, "=", false, nil},
		"not announced, another":             {false, "https://autre.example", false, login.ErrState},
		"not announced, an error":            {false, "", true, login.ErrCancelled},
	} {
		f := newFake(t)
		f.sendsI = c.announced
		l := f.login(t)
		s := startUsager(t, l, digest)
		q := f.callback(s.State)
		q.Del("iss")
		if c.iss == "=" {
			q.Set("iss", f.issuer())
		} else if c.iss != "" {
			q.Set("iss", c.iss)
		}
		if c.failed {
			q.Del("code")
			q.Set("error", "access_denied")
		}
		if _, err := l.FinishUsager(t.Context(), s.State, q); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestKeysBackOff: keys that cannot be fetched are asked for less and less often,
// and so are those that brought nothing new for an unknown kid.
func TestKeysBackOff(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	startUsager(t, l, digest)
	f.handle = at("/jwks", status(http.StatusServiceUnavailable))
	before := f.calls["/jwks"]
	for range 5 {
		if _, _, err := l.Keys(t.Context(), login.FranceConnect); !errors.Is(err, login.ErrDown) {
			t.Fatalf("keys = %v", err)
		}
	}
	if n := f.calls["/jwks"] - before; n != 1 {
		t.Errorf("%d calls within the pause, want 1", n)
	}
	f.handle, f.now = nil, f.now.Add(time.Second)
	if _, _, err := l.Keys(t.Context(), login.FranceConnect); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	unknown := newKey(t)
	before = f.calls["/jwks"]
	for range 10 {
		s := startUsager(t, l, digest)
		f.signID = func(c any) string { return sign(unknown, "inconnue", c) }
		if _, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); !errors.Is(err, login.ErrToken) {
			t.Fatalf("an unknown key = %v", err)
		}
	}
	if n := f.calls["/jwks"] - before; n != 1 {
		t.Errorf("an unknown kid made Relais ask %d times, want 1", n)
	}
	f.key, f.kid, f.signID, f.now = newKey(t), "cle-2", nil, f.now.Add(2*time.Second)
	s := startUsager(t, l, digest)
	if _, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); !errors.Is(err, login.ErrKeysChanged) {
		t.Errorf("a real rotation afterwards = %v", err)
	}
}
