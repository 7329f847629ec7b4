package preuve_test

import (
	"bytes"
	"errors"
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
	if x.day != nil {
		row, heads := x.day()
		if err := d.AddDay(row, heads); err != nil {
			return nil, err
		}
	}
	p := preuve.Sealing{Header: preuve.Header{Origin: "relais.example", Policy: preuve.PolicyText([]string{l.vkey}, nil), RequestedBy: journal.Systeme()},
		Sign: preuve.Signing(l.signer)}
	m, raw, err := d.Manifest(p.Header)
	if err != nil {
		return nil, err
	}
	if x.between != nil {
		x.between()
	}
	p.Manifest = raw
	if x.another != nil {
		raw = x.another(raw)
	}
	p.Export = l.add(preuve.Exported(journal.Systeme(), x.filter, raw, m.Count))
	c := journal.Checkpoint{Origin: "relais.example", Size: l.head.Size, Root: l.head.Root}
	if p.Checkpoint.Note, err = c.Sign(l.signer); err != nil {
		l.t.Fatal(err)
	}
	p.Checkpoint.Checkpoint = c
	p.Tree = journal.CacheTiles(l.read, c.Size, 2)
	if x.bend != nil {
		x.bend(&p)
	}
	var out bytes.Buffer
	err = d.Build(&out, p)
	return out.Bytes(), err
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
		if strings.Contains(what, "pruned") && (r.Pruned == 0 || (r.Bound == r.Pruned) == strings.Contains(what, "in part")) {
			t.Errorf("%s: %d pruned, %d bound", what, r.Pruned, r.Bound)
		}
	}
}

// TestLies: whoever holds the key can still not leave out, change, add or empty
// an entry unseen.
func TestLies(t *testing.T) {
	bent := func(l *liar, bend func(*preuve.Sealing)) lie {
		return lie{filter: everything, rows: l.rows[:4:4], bend: bend}
	}
	emptied := func(l *liar, change func(rows []journal.Row, under *journal.Row)) lie {
		rows, under := l.empty(odd(l))
		change(rows, &under)
		return lie{filter: ofMandat, rows: rows, prunes: []journal.Row{under}}
	}
	for what, tale := range map[string]func(l *liar) lie{
		"without the mandat's last entry":  func(l *liar) lie { return lie{filter: ofMandat, rows: odd(l)[:5]} },
		"without the mandat's first entry": func(l *liar) lie { return lie{filter: ofMandat, rows: odd(l)[1:]} },
		"without one in the middle":        func(l *liar) lie { return lie{filter: ofMandat, rows: append(odd(l)[:2], odd(l)[3:]...)} },
		"another mandat's entry":           func(l *liar) lie { return lie{filter: preuve.Selection{Mandat: "m-2"}, rows: odd(l)} },
		"an entry written meanwhile": func(l *liar) lie {
			return lie{filter: ofMandat, rows: odd(l), between: func() {
				l.add(journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}).OfMandat("m-1"))
			}}
		},
		"a gap in a period": func(l *liar) lie { return lie{filter: everything, rows: odd(l)} },
		"an entry twice": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{l.rows[1], l.rows[1]}}
		},
		"an entry of another kind": func(l *liar) lie {
			return lie{filter: preuve.Selection{Action: "mandat.print"}, rows: []journal.Row{l.rows[1]}}
		},
		"an entry that never was": func(l *liar) lie {
			row := l.rows[2]
			row.Body = bytes.Replace(row.Body, []byte("e-2"), []byte("e-9"), 1)
			row.Leaf = journal.Leaf(row.Body)
			return lie{filter: everything, rows: []journal.Row{l.rows[1], row, l.rows[3]}}
		},
		"an entry under another index": func(l *liar) lie {
			row := l.rows[2]
			row.Index = 7
			return lie{filter: preuve.Selection{Action: "mandat.view"}, rows: []journal.Row{row}}
		},
		"another manifest than the one recorded": func(l *liar) lie {
			return lie{filter: everything, rows: l.rows[:4:4], another: func([]byte) []byte { return []byte("{}") }}
		},
		"a manifest that promises more": func(l *liar) lie {
			x := lie{filter: preuve.Selection{Action: "mandat.view"}, rows: odd(l)}
			x.another = func(m []byte) []byte {
				return bytes.Replace(m, []byte(`"complete": "no"`), []byte(`"complete": "run"`), 1)
			}
			x.bend = func(p *preuve.Sealing) { p.Manifest = x.another(p.Manifest) }
			return x
		},
		"another list of that day": func(l *liar) lie {
			row := l.add(journal.CloseDay("2026-11-22", 0, 11, nil).Fact())
			heads := []journal.StreamHead{{Mandat: "m-1", Seq: 6, Leaf: l.rows[11].Leaf}}
			return lie{filter: everything, rows: l.rows[:12:12], day: func() (journal.Row, []byte) { return row, journal.EncodeHeads(heads) }}
		},
		"a day that is no day": func(l *liar) lie {
			return lie{filter: everything, rows: l.rows[:12:12], day: func() (journal.Row, []byte) { return l.rows[3], journal.EncodeHeads(nil) }}
		},
		"a root of another tree": func(l *liar) lie {
			return bent(l, func(p *preuve.Sealing) { p.Checkpoint.Root[0] ^= 1; p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer) })
		},
		"another origin": func(l *liar) lie {
			return bent(l, func(p *preuve.Sealing) {
				p.Checkpoint.Origin = "autre.example"
				p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer)
			})
		},
		"another entry as the export's": func(l *liar) lie { return bent(l, func(p *preuve.Sealing) { p.Export = l.rows[5] }) },
		"a token over something else":   func(l *liar) lie { return bent(l, func(p *preuve.Sealing) { p.Token = []byte{0x30, 0x00} }) },
		"a cosignature of nobody": func(l *liar) lie {
			return bent(l, func(p *preuve.Sealing) { p.Cosignatures = []byte("— t AAAAAAAA\n") })
		},
		"an emptied entry with another leaf": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Leaf[3] ^= 1 })
		},
		"evidence passed off as emptied": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Copies.Action = journal.MandatRevoke })
		},
		"an emptied entry of another action": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Copies.Action = journal.MandatPrint })
		},
		"an emptied entry of another date": func(l *liar) lie {
			return emptied(l, func(rows []journal.Row, _ *journal.Row) { rows[1].Copies.At = rows[1].Copies.At.Add(time.Hour) })
		},
		"emptied under nothing": func(l *liar) lie {
			rows, _ := l.empty(odd(l))
			return lie{filter: ofMandat, rows: rows}
		},
		"emptied under an entry that says no such thing": func(l *liar) lie {
			return emptied(l, func(_ []journal.Row, under *journal.Row) { *under = l.rows[3] })
		},
		"emptied under an entry that emptied others": func(l *liar) lie {
			rows, _ := l.empty(odd(l))
			for i := range rows {
				rows[i].PrunedBy, rows[i].Copies.PrunedBy = rows[i].PrunedBy+1, rows[i].PrunedBy+1
			}
			_, other := l.empty(l.rows[:1])
			return lie{filter: ofMandat, rows: rows, prunes: []journal.Row{other}}
		},
	} {
		l := newLiar(t)
		bundle, err := l.tell(tale(l))
		if err == nil {
			_, err = preuve.Verify(bundle, []string{l.vkey}, nil)
		}
		if !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s: %v", what, err)
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

// TestEveryRun proves every run of trees of up to 40 entries, by the second
// library and by the fold of the verifier.
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
