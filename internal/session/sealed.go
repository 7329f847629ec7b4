package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Errors of sealed cookies, beside http.ErrNoCookie for one that is absent or
// past its end.
var (
	ErrAltered = errors.New("cookie scellé illisible")
	ErrTooLong = errors.New("cookie scellé trop long")
)

// maxCookie keeps name, value and attributes under the 4 096 bytes that every
// browser takes.
const maxCookie = 3800

var namePattern = regexp.MustCompile(`^[a-z][a-z_]{0,30}$`)

// envelope is what a seal closes over: the end stands inside, where the browser
// cannot move it.
type envelope struct {
	Until time.Time       `json:"until"`
	Value json.RawMessage `json:"value"`
}

// cookieName is the full name of a sealed cookie.
func (m *Manager) cookieName(name string) (string, error) {
	full := "relais_" + name
	if !namePattern.MatchString(name) || full == "relais_session" {
		return "", fmt.Errorf("cookie scellé: nom %q", name)
	}
	if m.opt.Secure {
		full = "__Host-" + full
	}
	return full, nil
}

// purpose ties a seal to its cookie: one does not open as another.
func purpose(name string) string { return "cookie." + name }

// Put seals v, encoded as JSON, into the cookie of that name for a while. Names
// are lower-case words and underscores, "session" aside.
// Errors: ErrTooLong, or the sealer's.
func (m *Manager) Put(w http.ResponseWriter, name string, v any, life time.Duration) error {
	full, err := m.cookieName(name)
	if err != nil {
		return err
	}
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cookie scellé %s: %w", name, err)
	}
	plain, err := json.Marshal(envelope{Until: m.opt.Now().Add(life).UTC(), Value: value})
	if err != nil {
		return fmt.Errorf("cookie scellé %s: %w", name, err)
	}
	sealed, err := m.opt.Sealer.SealShort(purpose(name), plain)
	if err != nil {
		return fmt.Errorf("cookie scellé %s: %w", name, err)
	}
	if len(full)+len(sealed) > maxCookie {
		return fmt.Errorf("%w: %s", ErrTooLong, name)
	}
	m.setCookie(w, full, sealed, max(life, time.Second))
	return nil
}

// Take reads a sealed cookie into v and removes it from the browser, also when
// it does not open. Errors: http.ErrNoCookie, ErrAltered.
func (m *Manager) Take(w http.ResponseWriter, r *http.Request, name string, v any) error {
	full, err := m.cookieName(name)
	if err != nil {
		return err
	}
	if len(r.CookiesNamed(full)) > 0 {
		m.setCookie(w, full, "", -1)
	}
	return m.Peek(r, name, v)
}

// Peek is Take without removing.
func (m *Manager) Peek(r *http.Request, name string, v any) error {
	full, err := m.cookieName(name)
	if err != nil {
		return err
	}
	found := r.CookiesNamed(full)
	if len(found) == 0 {
		return http.ErrNoCookie
	}
	if len(found) > 1 {
		return ErrAltered
	}
	return m.open(name, found[0].Value, v)
}

func (m *Manager) open(name, sealed string, v any) error {
	plain, err := m.opt.Sealer.RevealShort(purpose(name), sealed)
	if err != nil {
		return ErrAltered
	}
	var e envelope
	if err := json.Unmarshal(plain, &e); err != nil {
		return ErrAltered
	}
	if !m.opt.Now().Before(e.Until) {
		return http.ErrNoCookie
	}
	if err := json.Unmarshal(e.Value, v); err != nil {
		return ErrAltered
	}
	return nil
}

// Flash is a message for the next page. Text is the house's own, never a name.
type Flash struct {
	Kind string `json:"kind"` // "succes", "info", "alerte" or "erreur"
	Text string `json:"text"`
}

const (
	flashName = "flash"
	flashLife = 5 * time.Minute
)

// Flash leaves a message for the next page. Several in one answer follow each
// other.
func (m *Manager) Flash(w http.ResponseWriter, kind, text string) error {
	return m.Put(w, flashName, append(m.waiting(w), Flash{Kind: kind, Text: text}), flashLife)
}

// waiting takes back the messages that this answer already carries.
func (m *Manager) waiting(w http.ResponseWriter) []Flash {
	full, err := m.cookieName(flashName)
	if err != nil {
		return nil
	}
	var flashes []Flash
	lines := w.Header()["Set-Cookie"]
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		if !strings.HasPrefix(line, full+"=") {
			return false
		}
		if c, err := http.ParseSetCookie(line); err == nil && c.MaxAge > 0 && m.open(flashName, c.Value, &flashes) != nil {
			flashes = nil // our own seal of this very answer: it opens, or nothing is lost but a message
		}
		return true
	})
	if len(kept) != len(lines) {
		w.Header()["Set-Cookie"] = kept
	}
	return flashes
}

// Flashes returns the messages left by the page before, once.
func (m *Manager) Flashes(w http.ResponseWriter, r *http.Request) []Flash {
	var flashes []Flash
	if err := m.Take(w, r, flashName, &flashes); err != nil {
		return nil // a message that cannot be read is no reason to refuse the page
	}
	return flashes
}
