package session

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// single is a backend of one session.
type single struct {
	s     aidant.Session
	ended string
}

func (b *single) Session(context.Context, string) (aidant.Session, aidant.Aidant, organisation.Organisation, error) {
	return b.s, aidant.Aidant{ID: "a1"}, organisation.Organisation{}, nil
}
func (b *single) SaveSession(context.Context, aidant.Session) error { return nil }
func (b *single) TouchSession(_ context.Context, _ string, at time.Time) error {
	b.s.SeenAt = at
	return nil
}
func (b *single) EndSession(_ context.Context, _ string, f journal.Fact) error {
	b.ended = f.Reason()
	return nil
}

// TestClockSetBack: an hour taken from the clock gives nobody an hour more, while
// Relais runs and after it was started again.
func TestClockSetBack(t *testing.T) {
	wall := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	passed := time.Duration(0)
	pass := func(d time.Duration) { wall, passed = wall.Add(d), passed+d }
	b := &single{}
	start := func() *Manager {
		m := New(Options{Backend: b, Idle: 30 * time.Minute, Max: 8 * time.Hour})
		m.opt.Now = steady(func() time.Time { return wall }, func() time.Duration { return passed })
		return m
	}
	m := start()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var id string
	b.s, id = m.Fresh(r)
	r.AddCookie(&http.Cookie{Name: m.Name(), Value: id})
	pass(10 * time.Minute)
	wall = wall.Add(-time.Hour)
	if _, err := m.Current(r); err != nil {
		t.Errorf("ten minutes after, with the clock set back: %v", err)
	}
	pass(29 * time.Minute)
	if _, err := m.Current(r); err != nil || !b.s.SeenAt.Equal(time.Date(2026, 11, 22, 9, 39, 0, 0, time.UTC)) {
		t.Errorf("seen at %v, %v", b.s.SeenAt, err)
	}
	pass(31 * time.Minute)
	if _, err := m.Current(r); err == nil || b.ended != "inactivite" {
		t.Errorf("after 31 minutes without a request: %v, %q", err, b.ended)
	}
	b.ended, passed = "", 0 // another process, which knows the clock only
	if _, err := start().Current(r); err == nil || b.ended != "horloge_reculee" {
		t.Errorf("a session seen half an hour from now: %v, %q", err, b.ended)
	}
}
