package web

import (
	"context"
	"errors"
	"net/http"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/web/desk"
)

// addNews puts into the visit that somebody signed in as the visitor somewhere new,
// or asked that their factors be removed.
// Only a session that has such news asks the database. An entrusted screen shows
// nothing of it.
func (s *Server) addNews(v *desk.Visit, r *http.Request) error {
	if v.Session.Notice == "" || v.Session.Entrusted != "" || r.Method != http.MethodGet {
		return nil
	}
	if facteur.IsReset(v.Session.Notice) {
		q, found, err := s.Notices.ResetOf(r.Context(), v.Aidant.ID)
		if found {
			v.News = v.NewsOfReset(q)
		}
		return err
	}
	a, err := s.Notices.Appareil(r.Context(), v.Aidant.ID, v.Session.Notice)
	if errors.Is(err, aidant.ErrAppareil) {
		return nil // forgotten meanwhile
	}
	if err != nil {
		return err
	}
	v.News = v.NewsOf(a)
	return nil
}

// told notes that a page showed the news: it stays on the account's page alone.
func (s *Server) told(v desk.Visit, r *http.Request) {
	if v.News == nil || !v.News.Shown {
		return
	}
	if err := s.Notices.Told(context.WithoutCancel(r.Context()), v.Session); err != nil {
		s.Log.ErrorContext(r.Context(), "a notice is shown once more", "error", err) // the page is out already
	}
}
