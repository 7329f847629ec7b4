package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/identite"
	"relais/internal/journal"
)

// TestExportThenErase plays a mandat, hands its usager their data, erases them,
// and looks for every clear value in the database, its WAL, a copy, an export
// made afterwards and the log.
func TestExportThenErase(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			request := w.arrive(nadia, "allocations")
			w.choose(nadia, request, g.id, "logement")
			out := filepath.Join(t.TempDir(), "remis")
			if code, said := w.verb("usager", "export", g.number, "--out", out); code != 0 {
				t.Fatalf("export: %s", said)
			}
			w.checkExport(out, g)
			if code, said := w.verb("usager", "erase", g.number, "--motif", "injonction"); code != 1 || !strings.Contains(said, "en cours") {
				t.Errorf("erase while it runs: %d %s", code, said)
			}
			nadia.Open(w.relais+"/mandats/"+g.id+"/revocation").Choose("canal", "telephone").Submit("/mandats/" + g.id + "/revocation")
			if code, said := w.verb("usager", "erase", g.number, "--motif", "demande"); code != 1 || !strings.Contains(said, "conservée") {
				t.Errorf("erase before the end of the retention: %d %s", code, said)
			}
			if code, said := w.verb("usager", "erase", g.number, "--motif", "injonction", "--dry-run"); code != 0 || !strings.Contains(said, "À blanc") {
				t.Errorf("dry run: %d %s", code, said)
			}
			nadia.Open(w.relais + "/mandats/" + g.id).MustSee("Simone")
			if code, said := w.verb("usager", "erase", "--motif", "injonction", g.number); code != 0 || !strings.Contains(said, "Usager effacé, entrée") {
				t.Fatalf("erase: %d %s", code, said)
			}
			nadia.Open(w.relais+"/mandats/"+g.id).MustSee("effacé le ", ", entrée ").MustNotSee("Simone", "Perrin", "1942")
			nadia.Open(w.relais + "/mandats").MustSee("effacé le ").MustNotSee("Perrin")
			if code, _ := w.verb("usager", "export", g.number, "--out", filepath.Join(t.TempDir(), "apres")); code != 1 {
				t.Error("an erased usager was exported")
			}
			w.searchEverywhere("Simone", "Perrin", "simone", "perrin", "PERRIN", "1942-04-18", "18 avril 1942", identite.Fold("Perrin"))
			for _, words := range [][]string{{"journal", "verify"}, {"journal", "replay"}, {"retention", "--dry-run"}, {"retention"}} {
				if code, said := w.verb(words...); code != 0 {
					t.Errorf("%v: %d %s", words, code, said)
				}
			}
		})
	}
}

func (w *world) checkExport(dir string, g given) {
	w.t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "usager.html"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, want := range []string{"Perrin", "Simone", "1942-04-18", "Je donne mandat", "Nadia Belkacem", "Mandat utilisé", "Logement", "Relais garde à côté"} {
		if !strings.Contains(strings.ToLower(string(page)), strings.ToLower(want)) {
			w.t.Errorf("the export does not say %q", want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "usager.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var doc exported
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Mandats) != 1 || len(doc.Mandats[0].Actes) < 9 || doc.Identite.Naissance != "1942-04-18" {
		w.t.Errorf("the JSON: %v, %+v", err, doc.Identite)
	}
	if info, err := os.Stat(filepath.Join(dir, "usager.json")); err != nil || info.Mode().Perm() != 0o600 {
		w.t.Errorf("the export's mode: %v %v", info.Mode(), err)
	}
	if all, err := w.d.store.Journal(w.t.Context(), journal.Filter{Action: journal.UsagerExport}); err != nil || len(all) != 1 || all[0].Mandat != g.id {
		w.t.Errorf("the export's entry: %v %+v", err, all)
	}
}

// searchEverywhere looks for values in the database's files, in a copy of the
// journal's bodies, and in every line of the log.
func (w *world) searchEverywhere(values ...string) {
	w.t.Helper()
	places := map[string][]byte{"the log": []byte(w.logs.String())}
	if w.d.cfg.Database.Engine == config.SQLite {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if content, err := os.ReadFile(w.d.cfg.Database.Path + suffix); err == nil {
				places["the database"+suffix] = content
			}
		}
	}
	head, err := w.d.store.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for index := range head.Size {
		row, err := w.d.store.Entry(w.t.Context(), index)
		if err != nil {
			w.t.Fatal(err)
		}
		places[fmt.Sprintf("entry %d", index)] = row.Body
	}
	for place, content := range places {
		for _, v := range values {
			if bytes.Contains(content, []byte(v)) {
				w.t.Errorf("%q stands in %s", v, place)
			}
		}
	}
}

func TestDisputeVerb(t *testing.T) {
	w := newWorld(t, config.SQLite)
	g := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	for _, step := range []struct {
		words []string
		code  int
		says  string
	}{
		{[]string{"mandat", "litige", g.number}, 2, "Usage"},
		{[]string{"mandat", "litige", g.number, "--motif", "humeur"}, 1, "motif"},
		{[]string{"mandat", "litige", g.number, "--motif", "plainte", "--revue", "2001-01-01"}, 1, "revue"},
		{[]string{"mandat", "litige", g.number, "--motif", "plainte"}, 0, "À revoir"},
		{[]string{"retention", "--dry-run"}, 0, "gelés par un litige : 1"},
		{[]string{"mandat", "litige", g.number, "--clore"}, 0, "clos"},
		{[]string{"mandat", "litige", g.number, "--clore"}, 1, "état"},
		{[]string{"mandat", "verify", g.number, "--motif", "plainte"}, 0, "La preuve tient"},
		{[]string{"mandat", "verify", g.number, "--motif", "humeur"}, 1, "motif"},
		{[]string{"usager", "erase", g.number}, 2, "Usage"},
		{[]string{"usager"}, 2, "Usage"},
		{[]string{"journal", "replay"}, 0, "1 mandat(s)"},
	} {
		if code, said := w.verb(step.words...); code != step.code || !strings.Contains(said, step.says) {
			t.Errorf("%v: %d %s", step.words, code, said)
		}
	}
}

// TestRotateVerb renews the master key under a database in use.
func TestRotateVerb(t *testing.T) {
	w := newWorld(t, config.SQLite)
	g := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	for range 2 {
		if code, said := w.verb("coffre", "rotate"); code != 0 || !strings.Contains(said, "renouvelée") {
			t.Fatalf("rotate: %d %s", code, said)
		}
	}
	if code, said := w.verb("mandat", "verify", g.number); code != 0 {
		t.Errorf("verify after the rotation: %s", said)
	}
	if entries, err := os.ReadDir(w.d.cfg.Data); err != nil || len(entries) == 0 {
		t.Fatal(err)
	} else {
		for _, e := range entries {
			if strings.Contains(e.Name(), "nouveau") {
				t.Errorf("%s is left behind", e.Name())
			}
		}
	}
}
