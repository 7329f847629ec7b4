package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"relais/internal/journal"
)

// searchBound is how many rows one page of a search reads at most, a part of a
// list aside: past it the page says so and a next one goes on.
const searchBound = 2000

func (q *queries) filter() {
	in := places(inWidth)
	entry := query("SELECT " + indexed(bodyRow{}) + " FROM journal_entry WHERE ")
	q.entriesDown = entry + "idx <= ? AND idx >= ? ORDER BY idx DESC LIMIT ?"
	q.entriesIn = entry + query("idx IN "+in)
	q.facettesIn = query("SELECT id, code FROM facette WHERE code IN " + in)
	q.postingsDown = "SELECT idx FROM journal_facette WHERE facette = ? AND idx <= ? AND idx >= ? ORDER BY idx DESC LIMIT ?"
}

// places is a list of so many arguments.
func places(n int) string { return "(?" + strings.Repeat(", ?", n-1) + ")" }

// Journal lists the newest entries that answer a filter, however many rows that
// takes. Pages for people use [Store.Search].
func (s *Store) Journal(ctx context.Context, f journal.Filter) ([]journal.Record, error) {
	var out []journal.Record
	f.Limit = page(f.Limit)
	for left := f.Limit; left > 0; left = f.Limit - len(out) {
		part := f
		part.Limit = left
		p, err := s.Search(ctx, part)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Records...)
		if p.Next == 0 {
			break
		}
		f.Before = p.Next
	}
	return out, nil
}

// Search is one page of the newest entries that answer a filter. What it reads
// is bounded, and does not depend on the journal's size: posting lists that leap
// over each other, and the few entries that are newer than these lists. It shows
// what this process wrote before, unless its numbers do not come: see [Store.Lag].
func (s *Store) Search(ctx context.Context, f journal.Filter) (journal.Page, error) {
	s.catchUp(ctx)
	x := &search{ctx: ctx, s: s, f: f, want: page(f.Limit), high: math.MaxInt64 - 1}
	if f.Before > 0 {
		x.high = f.Before - 1
	}
	if err := x.prepare(); err != nil {
		return journal.Page{}, err
	}
	if err := x.walk(); err != nil {
		return journal.Page{}, err
	}
	if err := x.leap(); err != nil {
		return journal.Page{}, err
	}
	return x.page(), nil
}

// search is one page being searched.
type search struct {
	ctx       context.Context
	s         *Store
	f         journal.Filter
	want      int
	high, low int64 // what is not decided yet
	floor     int64 // entries from here on are read themselves
	criteria  []criterion
	located   bool // there are criteria that the entry alone does not tell
	found     []journal.Record
	full      bool // one more answers the filter
	examined  int
	dated     int // rows read to place the period
}

func (x *search) spent() bool { return x.examined >= searchBound }

func (x *search) page() journal.Page {
	p := journal.Page{Records: x.found, Examined: x.dated + x.examined}
	switch {
	case x.full:
		p.Next = p.Records[x.want-1].Index
	case x.high >= x.low:
		p.Next, p.Bounded = x.high+1, true
	}
	return p
}

// prepare finds the bounds of the period, how far the lists go, and the lists.
func (x *search) prepare() error {
	if err := x.period(); err != nil || x.high < x.low {
		return err
	}
	f := x.f
	f.Actor = ""
	codes, refs := f.Codes(), []string(nil)
	if x.f.Actor != "" {
		var err error
		if x.f.Actor, err = x.s.Agent(x.ctx, x.f.Actor); err != nil {
			return err
		}
		if refs, err = x.s.refsOf(x.ctx, x.f.Actor); err != nil {
			return err
		}
	}
	x.floor = x.low
	if x.located = len(codes)+len(refs) > 0; !x.located {
		return nil
	}
	next, err := x.s.followed(x.ctx, &x.s.facets)
	if err != nil {
		return err
	}
	x.floor = max(x.low, next)
	return x.lists(codes, refs)
}

// lists opens the posting lists of all criteria. One that nothing was ever
// listed under leaves nothing to be found below the floor.
func (x *search) lists(codes, refs []string) error {
	for i, ref := range refs {
		refs[i] = "acteur:" + ref
	}
	numbers, err := x.s.numbers(x.ctx, append(slices.Clone(codes), refs...))
	if err != nil {
		return err
	}
	var one []*postings
	for _, code := range append(codes, refs...) {
		if n, ok := numbers[code]; ok {
			one = append(one, &postings{read: x.reader(n)})
		} else {
			one = append(one, &postings{ended: true})
		}
	}
	if len(codes) == 1 && len(refs) == 0 {
		one[0].size = min(x.want+1, walkPart)
	}
	for _, p := range one[:len(codes)] {
		x.criteria = append(x.criteria, p)
	}
	if len(refs) > 0 {
		x.criteria = append(x.criteria, anyOf(one[len(codes):]))
	}
	return nil
}

// reader reads one posting list within the search's bounds.
func (x *search) reader(facette int64) func(int64, int) ([]int64, error) {
	return func(high int64, n int) ([]int64, error) {
		part, err := many[int64](x.ctx, x.s, x.s.q.postingsDown, facette, high, x.low, n)
		x.examined += max(1, len(part))
		return part, err
	}
}

// numbers finds posting lists by their codes.
func (s *Store) numbers(ctx context.Context, codes []string) (map[string]int64, error) {
	out := map[string]int64{}
	var unknown []string
	for _, code := range codes {
		if n, ok := s.facets.known(code); ok {
			out[code] = n
			continue
		}
		unknown = append(unknown, code)
	}
	for part := range slices.Chunk(unknown, inWidth) {
		rows, err := many[struct {
			ID   int64
			Code string
		}](ctx, s, s.q.facettesIn, padded(part)...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[r.Code] = r.ID
			s.facets.remember(r.Code, r.ID)
		}
	}
	return out, nil
}

// padded fills a list up to the width of the one statement that takes it.
func padded[T any](values []T) []any {
	out := make([]any, inWidth)
	for i := range out {
		out[i] = values[min(i, len(values)-1)]
	}
	return out
}

// walk reads the entries from the newest down to the floor: those that are not
// in the lists yet, or all of them where the filter needs no list.
func (x *search) walk() error {
	for x.high >= x.floor && !x.full && !x.spent() {
		n := walkPart
		if !x.located {
			n = min(n, x.want+1-len(x.found))
		}
		rows, err := many[bodyRow](x.ctx, x.s, x.s.q.entriesDown, x.high, x.floor, n)
		if err != nil {
			return err
		}
		x.examined += len(rows)
		x.high = x.floor - 1
		if len(rows) == n {
			x.high = rows[n-1].ID - 1
		}
		if err := x.keep(rows); err != nil {
			return err
		}
	}
	return nil
}

// keep takes those rows that answer the filter.
func (x *search) keep(rows []bodyRow) error {
	if !x.located {
		return x.take(rows)
	}
	entries, err := x.s.locate(x.ctx, rows)
	for _, e := range entries {
		if !x.f.Matches(e.Record, e.facets) {
			continue
		}
		if x.full = len(x.found) == x.want; x.full {
			break
		}
		x.found = append(x.found, e.Record)
	}
	return err
}

// take reads those rows whose own columns answer what the lists do not tell: the
// period and the outcome ok.
func (x *search) take(rows []bodyRow) error {
	rows = slices.DeleteFunc(rows, func(r bodyRow) bool {
		return !x.f.In(r.TS.time()) || x.f.Outcome != "" && r.Outcome != string(x.f.Outcome)
	})
	room := x.want - len(x.found)
	x.full = len(rows) > room
	records, err := x.s.records(x.ctx, rows[:min(room, len(rows))])
	x.found = append(x.found, records...)
	return err
}

// leap goes through the lists below the floor.
func (x *search) leap() error {
	if len(x.criteria) == 0 {
		return nil
	}
	for x.high >= x.low && !x.full && !x.spent() {
		need := min(x.want+1-len(x.found), inWidth)
		var common []int64
		for len(common) < need && x.high >= x.low && !x.spent() {
			idx, ok, err := newest(x.criteria, x.high, x.spent)
			if err != nil {
				return err
			}
			if x.high = idx; ok {
				common, x.high = append(common, idx), idx-1
			}
		}
		if err := x.fetch(common); err != nil {
			return err
		}
	}
	return nil
}

func (x *search) fetch(indexes []int64) error {
	if len(indexes) == 0 {
		return nil
	}
	rows, err := many[bodyRow](x.ctx, x.s, x.s.q.entriesIn, padded(indexes)...)
	if err != nil {
		return err
	}
	x.examined += len(rows)
	slices.SortFunc(rows, func(a, b bodyRow) int { return cmp.Compare(b.ID, a.ID) })
	return x.take(rows)
}
