package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"relais/internal/journal"
)

// bulkStart is the date of a bulk journal's first entry; each next one is a second
// later.
var bulkStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	bulkActors = 200
	bulkOrgs   = 20
	bulkTerr   = 5
	bulkMandat = 200
)

// bulkEntries inserts n readable entries at once, without tree: what pages of the
// journal read. Everything about entry i follows from i, so that lists are as
// dense in a large journal as in a small one.
const bulkEntries = `
INSERT INTO journal (id, entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf)
WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i + 1 < ?1),
e AS (SELECT i, 'e' || i AS eid, strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1767225600 + i, 'unixepoch') AS ts, 'a' || (i % 200) AS ref,
  (SELECT code FROM bulk_action WHERE n = i / 200 % 20) AS action, CASE WHEN i % 2 = 0 THEN 'm' || (i / 2 % 200) ELSE '' END AS mandat,
  CASE WHEN i % 50 = 7 THEN 'denied' ELSE 'ok' END AS outcome FROM s)
SELECT i, eid, ts, 'aidant', ref, action, 'essai', 'o', mandat, i / 400 + 1, outcome, CAST(
  '{"action":"' || action || '","actor":{"ref":"' || ref || '","type":"aidant"},'
  || CASE WHEN i % 4 = 0 THEN '"details":{"client":"fc","domaine":"d' || (i / 4 % 10) || '"},' ELSE '' END
  || '"id":"' || eid || '","object":{"id":"o","type":"essai"},'
  || CASE WHEN mandat <> '' THEN '"on_behalf_of":"' || mandat || '",' ELSE '' END
  || '"outcome":"' || outcome || '",' || CASE WHEN mandat <> '' AND i >= 400 THEN '"stream_prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",' ELSE '' END
  || CASE WHEN mandat <> '' THEN '"stream_seq":"' || (i / 400 + 1) || '",' ELSE '' END
  || '"ts":"' || ts || '","v":"1"}' AS BLOB), zeroblob(32) FROM e`

// bulkList lists, under one number, the entries that a criterion has in common:
// from ?2 on each ?3, in stretches of ?4 entries that begin each ?5.
const bulkList = `INSERT INTO journal_facette (facette, idx)
WITH RECURSIVE p(i) AS (SELECT ?2 WHERE ?2 < ?6 UNION ALL
  SELECT CASE WHEN (i + ?3) / ?4 = i / ?4 THEN i + ?3 ELSE i + ?3 + ?5 - ?4 END AS next FROM p WHERE next < ?6)
SELECT ?1, i FROM p`

// bulkStore makes a SQLite journal of n entries with its posting lists.
func bulkStore(t testing.TB, n int) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "relais.db")
	open := func() *Store {
		s, err := Open(context.Background(), Options{Engine: SQLite, DSN: path, Vault: noVault{}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fillBulk(t, path, n)
	s = open()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func fillBulk(t testing.TB, path string, n int) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	do := func(statement string, args ...any) {
		if _, err := db.Exec(statement, args...); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	do("PRAGMA locking_mode = EXCLUSIVE")
	do("PRAGMA journal_mode = OFF")
	do("PRAGMA synchronous = OFF")
	do("PRAGMA cache_size = -200000")
	do("DROP TRIGGER journal_insert")
	do("CREATE TEMP TABLE bulk_action (n INTEGER PRIMARY KEY, code TEXT)")
	actions := journal.Actions()[:20]
	for i, a := range actions {
		do("INSERT INTO bulk_action VALUES (?, ?)", i, string(a))
	}
	do("BEGIN")
	do("DELETE FROM journal")
	do(bulkEntries, n)
	number := 0
	list := func(code string, first, step, stretch, period int) {
		number++
		do("INSERT INTO facette (id, code) VALUES (?, ?)", number, code)
		do(bulkList, number, first, step, stretch, period, n)
	}
	const whole = 1 << 50 // one stretch without end
	every := func(code string, first, step int) { list(code, first, step, whole, whole) }
	for i := range bulkActors {
		every(fmt.Sprint("acteur:a", i), i, bulkActors)
	}
	for i := range bulkMandat {
		every(fmt.Sprint("mandat:m", i), 2*i, 2*bulkMandat)
	}
	for i := range bulkMandat / 2 {
		every(fmt.Sprint("usager:u", i), 2*i, bulkMandat)
	}
	for i := range bulkOrgs {
		every(fmt.Sprint("structure:o", i), i, bulkOrgs)
	}
	for i := range bulkTerr {
		every(fmt.Sprint("departement:", 20+i), i, bulkTerr)
	}
	every("issue:denied", 7, 50)
	every("s:o7|issue:denied", 7, 100)
	every("d:22|issue:denied", 7, 50)
	every("service:fc", 0, 4)
	for i := range 10 {
		every(fmt.Sprint("domaine:d", i), 4*i, 40)
		every(fmt.Sprintf("s:o%d|domaine:d%d", 4*i%bulkOrgs, i), 4*i, 40)
	}
	for i, a := range actions {
		list("action:"+string(a), i*bulkActors, 1, bulkActors, 20*bulkActors)
		for o := range bulkOrgs {
			list(fmt.Sprintf("s:o%d|action:%s", o, a), i*bulkActors+o, bulkOrgs, bulkActors, 20*bulkActors)
		}
		for d := range bulkTerr {
			list(fmt.Sprintf("d:%d|action:%s", 20+d, a), i*bulkActors+d, bulkTerr, bulkActors, 20*bulkActors)
		}
	}
	do("INSERT INTO journal_follower (name, next) VALUES ('facettes', ?)", n)
	do("COMMIT")
	do("PRAGMA journal_mode = WAL")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// bulkSearch is one way to ask a bulk journal.
type bulkSearch struct {
	name   string
	filter journal.Filter
}

// bulkSearches asks by each criterion, by some together, alone and within a
// mission's scope; the period lies in the middle of the journal.
func bulkSearches(n int) []bulkSearch {
	middle := bulkStart.Add(time.Duration(n/2) * time.Second)
	sixth := journal.Actions()[6]
	structure, territory := journal.Scope{Structure: "o7"}, journal.Scope{Departement: "22"}
	return []bulkSearch{
		{"nothing", journal.Filter{}},
		{"period", journal.Filter{From: middle, To: middle.Add(90 * time.Minute)}},
		{"actor", journal.Filter{Actor: "a7"}},
		{"action", journal.Filter{Action: sixth}},
		{"mandat", journal.Filter{Mandat: "m6"}},
		{"usager", journal.Filter{Usager: "u6"}},
		{"structure", journal.Filter{Structure: "o7"}},
		{"domaine", journal.Filter{Domaine: "d3"}},
		{"service", journal.Filter{Service: "fc"}},
		{"refused", journal.Filter{Outcome: journal.Denied}},
		{"done", journal.Filter{Outcome: journal.OK}},
		{"actor, refused", journal.Filter{Actor: "a7", Outcome: journal.Denied}},
		{"actor, action", journal.Filter{Actor: "a7", Action: sixth}},
		{"usager, domaine, period", journal.Filter{Usager: "u6", Domaine: "d3", From: middle.AddDate(0, 0, -1), To: middle}},
		{"structure, action, period", journal.Filter{Structure: "o7", Action: sixth, To: middle}},
		{"what never meets", journal.Filter{Actor: "a8", Outcome: journal.Denied}},
		{"scope structure", journal.Filter{Scope: structure}},
		{"scope structure, action", journal.Filter{Scope: structure, Action: sixth}},
		{"scope structure, refused", journal.Filter{Scope: structure, Outcome: journal.Denied}},
		{"scope structure, actor", journal.Filter{Scope: structure, Actor: "a7"}},
		{"scope structure, domaine", journal.Filter{Scope: journal.Scope{Structure: "o12"}, Domaine: "d3"}},
		{"scope structure, another's actor", journal.Filter{Scope: structure, Actor: "a8"}},
		{"scope département", journal.Filter{Scope: territory}},
		{"scope département, action", journal.Filter{Scope: territory, Action: sixth}},
		{"scope département, structure, action", journal.Filter{Scope: territory, Structure: "o7", Action: sixth}},
		{"scope département, refused, done by", journal.Filter{Scope: territory, Outcome: journal.Denied, Actor: "a7"}},
	}
}

// TestPagesCostTheSame counts what each page reads in a journal and in one five
// times as long: the same rows, and never more than the bound by much.
func TestPagesCostTheSame(t *testing.T) {
	const small, large = 24_000, 120_000
	a, b := bulkStore(t, small), bulkStore(t, large)
	for i, c := range bulkSearches(small) {
		of := func(s *Store, f journal.Filter) journal.Page {
			f.Limit = 4
			p, err := s.Search(t.Context(), f)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return p
		}
		p, q := of(a, c.filter), of(b, bulkSearches(large)[i].filter)
		if c.filter.Actor == "a8" { // what never meets is sought through all of a small journal, and to the bound in a large one
			if len(p.Records)+len(q.Records) > 0 || p.Bounded || !q.Bounded || q.Examined > searchBound+walkPart {
				t.Errorf("%s: %+v, %+v", c.name, p, q)
			}
			continue
		}
		if p.Examined != q.Examined || len(p.Records) != 4 || len(q.Records) != 4 || p.Bounded || q.Bounded || p.Examined > 200 {
			t.Errorf("%s: %d entries for %d rows in %d, %d for %d in %d", c.name, len(p.Records), p.Examined, small, len(q.Records), q.Examined, large)
		}
	}
	f, parts := journal.Filter{Actor: "a8", Outcome: journal.Denied}, 0
	for parts == 0 || f.Before > 0 {
		p, err := b.Search(t.Context(), f)
		if err != nil || len(p.Records) > 0 || (p.Next > 0) != p.Bounded || (f.Before > 0 && p.Next >= f.Before) {
			t.Fatalf("%+v, %v", p, err)
		}
		f.Before, parts = p.Next, parts+1
	}
	if parts < 2 {
		t.Error("a search through all of it fitted one page")
	}
}
