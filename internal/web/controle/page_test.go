package controle_test

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

func pages(t *testing.T) *page.Renderer {
	t.Helper()
	r, err := page.New(ui.FS, page.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve plays one request of a visitor through the desk's own table.
func serve(t *testing.T, routes []desk.Route, v desk.Visit, method, target string, form url.Values) (*httptest.ResponseRecorder, error) {
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

// read serves a page and holds it to the rules of every page; it returns its text.
func read(t *testing.T, routes []desk.Route, v desk.Visit, method, target string, form url.Values, status int) string {
	t.Helper()
	w, err := serve(t, routes, v, method, target, form)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if w.Code != status {
		t.Fatalf("%s %s: status %d, want %d", method, target, w.Code, status)
	}
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	labels, ids, h1 := map[string]bool{}, map[string]bool{}, 0
	for n := range doc.Descendants() {
		switch id := attr(n, "id"); {
		case n.Type != html.ElementNode:
		case ids[id]:
			t.Errorf("%s: two elements have the id %q", target, id)
		default:
			ids[id] = id != ""
		}
		if n.Type == html.ElementNode && n.Data == "label" {
			labels[attr(n, "for")] = true
		}
	}
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "h1":
			h1++
		case n.Data == "input" && attr(n, "type") != "hidden", n.Data == "select":
			if !labels[attr(n, "id")] {
				t.Errorf("%s: %s %q has no label", target, n.Data, attr(n, "name"))
			}
		case n.Data == "button" && n.Parent != nil && attr(n, "id") == "" && attr(n, "type") != "button":
			t.Errorf("%s: a button has no id", target)
		}
	}
	if h1 != 1 {
		t.Errorf("%s: %d h1", target, h1)
	}
	return w.Body.String()
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func mustShow(t *testing.T, body string, texts ...string) {
	t.Helper()
	body = html.UnescapeString(body)
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not show %q", text)
		}
	}
}

func mustHide(t *testing.T, body string, texts ...string) {
	t.Helper()
	body = html.UnescapeString(body)
	for _, text := range texts {
		if strings.Contains(body, text) {
			t.Errorf("the page shows %q", text)
		}
	}
}
