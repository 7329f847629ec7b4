package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/provider"
)

func (w *world) published() []jose.JSONWebKey {
	w.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.send(nil, "GET", "/jwks", "", nil).body), &set); err != nil {
		w.t.Fatal(err)
	}
	return set.Keys
}

// TestKeysRotate: the operator renews the signing keys of a running Relais. The
// new ones are published at once and sign later; a login passes at each step.
func TestKeysRotate(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			login := func(when string) {
				h := w.rawHub()
				if a := h.userinfo(h.access(h.code(nadia, g.id, "logement"))); a.status != 200 {
					t.Errorf("%s: %d", when, a.status)
				}
			}
			if n := len(w.published()); n != 2 || w.count(journal.KeysRotate) != 1 {
				t.Fatalf("%d keys at the start, %d entries", n, w.count(journal.KeysRotate))
			}
			login("before")
			if code, out := w.verb("keys", "rotate"); code != 0 || strings.Count(out, "signera à") != 2 || strings.Contains(out, `"d"`) {
				t.Fatalf("keys rotate: %d\n%s", code, out)
			}
			if err := w.d.refreshKeys(t.Context()); err != nil { // what each instance does every few seconds
				t.Fatal(err)
			}
			if n := len(w.published()); n != 4 || w.count(journal.KeysRotate) != 2 {
				t.Errorf("%d keys published, %d entries", n, w.count(journal.KeysRotate))
			}
			login("while the new keys wait")
			if code, out := w.verb("keys", "rotate"); code != 1 || !strings.Contains(out, "en cours") {
				t.Errorf("a second rotation: %d\n%s", code, out)
			}
			if code, out := w.verb("keys", "rotate", "--immediat"); code != 0 {
				t.Errorf("at once: %d\n%s", code, out)
			}
			if err := w.d.refreshKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(w.published()); n != 2 {
				t.Errorf("%d keys published after an immediate rotation", n)
			}
			login("afterwards")
			for _, args := range [][]string{{"keys"}, {"keys", "voir"}, {"keys", "list", "--immediat"}, {"keys", "rotate", "x"},
				{"keys", "rotate", "--immediat", "--attente", "1h"}, {"keys", "rotate", "--attente", "demain"}} {
				if code, _ := w.verb(args...); code != 2 {
					t.Errorf("%v = %d", args, code)
				}
			}
			before := w.count(journal.KeysRotate)
			for _, short := range []string{"--attente", "--garde"} {
				if code, out := w.verb("keys", "rotate", short, "9s"); code != 1 || !strings.Contains(out, "au moins 10s") || w.count(journal.KeysRotate) != before {
					t.Errorf("%s too short: %d\n%s", short, code, out)
				}
			}
			w.checkJournal()
		})
	}
}

// TestKeysFileIsTakenIn: an installation of before keeps its keys, sealed, and the
// clear file goes.
func TestKeysFileIsTakenIn(t *testing.T) {
	old, err := provider.NewSigningKeys(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var path string
	w := newWorld(t, config.SQLite, func(cfg *config.Config) {
		if err := cfg.MakeData(); err != nil {
			t.Fatal(err)
		}
		var all []json.RawMessage
		for _, k := range old {
			text, err := k.Private()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		text, err := json.Marshal(map[string]any{"keys": all})
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(cfg.Data, provider.KeysFile)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	keys := w.published()
	if len(keys) != 2 || (keys[0].KeyID != old[0].KeyID() && keys[1].KeyID != old[0].KeyID()) {
		t.Errorf("published = %v", keys)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the clear file is still there: %v", err)
	}
}
