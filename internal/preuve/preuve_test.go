package preuve_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
	"relais/internal/preuve"
)

const golden = "../../testdata/evidence/"

func load(t testing.TB) (bundle []byte, vkey string, since []byte) {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile(golden + name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	return read("golden.zip"), strings.TrimSpace(string(read("golden.vkey"))), read("golden.since")
}

// TestGolden: an evidence file written once must verify for ever (T25, T26).
func TestGolden(t *testing.T) {
	bundle, vkey, since := load(t)
	r, err := preuve.Verify(bundle, []string{vkey}, since)
	if err != nil {
		t.Fatal(err)
	}
	if r.Manifest.Count != 5 || r.Since == nil || r.Since.Size != 7 || len(r.Witnesses) != 1 || r.StampedAt.IsZero() || r.Checkpoint.Size != 13 {
		t.Errorf("it says %+v", r)
	}
	skey, other, err := note.GenerateKey(rand.Reader, "relais.example")
	if err != nil || skey == "" {
		t.Fatal(err)
	}
	if _, err := preuve.Verify(bundle, []string{other}, nil); !errors.Is(err, preuve.ErrBundle) {
		t.Errorf("under another key: %v", err)
	}
	if _, err := preuve.Verify(bundle, nil, nil); !errors.Is(err, preuve.ErrBundle) {
		t.Errorf("without a key: %v", err)
	}
}

// TestPython has the golden file verified by code that is not ours.
func TestPython(t *testing.T) {
	_, vkey, _ := load(t)
	out, err := exec.Command("python3", golden+"verify.py", golden+"golden.zip", vkey, golden+"golden.since").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "5 entries proven in a journal of 13, complete, and the past unchanged") {
		t.Errorf("python3 (which `make test` installs) says %s, %v", out, err)
	}
}

// TestEveryBit flips each bit of the file in turn (T24).
func TestEveryBit(t *testing.T) {
	bundle, vkey, since := load(t)
	for i := range bundle {
		for bit := range 8 {
			bundle[i] ^= 1 << bit
			if _, err := preuve.Verify(bundle, []string{vkey}, since); !errors.Is(err, preuve.ErrBundle) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
			bundle[i] ^= 1 << bit
		}
	}
	for i := range bundle {
		if _, err := preuve.Verify(bundle[:i], []string{vkey}, since); err == nil {
			t.Fatalf("cut after %d bytes", i)
		}
	}
}

// TestEveryBitInside flips bits of the content and mends the zip's own check
// sums, so that only the proofs stand between.
func TestEveryBitInside(t *testing.T) {
	bundle, vkey, since := load(t)
	le := binary.LittleEndian
	central := int(le.Uint32(bundle[len(bundle)-6:]))
	for at := 0; le.Uint32(bundle[at:]) == 0x04034b50; {
		size, name := int(le.Uint32(bundle[at+18:])), int(le.Uint16(bundle[at+26:]))
		data := bundle[at+30+name : at+30+name+size]
		for i := 0; i < len(data)*8; i += 3 { // every bit of a third of the bytes, in turn
			bent := bytes.Clone(bundle)
			inside := bent[at+30+name : at+30+name+size]
			inside[i/8] ^= 1 << (i % 8)
			sum := crc32.ChecksumIEEE(inside)
			le.PutUint32(bent[at+14:], sum)
			le.PutUint32(bent[central+16:], sum)
			if _, err := preuve.Verify(bent, []string{vkey}, since); !errors.Is(err, preuve.ErrBundle) {
				t.Fatalf("%s, bit %d: %v", bundle[at+30:at+30+name], i, err)
			}
		}
		at += 30 + name + size
		central += 46 + name
	}
}

// TestHostileZips are not opened at all.
func TestHostileZips(t *testing.T) {
	bundle, vkey, _ := load(t)
	var bomb bytes.Buffer
	w := zip.NewWriter(&bomb)
	for _, name := range []string{"manifest.json", "../../etc/passwd", "manifest.json"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Repeat([]byte{0}, 10<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(bundle)
	binary.LittleEndian.PutUint32(huge[18:], 0xffffffff)
	for what, raw := range map[string][]byte{
		"nothing": nil, "text": []byte("bonjour"), "a bomb with paths and twins": bomb.Bytes(), "a length beyond the end": huge,
		"a tail": append(bytes.Clone(bundle), 0), "a head": append([]byte{0}, bundle...), "twice": append(bytes.Clone(bundle), bundle...),
	} {
		if _, err := preuve.Verify(raw, []string{vkey}, nil); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	bundle, vkey, since := load(f)
	f.Add(bundle)
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := preuve.Verify(raw, []string{vkey}, since); err == nil && !bytes.Equal(raw, bundle) {
			t.Error("another file verifies")
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x00}, []byte("x"))
	f.Fuzz(func(t *testing.T, raw, data []byte) {
		if _, err := preuve.ReadToken(raw, data); err != nil && !errors.Is(err, preuve.ErrBundle) {
			t.Error(err)
		}
	})
}

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
	e := journal.Entry{ID: fmt.Sprintf("e-%d", len(l.rows)), At: time.Date(2026, 11, 22, 9, 0, len(l.rows), 0, time.UTC), Fact: f}
	if m := f.Stream(); m != "" {
		l.seq[m]++
		e.StreamSeq, e.StreamPrev = l.seq[m], l.prev[m]
	}
	body, err := e.Canonical()
	if err != nil {
		l.t.Fatal(err)
	}
	row := journal.Row{Index: int64(len(l.rows)), Body: body, Leaf: journal.Leaf(body)}
	l.prev[f.Stream()] = row.Leaf
	l.head, _ = l.head.Append(row.Leaf)
	l.rows, l.leaves = append(l.rows, row), append(l.leaves, row.Leaf)
	return row
}

func (l *liar) read(s journal.Span) ([]journal.Hash, error) { return l.leaves[s.Lo:s.Hi], nil }

// build exports what it is told, properly signed; bend may change the content
// after its manifest went into the journal, between may write other entries.
func (l *liar) build(f preuve.Selection, rows []journal.Row, between func(), bend func(*preuve.Content, *preuve.Proofs)) []byte {
	l.t.Helper()
	c := preuve.Content{Filter: f, Entries: rows, Origin: "relais.example", Policy: preuve.PolicyText([]string{l.vkey}, nil), RequestedBy: journal.Systeme()}
	_, manifest, err := c.Manifest()
	if err != nil {
		l.t.Fatal(err)
	}
	if between != nil {
		between()
	}
	p := preuve.Proofs{Manifest: manifest, Export: l.add(preuve.Exported(journal.Systeme(), f, manifest, len(rows))), Inclusion: map[int64][]journal.Hash{}}
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
	bundle, err := preuve.Build(c, p, preuve.Signing(l.signer))
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
			return l.build(period, l.rows[:4:4], nil, func(c *preuve.Content, _ *preuve.Proofs) {
				c.Entries[2].Body = bytes.Replace(c.Entries[2].Body, []byte("e-2"), []byte("e-9"), 1)
			})
		},
		"another manifest than the one recorded": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(c *preuve.Content, p *preuve.Proofs) {
				c.App = "autre"
				_, p.Manifest, _ = c.Manifest()
			})
		},
		"a root of another tree": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.Content, p *preuve.Proofs) {
				p.Checkpoint.Root[0] ^= 1
				p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer)
			})
		},
		"another origin": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.Content, p *preuve.Proofs) {
				p.Checkpoint.Origin = "autre.example"
				p.Checkpoint.Note, _ = p.Checkpoint.Sign(l.signer)
			})
		},
		"a token over something else": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.Content, p *preuve.Proofs) { p.Token = []byte{0x30, 0x00} })
		},
		"a cosignature of nobody": func(l *liar) []byte {
			return l.build(period, l.rows[:4:4], nil, func(_ *preuve.Content, p *preuve.Proofs) { p.Cosignatures = []byte("— t AAAAAAAA\n") })
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
