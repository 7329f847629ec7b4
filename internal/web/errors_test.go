package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/provider"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/ui"
)

func newServer(t *testing.T) *Server {
	t.Helper()
	pages, err := page.New(ui.FS, page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Pages: pages, Log: slog.New(slog.DiscardHandler)}
}

// TestSentinelsHaveAPage: what a noun or an adapter refuses is never a 500.
func TestSentinelsHaveAPage(t *testing.T) {
	s, r := newServer(t), httptest.NewRequest(http.MethodGet, "/", nil)
	for _, err := range []error{mandat.ErrNotFound, mandat.ErrInvalid, mandat.ErrState, mandat.ErrMinor, mandat.ErrProtected, mandat.ErrCircle,
		mandat.ErrOverlap, mandat.ErrEnded, mandat.ErrScope, mandat.ErrNotNamed, mandat.ErrStale, acte.ErrContent, identite.ErrInvalid,
		journal.ErrNotFound, aidant.ErrNotFound, aidant.ErrOther, aidant.ErrSession, aidant.ErrSuspended, usager.ErrNotFound,
		organisation.ErrNotFound, habilitation.ErrInvalid, habilitation.ErrSelf, habilitation.ErrState, login.ErrDown,
		provider.ErrNoEmail, provider.ErrNoRequest} {
		if p := s.errorPage(r, fmt.Errorf("desk: %w", err)); p.Status == http.StatusInternalServerError {
			t.Errorf("%v is a 500", err)
		}
	}
	r = r.WithContext(journal.WithRequest(r.Context(), "ref1"))
	if p := s.errorPage(r, errors.New("SELECT failed for Jeanne")); p.Status != 500 || p.Reference != "ref1" {
		t.Errorf("an unknown error = %d %q", p.Status, p.Reference)
	}
}

// TestTheme: an operator's file is served, a folder is not listed.
func TestTheme(t *testing.T) {
	s := newServer(t)
	s.Static, s.Metrics = ui.FS, NewMetrics(func() []Figure { return nil })
	s.Theme = fstest.MapFS{"theme.css": {Data: []byte("body{}")}, "img/logo.svg": {Data: []byte("<svg/>")}}
	mux := http.NewServeMux()
	for _, rt := range s.publicRoutes() {
		if strings.Contains(rt.Pattern, "theme") {
			mux.Handle(rt.Pattern, s.guard(rt))
		}
	}
	for path, want := range map[string]int{"/theme/theme.css": 200, "/theme/img/logo.svg": 200, "/theme/": 404, "/theme/img": 404, "/theme/img/": 404, "/theme/..%2fgo.mod": 404} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestFiguresStayInside: nobody outside reads the metrics, whoever has the TLS.
func TestFiguresStayInside(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	for name, c := range map[string]struct {
		proxies         []netip.Prefix
		secure          bool
		from, forwarded string
		path            string
		want            int
	}{
		"own TLS, from outside":         {nil, true, "203.0.113.9:1", "", "/metrics", 404},
		"own TLS, from this machine":    {nil, true, "127.0.0.1:1", "", "/metrics", 200},
		"own TLS, a page":               {nil, true, "203.0.113.9:1", "", "/", 200},
		"a demo":                        {nil, false, "127.0.0.1:1", "", "/metrics", 200},
		"through the proxy":             {proxy, true, "10.0.0.1:1", "203.0.113.9", "/metrics", 404},
		"beside the proxy":              {proxy, true, "10.0.0.7:1", "", "/metrics", 200},
		"a page beside the proxy":       {proxy, true, "10.0.0.7:1", "", "/", 403},
		"a page through it":             {proxy, true, "10.0.0.1:1", "203.0.113.9", "/", 200},
		"life, through the proxy":       {proxy, true, "10.0.0.1:1", "203.0.113.9", "/livez", 200},
		"forged header from a stranger": {proxy, true, "203.0.113.9:1", "127.0.0.1", "/", 403},
	} {
		s := newServer(t)
		s.Proxies, s.Secure = c.proxies, c.secure
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		s.fromProxy(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}

// TestErrorsOnAnEntrustedScreen show nothing of the aidant and lead back to the
// signature.
func TestErrorsOnAnEntrustedScreen(t *testing.T) {
	s := newServer(t)
	v := desk.Visit{Aidant: aidant.Aidant{ID: "a1", UsualName: "Belkacem", Roles: []aidant.Role{aidant.RoleAidant}},
		Session: aidant.Session{Entrusted: "m1"}}
	for entrusted, want := range map[string]string{"m1": `href="/tour"`, "": "Belkacem"} {
		v.Session.Entrusted = entrusted
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r = r.WithContext(desk.WithVisit(r.Context(), v))
		w := httptest.NewRecorder()
		s.fail(w, r, mandat.ErrStale)
		if body := w.Body.String(); !strings.Contains(body, want) || (entrusted != "" && (strings.Contains(body, "Belkacem") || strings.Contains(body, `href="/guichet"`))) {
			t.Errorf("entrusted %q: %s", entrusted, body)
		}
	}
}
