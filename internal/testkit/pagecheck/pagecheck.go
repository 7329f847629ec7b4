// Package pagecheck plays one request of a visitor through a desk's own routes
// and holds the page that comes back to the rules of every page: one h1,
// headings in order, labelled and named controls, unique ids, links that lead
// somewhere, nothing inline, nothing unescaped. Test-only.
//
// It checks no access: routes are called as package web calls them once a
// visitor was let in. What only a browser can see (contrast, focus, axe) is
// package browser's.
package pagecheck

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/ui"
)

// Uhoh stands in for a name: a page that does not escape it fails its check.
const Uhoh = "<em>UHOH</em>"

// Pages is the house's own renderer.
func Pages(t testing.TB) *page.Renderer {
	t.Helper()
	r, err := page.New(ui.FS, page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Serve plays one request of a visitor through a desk's table. The error is the
// handler's own.
func Serve(t testing.TB, routes []desk.Route, v desk.Visit, method, target string, form url.Values) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(desk.WithVisit(context.Background(), v), method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	var failed error
	mux := http.NewServeMux()
	for _, rt := range routes {
		mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) { failed = rt.Handle(w, r) })
	}
	mux.ServeHTTP(w, r)
	return w, failed
}

// Read serves a page, checks it and returns its text.
func Read(t testing.TB, routes []desk.Route, v desk.Visit, method, target string, form url.Values, status int) string {
	t.Helper()
	w, err := Serve(t, routes, v, method, target, form)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if w.Code != status {
		t.Fatalf("%s %s: status %d, want %d", method, target, w.Code, status)
	}
	Check(t, target, w.Body.String())
	return w.Body.String()
}

// MustShow fails unless the page shows each text.
func MustShow(t testing.TB, body string, texts ...string) {
	t.Helper()
	body = html.UnescapeString(body)
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not show %q", text)
		}
	}
}

// MustHide fails if the page shows one of the texts.
func MustHide(t testing.TB, body string, texts ...string) {
	t.Helper()
	body = html.UnescapeString(body)
	for _, text := range texts {
		if strings.Contains(body, text) {
			t.Errorf("the page shows %q", text)
		}
	}
}
