package journal

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrTampered is wrapped by every finding of a [Verifier].
var ErrTampered = errors.New("journal altéré")

// Finding is the first entry that does not hold.
type Finding struct {
	Index int64 // the entry's index, or the journal's size when the head is at fault
	Why   string
}

// Error implements error.
func (f *Finding) Error() string { return fmt.Sprintf("entrée %d: %s", f.Index, f.Why) }

// Unwrap makes errors.Is(err, ErrTampered) hold.
func (f *Finding) Unwrap() error { return ErrTampered }

// Row is an entry as a store keeps it: its bytes, and the copies of fields that
// stand beside them for filtering.
type Row struct {
	Index   int64
	Body    []byte
	Leaf    Hash
	Copies  Record // Index, ID, At, Actor, Action, Object, Mandat, Outcome, StreamSeq
	Altered bool   // the store could not even read the copies

	PrunedBy int64 // index of the entry that took the body away; 0 while it is there
}

// Verifier replays a journal from its first entry. Use Add for each row in
// order, then Finish. With Expect before, what does not show in an entry by
// itself is found within 256 of it, not at the end.
type Verifier struct {
	size     int64
	edge     []Hash // roots of the perfect subtrees, largest first
	nodes    []Node
	expected map[int64]Hash // nil: nodes are compared by Finish alone
	streams  map[string]*streamEnd
	pruning  pruning
	days     days
}

type streamEnd struct {
	mandat string
	seq    int64
	leaf   Hash
	at     int64 // index of the last entry
	moved  bool  // it stands in days.moved
}

// NewVerifier starts at the empty tree.
func NewVerifier() *Verifier {
	return &Verifier{streams: map[string]*streamEnd{}, pruning: newPruning()}
}

// Expect gives the nodes that the store keeps, before the first Add: each is
// compared as soon as its entries are complete.
func (v *Verifier) Expect(nodes []Node) {
	v.expected = make(map[int64]Hash, len(nodes))
	for _, n := range nodes {
		v.expected[n.Index] = n.Hash
	}
}

// Add checks the next row: its index, its leaf, its canonical form, its copies
// and its place in its mandat's stream. The error is a [*Finding]. It keeps
// nothing of the row.
func (v *Verifier) Add(row Row) error {
	bad := func(format string, args ...any) error {
		return &Finding{Index: v.size, Why: fmt.Sprintf(format, args...)}
	}
	if row.Index != v.size {
		return bad("une entrée manque ou est en trop (index %d)", row.Index)
	}
	if row.PrunedBy != 0 {
		if why := v.addPruned(row); why != "" {
			return bad("%s", why)
		}
		return v.grow(row.Leaf)
	}
	if Leaf(row.Body) != row.Leaf {
		return bad("l’empreinte ne correspond pas au contenu")
	}
	e, ok := scan(row.Body)
	if !ok || Action(e.action) == JournalPrune || Action(e.action) == JournalDay {
		r, err := Parse(row.Body)
		if err != nil {
			return bad("%v", err)
		}
		e = r.scanned()
		v.pruning.claim(row.Index, r)
		if r.Action == JournalDay {
			if err := v.day(row.Index, r); err != nil {
				return err
			}
		}
	}
	if row.Altered || !e.same(row.Copies) {
		return bad("les colonnes de recherche ne correspondent pas au contenu")
	}
	if len(e.mandat) > 0 {
		end := v.end(e.mandat)
		if e.seq != end.seq+1 || e.prev != end.leaf {
			return bad("le fil du mandat est rompu (numéro %d après %d)", e.seq, end.seq)
		}
		end.seq, end.leaf, end.at = e.seq, row.Leaf, row.Index
		v.days.move(end)
	}
	return v.grow(row.Leaf)
}

// end is where a mandat's stream stands; before its first entry, at zero.
func (v *Verifier) end(mandat []byte) *streamEnd {
	end := v.streams[string(mandat)]
	if end == nil {
		end = &streamEnd{mandat: string(mandat)}
		v.streams[end.mandat] = end
	}
	return end
}

// grow adds a leaf to the tree, and compares the nodes it completes.
func (v *Verifier) grow(leaf Hash) error {
	node := leaf
	for level := 0; v.size>>level&1 == 1; level++ {
		node = tlog.NodeHash(v.edge[len(v.edge)-1], node)
		v.edge = v.edge[:len(v.edge)-1]
		if (level+1)%tileHeight != 0 {
			continue
		}
		index := tlog.StoredHashIndex(level+1, v.size>>(level+1))
		v.nodes = append(v.nodes, Node{Index: index, Hash: node})
		if v.expected != nil && v.expected[index] != node {
			return v.among(v.size>>(level+1)<<(level+1), v.size)
		}
	}
	v.edge = append(v.edge, node)
	v.size++
	if len(v.days.next) > 0 {
		return v.closeDays()
	}
	return nil
}

// among is the finding that some entries do not give the hash that is kept for
// them together, each being sound by itself.
func (v *Verifier) among(first, last int64) error {
	return &Finding{Index: first, Why: fmt.Sprintf("les entrées %d à %d ne donnent pas l’empreinte gardée pour elles : l’une d’elles a été échangée ou réécrite, ou le nœud de l’arbre", first, last)}
}

func (e *scanned) same(c Record) bool {
	return string(e.id) == c.ID && e.at.Equal(c.At) && string(e.actorType) == string(c.Actor.Type) && string(e.actorRef) == c.Actor.Ref &&
		string(e.action) == string(c.Action) && string(e.objectType) == c.Object.Type && string(e.objectID) == c.Object.ID &&
		string(e.mandat) == c.Mandat && string(e.outcome) == string(c.Outcome) && e.seq == c.StreamSeq
}

// Finish compares the tree rebuilt from the bodies with the stored head and the
// stored nodes. The error is a [*Finding].
func (v *Verifier) Finish(head Head, nodes []Node) error {
	bad := func(why string) error { return &Finding{Index: v.size, Why: why} }
	if head.Size != v.size {
		return bad(fmt.Sprintf("la tête annonce %d entrées", head.Size))
	}
	if err := head.Check(); err != nil {
		return bad(err.Error())
	}
	if err := v.rest(head); err != nil {
		return err
	}
	if head.Root != v.Head().Root || !slices.Equal(head.Edge, v.edge) {
		return bad("la racine ne suit pas des entrées")
	}
	byIndex := func(a, b Node) int { return cmp.Compare(a.Index, b.Index) }
	if !slices.Equal(slices.SortedFunc(slices.Values(nodes), byIndex), slices.SortedFunc(slices.Values(v.nodes), byIndex)) {
		return bad("un nœud de l’arbre ne suit pas des entrées")
	}
	return v.pruning.check()
}

// rest compares, where nodes were expected, the last entries that fill no tile.
func (v *Verifier) rest(head Head) error {
	if v.expected == nil {
		return nil
	}
	first := int64(0)
	for i := range v.edge {
		size := int64(1) << (bits.Len64(uint64(v.size-first)) - 1)
		if size < 1<<tileHeight && head.Edge[i] != v.edge[i] {
			return v.among(first, first+size-1)
		}
		first += size
	}
	return nil
}

// StreamEnd tells the last counter and leaf of one mandat's stream among the
// rows added so far.
func (v *Verifier) StreamEnd(mandat string) (seq int64, leaf Hash) {
	if end := v.streams[mandat]; end != nil {
		return end.seq, end.leaf
	}
	return 0, Hash{}
}

// Head is the tree rebuilt so far.
func (v *Verifier) Head() Head {
	h := Head{Size: v.size, Edge: slices.Clone(v.edge)}
	h.Root = h.fold()
	return h
}
