package main

import (
	"database/sql"
	"strings"
	"testing"

	"relais/internal/config"
)

// TestVerifyMandatSeesTheDatabase: whoever can write the database, and not open
// the vault, cannot stretch what an usager signed without the verification
// saying so.
func TestVerifyMandatSeesTheDatabase(t *testing.T) {
	w := newWorld(t, config.SQLite)
	g := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	db, err := sql.Open("sqlite3", strings.TrimPrefix(w.environ[1], "RELAIS_DATABASE_URL=sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	dropGuards(t, db)
	for _, c := range []struct{ table, column, value, says string }{
		{"mandat", "ends_at", "'2030-01-01T00:00:00.000000Z'", "texte signé"},
		{"mandat", "accepted_by", "'autre'", "celui du journal"},
		{"mandat", "number", "'BCDFGHJK'", "introuvable"},
		{"autorisation", "domaine", "'argent'", "texte signé"},
		{"autorisation", "demarches", "replace(demarches, 'apl', 'bail')", "texte signé"},
		{"dossier", "sealed", "zeroblob(length(sealed))", ""},
	} {
		var kept []byte
		if err := db.QueryRow("SELECT " + c.column + " FROM " + c.table).Scan(&kept); err != nil {
			t.Fatal(err)
		}
		set := func(value string, args ...any) {
			if _, err := db.Exec("UPDATE "+c.table+" SET "+c.column+" = "+value, args...); err != nil {
				t.Fatal(err)
			}
		}
		set(c.value)
		if code, out := w.verb("mandat", "verify", g.number); code != 1 || !strings.Contains(out, c.says) {
			t.Errorf("%s.%s changed: %d\n%s", c.table, c.column, code, out)
		}
		if c.column == "sealed" {
			set("?", kept)
			continue
		}
		set("?", string(kept))
	}
	if code, out := w.verb("mandat", "verify", g.number); code != 0 {
		t.Errorf("put back: %d\n%s", code, out)
	}
	w.environ = append(w.environ, "RELAIS_FRANCECONNECT_IDP_ID="+idpOf(t, w, g.number))
	if code, out := w.verb("mandat", "verify", g.number); code != 1 || !strings.Contains(out, "Relais lui-même") {
		t.Errorf("identified by ourselves: %d\n%s", code, out)
	}
}

// dropGuards does what an intruder does first.
func dropGuards(t *testing.T, db *sql.DB) {
	t.Helper()
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'trigger'")
	if err != nil {
		t.Fatal(err)
	}
	var drop []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		drop = append(drop, "DROP TRIGGER "+name)
	}
	if err := rows.Close(); err != nil || len(drop) == 0 {
		t.Fatal(err, len(drop))
	}
	if _, err := db.Exec(strings.Join(drop, ";")); err != nil {
		t.Fatal(err)
	}
}

// idpOf reads from the verification which account the usager used.
func idpOf(t *testing.T, w *world, number string) string {
	t.Helper()
	_, out := w.verb("mandat", "verify", number)
	_, after, _ := strings.Cut(out, "(compte ")
	idp, _, found := strings.Cut(after, ")")
	if !found {
		t.Fatalf("no account in\n%s", out)
	}
	return idp
}
