package web

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/web/desk"
)

// maxBody bounds what a browser or a client may send, in bytes.
const maxBody = 256 << 10

// recoverPanic turns a fault of ours into a page with a reference.
func (s *Server) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Log.ErrorContext(r.Context(), "panic", "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			s.fail(w, r, fmt.Errorf("panic: %T", p))
		}()
		next.ServeHTTP(w, r)
	})
}

// nameRequest gives the request an identifier of our own, for entries, logs and
// error pages. What a client sends under that name is not trusted.
func (s *Server) nameRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := strings.ToLower(rand.Text()[:16])
		next.ServeHTTP(w, r.WithContext(journal.WithRequest(r.Context(), id)))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logRequest writes one line a request: the route's pattern and never the
// address, whose query may hold a code or a name.
func (s *Server) logRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(sw, r)
		s.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("route", r.Pattern),
			slog.Int("status", sw.status), slog.Int64("ms", time.Since(start).Milliseconds()), slog.String("request", journal.RequestID(r.Context())))
	})
}

var operatorPaths = []string{"/livez", "/readyz", "/metrics"}

// fromProxy refuses what did not come through the TLS proxy, where there is one,
// and hides the figures from what did. Where Relais has its own TLS, the figures
// are for this machine.
func (s *Server) fromProxy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if len(s.Proxies) == 0 {
			if s.Secure && r.URL.Path == "/metrics" && (err != nil || !peer.Addr().Unmap().IsLoopback()) {
				s.fail(w, r, &desk.Problem{Status: http.StatusNotFound})
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		forwarded := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
		if slices.Contains(operatorPaths, r.URL.Path) {
			if forwarded && r.URL.Path != "/livez" {
				s.fail(w, r, &desk.Problem{Status: http.StatusNotFound})
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		trusted := err == nil && slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) })
		if !trusted || r.Header.Get("X-Forwarded-Proto") == "http" {
			s.fail(w, r, &desk.Problem{Status: http.StatusForbidden, Title: "Connexion non chiffrée",
				Text: "Relais ne répond qu’à travers une connexion chiffrée (https)."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// secureHeaders gives every answer the same headers, which are made once: nobody adds
// to what stands there, they set it.
func (s *Server) secureHeaders(next http.Handler) http.Handler {
	fixed := http.Header{
		"Content-Security-Policy":    {contentPolicy},
		"X-Content-Type-Options":     {"nosniff"},
		"X-Frame-Options":            {"DENY"},
		"Referrer-Policy":            {"same-origin"},
		"Cross-Origin-Opener-Policy": {"same-origin"},
		"Permissions-Policy":         {"camera=(), microphone=(), geolocation=()"},
	}
	if s.Secure {
		fixed.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), fixed)
		next.ServeHTTP(w, r)
	})
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses forms that another site's page sent, except to the protocols'
// endpoints, which are called from elsewhere by nature.
func (s *Server) sameOrigin() func(http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	for _, rt := range s.Routes() {
		if path, ok := strings.CutPrefix(rt.Pattern, "POST "); ok && rt.Access == desk.Protocol {
			protection.AddInsecureBypassPattern("POST " + path)
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.recordNobody(w, r, "formulaire", otherOrigin); err != nil {
			s.fail(w, r, err)
			return
		}
		s.fail(w, r, &desk.Problem{Status: http.StatusForbidden, Title: "Cette demande ne vient pas de Relais",
			Text: "Le formulaire a été envoyé depuis un autre site. Rien n’a été modifié."})
	}))
	return protection.Handler
}
