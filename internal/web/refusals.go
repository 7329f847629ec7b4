package web

import (
	"net/http"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/web/desk"
)

// The codes of refusals that no desk decides.
const (
	noSession   = "session_absente"
	otherOrigin = "autre_site"
	badProtocol = "demande_non_recevable"
)

// recordNobody writes that somebody without a session was refused. Whoever sends
// many of these makes the journal grow: what stands in front limits the rate.
func (s *Server) recordNobody(r *http.Request, route, reason string) error {
	return s.Recorder.Append(r.Context(), aidant.Refused(journal.Nobody(), route, reason))
}

// protocol serves the provider and records what it refused: the entry of a
// refusal that concerns a mandat is the provider's own, this one says that the
// endpoint answered with an error.
func (s *Server) protocol(pattern string) desk.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s.Provider.ServeHTTP(&refusalWriter{ResponseWriter: w, refused: func() {
			if err := s.recordNobody(r, routeCode(pattern), badProtocol); err != nil {
				s.Log.ErrorContext(r.Context(), "a refusal was not recorded", "error", err) // nothing is handed out
			}
		}}, r)
		return nil
	}
}

// refusalWriter calls refused before an answer of refusal leaves.
type refusalWriter struct {
	http.ResponseWriter
	refused func()
	told    bool
}

// WriteHeader implements http.ResponseWriter.
func (w *refusalWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest && status != http.StatusNotFound && !w.told {
		w.told = true
		w.refused()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *refusalWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
