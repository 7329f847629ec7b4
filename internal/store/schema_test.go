package store_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"relais/internal/store"
	"relais/sql"
)

// TestReleasedMigrations holds the digest of each migration: a released one is
// never edited, and a new one is added to SHA256SUMS.
func TestReleasedMigrations(t *testing.T) {
	sums, err := fs.ReadFile(sql.Migrations, "migrations/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	err = fs.WalkDir(sql.Migrations, "migrations", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".sql") {
			return err
		}
		content, err := fs.ReadFile(sql.Migrations, name)
		have = append(have, fmt.Sprintf("%x  %s", sha256.Sum256(content), strings.TrimPrefix(name, "migrations/")))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(sums)), "\n")
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("migrations are\n%s\nSHA256SUMS says\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// TestSchemasAreAlike compares the columns of the two engines. Only what
// PostgreSQL's sequencer will need is there and not in SQLite.
func TestSchemasAreAlike(t *testing.T) {
	lite, pg := newHouse(t, store.SQLite), newHouse(t, store.PostgreSQL)
	a := lite.value(`SELECT group_concat(line, char(10)) FROM (SELECT t.name || '.' || c.name || ' ' || lower(c.type) ||
		CASE WHEN c."notnull" OR c.pk > 0 THEN ' not null' ELSE '' END AS line
		FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE 'goose%' ORDER BY 1)`)
	b := pg.value(`SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' ORDER BY 1`)
	alike := strings.NewReplacer("timestamp with time zone", "timestamptz", "integer", "bigint")
	have, want := lines(alike.Replace(a)), lines(alike.Replace(b))
	want = slices.DeleteFunc(want, func(l string) bool {
		return strings.HasPrefix(l, "journal_leaf.") || strings.HasPrefix(l, "journal_entry.") || strings.HasPrefix(l, "journal_written.") || strings.HasPrefix(l, "journal.xid ")
	})
	if !slices.Equal(have, want) {
		t.Errorf("SQLite has\n%s\nPostgreSQL has\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func lines(s string) []string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	slices.Sort(all)
	return all
}

func TestMigrateTwice(t *testing.T) {
	onBoth(t, func(h *house) {
		h.ok(h.Migrate(h.ctx))
		h.ok(h.Ready(h.ctx))
		_, err := h.raw("DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
		h.ok(err)
		if err := h.Ready(h.ctx); err == nil {
			t.Error("ready on an old schema")
		}
	})
}

// TestBlobsStayBlobs: SQLite gives BYTEA a numeric affinity, which must never
// touch a sealed value.
func TestBlobsStayBlobs(t *testing.T) {
	h := newHouse(t, store.SQLite)
	m := h.signed("ccas", martin, "social")
	h.ok(h.choose(m, "r1", "social"))
	m, _ = h.entrusted(h.draft("ccas", "papiers"))
	h.identified(m, durand)
	for _, column := range []string{"journal.body", "journal.leaf", "journal_head.root", "journal_head.edge", "coffre_key.wrapped", "aidant.sealed",
		"session.data", "usager.sealed", "brouillon.texte", "brouillon.dossier", "dossier.sealed", "delegation.protocol"} {
		table, name, _ := strings.Cut(column, ".")
		if got := h.value("SELECT group_concat(DISTINCT typeof(" + name + ")) FROM " + table + " WHERE " + name + " IS NOT NULL"); got != "blob" {
			t.Errorf("%s holds %s", column, got)
		}
	}
	if got := h.value("SELECT group_concat(DISTINCT typeof(ts) || length(ts)) FROM journal"); got != "text27" {
		t.Errorf("journal.ts holds %s", got)
	}
}
