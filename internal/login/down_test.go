package login_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"relais/internal/login"
)

func at(path string, do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, path) {
			do(w, r)
		}
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(3 * time.Second):
	}
	w.WriteHeader(http.StatusOK)
}

func TestProviderInTrouble(t *testing.T) {
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://example.org/", http.StatusFound)
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   error
	}{
		"slow token":        {at("/token", slow), login.ErrDown},
		"slow userinfo":     {at("/userinfo", slow), login.ErrDown},
		"token 503":         {at("/token", status(503)), login.ErrDown},
		"userinfo 503":      {at("/userinfo", status(503)), login.ErrDown},
		"userinfo 401":      {at("/userinfo", status(401)), login.ErrToken},
		"token elsewhere":   {at("/token", elsewhere), nil},
		"userinfo elswhere": {at("/userinfo", elsewhere), login.ErrToken},
		"token no JSON":     {at("/token", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }), login.ErrToken},
		"endless userinfo": {at("/userinfo", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = io.CopyN(w, zeros{}, 2<<20) // Relais hangs up before the end
		}), login.ErrToken},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			l := f.login(t)
			s := startUsager(t, l, digest)
			f.handle = c.handle
			_, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("err = %v, want %v", err, c.want)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// A provider that is down at start is asked again, less and less often.
func TestDiscoveryIsRetriedWithAPause(t *testing.T) {
	f := newFake(t)
	f.handle = at("/openid-configuration", status(503))
	l := f.login(t)
	const doc = "/.well-known/openid-configuration"
	for range 3 {
		if _, err := l.StartUsager(t.Context(), digest, "m1"); !errors.Is(err, login.ErrDown) {
			t.Fatalf("err = %v", err)
		}
	}
	if f.calls[doc] != 1 {
		t.Errorf("%d calls within the pause, want 1", f.calls[doc])
	}
	f.now = f.now.Add(time.Second)
	_, _ = l.StartUsager(t.Context(), digest, "m1") // still down
	f.now = f.now.Add(time.Second)
	_, _ = l.StartUsager(t.Context(), digest, "m1") // within the second pause, of two seconds
	if f.calls[doc] != 2 {
		t.Errorf("%d calls, want 2: the pause does not grow", f.calls[doc])
	}
	f.handle = nil
	f.now = f.now.Add(time.Minute)
	startUsager(t, l, digest)
	f.handle = at("/openid-configuration", status(503))
	f.now = f.now.Add(13 * time.Hour)
	startUsager(t, l, digest) // the last document stays in use
}

func TestDiscoveryOfAnotherIssuer(t *testing.T) {
	for name, change := range map[string]func(*fake){
		"issuer":  func(f *fake) { f.override["issuer"] = f.issuer() + "/" },
		"no jwks": func(f *fake) { f.override["jwks_uri"] = "" },
		"elsewhere": func(f *fake) {
			f.handle = at("/openid-configuration", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) })
		},
	} {
		f := newFake(t)
		change(f)
		if _, err := f.login(t).StartUsager(t.Context(), digest, "m1"); !errors.Is(err, login.ErrDown) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

func TestExplainEveryError(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		login.ErrDown, login.ErrState, login.ErrExpired, login.ErrToken, login.ErrSub, login.ErrWeak, login.ErrStale,
		login.ErrCancelled, login.ErrKeysChanged, login.ErrRefused{Code: "login_required"}, login.ErrRefused{Code: "invalid_grant"},
		login.ErrRefused{Code: "access_denied", Detail: "Y500015"}, login.ErrRefused{Code: "autre"}, errors.New("autre chose"),
	} {
		title, what, todo := login.Explain(fmt.Errorf("couche: %w", err))
		if title == "" || what == "" || todo == "" || seen[title] {
			t.Errorf("%v: %q %q %q", err, title, what, todo)
		}
		seen[title] = true
	}
}
