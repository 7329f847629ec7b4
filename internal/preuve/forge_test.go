package preuve

import (
	"fmt"
	"io"

	"relais/internal/journal"
)

// Forge is a draft of whatever it is given, in that order: what [Draft.Add] and
// [Draft.AddPrune] refuse stands in it, and its manifest claims what would fit.
func Forge(s Selection, rows, under []journal.Row, scratch func() (Spool, error)) (*Draft, error) {
	d, err := NewDraft(s, scratch)
	if err != nil {
		return nil, err
	}
	if err := d.entries.force(rows); err != nil {
		return nil, err
	}
	if err := d.prunes.force(under); err != nil {
		return nil, err
	}
	for i := range under { // [Draft.Manifest] counts them
		d.emptied[int64(i)] = journal.NewPruneSum()
	}
	for i, row := range rows {
		seq := row.Copies.StreamSeq
		if row.PrunedBy != 0 {
			d.pruned++
		} else if r, err := journal.Parse(row.Body); err == nil {
			seq = r.StreamSeq
		}
		claim := d.follow.streams[s.Mandat]
		if i == 0 {
			d.first = row.Index
			claim = Stream{Mandat: s.Mandat, First: seq}
		}
		claim.Last, claim.Leaf = seq, base64Of(row.Leaf[:])
		d.follow.streams[s.Mandat] = claim
	}
	return d, nil
}

// ForgeBuild is [Draft.Build] with as many entries of the export as are given.
func (d *Draft) ForgeBuild(out io.Writer, p Sealing, exports []journal.Row) error {
	export, err := newSet(setExport, d.scratch)
	if err != nil {
		return err
	}
	if err := export.force(exports); err != nil {
		return err
	}
	if err := export.end(); err != nil {
		return err
	}
	return d.build(out, p, export)
}

// force is [set.add] that refuses nothing.
func (s *set) force(rows []journal.Row) error {
	for _, row := range rows {
		text, err := line(row)
		if err != nil {
			return err
		}
		if s.count == 0 || row.Index != s.hi+1 {
			if err := s.end(); err != nil {
				return err
			}
			s.lo = row.Index
		}
		s.hi = row.Index
		s.count++
		if _, err := fmt.Fprintf(s.lines, "%s\n", text); err != nil {
			return err
		}
	}
	return nil
}
