package preuve

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"relais/internal/journal"
)

// pruned is the line that stands for an entry whose body is gone: its leaf, and
// the copies that stay beside it. They are the operator's word, to which the
// digest in the entry that emptied it is bound.
type pruned struct {
	By        string            `json:"pruned_by"` // first, so that no line is both: an entry begins with "action"
	Action    journal.Action    `json:"action"`
	Actor     journal.ActorType `json:"actor_type"`
	Leaf      string            `json:"leaf"` // base64
	Object    string            `json:"object_type"`
	Mandat    string            `json:"on_behalf_of,omitempty"`
	Outcome   journal.Outcome   `json:"outcome"`
	StreamSeq string            `json:"stream_seq,omitempty"`
	At        string            `json:"ts"`
}

var prunedMark = []byte(`{"pruned_by":`)

// timeLayout is that of an entry's ts.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// line is how a row stands in a file of entries, without its newline.
func line(row journal.Row) ([]byte, error) {
	if row.PrunedBy == 0 {
		return row.Body, nil
	}
	c := row.Copies
	p := pruned{By: strconv.FormatInt(row.PrunedBy, 10), Action: c.Action, Actor: c.Actor.Type, Leaf: base64Of(row.Leaf[:]), Object: c.Object.Type,
		Mandat: c.Mandat, Outcome: c.Outcome, At: c.At.UTC().Format(timeLayout)}
	if c.StreamSeq > 0 {
		p.StreamSeq = strconv.FormatInt(c.StreamSeq, 10)
	}
	return json.Marshal(p)
}

// readLine undoes [line]: the row with its leaf, and what it says.
func readLine(index int64, text []byte) (row journal.Row, r journal.Record, err error) {
	row = journal.Row{Index: index, Body: text, Leaf: journal.Leaf(text)}
	if bytes.HasPrefix(text, prunedMark) {
		return readPruned(index, text)
	}
	if r, err = journal.Parse(text); err != nil {
		return row, r, refuse("entrée %d: %v", index, err)
	}
	r.Index = index
	return row, r, nil
}

func readPruned(index int64, text []byte) (row journal.Row, r journal.Record, err error) {
	strange := refuse("entrée %d: ligne illisible", index)
	var p pruned
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if dec.Decode(&p) != nil {
		return row, r, strange
	}
	leaf, err := base64.StdEncoding.Strict().DecodeString(p.Leaf)
	at, errAt := time.Parse(timeLayout, p.At)
	by, errBy := strconv.ParseInt(p.By, 10, 64)
	if err != nil || errAt != nil || errBy != nil || len(leaf) != len(row.Leaf) || by <= index {
		return row, r, strange
	}
	if p.StreamSeq != "" {
		if r.StreamSeq, err = strconv.ParseInt(p.StreamSeq, 10, 64); err != nil {
			return row, r, strange
		}
	}
	r = journal.Record{Index: index, At: at, Actor: journal.Actor{Type: p.Actor}, Action: p.Action, Object: journal.Object{Type: p.Object},
		Mandat: p.Mandat, StreamSeq: r.StreamSeq, Outcome: p.Outcome, PrunedBy: by}
	row = journal.Row{Index: index, Copies: r, PrunedBy: by}
	copy(row.Leaf[:], leaf)
	again, err := line(row)
	if err != nil || !bytes.Equal(again, text) || (p.Mandat != "") != (p.StreamSeq != "") {
		return row, r, strange
	}
	if p.Action.Class() != journal.Access {
		return row, r, refuse("le contenu de l’entrée de preuve %d (%s) a été supprimé", index, p.Action)
	}
	return row, r, nil
}

// prunes holds what was seen of emptied entries, by the entry that emptied them.
type prunes map[int64]*journal.PruneSum

// maxPrunes bounds how many entries journal.prune a bundle may call for: each
// stands for up to two thousand emptied ones.
const maxPrunes = 200000

func (p prunes) add(r journal.Record) error {
	sum := p[r.PrunedBy]
	if sum == nil {
		if len(p) >= maxPrunes {
			return refuse("plus de %d entrées journal.prune", maxPrunes)
		}
		sum = journal.NewPruneSum()
		p[r.PrunedBy] = sum
	}
	sum.Add(r)
	return nil
}

// check holds the entry that emptied against what was emptied; all tells that
// the digest could be compared, because every entry of it is here.
func (p prunes) check(r journal.Record) (all bool, err error) {
	sum := p[r.Index]
	if sum == nil {
		return false, refuse("l’entrée %d n’a rien à faire ici", r.Index)
	}
	all, ok := sum.Fits(r)
	if !ok {
		return all, refuse("l’entrée %d n’est pas celle qui a supprimé le contenu des entrées qui la nomment", r.Index)
	}
	return all, nil
}
