package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestBrowserWord: a browser keeps the word it was given, and one of another shape,
// or two, count for nothing.
func TestBrowserWord(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c := newCounter(t, secure)
		word := c.Browser(request())
		if len(word) != 26 || word == c.Browser(request()) {
			t.Fatalf("word %q", word)
		}
		w := httptest.NewRecorder()
		c.SetBrowser(w, word)
		cookie := w.Result().Cookies()[0]
		if !cookie.HttpOnly || cookie.Secure != secure || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != int(400*24*time.Hour/time.Second) ||
			secure && cookie.Name != "__Host-relais_appareil" {
			t.Errorf("cookie %+v", cookie)
		}
		if c.Browser(request(cookie)) != word {
			t.Error("not known again")
		}
		if other := c.Browser(request(&http.Cookie{Name: cookie.Name, Value: "<autre>"})); other == "<autre>" || len(other) != 26 {
			t.Errorf("took %q", other)
		}
		if c.Browser(request(cookie, &http.Cookie{Name: cookie.Name, Value: c.Browser(request())})) == word {
			t.Error("one of two counts")
		}
	}
}
