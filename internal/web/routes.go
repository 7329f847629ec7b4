package web

import (
	"io/fs"
	"net/http"

	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// publicRoutes are the pages without a visitor, and what operators' tools ask.
func (s *Server) publicRoutes() []desk.Route {
	static := page.Static(s.Static)
	routes := []desk.Route{
		{Pattern: "GET /{$}", Access: desk.Public, Handle: s.home},
		{Pattern: "GET /aide", Access: desk.Public, Handle: s.public("public/aide", "Aide")},
		{Pattern: "GET /aide/session", Access: desk.Public, Handle: s.public("public/aide-session", "Pourquoi se déconnecter après une démarche")},
		{Pattern: "GET /aide/codes", Access: desk.Public, Handle: s.codes},
		{Pattern: "GET /accessibilite", Access: desk.Public, Handle: s.public("public/accessibilite", "Accessibilité : non conforme")},
		{Pattern: "GET /donnees-personnelles", Access: desk.Public, Handle: s.public("public/donnees-personnelles", "Données personnelles")},
		{Pattern: "GET /mentions-legales", Access: desk.Public, Handle: s.public("public/mentions-legales", "Mentions légales")},
		{Pattern: "GET /static/", Access: desk.Protocol, Handle: plain(static)},
		{Pattern: "GET /livez", Access: desk.Protocol, Handle: s.live},
		{Pattern: "GET /readyz", Access: desk.Protocol, Handle: s.ready},
		{Pattern: "GET /metrics", Access: desk.Protocol, Handle: plain(s.Metrics.handler())},
	}
	for path, keys := range s.Keys {
		routes = append(routes, desk.Route{Pattern: "GET " + path, Access: desk.Protocol, Handle: jwks(keys)})
	}
	if s.Theme != nil {
		routes = append(routes, desk.Route{Pattern: "GET /theme/{file...}", Access: desk.Protocol, Handle: s.theme})
	}
	return routes
}

// jwks serves public keys.
func jwks(keys []byte) desk.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(keys) // the reader may have left
		return nil
	}
}

// theme serves the operator's files, and lists no folder.
func (s *Server) theme(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	if info, err := fs.Stat(s.Theme, name); err != nil || !info.Mode().IsRegular() {
		return &desk.Problem{Status: http.StatusNotFound}
	}
	http.ServeFileFS(w, r, s.Theme, name)
	return nil
}

// protocolPaths are the provider's endpoints. Cross-origin protection does not
// apply to them: hubs and services call them from elsewhere by nature.
var protocolPaths = []string{
	"GET /.well-known/openid-configuration", "GET /jwks",
	"GET /authorize", "POST /authorize", "POST /par", "POST /token", "POST /revoke", "POST /introspect", "POST /mandat/verification",
	"GET /userinfo", "POST /userinfo", "GET /session/end", "POST /session/end",
}

func (s *Server) protocolRoutes() []desk.Route {
	routes := make([]desk.Route, 0, len(protocolPaths))
	for _, pattern := range protocolPaths {
		routes = append(routes, desk.Route{Pattern: pattern, Access: desk.Protocol, Handle: s.protocol(pattern)})
	}
	return routes
}

// plain serves a handler that answers for itself.
func plain(h http.Handler) desk.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// home tells an individual from a professional; an agent goes to their desk.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	if v := desk.Of(r); v.Aidant.ID != "" {
		http.Redirect(w, r, v.Home(), http.StatusSeeOther)
		return nil
	}
	return s.public("public/accueil", "Vos démarches avec un aidant")(w, r)
}

func (s *Server) public(name, title string) desk.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := desk.Of(r)
		p := &page.PublicPage{Layout: v.Layout(title, ""), Operator: s.Operator}
		return s.Pages.Render(w, http.StatusOK, name, p)
	}
}

// live says that the process answers.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) error {
	return text(w, http.StatusOK, "ok\n")
}

// ready says that the database, the journal's head and the keys are there. Acts go
// on while the journal is not signed, so that this is a line beside, for people.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if err := s.Ready(r.Context()); err != nil {
		s.Log.ErrorContext(r.Context(), "not ready", "error", err)
		return text(w, http.StatusServiceUnavailable, "not ready\n")
	}
	said := "ready\n"
	if s.Sealing != nil && s.Sealing() != nil {
		said += NotSealing
	}
	return text(w, http.StatusOK, said)
}

// NotSealing is the line of /readyz that says that Relais refuses to sign.
const NotSealing = "not sealing\n"

func text(w http.ResponseWriter, status int, body string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the asker has gone: nobody to tell
	return nil
}
