package main

import (
	"log/slog"
	"net/http"

	"relais/internal/session"
)

// flash shows a message on the next page, for desks whose act is done by then:
// a message that cannot be kept is no reason to say that the act failed.
type flash struct {
	sessions *session.Manager
	log      *slog.Logger
}

// Flash keeps the message in a sealed cookie.
func (f flash) Flash(w http.ResponseWriter, kind, text string) {
	if err := f.sessions.Flash(w, kind, text); err != nil {
		f.log.Warn("message not kept for the next page", "error", err)
	}
}
