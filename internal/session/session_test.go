package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/coffre"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/session"
)

// memory is a backend that keeps what it is told.
type memory struct {
	rows    map[string]aidant.Session
	agent   aidant.Aidant
	org     organisation.Organisation
	ended   map[string]journal.Fact
	touches int
	down    error
}

func (b *memory) Session(_ context.Context, ref string) (aidant.Session, aidant.Aidant, organisation.Organisation, error) {
	s, ok := b.rows[ref]
	if b.down != nil {
		return aidant.Session{}, aidant.Aidant{}, organisation.Organisation{}, b.down
	}
	if !ok {
		return aidant.Session{}, aidant.Aidant{}, organisation.Organisation{}, fmt.Errorf("store: %w", aidant.ErrSession)
	}
	return s, b.agent, b.org, nil
}

func (b *memory) SaveSession(_ context.Context, s aidant.Session) error {
	b.rows[s.Ref] = s
	return nil
}

func (b *memory) TouchSession(_ context.Context, ref string, at time.Time) error {
	s := b.rows[ref]
	s.SeenAt = at
	b.rows[ref] = s
	b.touches++
	return nil
}

func (b *memory) EndSession(_ context.Context, ref string, fact journal.Fact) error {
	delete(b.rows, ref)
	b.ended[ref] = fact
	return fact.Check()
}

// counter is a manager with its backend and its clock.
type counter struct {
	*session.Manager
	backend *memory
	now     time.Time
}

func newCounter(t *testing.T, secure bool) *counter {
	t.Helper()
	vault, err := coffre.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	c.backend = &memory{rows: map[string]aidant.Session{}, ended: map[string]journal.Fact{}, agent: aidant.Aidant{ID: "a1"}}
	c.Manager = session.New(session.Options{
		Backend: c.backend, Sealer: vault, Secure: secure, Idle: 30 * time.Minute, Max: 8 * time.Hour,
		Now: func() time.Time { return c.now },
	})
	return c
}

// signIn does what the login desk does, and returns the browser's cookie.
func (c *counter) signIn(t *testing.T, r *http.Request) (aidant.Session, *http.Cookie) {
	t.Helper()
	s, id := c.Fresh(r)
	s.AidantID = "a1"
	if err := c.backend.SaveSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.SetID(w, id)
	return s, w.Result().Cookies()[0]
}

func request(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestCookieAttributes(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c := newCounter(t, secure)
		_, cookie := c.signIn(t, request())
		want := "relais_session"
		if secure {
			want = "__Host-relais"
		}
		if cookie.Name != want || cookie.Secure != secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode ||
			cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 0 || len(cookie.Value) != 43 {
			t.Errorf("secure %v: %+v", secure, cookie)
		}
		w := httptest.NewRecorder()
		c.Clear(w)
		if gone := w.Result().Cookies()[0]; gone.MaxAge != -1 || gone.Value != "" {
			t.Errorf("Clear = %+v", gone)
		}
	}
}

func TestCurrent(t *testing.T) {
	c := newCounter(t, true)
	s, cookie := c.signIn(t, request())
	if strings.Contains(s.Ref, cookie.Value) || s.Ref != session.Ref(cookie.Value) {
		t.Error("the server must keep the digest of the identifier only")
	}
	got, err := c.Current(request(cookie))
	if err != nil || got.Session.Ref != s.Ref || got.Aidant.ID != "a1" {
		t.Fatalf("Current = %+v, %v", got, err)
	}
	for name, r := range map[string]*http.Request{
		"none":       request(),
		"unknown":    request(&http.Cookie{Name: cookie.Name, Value: strings.Repeat("A", 43)}),
		"malformed":  request(&http.Cookie{Name: cookie.Name, Value: "x"}),
		"the ref":    request(&http.Cookie{Name: cookie.Name, Value: s.Ref}),
		"two":        request(cookie, &http.Cookie{Name: cookie.Name, Value: strings.Repeat("A", 43)}),
		"other name": request(&http.Cookie{Name: "relais_session", Value: cookie.Value}),
	} {
		if _, err := c.Current(r); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.backend.down = errors.New("base fermée")
	if _, err := c.Current(request(cookie)); err == nil || errors.Is(err, aidant.ErrSession) {
		t.Errorf("a database that is down is not a missing session: %v", err)
	}
}

// An identifier planted before the login is worth nothing after it.
func TestFixation(t *testing.T) {
	c := newCounter(t, false)
	planted := &http.Cookie{Name: c.Name(), Value: strings.Repeat("B", 43)}
	s, cookie := c.signIn(t, request(planted))
	if cookie.Value == planted.Value || s.Ref == session.Ref(planted.Value) {
		t.Error("the planted identifier was adopted")
	}
	if _, err := c.Current(request(planted)); !errors.Is(err, aidant.ErrSession) {
		t.Errorf("planted: %v", err)
	}
}

func TestRenew(t *testing.T) {
	c := newCounter(t, false)
	s, cookie := c.signIn(t, request())
	c.now = c.now.Add(10 * time.Minute)
	renewed, id := c.Renew(s)
	if renewed.Ref == s.Ref || renewed.Ref != session.Ref(id) || !renewed.CreatedAt.Equal(s.CreatedAt) || renewed.AidantID != "a1" || !renewed.SeenAt.Equal(c.now) {
		t.Errorf("Renew = %+v", renewed)
	}
	_ = c.backend.SaveSession(t.Context(), renewed)
	_ = c.backend.EndSession(t.Context(), s.Ref, c.backend.agent.SignedOut("renouvellement"))
	if _, err := c.Current(request(cookie)); !errors.Is(err, aidant.ErrSession) {
		t.Errorf("the old identifier: %v", err)
	}
	if _, err := c.Current(request(&http.Cookie{Name: c.Name(), Value: id})); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

func TestLimits(t *testing.T) {
	c := newCounter(t, false)
	s, cookie := c.signIn(t, request())
	if end := c.EndsAt(s); !end.Equal(c.now.Add(30 * time.Minute)) {
		t.Errorf("EndsAt = %v", end)
	}
	c.now = c.now.Add(30*time.Minute - time.Second)
	if _, err := c.Current(request(cookie)); err != nil {
		t.Fatalf("a second before the idle limit: %v", err)
	}
	c.now = c.now.Add(30 * time.Minute)
	if _, err := c.Current(request(cookie)); !errors.Is(err, aidant.ErrSession) || c.backend.ended[s.Ref].Reason() != "inactivite" {
		t.Errorf("idle: %v, %q", err, c.backend.ended[s.Ref].Reason())
	}
	s, cookie = c.signIn(t, request())
	for range 24 * 8 {
		c.now = c.now.Add(20 * time.Minute)
		if _, err := c.Current(request(cookie)); err != nil {
			break
		}
	}
	if got := c.now.Sub(s.CreatedAt); got != 8*time.Hour || c.backend.ended[s.Ref].Reason() != "duree_maximale" {
		t.Errorf("busy session ended after %v: %q", got, c.backend.ended[s.Ref].Reason())
	}
	s, _ = c.signIn(t, request())
	s.SeenAt = s.CreatedAt.Add(7*time.Hour + 50*time.Minute)
	if end := c.EndsAt(s); !end.Equal(s.CreatedAt.Add(8 * time.Hour)) {
		t.Errorf("EndsAt near the absolute limit = %v", end)
	}
}

func TestTouchAtMostOnceAMinute(t *testing.T) {
	c := newCounter(t, false)
	_, cookie := c.signIn(t, request())
	for range 10 {
		c.now = c.now.Add(12 * time.Second)
		if _, err := c.Current(request(cookie)); err != nil {
			t.Fatal(err)
		}
	}
	if c.backend.touches != 2 {
		t.Errorf("%d writes in two minutes, want 2", c.backend.touches)
	}
}

func TestSuspensionIsSeenAtTheNextRequest(t *testing.T) {
	for name, suspend := range map[string]func(*memory, time.Time){
		"agent_suspendu":      func(b *memory, at time.Time) { b.agent.SuspendedAt = at },
		"structure_suspendue": func(b *memory, _ time.Time) { b.org.Suspended = true },
	} {
		c := newCounter(t, false)
		s, cookie := c.signIn(t, request())
		suspend(c.backend, c.now)
		if _, err := c.Current(request(cookie)); !errors.Is(err, aidant.ErrSession) || !errors.Is(err, aidant.ErrSuspended) {
			t.Errorf("%s: %v", name, err)
		}
		if got := c.backend.ended[s.Ref].Reason(); got != name {
			t.Errorf("fact = %q, want %q", got, name)
		}
	}
}

func TestDevice(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0":                                               "Firefox sur Windows",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0":          "Edge sur Windows",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36":           "Chrome sur Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/18.0 Safari/604": "Safari sur iPhone",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0 Safari/537.36":          "Chrome sur Linux",
		"curl/8.5.0 <script>": "Navigateur inconnu",
		"":                    "Navigateur inconnu",
	} {
		c := newCounter(t, false)
		r := request()
		r.Header.Set("User-Agent", agent)
		if s, _ := c.Fresh(r); s.Device != want {
			t.Errorf("%q = %q, want %q", agent, s.Device, want)
		}
	}
}
