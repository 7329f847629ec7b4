package preuve

import (
	"errors"
	"maps"
	"slices"
	"time"

	"relais/internal/journal"
)

// Draft is an export being gathered, entry by entry. It keeps nothing of each
// entry, but a digest for each journal.prune that emptied some.
type Draft struct {
	filter  Selection
	scratch func() (Spool, error)
	open    []Spool
	entries *set
	prunes  *set
	emptied prunes
	follow  *follower
	days    *set   // nil without a daily summary
	heads   []byte // the list it sums up
	pruned  int64
	first   int64
}

// NewDraft begins an export. scratch gives room for a file; the draft closes it.
func NewDraft(s Selection, scratch func() (Spool, error)) (*Draft, error) {
	d := &Draft{filter: s, emptied: prunes{}, follow: newFollower(), first: -1}
	d.scratch = func() (Spool, error) {
		spool, err := scratch()
		if err == nil {
			d.open = append(d.open, spool)
		}
		return spool, err
	}
	var err error
	if d.entries, err = newSet(setEntries, d.scratch); err == nil {
		d.prunes, err = newSet(setPrunes, d.scratch)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close gives the room back.
func (d *Draft) Close() error {
	var errs []error
	for _, s := range d.open {
		errs = append(errs, s.Close())
	}
	d.open = nil
	return errors.Join(errs...)
}

// Add takes the next entry, in the order of the index. It refuses one that does
// not hold by itself, a gap where there may be none, and a broken link in a
// mandat's stream.
func (d *Draft) Add(row journal.Row) error {
	text, err := line(row)
	if err != nil {
		return err
	}
	again, r, err := readLine(row.Index, text)
	if err != nil {
		return err
	}
	if again.Leaf != row.Leaf {
		return refuse("entrée %d: l’empreinte ne correspond pas au contenu", row.Index)
	}
	complete := d.filter.Complete()
	if complete == Run && d.entries.count > 0 && row.Index != d.entries.hi+1 {
		return refuse("il manque une entrée avant la %d", row.Index)
	}
	if err := d.follow.add(again, r, complete); err != nil {
		return err
	}
	if r.PrunedBy != 0 {
		d.pruned++
		if err := d.emptied.add(r); err != nil {
			return err
		}
	}
	if d.first < 0 {
		d.first = row.Index
	}
	return d.entries.add(row.Index, text)
}

// Prunes are the indexes of the entries that emptied some of those added, in
// order; [Draft.AddPrune] wants each of them.
func (d *Draft) Prunes() []int64 { return slices.Sorted(maps.Keys(d.emptied)) }

// AddPrune takes the entry under which bodies went.
func (d *Draft) AddPrune(row journal.Row) error {
	_, r, err := readLine(row.Index, row.Body)
	if err == nil {
		_, err = d.emptied.check(r)
	}
	if err != nil {
		return err
	}
	return d.prunes.add(row.Index, row.Body)
}

// AddDay takes the journal's last daily summary and the list that it holds the
// digest of.
func (d *Draft) AddDay(row journal.Row, heads []byte) (err error) {
	if d.days, err = newSet(setDays, d.scratch); err == nil {
		d.heads, err = heads, d.days.add(row.Index, row.Body)
	}
	return err
}

// sets are those that an export's manifest answers for.
func (d *Draft) sets() []*set {
	if d.days == nil {
		return []*set{d.entries, d.prunes}
	}
	return []*set{d.entries, d.prunes, d.days}
}

// Header is what a manifest says besides the entries.
type Header struct {
	Origin      string
	Policy      []byte // policy.txt
	RequestedBy journal.Actor
	At          time.Time
	App         string
}

// Manifest describes what was added, once everything was; its bytes too.
func (d *Draft) Manifest(h Header) (Manifest, []byte, error) {
	for _, s := range d.sets() {
		if err := s.end(); err != nil {
			return Manifest{}, nil, err
		}
	}
	if d.prunes.count != int64(len(d.emptied)) {
		return Manifest{}, nil, refuse("une entrée journal.prune manque")
	}
	m := Manifest{Format: Format, Origin: h.Origin, Filter: d.filter, Complete: d.filter.Complete(),
		RequestedBy: string(h.RequestedBy.Type) + ":" + h.RequestedBy.Ref, CreatedAt: h.At.UTC().Truncate(time.Second), App: h.App,
		Count: d.entries.count, Pruned: d.pruned, First: d.first, Last: -1, Stream: []Stream{},
		Files: map[string]string{filePolicy: digest(h.Policy), fileVerify: digest(verifyText)}}
	if m.Count > 0 {
		m.Last = d.entries.hi
	}
	if m.Complete == OneMandat {
		m.Stream = append(m.Stream, d.follow.streams[d.filter.Mandat])
	}
	if d.days != nil {
		m.Files[fileHeads] = digest(d.heads)
	}
	for _, s := range d.sets() {
		m.Files[s.lines.name], m.Files[s.runs.name] = s.lines.digest(), s.runs.digest()
	}
	raw, err := encode(m)
	return m, raw, err
}

// maxFollowed bounds how many mandats' counters are followed at once.
const maxFollowed = 4096

// follower holds the counters of the mandats met: all of them up to a bound.
type follower struct {
	streams map[string]Stream
	gaps    map[string]bool // of those, which have one
}

func newFollower() *follower { return &follower{map[string]Stream{}, map[string]bool{}} }

func (f *follower) add(row journal.Row, r journal.Record, complete Completeness) error {
	s, known := f.streams[r.Mandat]
	if r.Mandat == "" || !known && len(f.streams) >= maxFollowed {
		return nil
	}
	if !known {
		s = Stream{Mandat: r.Mandat, First: r.StreamSeq}
	}
	follows := r.StreamSeq == s.Last+1 && (r.PrunedBy != 0 || r.StreamPrev() == s.Leaf) || !known
	if !follows && complete != Partial {
		return refuse("entrée %d: le fil du mandat est rompu (numéro %d après %d)", row.Index, r.StreamSeq, s.Last)
	}
	if !follows && (r.StreamSeq <= s.Last || r.StreamSeq == s.Last+1) {
		return refuse("entrée %d: le fil du mandat se contredit (numéro %d après %d)", row.Index, r.StreamSeq, s.Last)
	}
	f.gaps[r.Mandat] = f.gaps[r.Mandat] || !follows
	s.Last, s.Leaf = r.StreamSeq, base64Of(row.Leaf[:])
	f.streams[r.Mandat] = s
	return nil
}

// whole is how many mandats are there from their first entry without a gap.
func (f *follower) whole() (n int) {
	for id, s := range f.streams {
		if s.First == 1 && !f.gaps[id] {
			n++
		}
	}
	return n
}
