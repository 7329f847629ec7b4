package session

import (
	"crypto/rand"
	"net/http"
	"regexp"
	"time"
)

// browserLife is as long as browsers keep any cookie.
const browserLife = 400 * 24 * time.Hour

var browserPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// Browser is the random word by which this browser is known again, a new one for a
// browser that has none. It names no person and opens nothing: the store keeps a
// keyed hash of it for each agent, to tell them of a login somewhere new.
func (m *Manager) Browser(r *http.Request) string {
	name, err := m.cookieName("appareil")
	if err != nil {
		return ""
	}
	if found := r.CookiesNamed(name); len(found) == 1 && browserPattern.MatchString(found[0].Value) {
		return found[0].Value
	}
	return rand.Text()
}

// SetBrowser leaves the word in the browser, after a login.
func (m *Manager) SetBrowser(w http.ResponseWriter, word string) {
	if name, err := m.cookieName("appareil"); err == nil && word != "" {
		m.setCookie(w, name, word, browserLife)
	}
}
