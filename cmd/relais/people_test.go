package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relais/internal/config"
)

// TestAdminLoad loads the very example of docs/exploitation.md, twice.
func TestAdminLoad(t *testing.T) {
	manual, err := os.ReadFile("../../docs/exploitation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(manual), "<!-- admin load -->\n```json\n")
	example, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("docs/exploitation.md has no example")
	}
	w := newWorld(t, config.SQLite)
	file := filepath.Join(t.TempDir(), "structures.json")
	load := func(content string) (int, string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return w.verb("admin", "load", file)
	}
	if code, out := load(example); code != 0 || !strings.Contains(out, "3 structure(s) et agent(s) habilités, 0 déjà") {
		t.Errorf("the example: %d %s", code, out)
	}
	if code, out := load(example); code != 0 || !strings.Contains(out, "0 structure(s) et agent(s) habilités, 3 déjà") {
		t.Errorf("again: %d %s", code, out)
	}
	for name, content := range map[string]string{
		"a key that means nothing": strings.Replace(example, `"usual_name"`, `"nom"`, 1),
		"two documents":            example + example,
		"an unknown role":          strings.Replace(strings.Replace(example, `"aidant"`, `"dieu"`, 1), "lucie.", "autre.", 1),
		"an unknown structure":     `{"agents":[{"structure":"absente","email":"x@mairie.example","given_name":"X","usual_name":"Y","siret":"21999902600012","roles":["aidant"]}]}`,
		"not JSON":                 "structures: []",
	} {
		if code, out := load(content); code != 1 || out == "" {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	for _, words := range [][]string{{"admin"}, {"admin", "load"}, {"admin", "drop", file}} {
		if code, out := w.verb(words...); code != 2 || !strings.Contains(out, "relais admin load FICHIER.json") {
			t.Errorf("%v: %d %s", words, code, out)
		}
	}
	w.checkJournal()
}
