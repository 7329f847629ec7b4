package journal_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"relais/internal/journal"
)

// forest is a tree as a store keeps it: leaves, and roots of full tiles.
type forest struct {
	head   journal.Head
	leaves []journal.Hash
	nodes  map[int64]journal.Hash
	widest int64 // of what was read at once
}

func plant(n int) *forest {
	f := &forest{head: journal.Head{Root: journal.EmptyRoot()}, nodes: map[int64]journal.Hash{}}
	for i := range n {
		leaf := tlog.RecordHash([]byte{byte(i), byte(i >> 8)})
		head, nodes := f.head.Append(leaf)
		f.head, f.leaves = head, append(f.leaves, leaf)
		for _, node := range nodes {
			f.nodes[node.Index] = node.Hash
		}
	}
	return f
}

func (f *forest) read(s journal.Span) ([]journal.Hash, error) {
	f.widest = max(f.widest, s.Hi-s.Lo)
	var out []journal.Hash
	for i := s.Lo; i < s.Hi; i++ {
		if s.Level == 0 && i < int64(len(f.leaves)) {
			out = append(out, f.leaves[i])
			continue
		}
		h, ok := f.nodes[tlog.StoredHashIndex(s.Level, i)]
		if !ok {
			return nil, journal.ErrNotFound
		}
		out = append(out, h)
	}
	return out, nil
}

// TestEveryProof makes every inclusion and every consistency proof of trees up
// to 600 entries from what the store keeps, and checks each with both libraries.
// A hash once computed from the tiles is remembered, except for the trees whose
// size is at the edge of a tile or a round number: those read everything anew.
func TestEveryProof(t *testing.T) {
	const most = 600
	whole := plant(most)
	roots := []journal.Hash{journal.EmptyRoot()}
	for n := 1; n <= most; n++ {
		root, err := tlog.TreeHash(int64(n), journal.TileReader(whole.read))
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
	}
	if roots[most] != whole.head.Root {
		t.Fatal("the root from tiles is not the head's")
	}
	memory := remembering(journal.TileReader(whole.read))
	for n := int64(1); n <= most; n++ {
		reader := memory
		if n%64 <= 1 || n%100 == 0 {
			reader = journal.TileReader(whole.read)
		}
		c := journal.Checkpoint{Origin: "t", Size: n, Root: roots[n]}
		for i := range n {
			p, err := journal.ProveInclusion(reader, n, i)
			if err != nil {
				t.Fatal(err)
			}
			if err := journal.CheckInclusion(p, c, i, whole.leaves[i]); err != nil {
				t.Fatalf("inclusion of %d in %d: %v", i, n, err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(n), whole.leaves[i][:], raw(p), c.Root[:]); err != nil {
				t.Fatalf("inclusion of %d in %d, the other library: %v", i, n, err)
			}
		}
		for m := range n + 1 {
			p, err := journal.ProveConsistency(reader, m, n)
			if err != nil {
				t.Fatal(err)
			}
			old := journal.Checkpoint{Origin: "t", Size: m, Root: roots[m]}
			if err := journal.CheckConsistency(p, old, c); err != nil {
				t.Fatalf("from %d to %d: %v", m, n, err)
			}
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(m), uint64(n), raw(p), old.Root[:], c.Root[:]); err != nil {
				t.Fatalf("from %d to %d, the other library: %v", m, n, err)
			}
			old.Root[3] ^= 1
			if err := journal.CheckConsistency(p, old, c); !errors.Is(err, journal.ErrInconsistent) {
				t.Fatalf("from another root of %d to %d: %v", m, n, err)
			}
		}
	}
	if whole.widest > 256 {
		t.Errorf("%d hashes read at once", whole.widest)
	}
}

// remembering reads each hash of a complete subtree once.
func remembering(r journal.HashReader) journal.HashReader {
	known := map[int64]journal.Hash{}
	return tlog.HashReaderFunc(func(indexes []int64) ([]journal.Hash, error) {
		var missing []int64
		for _, i := range indexes {
			if _, ok := known[i]; !ok {
				missing = append(missing, i)
			}
		}
		read, err := r.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		for i, h := range read {
			known[missing[i]] = h
		}
		out := make([]journal.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = known[index]
		}
		return out, nil
	})
}

func raw(p []journal.Hash) [][]byte {
	out := make([][]byte, len(p))
	for i := range p {
		out[i] = slices.Clone(p[i][:])
	}
	return out
}

// TestLargeTree proves over three levels of tiles.
func TestLargeTree(t *testing.T) {
	f := plant(66000)
	c := journal.Checkpoint{Size: f.head.Size, Root: f.head.Root}
	for _, i := range []int64{0, 255, 256, 65535, 65536, 65999} {
		p, err := journal.ProveInclusion(journal.TileReader(f.read), c.Size, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.CheckInclusion(p, c, i, f.leaves[i]); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if f.widest > 256 {
		t.Errorf("%d hashes read at once", f.widest)
	}
}

func TestTilePaths(t *testing.T) {
	for path, want := range map[string]journal.Span{
		"0/000":         {Level: 0, Lo: 0, Hi: 256},
		"0/x001/067":    {Level: 0, Lo: 1067 * 256, Hi: 1068 * 256},
		"1/000.p/70":    {Level: 8, Lo: 0, Hi: 70},
		"2/001":         {Level: 16, Lo: 256, Hi: 512},
		"0/003.p/255":   {Level: 0, Lo: 768, Hi: 768 + 255},
		"entries/000":   {},
		"data/000":      {},
		"0/00":          {},
		"0/000.p/256":   {},
		"0/000.p/0":     {},
		"0/../0/000":    {},
		"-1/000":        {},
		"9/000":         {},
		"0/x000/000":    {},
		"0/000/":        {},
		"0/000.p/1/2":   {},
		"":              {},
		"0/999x999/000": {},
	} {
		got, err := journal.ParseTilePath(path)
		if got != want || (err == nil) != (want.Hi > 0) {
			t.Errorf("%q = %+v, %v", path, got, err)
		}
	}
	if !(journal.Span{Level: 8, Lo: 0, Hi: 2}).Within(512) || (journal.Span{Level: 8, Lo: 0, Hi: 2}).Within(511) {
		t.Error("a tile of tiles must be full before it is shown")
	}
}

func TestStates(t *testing.T) {
	p := journal.Progress{Sealed: 10, Cosigned: 7, Stamped: 4}
	for index, want := range map[int64]journal.State{3: journal.Timestamp, 4: journal.Cosigned, 6: journal.Cosigned, 7: journal.Sealed, 9: journal.Sealed, 10: journal.Recorded} {
		if got := p.State(index); got != want {
			t.Errorf("%d is %s, want %s", index, got, want)
		}
	}
	if got := (journal.Progress{Sealed: 1, Cosigned: 9, Stamped: 9}).State(5); got != journal.Recorded {
		t.Errorf("nothing is cosigned that is not sealed: %s", got)
	}
}
