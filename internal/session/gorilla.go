package session

import (
	"context"
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
	s.Values, err = m.values(c.Session)
	return s, err
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
	return m.save(r.Context(), c.Session, s.Values)
}

// Keep adds a value to a stored session, for the server alone: a login has no
// request that carries its new identifier yet.
func (m *Manager) Keep(ctx context.Context, s aidant.Session, name, value string) error {
	values, err := m.values(s)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	values[name] = value
	return m.save(ctx, s, values)
}

// Forget removes a value that was kept.
func (m *Manager) Forget(ctx context.Context, s aidant.Session, name string) error {
	values, err := m.values(s)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	delete(values, name)
	return m.save(ctx, s, values)
}

// Kept is a value of a session, "" when there is none.
func (m *Manager) Kept(s aidant.Session, name string) string {
	values, err := m.values(s)
	if err != nil {
		return "" // sealed for somebody else, or under a vault that is gone
	}
	value, _ := values[name].(string)
	return value
}

func (m *Manager) values(s aidant.Session) (map[any]any, error) {
	values := map[any]any{}
	if len(s.Data) == 0 {
		return values, nil
	}
	plain, err := m.opt.Sealer.RevealShort(dataPurpose(s), string(s.Data))
	if err != nil {
		return values, ErrAltered
	}
	if err := (securecookie.GobEncoder{}).Deserialize(plain, &values); err != nil {
		return values, ErrAltered
	}
	return values, nil
}

func (m *Manager) save(ctx context.Context, s aidant.Session, values map[any]any) error {
	plain, err := (securecookie.GobEncoder{}).Serialize(values)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	sealed, err := m.opt.Sealer.SealShort(dataPurpose(s), plain)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	s.Data = []byte(sealed)
	if err := m.opt.Backend.SaveSession(ctx, s); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// dataPurpose ties the values to their agent: they survive a renewal of the
// identifier, and mean nothing in another agent's row.
func dataPurpose(s aidant.Session) string { return "session." + s.AidantID }
