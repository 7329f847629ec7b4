package session

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"relais/internal/aidant"
)

// Manager is a gorilla/sessions store over the backend.
var _ sessions.Store = (*Manager)(nil)

// errName is returned for any session but the one of this house.
var errName = errors.New("session: nom inconnu")

// Get returns the request's session, read once per request.
func (m *Manager) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(m, name)
}

// New reads the session from the backend. Without a living one it returns an
// empty session with IsNew, whose ID is empty whatever the browser sent:
// gorilla's own stores would adopt it.
func (m *Manager) New(r *http.Request, name string) (*sessions.Session, error) {
	s := sessions.NewSession(m, name)
	s.IsNew = true
	s.Options = &sessions.Options{
		Path: m.opt.Path, Secure: m.opt.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if name != m.Name() {
		return s, errName
	}
	c, err := m.read(r)
	if errors.Is(err, aidant.ErrSession) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.ID, s.IsNew = c.Session.Ref, false
	if len(c.Session.Data) == 0 {
		return s, nil
	}
	plain, err := m.opt.Sealer.RevealShort(dataPurpose(c.Session), string(c.Session.Data))
	if err != nil {
		return s, ErrAltered
	}
	if err := (securecookie.GobEncoder{}).Deserialize(plain, &s.Values); err != nil {
		return s, ErrAltered
	}
	return s, nil
}

// Save seals the values into the agent's session. It makes no session: only a
// login does (see [Manager.Fresh]), so that saving without one is
// aidant.ErrSession. With MaxAge below zero it ends the session.
func (m *Manager) Save(r *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	if s.Name() != m.Name() {
		return errName
	}
	c, err := m.read(r)
	if err != nil {
		return err
	}
	if s.ID != c.Session.Ref {
		return aidant.ErrSession
	}
	if s.Options != nil && s.Options.MaxAge < 0 {
		m.Clear(w)
		if err := m.opt.Backend.EndSession(r.Context(), c.Session.Ref, c.Aidant.SignedOut("deconnexion")); err != nil {
			return fmt.Errorf("session: %w", err)
		}
		return nil
	}
	plain, err := (securecookie.GobEncoder{}).Serialize(s.Values)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	sealed, err := m.opt.Sealer.SealShort(dataPurpose(c.Session), plain)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	c.Session.Data = []byte(sealed)
	if err := m.opt.Backend.SaveSession(r.Context(), c.Session); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// dataPurpose ties the values to their agent: they survive a renewal of the
// identifier, and mean nothing in another agent's row.
func dataPurpose(s aidant.Session) string { return "session." + s.AidantID }
