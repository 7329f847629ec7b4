package journal

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
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
// order, then Finish.
type Verifier struct {
	head    Head
	nodes   []Node
	streams map[string]streamEnd
	pruning pruning
}

type streamEnd struct {
	seq  int64
	leaf Hash
}

// NewVerifier starts at the empty tree.
func NewVerifier() *Verifier {
	return &Verifier{head: Head{Root: EmptyRoot()}, streams: map[string]streamEnd{}, pruning: newPruning()}
}

// Add checks the next row: its index, its leaf, its canonical form, its copies
// and its place in its mandat's stream. The error is a [*Finding].
func (v *Verifier) Add(row Row) error {
	bad := func(format string, args ...any) error {
		return &Finding{Index: v.head.Size, Why: fmt.Sprintf(format, args...)}
	}
	if row.Index != v.head.Size {
		return bad("une entrée manque ou est en trop (index %d)", row.Index)
	}
	if row.PrunedBy != 0 {
		if why := v.addPruned(row); why != "" {
			return bad("%s", why)
		}
		return nil
	}
	if Leaf(row.Body) != row.Leaf {
		return bad("l’empreinte ne correspond pas au contenu")
	}
	r, err := Parse(row.Body)
	if err != nil {
		return bad("%v", err)
	}
	if row.Altered || !sameCopies(r, row.Copies) {
		return bad("les colonnes de recherche ne correspondent pas au contenu")
	}
	if r.Mandat != "" {
		end := v.streams[r.Mandat]
		if r.StreamSeq != end.seq+1 || r.prev != prevText(end) {
			return bad("le fil du mandat est rompu (numéro %d après %d)", r.StreamSeq, end.seq)
		}
		v.streams[r.Mandat] = streamEnd{seq: r.StreamSeq, leaf: row.Leaf}
	}
	v.pruning.claim(row.Index, r)
	v.grow(row.Leaf)
	return nil
}

func (v *Verifier) grow(leaf Hash) {
	head, nodes := v.head.Append(leaf)
	v.head, v.nodes = head, append(v.nodes, nodes...)
}

func prevText(end streamEnd) string {
	if end.seq == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(end.leaf[:])
}

func sameCopies(r, c Record) bool {
	return r.ID == c.ID && r.At.Equal(c.At) && r.Actor.Type == c.Actor.Type && r.Actor.Ref == c.Actor.Ref &&
		r.Action == c.Action && r.Object == c.Object && r.Mandat == c.Mandat && r.Outcome == c.Outcome && r.StreamSeq == c.StreamSeq
}

// Finish compares the tree rebuilt from the bodies with the stored head and the
// stored nodes. The error is a [*Finding].
func (v *Verifier) Finish(head Head, nodes []Node) error {
	bad := func(why string) error { return &Finding{Index: v.head.Size, Why: why} }
	if head.Size != v.head.Size {
		return bad(fmt.Sprintf("la tête annonce %d entrées", head.Size))
	}
	if err := head.Check(); err != nil {
		return bad(err.Error())
	}
	if head.Root != v.head.Root || !slices.Equal(head.Edge, v.head.Edge) {
		return bad("la racine ne suit pas des entrées")
	}
	byIndex := func(a, b Node) int { return cmp.Compare(a.Index, b.Index) }
	if !slices.Equal(slices.SortedFunc(slices.Values(nodes), byIndex), slices.SortedFunc(slices.Values(v.nodes), byIndex)) {
		return bad("un nœud de l’arbre ne suit pas des entrées")
	}
	return v.pruning.check()
}

// StreamEnd tells the last counter and leaf of one mandat's stream among the
// rows added so far.
func (v *Verifier) StreamEnd(mandat string) (seq int64, leaf Hash) {
	end := v.streams[mandat]
	return end.seq, end.leaf
}

// Head is the tree rebuilt so far.
func (v *Verifier) Head() Head { return v.head }
