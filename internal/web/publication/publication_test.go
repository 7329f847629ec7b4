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

// note is a checkpoint as it is served; nobody checks its signature here.
func note(origin string) []byte {
	return []byte(journal.Checkpoint{Origin: origin, Size: 600}.Text() + "\n— x AAAA\n")
}

// TestEpochs: no address gives hashes of two epochs.
func TestEpochs(t *testing.T) {
	d := &publication.Desk{Tree: tree{}, Refused: func() bool { return false }}
	for origin, paths := range map[string]map[string]int{
		"relais.example": {"/journal/checkpoint": 200, "/journal/tile/0/000": 200, "/journal/epoques/1/tile/0/000": 404, "/journal/epoques/2/tile/0/000": 404,
			"/journal/epoques/1/checkpoint": 404, "/journal/epoques/2/checkpoint": 404},
		"relais.example/epoque-3": {"/journal/checkpoint": 200, "/journal/tile/0/000": 404, "/journal/epoques/3/tile/0/000": 200, "/journal/epoques/2/tile/0/000": 404,
			"/journal/epoques/3/checkpoint": 200, "/journal/epoques/03/checkpoint": 404, "/journal/epoques/+3/tile/0/000": 404, "/journal/epoques/4/checkpoint": 404},
	} {
		d.Signed = func(context.Context) ([]byte, int64, error) { return note(origin), 600, nil }
		for path, want := range paths {
			if rec := ask(t, d, path); rec.Code != want {
				t.Errorf("%s: %s: %d, want %d", origin, path, rec.Code, want)
			}
		}
	}
}

func TestPublication(t *testing.T) {
	d := &publication.Desk{Tree: tree{}, Signed: func(context.Context) ([]byte, int64, error) { return note("relais.example"), 600, nil },
		Refused: func() bool { return false }}
	for path, want := range map[string]struct {
		status, length int
		cache          string
	}{
		"/journal/checkpoint":        {200, len(note("relais.example")), "no-cache"},
		"/journal/tile/0/000":        {200, 256 * 32, "public, max-age=31536000, immutable"},
		"/journal/tile/0/002.p/88":   {200, 88 * 32, "no-cache"},
		"/journal/tile/0/002.p/89":   {404, 0, "no-store"}, // not yet under the signed checkpoint
		"/journal/tile/0/002":        {404, 0, "no-store"},
		"/journal/tile/1/000.p/2":    {200, 2 * 32, "no-cache"},
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
	d.Refused = func() bool { return true }
	if rec := ask(t, d, "/journal/tile/0/000"); rec.Code != 404 || ask(t, d, "/journal/checkpoint").Code != 200 {
		t.Errorf("a journal that is no longer signed: %d", rec.Code)
	}
	d.Refused = func() bool { return false }
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
