package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/signal"
)

// TestSignalsUseIndexes: each way of asking for signals or counts reads an index in
// the order of the page, sorts nothing, and reads no more than it shows; and a rule
// looks back through an index.
func TestSignalsUseIndexes(t *testing.T) {
	for _, engine := range []string{SQLite, PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			s := openEmpty(t, engine)
			fillSignals(t, s)
			now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			cases := map[string]signal.Filter{"all": {}, "rule": {Rule: signal.Burst}, "period": {From: now.AddDate(0, 0, -1), To: now},
				"structure": {Structure: "s1"}, "structure and rule": {Structure: "s1", Rule: signal.Burst, To: now},
				"scope": {Scope: journal.Scope{Departement: "22"}}, "scope and rule": {Scope: journal.Scope{Departement: "22"}, Rule: signal.Burst},
				"page": {After: signal.Cursor{Index: 7000, Rule: signal.Burst}}}
			for name, f := range cases {
				q, args := signalsQuery(f)
				mustUseIndex(t, name, explain(t, s, q, args), "signal")
			}
			for name, c := range map[string]struct {
				q    query
				args []any
			}{
				"factsOfAidant": {s.q.factsOfAidant, []any{"a1", "delegation.use", 9000}}, "factOfMandat": {s.q.factOfMandat, []any{"m1", "mandat.sign", 9000}},
				"factKnown": {s.q.factKnown, []any{"m1", 9000, "a1"}}, "factFormer": {s.q.factFormer, []any{9000, "u1", "s1", 9000, "m1", "m1"}},
			} {
				mustUseIndex(t, name, explain(t, s, c.q, c.args), "signal_fait")
			}
			mustUseIndex(t, "releveDays", explain(t, s, s.q.releveDays, []any{"s:s1", "2026-11-01", "2026-11-30"}), "journal_releve")
		})
	}
}

func mustUseIndex(t *testing.T, name, plan, table string) {
	t.Helper()
	for _, line := range strings.Split(plan, "\n") {
		walks := strings.HasPrefix(line, "SCAN "+table) && !strings.Contains(line, "USING") || strings.Contains(line, "Seq Scan on "+table+" ")
		if walks || strings.Contains(line, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s:\n%s", name, plan)
			return
		}
	}
}

func fillSignals(t *testing.T, s *Store) {
	t.Helper()
	rules := signal.Rules()
	err := s.write(context.Background(), func(t *tx) error {
		var failed error
		run := func(q query, row any) {
			_, err := t.exec(q, args(row)...)
			failed = errors.Join(failed, err)
		}
		for i := range 20_000 {
			at := instant(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 20 * time.Minute))
			row := signalRow{Rule: string(rules[i%8].Code), Index: int64(i), At: at, MandatID: fmt.Sprint("m", i%1000), AidantRef: "r",
				OrganisationID: fmt.Sprint("s", i%90), Departement: fmt.Sprint(10 + i%90)}
			run(s.q.signalInsert, row)
			run(s.q.factInsert, factRow{Index: int64(i), At: at, Action: "delegation.use", MandatID: row.MandatID, AidantID: fmt.Sprint("a", i%500),
				OrganisationID: row.OrganisationID, UsagerID: text(fmt.Sprint("u", i%800))})
			run(s.q.releveAdd, releveRow{Portee: fmt.Sprint("s:s", i%90), Day: fmt.Sprintf("2026-%02d-%02d", 1+i%12, 1+i%28), Action: "a", Outcome: "ok", N: 1})
		}
		return failed
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, lite := s.engine.(*writer); !lite {
		if _, err := s.read.db.Exec("ANALYZE"); err != nil {
			t.Fatal(err)
		}
	}
}
