package publication_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/publication"
)

// tree answers every span it is asked for.
type tree struct{}

// Span implements publication.Tree.
func (tree) Span(_ context.Context, s journal.Span) ([]journal.Hash, error) {
	return make([]journal.Hash, s.Hi-s.Lo), nil
}

func ask(t *testing.T, d *publication.Desk, path string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for _, rt := range d.Routes() {
		if rt.Access != desk.Protocol {
			t.Errorf("%s is for %s", rt.Pattern, rt.Access)
		}
		mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := rt.Handle(w, r); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
	}
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec
}

func TestPublication(t *testing.T) {
	d := &publication.Desk{Tree: tree{}, Signed: func(context.Context) ([]byte, int64, error) { return []byte("note\n"), 600, nil }}
	for path, want := range map[string]struct {
		status, length int
		cache          string
	}{
		"/journal/checkpoint":        {200, 5, "no-cache"},
		"/journal/tile/0/000":        {200, 256 * 32, "public, max-age=31536000, immutable"},
		"/journal/tile/0/002.p/88":   {200, 88 * 32, "public, max-age=31536000, immutable"},
		"/journal/tile/0/002.p/89":   {404, 0, "no-store"}, // not yet under the signed checkpoint
		"/journal/tile/0/002":        {404, 0, "no-store"},
		"/journal/tile/1/000.p/2":    {200, 2 * 32, "public, max-age=31536000, immutable"},
		"/journal/tile/1/000.p/3":    {404, 0, "no-store"},
		"/journal/tile/entries/000":  {404, 0, "no-store"}, // entries are nobody's business here
		"/journal/tile/0/x001/00":    {404, 0, "no-store"},
		"/journal/tile/0/000.p/%2e0": {404, 0, "no-store"},
	} {
		rec := ask(t, d, path)
		if rec.Code != want.status || rec.Header().Get("Cache-Control") != want.cache || want.status == 200 && rec.Body.Len() != want.length {
			t.Errorf("%s: %d, %d bytes, %q", path, rec.Code, rec.Body.Len(), rec.Header().Get("Cache-Control"))
		}
	}
	d.Signed = func(context.Context) ([]byte, int64, error) { return nil, 0, nil }
	for _, path := range []string{"/journal/checkpoint", "/journal/tile/0/000.p/1"} {
		if rec := ask(t, d, path); rec.Code != 404 {
			t.Errorf("%s before the first checkpoint: %d", path, rec.Code)
		}
	}
	d.Signed = func(context.Context) ([]byte, int64, error) { return nil, 0, errors.New("base") }
	if rec := ask(t, d, "/journal/checkpoint"); rec.Code != 500 {
		t.Errorf("a broken database: %d", rec.Code)
	}
}
