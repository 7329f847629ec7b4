package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
)

// expect runs the program as an operator does.
func (w *world) expect(code int, args ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if got := run(w.t.Context(), args, w.environ, &out, &errs); got != code {
		w.t.Fatalf("relais %s: code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

func (w *world) get(path string) (int, string) {
	w.t.Helper()
	resp, err := http.Get(w.relais + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// checkpoint is what the house publishes, once it has sealed its last entry.
func (w *world) checkpoint() string {
	w.t.Helper()
	head, err := w.d.store.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for range 100 {
		if _, size, err := w.d.sealer.Published(w.t.Context()); err == nil && size >= head.Size {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	code, body := w.get("/journal/checkpoint")
	if code != http.StatusOK {
		w.t.Fatalf("/journal/checkpoint: %d", code)
	}
	return body
}

// TestEvidenceOfOneMandat is the way of an auditeur: keep a checkpoint, ask for
// the evidence of a mandat later, verify it with the published key and nothing
// of the house.
func TestEvidenceOfOneMandat(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			kept := filepath.Join(t.TempDir(), "checkpoint")
			if err := os.WriteFile(kept, []byte(w.checkpoint()), 0o600); err != nil {
				t.Fatal(err)
			}
			m := w.give(nadia, "nadia", "perrin", logement())
			signed, err := w.d.store.Mandat(t.Context(), "ccas-valfictif", m.id)
			if err != nil {
				t.Fatal(err)
			}
			key := strings.TrimSpace(w.expect(0, "journal", "key"))
			out := filepath.Join(t.TempDir(), "preuve.zip")
			w.expect(0, "journal", "export", "--mandat", signed.Number, "--out", out, "--since", kept)
			w.expect(1, "journal", "export", "--mandat", signed.Number, "--out", out) // never over a file
			elsewhere := &world{t: t}                                                 // no configuration at all
			said := elsewhere.expect(0, "journal", "verify-evidence", out, "--key", key, "--since", kept)
			if !strings.Contains(said, "toutes celles du mandat "+signed.Number) || !strings.Contains(said, "rien n’a été réécrit") {
				t.Errorf("it says %s", said)
			}
			raw, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, clear := range []string{"PERRIN", "Perrin", "Nadia"} {
				if bytes.Contains(raw, []byte(clear)) {
					t.Errorf("the evidence file holds %q", clear)
				}
			}
			raw[len(raw)/2] ^= 1
			if err := os.WriteFile(out+".bent", raw, 0o600); err != nil {
				t.Fatal(err)
			}
			elsewhere.expect(1, "journal", "verify-evidence", out+".bent", "--key", key)
			if code, tile := w.get("/journal/tile/0/000.p/3"); code != http.StatusOK || len(tile) != 96 {
				t.Errorf("a tile: %d, %d bytes", code, len(tile))
			}
			w.expect(1, "journal", "epoch") // nothing to recover from
			w.expect(0, "journal", "rotate-key")
			w.expect(0, "journal", "rotate-key", "--finish")
			if again := strings.TrimSpace(w.expect(0, "journal", "key")); again == key {
				t.Error("the key was not changed")
			}
			w.checkpoint()                                 // the running house signs with the new key
			w.expect(2, "journal", "export", "--out", "x") // not the whole journal by mistake
			w.expect(2, "journal", "export", "--entree", "3", "--action", "mandat.sign", "--out", "x")
			w.expect(2, "journal")
		})
	}
}

// TestWitnessVerb runs a witness as a partner would.
func TestWitnessVerb(t *testing.T) {
	w := newWorld(t, config.SQLite)
	w.checkpoint()
	key := strings.TrimSpace(w.expect(0, "journal", "key"))
	ctx, stop := context.WithCancel(t.Context())
	var out bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"witness", "--name", "temoin.example", "--data", t.TempDir(), "--listen", "127.0.0.1:0", key}, nil, &out, io.Discard)
	}()
	time.Sleep(300 * time.Millisecond)
	stop()
	if code := <-done; code != 0 || !strings.Contains(out.String(), "witness temoin.example temoin.example+") {
		t.Errorf("code %d, %s", code, out.String())
	}
	w.expect(2, "witness", "--name", "x")
}
