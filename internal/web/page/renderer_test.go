package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"relais/internal/web/page"
	"relais/ui"
)

func TestRenderWholeOrNothing(t *testing.T) {
	r := newRenderer(t, withPage(t, "essai/casse", `{{define "main"}}<h1>début</h1>{{.Absent}}{{end}}`), page.Options{})
	w := httptest.NewRecorder()
	if err := r.Render(w, http.StatusOK, "essai/casse", &page.Plain{}); err == nil {
		t.Error("a broken page was rendered")
	}
	if w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Errorf("a broken page sent %q with %v", w.Body, w.Header())
	}
	if err := r.Render(w, http.StatusOK, "essai/absente", &page.Plain{}); !errors.Is(err, page.ErrUnknownPage) {
		t.Errorf("unknown page: %v", err)
	}
	if err := r.Render(w, http.StatusOK, "essai/casse", page.Plain{}); err == nil {
		t.Error("a page that is not a pointer was rendered")
	}
}

func TestRenderHeaders(t *testing.T) {
	r := newRenderer(t, ui.FS, page.Options{})
	w := httptest.NewRecorder()
	if err := r.Render(w, http.StatusUnprocessableEntity, "public/accueil", &page.PublicPage{}); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("status = %d", w.Code)
	}
	for key, want := range map[string]string{
		"Content-Type":   "text/html; charset=utf-8",
		"Cache-Control":  "no-store",
		"Content-Length": strconv.Itoa(w.Body.Len()),
	} {
		if got := w.Header().Get(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}

func TestNewRefusesAPageWithoutMain(t *testing.T) {
	if _, err := page.New(withPage(t, "essai/vide", `<p>rien</p>`), page.Options{}); err == nil {
		t.Error("a page without main was accepted")
	}
}

func TestLeave(t *testing.T) {
	r := newRenderer(t, ui.FS, page.Options{})
	to := "https://fc.example/authorize?scope=openid%20birth&state=a%2Bb&claims=%7B%22id_token%22%3A%7B%7D%7D"
	w := httptest.NewRecorder()
	if err := r.Leave(w, to, "Vers FranceConnect", "Continuer vers FranceConnect"); err != nil {
		t.Fatal(err)
	}
	doc := checkHTML(t, w.Body.String())
	if got := attr(byID(doc, "continuer")[0], "href"); got != to {
		t.Errorf("link = %q, want %q", got, to)
	}
	refresh := ""
	for _, meta := range find(doc, "meta") {
		if attr(meta, "http-equiv") == "refresh" {
			refresh = attr(meta, "content")
		}
	}
	if refresh != "0;url="+to {
		t.Errorf("refresh = %q", refresh)
	}
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "", "ftp://x"} {
		if err := r.Leave(httptest.NewRecorder(), bad, "x", "y"); err == nil {
			t.Errorf("Leave accepted %q", bad)
		}
	}
}

func TestStatic(t *testing.T) {
	h := page.Static(ui.FS)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	w := httptest.NewRecorder()
	if err := newRenderer(t, ui.FS, page.Options{}).Render(w, 200, "public/accueil", &page.PublicPage{}); err != nil {
		t.Fatal(err)
	}
	href := attr(find(checkHTML(t, w.Body.String()), "link")[0], "href")
	hashed := get(href)
	if hashed.Code != 200 || !strings.Contains(hashed.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d, Cache-Control %q", href, hashed.Code, hashed.Header().Get("Cache-Control"))
	}
	if got := hashed.Header().Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("Content-Type = %q", got)
	}
	if got := get("/static/relais.js").Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("plain name: Cache-Control %q", got)
	}
	for _, path := range []string{"/static/", "/static/../ui.go", "/static/relais.000000000000.css", "/static/templates/layout.html"} {
		if w := get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s answered %d", path, w.Code)
		}
	}
}
