package temoin_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"relais/internal/journal"
	"relais/internal/temoin"
)

// log is a journal of some leaves with its key.
type log struct {
	t      *testing.T
	signer note.Signer
	vkey   string
	leaves []journal.Hash
}

func newLog(t *testing.T, name string) *log {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &log{t: t, signer: s, vkey: vkey}
}

func (l *log) grow(n int, salt byte) *log {
	for range n {
		l.leaves = append(l.leaves, tlog.RecordHash([]byte{salt, byte(len(l.leaves))}))
	}
	return l
}

func (l *log) read(s journal.Span) ([]journal.Hash, error) { return l.leaves[s.Lo:s.Hi], nil }

// ask is the body of a request from a size that the witness is thought to know.
func (l *log) ask(old, size int64) string {
	l.t.Helper()
	root, err := tlog.TreeHash(size, journal.TileReader(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := journal.Checkpoint{Origin: l.signer.Name(), Size: size, Root: root}.Sign(l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	proof, err := journal.ProveConsistency(journal.TileReader(l.read), min(old, size), size)
	if err != nil {
		l.t.Fatal(err)
	}
	body := fmt.Sprintf("old %d\n", old)
	for _, h := range proof {
		body += base64.StdEncoding.EncodeToString(h[:]) + "\n"
	}
	return body + "\n" + string(signed)
}

func post(w *temoin.Witness, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/add-checkpoint", strings.NewReader(body)))
	return rec
}

func TestAddCheckpoint(t *testing.T) {
	l, stranger := newLog(t, "relais.example").grow(20, 0), newLog(t, "autre.example").grow(3, 0)
	impostor := newLog(t, "relais.example").grow(20, 0)
	forked := &log{t: t, signer: l.signer, leaves: bytesOf(l, 5)}
	forked.grow(15, 9)
	dir := t.TempDir()
	w, err := temoin.Open(dir, "temoin.example", l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what, body string
		status     int
		answer     string
	}{
		{"first", l.ask(0, 5), 200, ""},
		{"the same again", l.ask(5, 5), 200, ""},
		{"from a size we are not at", l.ask(0, 9), 409, "5\n"},
		{"from beyond", l.ask(7, 9), 409, "5\n"},
		{"growth", l.ask(5, 9), 200, ""},
		{"an older one", l.ask(5, 7), 409, "9\n"},
		{"older, as if from now", l.ask(9, 7), 400, ""},
		{"a fork of the same size", forked.ask(9, 9), 409, "9\n"},
		{"a fork that grew", forked.ask(9, 20), 422, ""},
		{"an unknown log", stranger.ask(0, 3), 404, ""},
		{"a log's name under another key", impostor.ask(9, 20), 403, ""},
		{"a proof too many", strings.Replace(l.ask(9, 20), "\n", "\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n", 1), 422, ""},
		{"no old", strings.TrimPrefix(l.ask(9, 20), "old 9\n"), 400, ""},
		{"old with a zero before", strings.Replace(l.ask(9, 20), "old 9", "old 09", 1), 400, ""},
		{"64 hashes", "old 9\n" + strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n", 64) + "\nx", 400, ""},
		{"nothing", "", 400, ""},
		{"too much", strings.Repeat("x", 1<<20), 400, ""},
		{"growth after all that", l.ask(9, 20), 200, ""},
	} {
		rec := post(w, step.body)
		if rec.Code != step.status || step.answer != "" && (rec.Body.String() != step.answer || rec.Header().Get("Content-Type") != "text/x.tlog.size") {
			t.Errorf("%s: %d %q, want %d %q", step.what, rec.Code, rec.Body, step.status, step.answer)
		}
	}
	kept, _ := filepath.Glob(filepath.Join(dir, "contradiction-*.checkpoint"))
	if len(kept) < 2 {
		t.Errorf("contradictions kept: %v", kept)
	}
	v, err := note.NewVerifier(l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range kept {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := journal.OpenCheckpoint(raw, v); err != nil {
			t.Errorf("what was kept proves nothing: %v", err)
		}
	}
}

func bytesOf(l *log, n int) []journal.Hash { return append([]journal.Hash(nil), l.leaves[:n]...) }

// TestCosignature verifies the answer by the library of the specification, also
// after a restart.
func TestCosignature(t *testing.T) {
	l := newLog(t, "relais.example").grow(9, 0)
	dir := t.TempDir()
	for i, size := range []int64{4, 9} {
		w, err := temoin.Open(dir, "temoin.example", l.vkey)
		if err != nil {
			t.Fatal(err)
		}
		old := int64(i * 4)
		body := l.ask(old, size)
		rec := post(w, body)
		if rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		_, signed, _ := strings.Cut(body, "\n\n")
		if i == 0 {
			signed = body[len("old 0\n\n"):]
		}
		v, err := tnote.NewVerifierForCosignatureV1(w.VKey())
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open([]byte(signed+rec.Body.String()), note.VerifierList(v))
		if err != nil || len(n.Sigs) != 1 {
			t.Errorf("size %d: %+v, %v", size, n, err)
		}
	}
	if _, err := temoin.Open(dir, "temoin.example", "rien"); err == nil {
		t.Error("a log without a key")
	}
}

// TestRace: of two trees that fork from one size, one is cosigned.
func TestRace(t *testing.T) {
	l := newLog(t, "relais.example").grow(30, 0)
	w, err := temoin.Open(t.TempDir(), "temoin.example", l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	post(w, l.ask(0, 5))
	var all sync.WaitGroup
	codes := make([]int, 16)
	for i := range codes {
		f := &log{t: t, signer: l.signer, leaves: bytesOf(l, 5)}
		body := f.grow(10, byte(i)).ask(5, 15)
		all.Go(func() { codes[i] = post(w, body).Code })
	}
	all.Wait()
	if n := bytes.Count([]byte(fmt.Sprint(codes)), []byte("200")); n != 1 {
		t.Errorf("%d forks were cosigned: %v", n, codes)
	}
}
