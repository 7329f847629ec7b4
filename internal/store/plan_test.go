package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"relais/internal/aidant"
	"relais/internal/journal"
)

// TestReadsByIndexUseIndexes: whoever reads the journal by index goes through the
// view journal_entry, and no such read but the whole verification walks a table.
func TestReadsByIndexUseIndexes(t *testing.T) {
	for _, engine := range []string{SQLite, PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			s := openEmpty(t, engine)
			facts := make([]journal.Fact, 12_000) // enough for 64 lookups to be cheaper than a walk
			for i := range facts {
				facts[i] = aidant.LoginFailed(fmt.Sprint("n", i))
			}
			if err := s.Append(context.Background(), facts...); err != nil {
				t.Fatal(err)
			}
			if err := s.RunFollowers(context.Background()); err != nil {
				t.Fatal(err)
			}
			if engine == PostgreSQL {
				if _, err := s.read.db.Exec("ANALYZE"); err != nil {
					t.Fatal(err)
				}
			}
			now := instant(s.moment())
			for name, c := range map[string]struct {
				q    query
				args []any
			}{
				"entryAt": {s.q.entryAt, []any{1500}}, "headCheck": {s.q.headCheck, nil}, "leafSpan": {s.q.leafSpan, []any{1024, 1044}},
				"keysBefore": {s.q.keysBefore, []any{"i", 1500}}, "extractMandat": {s.q.extractMandat, []any{"m-x", -1, 10}},
				"extractSpan": {s.q.extractSpan, []any{1500, 1520, 10}}, "extractIn": {s.q.extractIn, padded([]int64{5, 7})}, "entriesDown": {s.q.entriesDown, []any{1500, 0, 50}},
				"entriesIn": {s.q.entriesIn, padded([]int64{5, 7})}, "postingsDown": {s.q.postingsDown, []any{1, 1500, 0, 256}},
				"facettesIn": {s.q.facettesIn, padded([]string{"a", "b"})}, "momentFrom": {s.q.momentFrom, []any{now}},
				"momentUntil": {s.q.momentUntil, []any{now}}, "indexFrom": {s.q.indexFrom, []any{now, now}}, "indexUntil": {s.q.indexUntil, []any{now, now}},
				"enrolBefore": {s.q.enrolBefore, []any{"i", 1500}},
				"keysLast":    {s.q.keysLast, []any{"i"}}, "followRows": {s.q.followRows, []any{1500, 100}}, "streamIndexes": {s.q.streamIndexes, []any{"m-x"}},
			} {
				plan := explain(t, s, c.q, c.args)
				if strings.Contains(plan, "TEMP B-TREE") && name != "extractMandat" || strings.Contains(plan, "Sort") && name != "extractMandat" && name != "keysBefore" && name != "enrolBefore" { // which sort the few they find
					t.Errorf("%s sorts:\n%s", name, plan)
				}
				if strings.Contains(plan, "SCAN j") && !strings.Contains(plan, "USING") || strings.Contains(plan, "Seq Scan on journal ") ||
					strings.Contains(plan, "Seq Scan on journal_leaf") {
					t.Errorf("%s walks a table:\n%s", name, plan)
				}
			}
		})
	}
}

func explain(t *testing.T, s *Store, q query, args []any) string {
	t.Helper()
	word := "EXPLAIN "
	if _, lite := s.engine.(*writer); lite {
		word = "EXPLAIN QUERY PLAN "
	}
	rows, err := s.read.db.Queryx(sqlx.Rebind(sqlx.BindType(s.read.db.DriverName()), word+string(q)), args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		line, err := rows.SliceScan()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, line[len(line)-1])
	}
	return out.String()
}
