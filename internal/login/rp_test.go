package login_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/login"
)

// The modules of the three relying-party plans, in docs/conformance.md's order:
// whole logins of an agent against a provider that misbehaves as the suite's does.

// rp runs one login, which change prepares after the start.
func rp(t *testing.T, f *fake, change func()) (login.Agent, error) {
	t.Helper()
	l := f.login(t)
	s, err := l.StartAgent(t.Context(), login.StartAgent{})
	if err != nil {
		t.Fatal(err)
	}
	back := f.callback(s.State)
	if change != nil {
		change()
	}
	return l.FinishAgent(t.Context(), s.State, back)
}

// rpRefuses expects that the answer is not taken, and nothing with it.
func rpRefuses(t *testing.T, want error, change func(*fake)) {
	t.Helper()
	f := newFake(t)
	a, err := rp(t, f, func() { change(f) })
	if !errors.Is(err, want) || a.Login.Sub != "" {
		t.Errorf("login = %+v, %v; want %v", a.Login, err, want)
	}
}

func TestRPLogin(t *testing.T) {
	f := newFake(t)
	if a, err := rp(t, f, nil); err != nil || a.Login.Sub != "personne-1" || f.calls["/token"] != 1 || f.calls["/userinfo"] != 1 {
		t.Errorf("login = %+v, %v", a.Login, err)
	}
}

func TestRPNonceInvalid(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.idToken["nonce"] = strings.Repeat("a", 64) })
}

// TestRPScopeUserinfo: what the scopes give is asked for and read from userinfo.
func TestRPScopeUserinfo(t *testing.T) {
	f := newFake(t)
	s, err := f.login(t).StartAgent(t.Context(), login.StartAgent{})
	if err != nil {
		t.Fatal(err)
	}
	if asked := strings.Fields(query(t, s.URL).Get("scope")); !slices.Contains(asked, "openid") || !slices.Contains(asked, "email") || !slices.Contains(asked, "siret") {
		t.Errorf("scope = %v", asked)
	}
	if a, err := rp(t, f, nil); err != nil || a.Login.Email != "andree@example.fr" || a.Login.SIRET == "" {
		t.Errorf("login = %+v, %v", a.Login, err)
	}
}

func TestRPInvalidIss(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.idToken["iss"] = "https://autre.example" })
}

// TestRPKidAbsent: one key, or several, of which one fits.
func TestRPKidAbsent(t *testing.T) {
	for _, several := range []bool{false, true} {
		f := newFake(t)
		if several {
			f.extra = []jose.JSONWebKey{{Key: newKey(t).Public(), KeyID: "autre", Use: "sig", Algorithm: "ES256"}}
		}
		if _, err := rp(t, f, func() { f.signID = func(c any) string { return sign(f.key, "", c) } }); err != nil {
			t.Errorf("several keys %v: %v", several, err)
		}
	}
}

func TestRPMissingIat(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.idToken["iat"] = nil })
}

func TestRPMissingSub(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.idToken["sub"] = nil })
}

func TestRPInvalidAud(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.idToken["aud"] = "autre" })
}

func TestRPSigNone(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.signID = unsigned })
}

func TestRPSigRS256(t *testing.T) {
	f := newFake(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f.extra = []jose.JSONWebKey{{Key: key.Public(), KeyID: "rsa", Use: "sig", Algorithm: "RS256"}}
	rs := func(c any) string { return signWith(jose.RS256, key, "rsa", c) }
	if _, err := rp(t, f, func() { f.signID, f.signInfo = rs, rs }); err != nil {
		t.Error(err)
	}
}

func TestRPInvalidSig(t *testing.T) {
	rpRefuses(t, login.ErrToken, func(f *fake) { f.signID = func(c any) string { return sign(newKey(t), f.kid, c) } })
}

func TestRPUserinfoInvalidSub(t *testing.T) {
	rpRefuses(t, login.ErrSub, func(f *fake) { f.userinfo["sub"] = "personne-2" })
}

func TestRPDiscovery(t *testing.T) {
	f := newFake(t)
	if _, err := rp(t, f, nil); err != nil || f.calls["/.well-known/openid-configuration"] != 1 || f.calls["/jwks"] == 0 {
		t.Errorf("%v: calls %v", err, f.calls)
	}
}

func TestRPIssuerMismatch(t *testing.T) {
	f := newFake(t)
	f.override["issuer"] = "https://autre.example"
	if _, err := f.login(t).StartAgent(t.Context(), login.StartAgent{}); !errors.Is(err, login.ErrDown) {
		t.Errorf("err = %v", err)
	}
}

// TestRPKeyRotation: between two logins, and just before the token is signed.
func TestRPKeyRotation(t *testing.T) {
	f := newFake(t)
	if _, err := rp(t, f, nil); err != nil {
		t.Fatal(err)
	}
	f.key, f.kid = newKey(t), "cle-2"
	if _, err := rp(t, f, nil); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if _, err := rp(t, f, func() { f.key, f.kid = newKey(t), "cle-3" }); err != nil {
		t.Errorf("rotated just before signing: %v", err)
	}
}

// TestRPLogout: the hint, the registered way back and a state that comes back.
func TestRPLogout(t *testing.T) {
	f := newFake(t)
	a, err := rp(t, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := f.login(t).LogoutAgentURL(t.Context(), a.IDToken, "etat")
	if err != nil {
		t.Fatal(err)
	}
	q := query(t, to)
	want := url.Values{"id_token_hint": {a.IDToken}, "post_logout_redirect_uri": {relaisURL + "/deconnexion/retour"}, "state": {"etat"}}
	if !strings.HasPrefix(to, f.issuer()+"/session/end?") {
		t.Errorf("leads to %s", to)
	}
	for name := range want {
		if q.Get(name) != want.Get(name) {
			t.Errorf("%s = %q", name, q.Get(name))
		}
	}
}

// TestRPCallbackOnce: an answer is good for the login that began it, in its time.
func TestRPCallbackOnce(t *testing.T) {
	f := newFake(t)
	_, err := rp(t, f, func() { f.now = f.now.Add(time.Hour) })
	if !errors.Is(err, login.ErrExpired) {
		t.Errorf("an hour later = %v", err)
	}
}

// TestAuthAt: a login is as recent as the provider says, or as Relais asked; never
// of the future.
func TestAuthAt(t *testing.T) {
	f := newFake(t)
	then := f.now.Add(-time.Hour)
	f.idToken["auth_time"] = then.Unix()
	if a, err := rp(t, f, nil); err != nil || !a.AuthAt.Equal(then) {
		t.Errorf("said: %v, %v", a.AuthAt, err)
	}
	f.idToken["auth_time"] = nil
	if a, err := rp(t, f, nil); err != nil || !a.AuthAt.IsZero() {
		t.Errorf("not said, perhaps a session of this morning: %v, %v", a.AuthAt, err)
	}
	l := f.login(t)
	s, err := l.StartAgent(t.Context(), login.StartAgent{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := l.FinishAgent(t.Context(), s.State, f.callback(s.State)); err != nil || !a.AuthAt.Equal(f.now) {
		t.Errorf("asked for: %v, %v", a.AuthAt, err)
	}
	rpRefuses(t, login.ErrToken, func(f *fake) { f.idToken["auth_time"] = f.now.Add(time.Hour).Unix() })
}
