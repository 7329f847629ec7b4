package journal_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"relais/internal/journal"
)

// reference is tlog's own tree, with every stored hash.
type reference struct {
	size   int64
	hashes []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (r *reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r.hashes[x]
	}
	return out, nil
}

// add appends a leaf and returns the new hashes with the index of the first.
func (r *reference) add(t *testing.T, data []byte) (first int64, fresh []tlog.Hash) {
	t.Helper()
	fresh, err := tlog.StoredHashes(r.size, data, r)
	if err != nil {
		t.Fatal(err)
	}
	first = int64(len(r.hashes))
	r.hashes = append(r.hashes, fresh...)
	r.size++
	return first, fresh
}

func (r *reference) root(t *testing.T) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(r.size, r)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func entryBytes(i int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// TestTree holds every root against tlog at all sizes to 600 and around the
// borders of full tiles of one and of two levels; and the nodes against tlog's
// stored hashes of levels 8 and 16, no more and no fewer.
func TestTree(t *testing.T) {
	const last = 65536 + 300
	var ref reference
	head := journal.Head{Root: journal.EmptyRoot()}
	for i := range int64(last) {
		first, fresh := ref.add(t, entryBytes(i))
		var nodes []journal.Node
		var err error
		before := head
		head, nodes = head.Append(journal.Leaf(entryBytes(i)))
		var want []journal.Node
		for level, h := range fresh {
			if level > 0 && level%8 == 0 {
				want = append(want, journal.Node{Index: first + int64(level), Hash: h})
			}
		}
		if !slices.Equal(nodes, want) {
			t.Fatalf("size %d: nodes %v, want %v", i+1, nodes, want)
		}
		n := i + 1
		if n > 600 && n%4096 > 2 && n%4096 < 4094 {
			continue
		}
		if head.Root != ref.root(t) || head.Size != n {
			t.Fatalf("size %d: root %v, want %v", n, head.Root, ref.root(t))
		}
		if err = head.Check(); err != nil {
			t.Fatalf("size %d: %v", n, err)
		}
		if err = before.Check(); err != nil {
			t.Fatalf("size %d: Append changed its receiver: %v", n, err)
		}
		edge, err := journal.DecodeEdge(head.EncodeEdge())
		if err != nil || !slices.Equal(edge, head.Edge) {
			t.Fatalf("size %d: edge does not survive: %v", n, err)
		}
	}
}

func TestAppendSharesNothing(t *testing.T) {
	head := journal.Head{Root: journal.EmptyRoot()}
	for i := range int64(6) {
		head, _ = head.Append(journal.Leaf(entryBytes(i)))
	}
	one, _ := head.Append(journal.Leaf([]byte("one")))
	two, _ := head.Append(journal.Leaf([]byte("two")))
	if one.Check() != nil || two.Check() != nil || head.Check() != nil || one.Root == two.Root {
		t.Error("two heads grown from one disturb each other")
	}
}

func TestEmptyRoot(t *testing.T) {
	if journal.EmptyRoot() != journal.Hash(sha256.Sum256(nil)) {
		t.Error("the root of nothing is SHA-256 of nothing (RFC 6962 §2.1)")
	}
}

func TestHeadCheck(t *testing.T) {
	good := journal.Head{Root: journal.EmptyRoot()}
	for i := range int64(11) {
		good, _ = good.Append(journal.Leaf(entryBytes(i)))
	}
	for name, change := range map[string]func(*journal.Head){
		"zero":          func(h *journal.Head) { *h = journal.Head{} },
		"negative":      func(h *journal.Head) { h.Size = -1 },
		"larger":        func(h *journal.Head) { h.Size = 15 },
		"an edge less":  func(h *journal.Head) { h.Edge = h.Edge[1:] },
		"an edge more":  func(h *journal.Head) { h.Edge = append(slices.Clone(h.Edge), h.Root) },
		"no edge":       func(h *journal.Head) { h.Edge = nil },
		"edges swapped": func(h *journal.Head) { h.Edge[0], h.Edge[1] = h.Edge[1], h.Edge[0] },
		"an edge's bit": func(h *journal.Head) { h.Edge[2][31] ^= 1 },
		"the root":      func(h *journal.Head) { h.Root[0] ^= 0x80 },
	} {
		h := good
		h.Edge = slices.Clone(good.Edge)
		change(&h)
		if err := h.Check(); !errors.Is(err, journal.ErrHead) {
			t.Errorf("%s: Check = %v, want ErrHead", name, err)
		}
	}
	if _, err := journal.DecodeEdge(make([]byte, 33)); !errors.Is(err, journal.ErrHead) {
		t.Errorf("DecodeEdge of 33 bytes = %v, want ErrHead", err)
	}
	if edge, err := journal.DecodeEdge(nil); err != nil || len(edge) != 0 {
		t.Errorf("DecodeEdge of nothing = %v, %v", edge, err)
	}
}
