package preuve_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// liar is an operator who holds the true key and tells half the truth.
type liar struct {
	t      *testing.T
	rows   []journal.Row
	head   journal.Head
	leaves []journal.Hash
	seq    map[string]int64
	prev   map[string]journal.Hash
	signer note.Signer
	vkey   string
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	l := &liar{t: t, head: journal.Head{Root: journal.EmptyRoot()}, seq: map[string]int64{}, prev: map[string]journal.Hash{}}
	skey, vkey, err := note.GenerateKey(rand.Reader, "relais.example")
	if err == nil {
		l.signer, err = note.NewSigner(skey)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.vkey = vkey
	for i := range 12 {
		f := journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"})
		if i%2 == 1 {
			f = f.OfMandat("m-1")
		}
		l.add(f)
	}
	return l
}

func (l *liar) add(f journal.Fact) journal.Row {
	l.t.Helper()
	row := l.entry(len(l.rows), f)
	l.put(row, f)
	return row
}

// entry is a fact as it stands at an index, which may be one to come.
func (l *liar) entry(index int, f journal.Fact) journal.Row {
	l.t.Helper()
	e := journal.Entry{ID: fmt.Sprintf("e-%d", index), At: nine(index), Fact: f}
	if m := f.Stream(); m != "" {
		l.seq[m]++
		e.StreamSeq, e.StreamPrev = l.seq[m], l.prev[m]
	}
	body, err := e.Canonical()
	if err != nil {
		l.t.Fatal(err)
	}
	return journal.Row{Index: int64(index), Body: body, Leaf: journal.Leaf(body)}
}

func (l *liar) put(row journal.Row, f journal.Fact) {
	l.prev[f.Stream()] = row.Leaf
	l.head, _ = l.head.Append(row.Leaf)
	l.rows, l.leaves = append(l.rows, row), append(l.leaves, row.Leaf)
}

func (l *liar) read(s journal.Span) ([]journal.Hash, error) { return l.leaves[s.Lo:s.Hi], nil }

// build exports what it is told, properly signed; bend may change the content
// after its manifest went into the journal, between may write other entries.
func (l *liar) build(f preuve.Selection, rows []journal.Row, between func(), bend func(*preuve.ContentOne, *preuve.ProofsOne)) []byte {
	l.t.Helper()
	c := preuve.ContentOne{Filter: f, Entries: rows, Origin: "relais.example", Policy: preuve.PolicyText([]string{l.vkey}, nil), RequestedBy: journal.Systeme()}
	_, manifest, err := c.Manifest()
	if err != nil {
		l.t.Fatal(err)
	}
	if between != nil {
		between()
	}
	p := preuve.ProofsOne{Manifest: manifest, Export: l.add(preuve.Exported(journal.Systeme(), f, manifest, int64(len(rows)))), Inclusion: map[int64][]journal.Hash{}}
	ck := journal.Checkpoint{Origin: "relais.example", Size: l.head.Size, Root: l.head.Root}
	signed, err := ck.Sign(l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	p.Checkpoint = journal.Signed{Checkpoint: ck, Note: signed}
	for _, r := range append([]journal.Row{p.Export}, rows...) {
		if p.Inclusion[r.Index], err = journal.ProveInclusion(journal.TileReader(l.read), ck.Size, r.Index); err != nil {
			l.t.Fatal(err)
		}
	}
	if bend != nil {
		bend(&c, &p)
	}
	bundle, err := preuve.BuildOne(c, p, preuve.Signing(l.signer))
	if err != nil {
		l.t.Fatal(err)
	}
	return bundle
}

// TestLyingOperator: whoever holds the key can still not leave out, change or
// add an entry.
func TestLyingOperator(t *testing.T) {
	mandat, period := preuve.Selection{Mandat: "m-1"}, preuve.Selection{From: time.Unix(0, 0), To: time.Now()}
	odd := func(l *liar) (out []journal.Row) {
		for i := 1; i < len(l.rows); i += 2 {
			out = append(out, l.rows[i])
		}
		return out
	}
	for what, lie := range map[string]func(l *liar) []byte{
		"without the mandat's last entry":  func(l *liar) []byte { return l.build(mandat, odd(l)[:5], nil, nil) },
		"without the mandat's first entry": func(l *liar) []byte { return l.build(mandat, odd(l)[1:], nil, nil) },
		"an entry written meanwhile": func(l *liar) []byte {
			return l.build(mandat, odd(l), func() {
				l.add(journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}).OfMandat("m-1"))
			}, nil)
		},
		"a gap in a period": func(l *liar) []byte { return l.build(period, odd(l), nil, nil) },
		"an entry that never was": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(c *preuve.ContentOne, _ *preuve.ProofsOne) {
				c.Entries[2].Body = bytes.Replace(c.Entries[2].Body, []byte("e-2"), []byte("e-9"), 1)
			})
		},
		"another manifest than the one recorded": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(c *preuve.ContentOne, p *preuve.ProofsOne) {
				c.App = "autre"
				_, p.Manifest, _ = c.Manifest()
			})
		},
		"a root of another tree": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.ContentOne, p *preuve.ProofsOne) {
				p.Checkpoint.Root[0] ^= 1
				p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer)
			})
		},
		"another origin": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.ContentOne, p *preuve.ProofsOne) {
				p.Checkpoint.Origin = "autre.example"
				p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer)
			})
		},
		"a token over something else": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.ContentOne, p *preuve.ProofsOne) { p.Token = []byte{0x30, 0x00} })
		},
		"a cosignature of nobody": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.ContentOne, p *preuve.ProofsOne) { p.Cosignatures = []byte("— t AAAAAAAA\n") })
		},
	} {
		l := newLiar(t)
		if _, err := preuve.Verify(lie(l), []string{l.vkey}, nil); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s: %v", what, err)
		}
	}
	l := newLiar(t)
	for _, bundle := range [][]byte{l.build(mandat, odd(l), nil, nil), l.build(period, l.rows[2:7], nil, nil)} {
		if _, err := preuve.Verify(bundle, []string{l.vkey}, nil); err != nil {
			t.Errorf("the truth is refused: %v", err)
		}
	}
}

// TestFork: two signed checkpoints of one size and two roots.
func TestFork(t *testing.T) {
	l := newLiar(t)
	bundle := l.build(preuve.Selection{From: time.Unix(0, 0), To: time.Now()}, l.rows[:4:4], nil, nil)
	c := journal.Checkpoint{Origin: "relais.example", Size: l.head.Size, Root: l.head.Root}
	c.Root[5] ^= 1
	fork, err := c.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := preuve.Verify(bundle, []string{l.vkey}, fork); err == nil || !strings.Contains(err.Error(), "RÉÉCRIT") && !strings.Contains(err.Error(), "réécrit") {
		t.Errorf("a fork: %v", err)
	}
}
