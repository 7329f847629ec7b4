package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/session"
)

type pending struct{ State, Nonce string }

func (c *counter) put(t *testing.T, name string, v any, life time.Duration) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := c.Put(w, name, v, life); err != nil {
		t.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

func TestSealedCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c := newCounter(t, secure)
		cookie := c.put(t, "connexion", pending{"etat", "nonce"}, 15*time.Minute)
		name := strings.TrimPrefix(cookie.Name, "__Host-")
		if name != "relais_connexion" || (name != cookie.Name) != secure || cookie.Secure != secure || !cookie.HttpOnly ||
			cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.MaxAge != 900 {
			t.Errorf("cookie = %+v", cookie)
		}
		if strings.Contains(cookie.Value, "etat") {
			t.Error("the value stands clear")
		}
		var got pending
		if err := c.Peek(request(cookie), "connexion", &got); err != nil || got.State != "etat" {
			t.Errorf("Peek = %+v, %v", got, err)
		}
		w := httptest.NewRecorder()
		got = pending{}
		if err := c.Take(w, request(cookie), "connexion", &got); err != nil || got.Nonce != "nonce" {
			t.Errorf("Take = %+v, %v", got, err)
		}
		if gone := w.Result().Cookies(); len(gone) != 1 || gone[0].MaxAge != -1 || gone[0].Name != cookie.Name || gone[0].Secure != secure {
			t.Errorf("after Take: %+v", gone)
		}
	}
}

func TestSealedCookieRefused(t *testing.T) {
	c := newCounter(t, false)
	cookie := c.put(t, "connexion", pending{"etat", "nonce"}, 15*time.Minute)
	other := *cookie
	other.Name = "relais_identification"
	bent := *cookie
	bent.Value = cookie.Value[:20] + string(cookie.Value[20]^1) + cookie.Value[21:]
	cut := *cookie
	cut.Value = cookie.Value[:30]
	for name, r := range map[string]*http.Request{"bent": request(&bent), "cut": request(&cut), "twice": request(cookie, &bent),
		"clear": request(&http.Cookie{Name: cookie.Name, Value: `{"State":"etat"}`})} {
		var got pending
		w := httptest.NewRecorder()
		if err := c.Take(w, r, "connexion", &got); !errors.Is(err, session.ErrAltered) || got.State != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if len(w.Result().Cookies()) != 1 {
			t.Errorf("%s: not removed", name)
		}
	}
	if err := c.Peek(request(&other), "identification", &pending{}); !errors.Is(err, session.ErrAltered) {
		t.Errorf("under another name: %v", err)
	}
	if err := newCounter(t, false).Peek(request(cookie), "connexion", &pending{}); !errors.Is(err, session.ErrAltered) {
		t.Errorf("under another key: %v", err)
	}
	if err := c.Take(httptest.NewRecorder(), request(), "connexion", &pending{}); !errors.Is(err, http.ErrNoCookie) {
		t.Errorf("absent: %v", err)
	}
	c.now = c.now.Add(15 * time.Minute) // a browser that kept it past its Max-Age
	if err := c.Peek(request(cookie), "connexion", &pending{}); !errors.Is(err, http.ErrNoCookie) {
		t.Errorf("past its end: %v", err)
	}
	if err := c.Put(httptest.NewRecorder(), "brouillon", strings.Repeat("é", 4000), time.Hour); !errors.Is(err, session.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	for _, name := range []string{"session", "", "a b", "__Host", "é"} {
		if err := c.Put(httptest.NewRecorder(), name, 1, time.Hour); err == nil {
			t.Errorf("name %q was taken", name)
		}
	}
}

func TestFlashes(t *testing.T) {
	c := newCounter(t, true)
	w := httptest.NewRecorder()
	for _, text := range []string{"Mandat signé.", "Deux exemplaires à imprimer."} {
		if err := c.Flash(w, "succes", text); err != nil {
			t.Fatal(err)
		}
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	w = httptest.NewRecorder()
	got := c.Flashes(w, request(cookies...))
	if len(got) != 2 || got[0].Text != "Mandat signé." || got[1].Text != "Deux exemplaires à imprimer." || got[0].Kind != "succes" {
		t.Errorf("Flashes = %+v", got)
	}
	if gone := w.Result().Cookies(); len(gone) != 1 || gone[0].MaxAge != -1 {
		t.Errorf("not removed: %+v", gone)
	}
	// A page that reads its messages and leaves one for the next.
	if err := c.Flash(w, "info", "Ensuite."); err != nil {
		t.Fatal(err)
	}
	if cookies = (&http.Response{Header: w.Header()}).Cookies(); len(cookies) != 1 || len(c.Flashes(httptest.NewRecorder(), request(cookies...))) != 1 {
		t.Errorf("read then left: %+v", cookies)
	}
	if got := c.Flashes(httptest.NewRecorder(), request()); got != nil {
		t.Errorf("without a cookie = %+v", got)
	}
}

func TestGorillaStore(t *testing.T) {
	c := newCounter(t, false)
	planted := request(&http.Cookie{Name: c.Name(), Value: strings.Repeat("B", 43)})
	s, err := c.Get(planted, c.Name())
	if err != nil || !s.IsNew || s.ID != "" {
		t.Fatalf("planted = %+v, %v", s, err)
	}
	s.Values["a"] = "b"
	if err := s.Save(planted, httptest.NewRecorder()); !errors.Is(err, aidant.ErrSession) || len(c.backend.rows) != 0 {
		t.Errorf("saving without a login: %v", err)
	}
	row, cookie := c.signIn(t, request())
	r := request(cookie)
	if s, err = c.Get(r, c.Name()); err != nil || s.IsNew || s.ID != row.Ref {
		t.Fatalf("Get = %+v, %v", s, err)
	}
	s.Values["brouillon"] = "valeur-claire"
	if err := s.Save(r, httptest.NewRecorder()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(c.backend.rows[row.Ref].Data), "valeur-claire") {
		t.Error("the values stand clear")
	}
	if s, err = c.Get(request(cookie), c.Name()); err != nil || s.Values["brouillon"] != "valeur-claire" {
		t.Errorf("read back = %+v, %v", s, err)
	}
	if err := c.Keep(t.Context(), c.backend.rows[row.Ref], "jeton", "valeur-secrete"); err != nil {
		t.Fatal(err)
	}
	kept := c.backend.rows[row.Ref]
	if c.Kept(kept, "jeton") != "valeur-secrete" || c.Kept(kept, "brouillon") != "valeur-claire" || c.Kept(kept, "autre") != "" ||
		strings.Contains(string(kept.Data), "valeur-secrete") {
		t.Error("a kept value is lost, or stands clear")
	}
	moved := c.backend.rows[row.Ref]
	moved.AidantID = "a2"
	c.backend.rows[row.Ref] = moved
	if _, err = c.Get(request(cookie), c.Name()); !errors.Is(err, session.ErrAltered) {
		t.Errorf("values in another agent's row: %v", err)
	}
	if c.Kept(moved, "jeton") != "" || c.Keep(t.Context(), moved, "jeton", "x") == nil {
		t.Error("another agent's values were read, or written over")
	}
	moved.AidantID = "a1"
	c.backend.rows[row.Ref] = moved
	r = request(cookie)
	if s, err = c.Get(r, c.Name()); err != nil {
		t.Fatal(err)
	}
	s.Options.MaxAge = -1
	w := httptest.NewRecorder()
	if err := s.Save(r, w); err != nil || len(c.backend.rows) != 0 || c.backend.ended[row.Ref].Reason() != "deconnexion" || w.Result().Cookies()[0].MaxAge != -1 {
		t.Errorf("ended: %v", err)
	}
	if _, err := c.Get(request(), "autre"); err == nil {
		t.Error("another name was taken")
	}
}
