package journal_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"relais/internal/journal"
)

// TestDays: a summary is compared with the counters as they stood, whatever came
// between its last entry and itself.
func TestDays(t *testing.T) {
	for what, bend := range map[string]func(d *journal.Day, heads []journal.StreamHead){
		"": nil,
		"a counter less": func(d *journal.Day, heads []journal.StreamHead) {
			*d = journal.CloseDay(d.Jour, d.From, d.To, heads[1:])
		},
		"another counter": func(d *journal.Day, heads []journal.StreamHead) {
			heads[0].Seq++
			*d = journal.CloseDay(d.Jour, d.From, d.To, heads)
		},
		"another leaf": func(d *journal.Day, heads []journal.StreamHead) {
			heads[1].Leaf[3] ^= 1
			*d = journal.CloseDay(d.Jour, d.From, d.To, heads)
		},
		"other bounds": func(d *journal.Day, heads []journal.StreamHead) {
			*d = journal.CloseDay(d.Jour, d.From+1, d.To-3, heads)
		},
		"a wrong number": func(d *journal.Day, _ []journal.StreamHead) { d.Count++ },
	} {
		v := journal.NewVerifier()
		var rows []journal.Row
		ends := map[string]journal.StreamHead{}
		add := func(f journal.Fact) {
			e := journal.Entry{ID: fmt.Sprintf("e-%d", len(rows)), At: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), Fact: f}
			if m := f.Stream(); m != "" {
				e.StreamSeq, e.StreamPrev = ends[m].Seq+1, ends[m].Leaf
			}
			body, err := e.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			row := journal.Row{Index: int64(len(rows)), Body: body, Leaf: journal.Leaf(body)}
			row.Copies, _ = journal.Parse(body)
			rows = append(rows, row)
			if m := f.Stream(); m != "" {
				ends[m] = journal.StreamHead{Mandat: m, Seq: e.StreamSeq, Leaf: row.Leaf}
			}
		}
		view := func(m string) journal.Fact {
			return journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}).OfMandat(m)
		}
		for i := range 20 {
			add(view(fmt.Sprintf("m-%d", i%3)))
		}
		heads := []journal.StreamHead{ends["m-2"], ends["m-0"], ends["m-1"]}
		d := journal.CloseDay("2026-11-22", 0, 19, heads)
		if bend != nil {
			bend(&d, heads)
		}
		add(view("m-1")) // between what it covers and itself
		add(d.Fact())
		add(view("m-2"))
		last := []journal.StreamHead{ends["m-1"], ends["m-2"]}
		add(journal.CloseDay("2026-11-23", 20, 22, last).Fact())
		var told []journal.Day
		for _, row := range rows {
			r, _ := journal.Parse(row.Body)
			r.Index = row.Index
			if d, ok := r.Day(); ok {
				told = append(told, d)
			}
		}
		v.ExpectDays(told)
		var err error
		for _, row := range rows {
			if err = v.Add(row); err != nil {
				break
			}
		}
		var f *journal.Finding
		if what == "" && err != nil || what != "" && (!errors.As(err, &f) || f.Index != 21) {
			t.Errorf("%q: %v", what, err)
		}
		if what != "" {
			continue
		}
		v = journal.NewVerifier()
		v.ExpectDays(told[:1])
		for _, row := range rows {
			if err = v.Add(row); err != nil {
				break
			}
		}
		if !errors.As(err, &f) || f.Index != 23 {
			t.Errorf("a summary that was not told of: %v", err)
		}
	}
}
