package store

import (
	"cmp"
	"context"
	"slices"

	"relais/internal/journal"
	"relais/internal/revue"
)

// How a sample is looked for: first among a few candidates, where many entries
// answer the criteria; then in the list of those that do, where few of them are;
// else among as many candidates as it takes.
const (
	candidatesMax = 4096
	listedMax     = 20_000
)

// Entries reads entries by their indexes, rising; what the journal does not have
// is left out.
func (s *Store) Entries(ctx context.Context, indexes []int64) ([]journal.Record, error) {
	rows, err := s.entriesIn(ctx, indexes)
	if err != nil {
		return nil, err
	}
	return s.records(ctx, rows)
}

func (s *Store) entriesIn(ctx context.Context, indexes []int64) ([]bodyRow, error) {
	var all []bodyRow
	for part := range slices.Chunk(indexes, inWidth) {
		rows, err := many[bodyRow](ctx, s, s.q.entriesIn, padded(part)...)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	slices.SortFunc(all, func(a, b bodyRow) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// Redraw draws the sample of a review (again) from its seed, its size and its
// criteria: see [revue.Draw], whose result it is however it is found.
func (s *Store) Redraw(ctx context.Context, r revue.Revue) ([]int64, error) {
	f, err := revue.ParseCriteria(r.Criteria)
	if err != nil {
		return nil, err
	}
	if f.Actor, err = s.Agent(ctx, f.Actor); err != nil { // an export shows hidden references, and they are criteria too
		return nil, err
	}
	sample, enough, err := s.drawAmongCandidates(ctx, r, f, candidatesMax)
	if err != nil || enough {
		return sample, err
	}
	population, whole, err := s.population(ctx, f, r.Size)
	if err != nil {
		return nil, err
	}
	if whole {
		return revue.Draw(r.Seed, population, r.N)
	}
	sample, _, err = s.drawAmongCandidates(ctx, r, f, r.Size)
	return sample, err
}

// drawAmongCandidates goes from the lowest rank up; enough says that N were
// found, or that there are no other entries.
func (s *Store) drawAmongCandidates(ctx context.Context, r revue.Revue, f journal.Filter, most int64) (sample []int64, enough bool, err error) {
	batches, err := revue.Candidates(r.Seed, r.Size, int(min(8*most, listedMax)))
	if err != nil {
		return nil, false, err
	}
	seen := int64(0)
	for batch := range batches {
		for part := range slices.Chunk(batch, inWidth) {
			if seen += int64(len(part)); seen > most {
				return nil, false, nil
			}
			found, err := s.answering(ctx, f, part)
			if err != nil {
				return nil, false, err
			}
			if sample = append(sample, found...); len(sample) >= r.N {
				sample = sample[:r.N]
				slices.Sort(sample)
				return sample, true, nil
			}
		}
	}
	slices.Sort(sample)
	return sample, true, nil
}

// answering is those of the indexes, in their order, whose entries answer a
// filter.
func (s *Store) answering(ctx context.Context, f journal.Filter, indexes []int64) ([]int64, error) {
	rows, err := s.entriesIn(ctx, indexes)
	if err != nil {
		return nil, err
	}
	entries, err := s.locate(ctx, rows)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, index := range indexes {
		if slices.ContainsFunc(entries, func(e located) bool { return e.Index == index && f.Matches(e.Record, e.facets) }) {
			out = append(out, index)
		}
	}
	return out, nil
}

// population lists the indexes below size whose entries answer a filter; whole
// is false when there are too many to list.
func (s *Store) population(ctx context.Context, f journal.Filter, size int64) (out []int64, whole bool, err error) {
	f.Before, f.Limit = size, 1000
	for {
		p, err := s.Search(ctx, f)
		if err != nil {
			return nil, false, err
		}
		for _, r := range p.Records {
			out = append(out, r.Index)
		}
		if p.Next == 0 {
			return out, true, nil
		}
		if len(out) > listedMax || p.Next >= f.Before { // a page that did not move on never ends
			return nil, false, nil
		}
		f.Before = p.Next
	}
}
