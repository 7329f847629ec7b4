package journal_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"relais/internal/journal"
)

// kept is a journal as a store keeps it.
type kept struct {
	rows  []journal.Row
	nodes []journal.Node
	head  journal.Head
}

// keep writes n entries: every third outside any mandat, the others in turn in
// the streams of three mandats.
func keep(t *testing.T, n int) kept {
	t.Helper()
	k := kept{head: journal.Head{Root: journal.EmptyRoot()}}
	seq, prev := map[string]int64{}, map[string]journal.Hash{}
	for i := range n {
		e := journal.Entry{ID: fmt.Sprintf("e-%04d", i), At: moment.Add(time.Duration(i) * time.Second)}
		if i%3 == 0 {
			e.Fact = journal.NewFact(aidantA(), journal.SessionOpen, journal.Object{Type: "session"})
		} else {
			id := fmt.Sprintf("m-%d", i%7%3)
			e.Fact = journal.NewFact(aidantA(), journal.DelegationUse, journal.Object{Type: "mandat", ID: id}).OfMandat(id)
			seq[id]++
			e.StreamSeq, e.StreamPrev = seq[id], prev[id]
		}
		row := rowOf(t, int64(i), canonical(t, e))
		if id := e.Fact.Stream(); id != "" {
			prev[id] = row.Leaf
		}
		k.add(row)
	}
	return k
}

func rowOf(t *testing.T, index int64, body []byte) journal.Row {
	t.Helper()
	r, err := journal.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return journal.Row{Index: index, Body: body, Leaf: journal.Leaf(body), Copies: r}
}

func (k *kept) add(row journal.Row) {
	head, nodes := k.head.Append(row.Leaf)
	k.rows, k.head, k.nodes = append(k.rows, row), head, append(k.nodes, nodes...)
}

// again rebuilds the tree over rows, as a clever forger would.
func again(rows []journal.Row) kept {
	k := kept{head: journal.Head{Root: journal.EmptyRoot()}}
	for i, r := range rows {
		r.Index = int64(i)
		k.add(r)
	}
	return k
}

func (k kept) clone() kept {
	k.rows, k.nodes, k.head.Edge = slices.Clone(k.rows), slices.Clone(k.nodes), slices.Clone(k.head.Edge)
	return k
}

func (k kept) verify() error {
	v := journal.NewVerifier()
	for _, r := range k.rows {
		if err := v.Add(r); err != nil {
			return err
		}
	}
	return v.Finish(k.head, k.nodes)
}

const kSize = 600

// rewrite replaces the body of a row by that of another entry, leaf and copies
// included.
func (k *kept) rewrite(t *testing.T, i int, change func(*journal.Entry)) {
	t.Helper()
	r := k.rows[i].Copies
	e := journal.Entry{ID: r.ID, At: r.At, StreamSeq: r.StreamSeq,
		Fact: journal.NewFact(r.Actor, r.Action, r.Object).OfMandat(r.Mandat)}
	if r.StreamSeq > 1 {
		for _, old := range k.rows[:i] {
			if old.Copies.Mandat == r.Mandat {
				e.StreamPrev = old.Leaf
			}
		}
	}
	change(&e)
	k.rows[i] = rowOf(t, int64(i), canonical(t, e))
}

func TestVerifierIntact(t *testing.T) {
	for _, n := range []int{0, 1, 2, 255, 256, 257, kSize} {
		k := keep(t, n)
		if err := k.verify(); err != nil {
			t.Errorf("%d entries: %v", n, err)
		}
	}
	k := keep(t, kSize)
	slices.Reverse(k.nodes)
	given := slices.Clone(k.nodes)
	if err := k.verify(); err != nil {
		t.Errorf("nodes in another order: %v", err)
	}
	if !slices.Equal(given, k.nodes) {
		t.Error("Finish reorders the nodes of its caller")
	}
	v := journal.NewVerifier()
	for _, r := range k.rows {
		if err := v.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	last := k.rows[slices.IndexFunc(k.rows, func(r journal.Row) bool { return r.Copies.Mandat == "m-1" })]
	for _, r := range k.rows {
		if r.Copies.Mandat == "m-1" {
			last = r
		}
	}
	if seq, leaf := v.StreamEnd("m-1"); seq != last.Copies.StreamSeq || leaf != last.Leaf || v.Head().Root != k.head.Root {
		t.Errorf("StreamEnd = %d, %v", seq, leaf)
	}
	if seq, _ := v.StreamEnd("unknown"); seq != 0 {
		t.Errorf("StreamEnd of an unknown mandat = %d", seq)
	}
}

// TestVerifierFindsTampering: each way to change a journal, and the index of the
// first entry that no longer holds.
func TestVerifierFindsTampering(t *testing.T) {
	whole := keep(t, kSize)
	next := func(i int) int { // the next entry of the same mandat
		for j := i + 1; j < kSize; j++ {
			if whole.rows[j].Copies.Mandat == whole.rows[i].Copies.Mandat {
				return j
			}
		}
		t.Fatal("no next entry")
		return 0
	}
	const at = 100 // inside a mandat's stream
	for name, x := range map[string]struct {
		tamper func(*kept)
		index  int
	}{
		"body edited": {func(k *kept) { k.rows[at].Body = append(slices.Clone(k.rows[at].Body), ' ') }, at},
		"leaf edited": {func(k *kept) { k.rows[at].Leaf[5] ^= 1 }, at},
		"body and leaf, not canonical": {func(k *kept) {
			b := append(slices.Clone(k.rows[at].Body), ' ')
			k.rows[at].Body, k.rows[at].Leaf = b, journal.Leaf(b)
		}, at},
		"entry rewritten with leaf and copies": {func(k *kept) {
			k.rewrite(t, at, func(e *journal.Entry) { e.Fact = e.Fact.Because("autre") })
		}, next(at)},
		"entry outside any mandat rewritten": {func(k *kept) {
			k.rewrite(t, 99, func(e *journal.Entry) { e.Fact = e.Fact.Because("autre") })
		}, kSize},
		"moved to another mandat": {func(k *kept) { k.rewrite(t, at, func(e *journal.Entry) { e.Fact = e.Fact.OfMandat("m-9") }) }, at},
		"counter raised":          {func(k *kept) { k.rewrite(t, at, func(e *journal.Entry) { e.StreamSeq++ }) }, at},
		"wrong predecessor":       {func(k *kept) { k.rewrite(t, at, func(e *journal.Entry) { e.StreamPrev[0] ^= 1 }) }, at},
		"copied id":               {func(k *kept) { k.rows[at].Copies.ID = "x" }, at},
		"copied date":             {func(k *kept) { k.rows[at].Copies.At = moment }, at},
		"copied actor":            {func(k *kept) { k.rows[at].Copies.Actor.Ref = "aidant-2" }, at},
		"copied kind of actor":    {func(k *kept) { k.rows[at].Copies.Actor.Type = journal.ActorUsager }, at},
		"copied action":           {func(k *kept) { k.rows[at].Copies.Action = journal.MandatView }, at},
		"copied object":           {func(k *kept) { k.rows[at].Copies.Object.ID = "m-9" }, at},
		"copied mandat":           {func(k *kept) { k.rows[at].Copies.Mandat = "" }, at},
		"copied outcome":          {func(k *kept) { k.rows[at].Copies.Outcome = journal.Denied }, at},
		"copied counter":          {func(k *kept) { k.rows[at].Copies.StreamSeq++ }, at},
		"unreadable copies":       {func(k *kept) { k.rows[at].Altered = true }, at},
		"deleted":                 {func(k *kept) { k.rows = slices.Delete(k.rows, at, at+1) }, at},
		"deleted and renumbered":  {func(k *kept) { *k = again(slices.Delete(k.rows, at, at+1)) }, next(at) - 1},
		"first deleted":           {func(k *kept) { k.rows = k.rows[1:] }, 0},
		"last deleted":            {func(k *kept) { k.rows = k.rows[:kSize-1] }, kSize - 1},
		"all deleted":             {func(k *kept) { k.rows = nil }, 0},
		"swapped":                 {func(k *kept) { k.rows[at], k.rows[at+1] = k.rows[at+1], k.rows[at] }, at},
		"swapped and renumbered": {func(k *kept) {
			j := next(at)
			k.rows[at], k.rows[j] = k.rows[j], k.rows[at]
			*k = again(k.rows)
		}, at},
		"inserted twice": {func(k *kept) { k.rows = slices.Insert(k.rows, at, k.rows[at]) }, at + 1},
		"inserted and renumbered": {func(k *kept) {
			*k = again(slices.Insert(k.rows, at, k.rows[at]))
		}, at + 1},
		"node edited":       {func(k *kept) { k.nodes[1].Hash[0] ^= 1 }, kSize},
		"node elsewhere":    {func(k *kept) { k.nodes[1].Index++ }, kSize},
		"node missing":      {func(k *kept) { k.nodes = k.nodes[1:] }, kSize},
		"node too many":     {func(k *kept) { k.nodes = append(k.nodes, k.nodes[0]) }, kSize},
		"head of fewer":     {func(k *kept) { *k = kept{k.rows, k.nodes, keep(t, kSize-1).head} }, kSize},
		"head of more":      {func(k *kept) { *k = kept{k.rows, k.nodes, keep(t, kSize+1).head} }, kSize},
		"head's root":       {func(k *kept) { k.head.Root[31] ^= 1 }, kSize},
		"head's edge":       {func(k *kept) { k.head.Edge[0][0] ^= 1 }, kSize},
		"head's edge short": {func(k *kept) { k.head.Edge = k.head.Edge[1:] }, kSize},
		"another's head": {func(k *kept) {
			other := keep(t, kSize)
			other.rewrite(t, 99, func(e *journal.Entry) { e.ID = "autre" })
			k.head = again(other.rows).head
		}, kSize},
		"head at zero": {func(k *kept) { k.head = journal.Head{Root: journal.EmptyRoot()} }, kSize},
	} {
		k := whole.clone()
		x.tamper(&k)
		err := k.verify()
		var f *journal.Finding
		if !errors.As(err, &f) || !errors.Is(err, journal.ErrTampered) {
			t.Errorf("%s: not found: %v", name, err)
			continue
		}
		if f.Index != int64(x.index) || f.Why == "" {
			t.Errorf("%s: found at %d (%s), want %d", name, f.Index, f.Why, x.index)
		}
	}
}
