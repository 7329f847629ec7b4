package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/bits"
	"path/filepath"
	"strings"
	"testing"

	"relais/internal/acte"
	"relais/internal/config"
	"relais/internal/journal"
)

// copied is the world's SQLite database as a file of its own, without guards, to
// be altered while the house goes on. It returns the environment of the verbs.
func (w *world) copied() (db *sql.DB, environ []string) {
	w.t.Helper()
	path := filepath.Join(w.d.cfg.Data, rand.Text()+".db") // a folder that only Relais reads
	if _, err := w.raw().ExecContext(w.t.Context(), "VACUUM INTO '"+path+"'"); err != nil {
		w.t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	rows, err := db.QueryContext(w.t.Context(), "SELECT name FROM sqlite_master WHERE type = 'trigger'")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			w.t.Fatal(err)
		}
		drop = append(drop, "DROP TRIGGER "+name)
	}
	execAll(w.t, db, drop...)
	return db, []string{w.environ[0], "RELAIS_DATABASE_URL=sqlite:" + path}
}

func execAll(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// verbOn is verb on another database.
func verbOn(environ []string, args ...string) (int, string) {
	var b strings.Builder
	code := run(context.Background(), args, environ, &b, &b)
	return code, b.String()
}

// TestVerifyMandatFails: one changed byte of text, salt, id_token, userinfo or
// keys, of the usager's half or the aidant's, sealed again with the house's own
// keys, and the evidence holds no more. What the dossier itself refuses, without
// the journal, is shown by internal/acte.
func TestVerifyMandatFails(t *testing.T) {
	w := newWorld(t, config.SQLite)
	g := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	flip := func(s *string) { *s = flipped(*s) }
	for name, change := range map[string]func(*acte.Dossier){
		"text":             func(d *acte.Dossier) { flip(&d.Texte.Body) },
		"salt":             func(d *acte.Dossier) { d.Texte.Salt[3] ^= 1 },
		"id_token":         func(d *acte.Dossier) { flip(&d.Usager.IDToken) },
		"salt of login":    func(d *acte.Dossier) { d.Usager.Salt[3] ^= 1 },
		"userinfo":         func(d *acte.Dossier) { flip(&d.Userinfo) },
		"keys":             func(d *acte.Dossier) { d.Usager.JWKS[len(d.Usager.JWKS)/2] ^= 1 },
		"aidant's token":   func(d *acte.Dossier) { flip(&d.Aidant.IDToken) },
		"aidant's salt":    func(d *acte.Dossier) { d.Aidant.Salt[3] ^= 1 },
		"aidant's keys":    func(d *acte.Dossier) { d.Aidant.JWKS[len(d.Aidant.JWKS)/2] ^= 1 },
		"version":          func(d *acte.Dossier) { d.Texte.Version = "2020-01-01" },
		"issuer":           func(d *acte.Dossier) { flip(&d.Usager.Issuer) },
		"no aidant at all": func(d *acte.Dossier) { d.Aidant = acte.Proof{} },
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			db, environ := w.copied()
			w.reseal(db, g.id, change)
			if code, out := verbOn(environ, "mandat", "verify", g.number); code != 1 || !strings.Contains(out, "LA PREUVE NE TIENT PAS") {
				t.Errorf("exit %d\n%s", code, out)
			}
		})
	}
	for name, statement := range map[string]string{
		"a byte of the sealed dossier":    "UPDATE dossier SET sealed = substr(sealed, 1, 99) || x'00' || substr(sealed, 101)",
		"the dossier of nobody":           "DELETE FROM dossier",
		"a byte of the sealed identity":   "UPDATE usager SET sealed = substr(sealed, 1, 99) || x'00' || substr(sealed, 101)",
		"no key":                          "DELETE FROM coffre_key WHERE subject LIKE 'usager:%'",
		"another number":                  "UPDATE mandat SET number = '333333333333'",
		"the journal without the signing": "UPDATE journal SET action = 'mandat.view', mandat_id = '' WHERE action = 'mandat.sign'",
	} {
		t.Run(name, func(t *testing.T) {
			db, environ := w.in(t).copied()
			execAll(t, db, statement)
			number := g.number
			if strings.Contains(name, "number") {
				number = "333333333333"
			}
			if code, out := verbOn(environ, "mandat", "verify", number); code != 1 || strings.Contains(out, "démarre") {
				t.Errorf("exit %d\n%s", code, out)
			}
		})
	}
	for _, number := range []string{"", "inconnu", strings.Repeat("B", 10<<10), "' OR 1=1 --", "\x00"} {
		if code, out := w.verb("mandat", "verify", number); code != 1 {
			t.Errorf("%.20q: exit %d\n%.300s", number, code, out)
		}
	}
	if _, environ := w.copied(); true {
		if code, out := verbOn(environ, "mandat", "verify", g.number); code != 0 {
			t.Errorf("the copy itself: exit %d\n%s", code, out)
		}
	}
}

// reseal changes a dossier and seals it again under the usager's key.
func (w *world) reseal(db *sql.DB, mandat string, change func(*acte.Dossier)) {
	w.t.Helper()
	var usager string
	var sealed, wrapped []byte
	if err := db.QueryRowContext(w.t.Context(), "SELECT d.usager_id, d.sealed, k.wrapped FROM dossier d JOIN coffre_key k ON k.subject = 'usager:' || d.usager_id WHERE d.mandat_id = ?", mandat).
		Scan(&usager, &sealed, &wrapped); err != nil {
		w.t.Fatal(err)
	}
	subject, purpose := "usager:"+usager, "mandat.dossier/"+mandat
	plain, err := w.d.vault.Reveal(wrapped, subject, purpose, sealed)
	if err != nil {
		w.t.Fatal(err)
	}
	var d acte.Dossier
	if err := json.Unmarshal(plain, &d); err != nil {
		w.t.Fatal(err)
	}
	change(&d)
	if plain, _, err = d.Encode(); err != nil {
		w.t.Fatal(err)
	}
	if sealed, err = w.d.vault.Seal(wrapped, subject, purpose, plain); err != nil {
		w.t.Fatal(err)
	}
	if _, err := db.ExecContext(w.t.Context(), "UPDATE dossier SET sealed = ? WHERE mandat_id = ?", sealed, mandat); err != nil {
		w.t.Fatal(err)
	}
}

// TestVerifyJournalFails: a raw edit, with the guards out of the way, is found,
// and the index of the first bad entry is said.
func TestVerifyJournalFails(t *testing.T) {
	w := newWorld(t, config.SQLite)
	w.give(w.agent("nadia"), "nadia", "perrin", logement())
	entries := w.entriesSince(0)
	at := func(a journal.Action) int64 {
		for _, e := range entries {
			if e.Action == a {
				return e.Index
			}
		}
		t.Fatalf("no %s", a)
		return 0
	}
	give, size := at(journal.MandatGive), int64(len(entries))
	one := func(s string) []string { return []string{fmt.Sprintf(s, give)} }
	const within = -1 // the first of the subtree that holds it
	for name, c := range map[string]struct {
		statements []string
		index      int64
	}{
		"a body":         {one("UPDATE journal SET body = replace(body, 'mandat.give', 'mandat.view') WHERE id = %d"), give},
		"a leaf":         {one("UPDATE journal SET leaf = zeroblob(32) WHERE id = %d"), give},
		"a copy":         {one("UPDATE journal SET actor_ref = 'autre' WHERE id = %d"), give},
		"a date":         {one("UPDATE journal SET ts = '2020-01-01T00:00:00.000000Z' WHERE id = %d"), give},
		"an outcome":     {one("UPDATE journal SET outcome = 'denied' WHERE id = %d"), give},
		"a missing one":  {one("DELETE FROM journal WHERE id = %d"), give},
		"a cut end":      {[]string{fmt.Sprintf("DELETE FROM journal WHERE id >= %d", size-2)}, size - 2},
		"two exchanged":  {[]string{fmt.Sprintf("UPDATE journal SET id = id + 1000 WHERE id IN (%d, %d)", give, give+1), fmt.Sprintf("UPDATE journal SET id = CASE id WHEN %d THEN %d ELSE %d END WHERE id >= 1000", give+1000, give+1, give)}, within}, // their subtree tells, not which
		"a longer head":  {[]string{"UPDATE journal_head SET size = size + 1"}, size},
		"another root":   {[]string{"UPDATE journal_head SET root = zeroblob(32)"}, size},
		"a headless one": {[]string{"DELETE FROM journal_head"}, size},
	} {
		t.Run(name, func(t *testing.T) {
			db, environ := w.in(t).copied()
			execAll(t, db, c.statements...)
			code, out := verbOn(environ, "journal", "verify")
			if c.index == within {
				from, to := subtree(give, size)
				if !strings.Contains(out, fmt.Sprintf("les entrées %d à %d ", from, to)) {
					t.Errorf("entries %d to %d are not named", from, to)
				}
				c.index = from
			}
			if code != 1 || !strings.Contains(out, "JOURNAL ALTÉRÉ") || !strings.Contains(out, fmt.Sprintf(" : %d (", c.index)) {
				t.Errorf("exit %d, want index %d\n%s", code, c.index, out)
			}
		})
	}
	_, environ := w.copied()
	if code, out := verbOn(environ, "journal", "verify"); code != 0 {
		t.Errorf("the copy itself: exit %d\n%s", code, out)
	}
}

// subtree is the perfect subtree, of those of which a tree of less than a tile is
// made (RFC 6962 §2.1), that holds an entry.
func subtree(index, size int64) (from, to int64) {
	for from < size {
		width := int64(1) << (bits.Len64(uint64(size-from)) - 1)
		if to = from + width - 1; index <= to {
			return from, to
		}
		from = to + 1
	}
	return size, size
}

// TestVerifyJournalFailsOnPostgres is one raw edit there, taken back afterwards.
func TestVerifyJournalFailsOnPostgres(t *testing.T) {
	w := newWorld(t, config.Postgres)
	w.draft(w.agent("nadia"), logement())
	db := w.raw()
	edit := func(from, to string) {
		execAll(t, db, "ALTER TABLE journal DISABLE TRIGGER ALL",
			"UPDATE journal SET body = convert_to(replace(convert_from(body, 'UTF8'), '"+from+"', '"+to+"'), 'UTF8') WHERE id = 3",
			"ALTER TABLE journal ENABLE TRIGGER ALL")
	}
	edit(`"outcome":"ok"`, `"outcome":"error"`)
	if code, out := w.verb("journal", "verify"); code != 1 || !strings.Contains(out, "première entrée fautive : 3 (") {
		t.Errorf("exit %d\n%s", code, out)
	}
	edit(`"outcome":"error"`, `"outcome":"ok"`)
}
