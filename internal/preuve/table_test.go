package preuve_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// TestTables: a CSV that no spreadsheet takes for formulas, and the bytes exactly.
func TestTables(t *testing.T) {
	l := newLiar(t)
	hostile := journal.NewFact(journal.Actor{Type: journal.ActorClient, Ref: `=cmd|'/c`}, journal.AccessRefuse, journal.Object{Type: "+1+1", ID: `@SUM(A1,"x")`}).
		Denied("-2").With("a", `x,"y`)
	l.add(hostile)
	pruned, _ := l.empty(l.rows[3:5:5])
	var text, raw bytes.Buffer
	for form, to := range map[preuve.Form]*bytes.Buffer{preuve.CSV: &text, preuve.JSONL: &raw} {
		table, err := preuve.NewTable(form, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range append(l.rows[:3:3], append(pruned, l.rows[5:13]...)...) {
			if err := table.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := table.End(); err != nil || n != 13 {
			t.Errorf("%s: %d, %v", form, n, err)
		}
	}
	lines, err := csv.NewReader(&text).ReadAll()
	if err != nil || len(lines) != 14 || lines[0][0] != "index" {
		t.Fatalf("%v %v", lines, err)
	}
	for _, line := range lines[1:] {
		for i, field := range line {
			if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r") {
				t.Errorf("%s of %s is %q", lines[0][i], line[0], field)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, line[2]); err != nil {
			t.Errorf("date %q", line[2])
		}
	}
	if last := lines[13]; last[8] != `'=cmd|'/c` || last[10] != `'@SUM(A1,"x")` || last[6] != "'-2" || last[14] != `a=x,"y` || lines[4][15] == "" || lines[4][1] != "" {
		t.Errorf("%q\n%q", last, lines[4])
	}
	bodies := bytes.Split(bytes.TrimSuffix(raw.Bytes(), []byte("\n")), []byte("\n"))
	if len(bodies) != 13 || !bytes.Equal(bodies[0], l.rows[0].Body) || !bytes.Equal(bodies[12], l.rows[12].Body) || !bytes.HasPrefix(bodies[3], []byte(`{"pruned_by":`)) {
		t.Errorf("%s", raw.Bytes())
	}
}

func TestExportFacts(t *testing.T) {
	s := preuve.Selection{Mandat: "m-1", Action: "mandat.view"}
	for _, f := range []journal.Fact{preuve.Extracted(journal.Systeme(), s, preuve.CSV, 3, "ab"), preuve.Undelivered(journal.Systeme(), preuve.CSV, 7),
		preuve.Exported(journal.Systeme(), s, nil, 3), preuve.Exported(journal.Systeme(), preuve.Selection{}, nil, 3)} {
		if err := f.Check(); err != nil {
			t.Error(err)
		}
	}
}
