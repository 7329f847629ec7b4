package sandbox

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
)

//go:embed pages
var files embed.FS

// The three sites' names, as pages say them.
const (
	agentsSite   = "Identité agent (fictive)"
	hubSite      = "FranceConnect fictif"
	servicesSite = "Services publics fictifs"
)

// pages holds the parsed templates, one set per page over the common layout.
type pages struct {
	set map[string]*template.Template
	css []byte
	log *slog.Logger
}

// page is what the layout needs; Body is the page's own struct.
type page struct {
	Site  string // one of the three sites' names
	Theme string // agents, hub or services: the colour of the header
	Title string
	Body  any
}

// errorPage is the body of erreur.html.
type errorPage struct {
	Code, Reason     string
	Retry, RetryText string // a link onwards; "" without
	Cancel           string // where « revenir au service » posts; "" without
}

func loadPages(log *slog.Logger) (*pages, error) {
	p := &pages{set: make(map[string]*template.Template), log: log}
	entries, err := files.ReadDir("pages")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "layout.html" || !strings.HasSuffix(e.Name(), ".html") {
			continue
		}
		t, err := template.ParseFS(files, "pages/layout.html", "pages/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		p.set[e.Name()] = t
	}
	p.css, err = files.ReadFile("pages/style.css")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return p, nil
}

// render writes a page whole or not at all. The policy leaves out form-action
// on purpose: Chromium applies it to the redirects that end on another site.
func (p *pages) render(w http.ResponseWriter, status int, name string, content page) {
	var buf bytes.Buffer
	if err := p.set[name].ExecuteTemplate(&buf, "layout.html", content); err != nil {
		p.log.Error("sandbox page", "page", name, "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the browser may be gone
}

// refuse shows a fault as an error page of the site.
func (p *pages) refuse(w http.ResponseWriter, site, theme string, f *fault) {
	p.refuseWith(w, site, theme, f, errorPage{})
}

// refuseWith is refuse with a way onwards.
func (p *pages) refuseWith(w http.ResponseWriter, site, theme string, f *fault, body errorPage) {
	p.log.Info("sandbox refusal", "site", theme, "code", f.Code)
	body.Code, body.Reason = f.Code, f.Reason
	p.render(w, http.StatusBadRequest, "erreur.html", page{Site: site, Theme: theme, Title: "Connexion impossible", Body: body})
}

func (p *pages) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(p.css) // the browser may be gone
}

// sameOrigin refuses a form posted from another site.
func sameOrigin(next http.HandlerFunc) http.Handler {
	return http.NewCrossOriginProtection().Handler(next)
}
