// Package web is the whole house as HTTP: the route table, the access that each
// route demands, the middleware around all of them, and the one table that turns
// errors into pages.
//
// It guarantees that no handler of a desk runs before the access of its route
// was checked on the server, that every refusal leaves its entry in the journal,
// that every POST of a browser comes from our own pages, and that neither a
// secret nor a person's name reaches a log, an address or an error page. It
// holds no rule of the mandat: desks ask the nouns.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/session"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Recorder writes facts that stand alone: here, refusals.
type Recorder interface {
	Append(ctx context.Context, facts ...journal.Fact) error
}

// Uses tells which use an aidant has open, for the banner on every page.
type Uses interface {
	OpenUse(ctx context.Context, aidantID string) (delegation.Open, bool, error)
}

// Missions tells under which missions an auditeur may read.
type Missions interface {
	// RunningMissions lists those in progress, the first to begin first.
	RunningMissions(ctx context.Context, auditeurID string) ([]mission.Mission, error)
	Organisation(ctx context.Context, id string) (organisation.Organisation, error)
}

// Notices tells an agent of a login in their name in a browser they had not used.
type Notices interface {
	// Appareil is aidant.ErrAppareil for none of the agent's.
	Appareil(ctx context.Context, aidantID, id string) (aidant.Appareil, error)
	Told(ctx context.Context, s aidant.Session) error
	// ResetOf is the reset of the agent's factors that is under way.
	ResetOf(ctx context.Context, aidantID string) (q facteur.Request, found bool, err error)
}

// Server is what the web needs; cmd fills it.
type Server struct {
	Pages    *page.Renderer
	Static   fs.FS             // ui.FS
	Theme    fs.FS             // the operator's theme directory, or nil
	Keys     map[string][]byte // public keys for which a provider may encrypt, by path
	Operator page.Operator
	Sessions *session.Manager
	Desks    [][]desk.Route
	Provider http.Handler // OpenID Connect endpoints, with checks of their own
	Recorder Recorder
	Uses     Uses
	Missions Missions
	Notices  Notices
	Ready    func(ctx context.Context) error
	Sealing  func() error // why the journal is not signed, which keeps nobody from working; nil func: not told
	Metrics  *Metrics
	Throttle *Throttle // nil: nobody is made to wait
	Log      *slog.Logger
	Idle     time.Duration  // the sessions' idle limit, for the warning
	Proxies  []netip.Prefix // requests from elsewhere are refused; empty = Relais has its own TLS, or is a demo
	Secure   bool           // https: HSTS
	Now      func() time.Time
}

// Routes is the whole route table, in the order in which people meet it.
func (s *Server) Routes() []desk.Route {
	routes := s.publicRoutes()
	for _, d := range s.Desks {
		routes = append(routes, d...)
	}
	return append(routes, s.protocolRoutes()...)
}

// Handler builds the house. It panics on two routes that clash, at start.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.Routes() {
		mux.Handle(rt.Pattern, s.Metrics.measure(rt.Pattern, s.guard(rt)))
	}
	mux.Handle("/", s.guard(desk.Route{Pattern: "/", Access: desk.Public, Handle: func(_ http.ResponseWriter, r *http.Request) error {
		return s.nowhere(mux, r)
	}}))
	return chain(mux, s.recoverPanic, s.nameRequest, s.logRequest, s.fromProxy, s.secureHeaders, limitBody, s.sameOrigin())
}

// chain wraps h so that the first middleware is the outermost: reading order is
// running order.
func chain(h http.Handler, middleware ...func(http.Handler) http.Handler) http.Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		h = middleware[i](h)
	}
	return h
}

// nowhere answers for an address that no route has: 404, or 405 where only the
// method is wrong.
func (s *Server) nowhere(mux *http.ServeMux, r *http.Request) error {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if method == r.Method {
			continue
		}
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
			return &desk.Problem{Status: http.StatusMethodNotAllowed}
		}
	}
	return &desk.Problem{Status: http.StatusNotFound}
}
