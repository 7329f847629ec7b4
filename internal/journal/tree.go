package journal

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrHead is returned for a head whose parts do not belong together.
var ErrHead = errors.New("tête du journal incohérente")

// tileHeight is the height of a C2SP tile: one node row in 256 entries.
const tileHeight = 8

// Head is the tree at one size: what is needed to go on, and no more.
type Head struct {
	Size int64
	Root Hash
	Edge []Hash // roots of the perfect subtrees, largest first: popcount(Size) hashes
}

// Node is an inner node that is worth a row: the root of a full tile.
type Node struct {
	Index int64 // tlog.StoredHashIndex
	Hash  Hash
}

// EmptyRoot is the root of the empty tree (RFC 6962 §2.1).
func EmptyRoot() Hash {
	root, _ := tlog.TreeHash(0, nil) // a tree of size 0 reads nothing and cannot fail
	return root
}

// Append returns the head after one more leaf, and the full tiles it closed.
// The receiver is unchanged.
func (h Head) Append(leaf Hash) (Head, []Node) {
	edge := append(make([]Hash, 0, len(h.Edge)+1), h.Edge...)
	var nodes []Node
	node := leaf
	for level := 0; h.Size>>level&1 == 1; level++ {
		node = tlog.NodeHash(edge[len(edge)-1], node)
		edge = edge[:len(edge)-1]
		if (level+1)%tileHeight == 0 {
			nodes = append(nodes, Node{Index: tlog.StoredHashIndex(level+1, h.Size>>(level+1)), Hash: node})
		}
	}
	next := Head{Size: h.Size + 1, Edge: append(edge, node)}
	next.Root = next.fold()
	return next, nodes
}

func (h Head) fold() Hash {
	if len(h.Edge) == 0 {
		return EmptyRoot()
	}
	root := h.Edge[len(h.Edge)-1]
	for i := len(h.Edge) - 2; i >= 0; i-- {
		root = tlog.NodeHash(h.Edge[i], root)
	}
	return root
}

// Check returns an error wrapping [ErrHead] unless edge, size and root agree.
func (h Head) Check() error {
	if h.Size < 0 || len(h.Edge) != bits.OnesCount64(uint64(h.Size)) {
		return fmt.Errorf("%w: %d bords pour %d entrées", ErrHead, len(h.Edge), h.Size)
	}
	if h.fold() != h.Root {
		return fmt.Errorf("%w: la racine ne suit pas des bords", ErrHead)
	}
	return nil
}

// EncodeEdge and DecodeEdge turn the edge into the bytes of the head's row.
func (h Head) EncodeEdge() []byte {
	out := make([]byte, 0, len(h.Edge)*tlog.HashSize)
	for _, e := range h.Edge {
		out = append(out, e[:]...)
	}
	return out
}

// DecodeEdge reads what [Head.EncodeEdge] wrote.
func DecodeEdge(b []byte) ([]Hash, error) {
	if len(b)%tlog.HashSize != 0 {
		return nil, fmt.Errorf("%w: %d octets de bord", ErrHead, len(b))
	}
	edge := make([]Hash, len(b)/tlog.HashSize)
	for i := range edge {
		copy(edge[i][:], b[i*tlog.HashSize:])
	}
	return edge, nil
}
