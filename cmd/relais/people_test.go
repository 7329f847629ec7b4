package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	w.loadMissions(string(manual), load)
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
	for _, words := range [][]string{{"admin"}, {"admin", "load"}, {"admin", "inviter"}, {"admin", "drop", file}} {
		if code, out := w.verb(words...); code != 2 || !strings.Contains(out, "relais admin load FICHIER.json") {
			t.Errorf("%v: %d %s", words, code, out)
		}
	}
	w.checkJournal()
}

// loadMissions loads the manual's missions, and what must be refused of them.
func (w *world) loadMissions(manual string, load func(string) (int, string)) {
	w.t.Helper()
	_, after, _ := strings.Cut(manual, "<!-- admin load missions -->\n```json\n")
	example, _, found := strings.Cut(after, "```")
	if !found {
		w.t.Fatal("docs/exploitation.md has no example of a mission")
	}
	today := time.Now()
	example = strings.NewReplacer("2026-11-22", today.Format(time.DateOnly), "2027-03-31", today.AddDate(0, 4, 0).Format(time.DateOnly)).Replace(example)
	if code, out := load(example); code != 0 || !strings.Contains(out, "1 mission(s) ouvertes, 0 déjà") {
		w.t.Errorf("the mission: %d %s", code, out)
	}
	if code, out := load(example); code != 0 || !strings.Contains(out, "0 mission(s) ouvertes, 1 déjà") {
		w.t.Errorf("again: %d %s", code, out)
	}
	again := strings.Replace(example, "2026-17", "2026-18", 1)
	for name, content := range map[string]string{
		"no scope":               strings.Replace(again, "departement:99", "", 1),
		"an unknown structure":   strings.Replace(again, "departement:99", "structure:absente", 1),
		"a short purpose":        strings.Replace(again, "Contrôle annuel des mandats donnés et de leurs usages.", "Contrôle.", 1),
		"more than a year":       strings.Replace(again, today.AddDate(0, 4, 0).Format(time.DateOnly), today.AddDate(1, 0, 0).Format(time.DateOnly), 1),
		"no date":                strings.Replace(again, today.Format(time.DateOnly), "aujourd’hui", 1),
		"nobody":                 strings.Replace(again, `"auditeur": "aude.roche`, `"auditeur": "autre`, 1),
		"a control of oneself":   strings.Replace(strings.ReplaceAll(again, "aude.roche", "double"), `["auditeur"]`, `["auditeur", "aidant"]`, 1),
		"somebody who is aidant": strings.Replace(again, `"auditeur": "aude.roche`, `"auditeur": "lucie.aubert`, 1),
	} {
		if code, out := load(content); code != 1 || !strings.Contains(out, "mission n° 1") {
			w.t.Errorf("%s: %d %s", name, code, out)
		}
	}
}
