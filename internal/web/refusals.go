package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"relais/internal/aidant"
	"relais/internal/debit"
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
// many of these is made to wait, and leaves no more entries meanwhile.
func (s *Server) recordNobody(w http.ResponseWriter, r *http.Request, route, reason string) error {
	fact := aidant.Refused(journal.Nobody(), route, reason)
	if s.Throttle == nil {
		return s.Recorder.Append(r.Context(), fact)
	}
	if wait := s.Throttle.wait(debit.Refusal, r); wait > 0 {
		return tooMany(w, wait)
	}
	return s.Throttle.count(debit.Refusal, r, fact)
}

// machinePaths are the endpoints that machines call, each from an address of its
// own: after too many refusals they are not served for a while. The others are
// opened by browsers, many of which may share one address.
var machinePaths = []string{"POST /par", "POST /token", "POST /revoke", "POST /introspect", "POST /mandat/verification", "GET /userinfo", "POST /userinfo"}

// protocol serves the provider and records what it refused: the entry of a
// refusal that concerns a mandat is the provider's own, this one says that the
// endpoint answered with an error.
func (s *Server) protocol(pattern string) desk.Handler {
	rule := debit.Refusal
	if slices.Contains(machinePaths, pattern) {
		rule = debit.Machine
	}
	return s.counted(rule, pattern, plain(s.Provider))
}

// counted serves an endpoint that machines call and counts what it refused.
func (s *Server) counted(rule debit.Rule, pattern string, serve desk.Handler) desk.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		wait := s.Throttle.wait(rule, r)
		if wait > 0 && rule == debit.Machine {
			return machineWaits(w, int(wait.Seconds())+1)
		}
		return serve(&refusalWriter{ResponseWriter: w, refused: func() {
			if wait > 0 {
				return // counted enough: no more entries for a while
			}
			if err := s.refusedAt(rule, r, pattern); err != nil {
				s.Log.ErrorContext(r.Context(), "a refusal was not recorded", "error", err) // nothing is handed out
			}
		}}, r)
	}
}

func (s *Server) refusedAt(rule debit.Rule, r *http.Request, pattern string) error {
	fact := aidant.Refused(journal.Nobody(), routeCode(pattern), badProtocol)
	if s.Throttle == nil {
		return s.Recorder.Append(r.Context(), fact)
	}
	return s.Throttle.count(rule, r, fact)
}

// machineWaits answers in the words of RFC 6749 §5.2, with the status and the
// header that say when to come back (RFC 6585 §4).
func machineWaits(w http.ResponseWriter, seconds int) error {
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(seconds))
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "temporarily_unavailable", // the asker may have left
		"error_description": "too many refused requests from this address; see Retry-After"})
	return nil
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
