package login_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"relais/internal/login"
)

// drip sends a byte now and then, for ever.
func drip(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
				return // Relais has hung up
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// endless sends as fast as it can, for ever.
func endless(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.CopyN(w, zeros{}, 64<<20)
	}
}

// bomb is a small answer that unfolds to 64 MiB.
func bomb(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.CopyN(z, zeros{}, 64<<20)
		_ = z.Close()
	}
}

// longHeader is an answer whose head is larger than any honest one.
func longHeader(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Long", strings.Repeat("a", 512<<10))
		fmt.Fprint(w, "{}")
	}
}

// away points elsewhere.
func away(to string) func(string) http.HandlerFunc {
	return func(string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
	}
}

// TestLimitsOfEveryCall: each of the four calls, with each way of keeping Relais
// busy. It gives up in its time, takes nothing, follows nothing.
func TestLimitsOfEveryCall(t *testing.T) {
	elsewhere := newFake(t) // an honest provider that nobody was sent to
	for name, make := range map[string]func(string) http.HandlerFunc{
		"drip": drip, "endless": endless, "gzip bomb": bomb, "long header": longHeader, "redirect": away(elsewhere.URL),
	} {
		for path, kind := range map[string]string{
			"/openid-configuration": "application/json", "/jwks": "application/json", "/token": "application/json", "/userinfo": "application/jwt",
		} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				l := f.login(t)
				if path == "/openid-configuration" || path == "/jwks" {
					f.handle = at(path, make(kind))
				}
				begun := time.Now()
				s, err := l.StartUsager(t.Context(), digest, "m1")
				if err == nil {
					f.handle = at(path, make(kind))
					_, err = l.FinishUsager(t.Context(), s.State, f.callback(s.State))
				}
				if !errors.Is(err, login.ErrDown) && !errors.Is(err, login.ErrToken) && !errors.As(err, new(login.ErrRefused)) {
					t.Errorf("err = %v", err)
				}
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("Relais was held for %v", took)
				}
			})
		}
	}
	if len(elsewhere.calls) != 0 {
		t.Errorf("redirects were followed: %v", elsewhere.calls)
	}
}
