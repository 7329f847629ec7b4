package preuve_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// scratch is room in the test's own folder.
func scratch(t testing.TB) func() (preuve.Spool, error) {
	dir := t.TempDir()
	return func() (preuve.Spool, error) {
		f, err := os.CreateTemp(dir, "")
		if err != nil {
			return nil, err
		}
		return f, nil
	}
}

// lie is how an operator bends an export. What is nil is the truth.
type lie struct {
	filter  preuve.Selection
	rows    []journal.Row // what is gathered
	prunes  []journal.Row // and what emptied some of it
	day     func() (journal.Row, []byte)
	between func()                       // what is written before the export's entry
	bend    func(*preuve.Sealing)        // after its entry stands
	another func(m []byte) (used []byte) // the manifest whose digest goes into the entry
	after   func()                       // what is written after the export's entry
	twice   bool                         // two entries of the export, one after the other; only [liar.forge] can
}

// tell builds a bundle of the second version, properly signed. It may fail: what
// gathers refuses some lies by itself.
func (l *liar) tell(x lie) ([]byte, error) {
	l.t.Helper()
	d, err := preuve.NewDraft(x.filter, scratch(l.t))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = d.Close() }() // a temporary folder
	for _, row := range x.rows {
		if err := d.Add(row); err != nil {
			return nil, err
		}
	}
	for _, row := range x.prunes {
		if err := d.AddPrune(row); err != nil {
			return nil, err
		}
	}
	p, exports, err := l.sealing(d, x)
	if err != nil {
		return nil, err
	}
	if len(exports) != 1 {
		return nil, fmt.Errorf("%w: Build takes one entry of the export", preuve.ErrBundle)
	}
	var out bytes.Buffer
	err = d.Build(&out, p)
	return out.Bytes(), err
}

// forge builds the same past everything that refuses a lie while it is gathered:
// nothing but the verifier stands between.
func (l *liar) forge(x lie) []byte {
	l.t.Helper()
	d, err := preuve.Forge(x.filter, x.rows, x.prunes, scratch(l.t))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = d.Close() }() // a temporary folder
	p, exports, err := l.sealing(d, x)
	if err != nil {
		l.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.ForgeBuild(&out, p, exports); err != nil {
		l.t.Fatal(err)
	}
	return out.Bytes()
}

// sealing writes the export's entry and what goes with it.
func (l *liar) sealing(d *preuve.Draft, x lie) (p preuve.Sealing, exports []journal.Row, err error) {
	l.t.Helper()
	if x.day != nil {
		row, heads := x.day()
		if err := d.AddDay(row, heads); err != nil {
			return p, nil, err
		}
	}
	p = preuve.Sealing{Header: preuve.Header{Origin: "relais.example", Policy: preuve.PolicyText([]string{l.vkey}, nil), RequestedBy: journal.Systeme()},
		Sign: preuve.Signing(l.signer)}
	m, raw, err := d.Manifest(p.Header)
	if err != nil {
		return p, nil, err
	}
	if x.between != nil {
		x.between()
	}
	p.Manifest = raw
	if x.another != nil {
		raw = x.another(raw)
	}
	fact := preuve.Exported(journal.Systeme(), x.filter, raw, m.Count)
	exports = append(exports, l.add(fact))
	if x.twice {
		exports = append(exports, l.add(fact))
	}
	p.Export = exports[0]
	if x.after != nil {
		x.after()
	}
	c := journal.Checkpoint{Origin: "relais.example", Size: l.head.Size, Root: l.head.Root}
	if p.Checkpoint.Note, err = c.Sign(l.signer); err != nil {
		l.t.Fatal(err)
	}
	p.Checkpoint.Checkpoint = c
	p.Tree = journal.CacheTiles(l.read, c.Size, 2)
	if x.bend != nil {
		x.bend(&p)
	}
	if p.Export.Index != exports[0].Index {
		exports = []journal.Row{p.Export}
	}
	return p, exports, nil
}

// empty takes the bodies of rows away, under an entry that says so.
func (l *liar) empty(rows []journal.Row) (emptied []journal.Row, under journal.Row) {
	l.t.Helper()
	sum := journal.NewPruneSum()
	at := int64(len(l.rows))
	for _, row := range rows {
		r, err := journal.Parse(row.Body)
		if err != nil {
			l.t.Fatal(err)
		}
		r.Index, r.PrunedBy = row.Index, at
		sum.Add(r)
		emptied = append(emptied, journal.Row{Index: row.Index, Leaf: row.Leaf, Copies: r, PrunedBy: at})
	}
	return emptied, l.add(sum.Fact(journal.Systeme()))
}

func odd(l *liar) (out []journal.Row) {
	for i := 1; i < len(l.rows); i += 2 {
		out = append(out, l.rows[i])
	}
	return out
}

var ofMandat, everything = preuve.Selection{Mandat: "m-1"}, preuve.Selection{From: time.Unix(0, 0), To: time.Unix(1<<33, 0)}

// nine is when a liar's entry of an index is dated.
func nine(index int) time.Time { return time.Date(2026, 11, 22, 9, 0, index, 0, time.UTC) }

// TestTruth: what an honest operator exports verifies, of every kind, with and
// without entries that have lost their body.
func TestTruth(t *testing.T) {
	five := int64(5)
	for what, truth := range map[string]func(l *liar) lie{
		"mandat": func(l *liar) lie { return lie{filter: ofMandat, rows: odd(l)} },
		"period": func(l *liar) lie { return lie{filter: everything, rows: l.rows[2:7:7]} },
		"all":    func(l *liar) lie { return lie{filter: everything, rows: l.rows} },
		"with the day": func(l *liar) lie {
			heads := []journal.StreamHead{{Mandat: "m-1", Seq: 6, Leaf: l.rows[11].Leaf}}
			row := l.add(journal.CloseDay("2026-11-22", 0, 11, heads).Fact())
			return lie{filter: everything, rows: l.rows[:12:12], day: func() (journal.Row, []byte) { return row, journal.EncodeHeads(heads) }}
		},
		"nothing":  func(l *liar) lie { return lie{filter: everything} },
		"an entry": func(l *liar) lie { return lie{filter: preuve.Selection{Entry: &five}, rows: l.rows[5:6:6]} },
		"some": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{l.rows[0], l.rows[3], l.rows[9]}}
		},
		"some of a period": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.view", From: nine(2), To: nine(6)}, rows: l.rows[2:6:6]}
		},
		"a period that a clock stepped out of": func(l *liar) lie {
			return lie{filter: preuve.Selection{From: nine(3), To: nine(5)}, rows: l.rows[2:6:6]}
		},
		"pruned mandat": func(l *liar) lie {
			rows, under := l.empty(odd(l))
			return lie{filter: ofMandat, rows: rows, prunes: []journal.Row{under}}
		},
		"half pruned": func(l *liar) lie {
			rows, under := l.empty(odd(l)[1:4])
			whole := append([]journal.Row{l.rows[1]}, rows...)
			return lie{filter: ofMandat, rows: append(whole, odd(l)[4:6]...), prunes: []journal.Row{under}}
		},
		"pruned in part": func(l *liar) lie {
			rows, under := l.empty(l.rows[:8])
			return lie{filter: preuve.Selection{Mandat: "m-1", Action: "mandat.view"}, rows: []journal.Row{rows[1], rows[5]}, prunes: []journal.Row{under}}
		},
	} {
		l := newLiar(t)
		x := truth(l)
		bundle, err := l.tell(x)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		r, err := preuve.Verify(bundle, []string{l.vkey}, nil)
		if err != nil || r.Count != int64(len(x.rows)) || r.Complete != x.filter.Complete() {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
		l = newLiar(t)
		if again, err := preuve.Verify(l.forge(truth(l)), []string{l.vkey}, nil); err != nil || again.Count != r.Count || again.Bound != r.Bound {
			t.Errorf("%s, built unchecked: %+v, %v", what, again, err)
		}
		if strings.Contains(what, "pruned") && (r.Pruned == 0 || (r.Bound == r.Pruned) == strings.Contains(what, "in part")) {
			t.Errorf("%s: %d pruned, %d bound", what, r.Pruned, r.Bound)
		}
	}
}

// TestForkSeen: two signed checkpoints of one size and two roots; and one of
// another log.
func TestForkSeen(t *testing.T) {
	l := newLiar(t)
	bundle, err := l.tell(lie{filter: everything, rows: l.rows[:4:4]})
	if err != nil {
		t.Fatal(err)
	}
	c := journal.Checkpoint{Origin: "relais.example", Size: l.head.Size, Root: l.head.Root}
	c.Root[5] ^= 1
	fork, err := c.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := preuve.Verify(bundle, []string{l.vkey}, fork); err == nil || !strings.Contains(err.Error(), "réécrit") {
		t.Errorf("a fork: %v", err)
	}
	stranger := newLiar(t)
	if c, err = (journal.Checkpoint{Origin: "relais.example", Size: 3}), nil; err == nil {
		fork, err = c.Sign(stranger.signer)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range [][]byte{fork, {}, []byte("\x00"), bytes.Repeat([]byte("a\n"), 1<<20)} {
		if _, err := preuve.Verify(bundle, []string{l.vkey}, since); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("a checkpoint of another log, of %d bytes: %v", len(since), err)
		}
	}
}

// TestEveryRun proves runs of trees of 12 to 39 entries, of every third size, by
// the second library and by the fold of the verifier: from the first three
// entries, the sixth and the third from the end, of every fourth length.
func TestEveryRun(t *testing.T) {
	for size := 12; size < 40; size += 3 {
		l := newLiar(t)
		for len(l.rows) < size {
			l.add(journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}))
		}
		for _, lo := range []int{0, 1, 2, 5, size - 3} {
			for hi := lo + 1; hi <= size; hi += 4 {
				bundle, err := l.tell(lie{filter: everything, rows: l.rows[lo:hi:hi]})
				if err == nil {
					_, err = preuve.Verify(bundle, []string{l.vkey}, nil)
				}
				if err != nil {
					t.Fatalf("%d to %d of %d: %v", lo, hi, len(l.rows), err)
				}
			}
		}
	}
}
