// Package session is who sits at this browser: the agents' sessions, kept by the
// server, and small sealed cookies for what lasts a few minutes.
//
// It guarantees that a session's identifier is 256 random bits which only its
// browser holds (the server keeps their SHA-256), that no identifier offered by
// a browser is ever adopted, that a login takes a fresh one ([Manager.Fresh],
// [Manager.Renew]), that an idle, an aged or a suspended agent's session ends
// at the request that notices it, with its journal fact, that a clock set back
// makes none last longer, and that a sealed cookie opens only under its own name,
// unchanged and in time.
//
// It does not know how an agent signs in, nor where sessions are stored: the
// [Backend] does. A sealed cookie can be copied by its browser's owner and come
// back after it was taken: single use is for what checks it (the provider's
// code, the draft's version), and nothing that names a person belongs in one.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// Backend keeps sessions. A method that ends one writes the fact in the same
// transaction. Session returns an error wrapping aidant.ErrSession for a
// session that is not there or was revoked.
type Backend interface {
	Session(ctx context.Context, ref string) (aidant.Session, aidant.Aidant, organisation.Organisation, error)
	SaveSession(ctx context.Context, s aidant.Session) error
	TouchSession(ctx context.Context, ref string, at time.Time) error
	EndSession(ctx context.Context, ref string, fact journal.Fact) error
}

// Sealer encrypts short values under a purpose (internal/coffre).
type Sealer interface {
	SealShort(purpose string, plain []byte) (string, error)
	RevealShort(purpose, text string) ([]byte, error)
}

// Options is what [New] needs.
type Options struct {
	Backend Backend
	Sealer  Sealer
	Secure  bool          // the public address is https
	Idle    time.Duration // without a request; 30 minutes when zero
	Max     time.Duration // since the login; 12 hours when zero
	Now     func() time.Time
	Path    string // "/" when empty, and always when Secure: the __Host- prefix demands it
}

// touchEvery is how often the last use is written at most.
const touchEvery = time.Minute

// fromAhead is how much later than now a session may have been seen: instances'
// clocks differ a little. One from further ahead was seen before the clock was set
// back, and nobody knows how long ago.
const fromAhead = time.Minute

// Manager is the sessions of this house. It is safe for use by several
// goroutines.
type Manager struct{ opt Options }

// New makes a Manager.
func New(opt Options) *Manager {
	if opt.Idle <= 0 {
		opt.Idle = 30 * time.Minute
	}
	if opt.Max <= 0 {
		opt.Max = 12 * time.Hour
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	start := time.Now()
	opt.Now = steady(opt.Now, func() time.Duration { return time.Since(start) })
	if opt.Path == "" || opt.Secure {
		opt.Path = "/"
	}
	return &Manager{opt: opt}
}

// Name is the session cookie's name. Behind https the browser itself enforces
// that it came from this host over https; without it, names start with relais_
// because ports share cookies.
func (m *Manager) Name() string {
	if m.opt.Secure {
		return "__Host-relais"
	}
	return "relais_session"
}

// Current is the agent at this browser.
type Current struct {
	Session      aidant.Session
	Aidant       aidant.Aidant
	Organisation organisation.Organisation
}

// Current returns who sits at the browser that sent r, and notes that they are
// there. The error wraps aidant.ErrSession when nobody does, and
// aidant.ErrSuspended too when the agent or the structure was suspended.
func (m *Manager) Current(r *http.Request) (Current, error) {
	c, err := m.read(r)
	if err != nil {
		return Current{}, err
	}
	now := m.opt.Now()
	if now.Sub(c.Session.SeenAt) < touchEvery {
		return c, nil
	}
	if err := m.opt.Backend.TouchSession(r.Context(), c.Session.Ref, now); err != nil {
		return Current{}, fmt.Errorf("session: %w", err)
	}
	c.Session.SeenAt = now
	return c, nil
}

// read finds the session and ends it when its time has come.
func (m *Manager) read(r *http.Request) (Current, error) {
	ref, ok := m.ref(r)
	if !ok {
		return Current{}, aidant.ErrSession
	}
	s, a, o, err := m.opt.Backend.Session(r.Context(), ref)
	if err != nil {
		return Current{}, fmt.Errorf("session: %w", err)
	}
	reason, err := m.over(s, a, o)
	if err == nil {
		return Current{Session: s, Aidant: a, Organisation: o}, nil
	}
	// Ending it is not undone by a browser that leaves.
	end := m.opt.Backend.EndSession(context.WithoutCancel(r.Context()), ref, a.SignedOut(reason))
	if end != nil && !errors.Is(end, aidant.ErrSession) {
		return Current{}, fmt.Errorf("session: %w", errors.Join(err, end))
	}
	return Current{}, err
}

// over tells why a session may not go on: a code for the journal, and the error.
func (m *Manager) over(s aidant.Session, a aidant.Aidant, o organisation.Organisation) (string, error) {
	now := m.opt.Now()
	switch {
	case a.Suspended():
		return "agent_suspendu", fmt.Errorf("%w: %w", aidant.ErrSession, aidant.ErrSuspended)
	case o.Suspended:
		return "structure_suspendue", fmt.Errorf("%w: %w", aidant.ErrSession, aidant.ErrSuspended)
	case s.SeenAt.Sub(now) > fromAhead:
		return "horloge_reculee", aidant.ErrSession
	case now.Sub(s.CreatedAt) >= s.Max(m.opt.Max):
		return "duree_maximale", aidant.ErrSession
	case s.Ended(now, m.opt.Idle, m.opt.Max):
		return "inactivite", aidant.ErrSession
	}
	return "", nil
}

// EndsAt is when the session ends if nothing more happens: what the page warns
// of. Before that moment any request extends an idle session, up to the
// absolute limit.
func (m *Manager) EndsAt(s aidant.Session) time.Time {
	idle, max := s.SeenAt.Add(m.opt.Idle), s.CreatedAt.Add(s.Max(m.opt.Max))
	if max.Before(idle) {
		return max
	}
	return idle
}

// Recent tells whether the agent proved who they are within a while, by a clock
// that never goes back.
func (m *Manager) Recent(s aidant.Session, within time.Duration) bool {
	return s.Recent(m.opt.Now(), within)
}

// Fresh is a new session, not yet stored: the caller adds the agent, stores it
// with the fact of the login, then calls [Manager.SetID] and, so that the browser is
// known next time, [Manager.SetBrowser]. Whatever identifier
// the browser came with is not looked at, so that one planted by somebody else
// is worth nothing after the login.
func (m *Manager) Fresh(r *http.Request) (s aidant.Session, id string) {
	now := m.opt.Now()
	id = newID()
	return aidant.Session{Ref: Ref(id), CreatedAt: now, SeenAt: now, Device: device(r.UserAgent()), Browser: m.Browser(r)}, id
}

// Renew is the same session under a new identifier, for a step-up: the caller
// stores it, ends the old one, then calls [Manager.SetID]. The absolute limit
// still counts from the first login.
func (m *Manager) Renew(old aidant.Session) (s aidant.Session, id string) {
	id = newID()
	s = old
	s.Ref, s.SeenAt = Ref(id), m.opt.Now()
	return s, id
}

// SetID gives the browser its identifier. The cookie has no date: the server
// keeps the limits, and the browser forgets it when it closes.
func (m *Manager) SetID(w http.ResponseWriter, id string) {
	m.setCookie(w, m.Name(), id, 0)
}

// Clear takes the identifier from the browser. It ends nothing on the server.
func (m *Manager) Clear(w http.ResponseWriter) { m.setCookie(w, m.Name(), "", -1) }

// Ref is what the server keeps of an identifier: its SHA-256 in hexadecimal.
func Ref(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// ref reads the identifier's reference from the request. Two cookies of the same
// name mean that someone else could set one: neither counts.
func (m *Manager) ref(r *http.Request) (string, bool) {
	found := r.CookiesNamed(m.Name())
	if len(found) != 1 {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(found[0].Value)
	if err != nil || len(raw) != 32 {
		return "", false
	}
	return Ref(found[0].Value), true
}

func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// setCookie writes a cookie; life 0 is until the browser closes, below 0 removes.
func (m *Manager) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{
		Name: name, Value: value, Path: m.opt.Path,
		Secure: m.opt.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if life > 0 {
		c.MaxAge = int(life / time.Second)
	}
	if life < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
	w.Header().Set("Cache-Control", "no-store")
}
