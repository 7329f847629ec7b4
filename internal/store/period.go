package store

import (
	"context"
	"math"
	"strconv"
	"time"

	"relais/internal/journal"
)

// clockSlack is how far the order of dates may differ from that of the tree
// without an entry that says so: the longest write, and two instances' clocks.
const clockSlack = postgresTimeout

func (q *queries) period() {
	q.momentFrom = "SELECT ts FROM journal WHERE ts >= ? ORDER BY ts LIMIT 1"
	q.momentUntil = "SELECT ts FROM journal WHERE ts < ? ORDER BY ts DESC LIMIT 1"
	// + 0: only the index on ts may answer, never a walk of the entries in their order.
	q.indexFrom = "SELECT coalesce(min(idx + 0), -1) AS idx, count(*) AS n FROM journal_entry WHERE ts >= ? AND ts <= ?"
	q.indexUntil = "SELECT coalesce(max(idx + 0), -1) AS idx, count(*) AS n FROM journal_entry WHERE ts >= ? AND ts <= ?"
}

// span is a stretch of time that the clock went through twice.
type span struct{ from, to time.Time }

// within is the one of these stretches that holds a moment, if any does.
func within(twice []span, at time.Time) (span, bool) {
	for _, s := range twice {
		if !at.Before(s.from) && !at.After(s.to) {
			return s, true
		}
	}
	return span{}, false
}

// period turns dates into bounds on the index. The order of dates is that of the
// tree but for small differences and where an entry says that the clock stepped
// back: there the bounds are drawn at the ends of what it went through twice, and
// each entry's own date decides.
func (x *search) period() error {
	if x.f.From.IsZero() && x.f.To.IsZero() {
		return nil
	}
	twice, err := x.s.steps(x.ctx)
	if err != nil {
		return err
	}
	if !x.f.From.IsZero() {
		if err := x.since(twice); err != nil || x.high < 0 {
			return err
		}
	}
	if x.f.To.IsZero() {
		return nil
	}
	return x.until(twice)
}

// since bounds the index from below: no entry from the period's start on stands
// lower.
func (x *search) since(twice []span) error {
	first, err := x.s.bound(x.ctx, x.s.q.momentFrom, x.f.From)
	if err != nil || first.IsZero() {
		x.high = -1 // nothing since then
		return err
	}
	for {
		s, inside := within(twice, first)
		if !inside {
			x.low, err = x.nearest(x.s.q.indexFrom, first, first.Add(clockSlack))
			return err
		}
		if first, err = x.s.bound(x.ctx, x.s.q.momentUntil, s.from); err != nil || first.IsZero() {
			return err // the journal begins with it
		}
	}
}

// until bounds the index from above: no entry before the period's end stands
// higher.
func (x *search) until(twice []span) error {
	last, err := x.s.bound(x.ctx, x.s.q.momentUntil, x.f.To)
	if err != nil || last.IsZero() {
		x.high = -1
		return err
	}
	for {
		s, inside := within(twice, last)
		if !inside {
			high, err := x.nearest(x.s.q.indexUntil, last.Add(-clockSlack), last)
			x.high = min(x.high, high)
			return err
		}
		if last, err = x.s.bound(x.ctx, x.s.q.momentFrom, s.to.Add(time.Microsecond)); err != nil || last.IsZero() {
			return err // the journal ends with it
		}
	}
}

// nearest is the outermost index among the entries of a short stretch of time.
// What it reads counts, but not against the bound: a page that spent it all on
// dates would give a next one that does the same.
func (x *search) nearest(q query, from, to time.Time) (int64, error) {
	row, err := one[struct{ Idx, N int64 }](x.ctx, x.s, q, instant(from), instant(to))
	x.dated += int(row.N)
	return row.Idx, err
}

// bound is the nearest date of an entry; zero when there is none.
func (s *Store) bound(ctx context.Context, q query, at time.Time) (time.Time, error) {
	if at.Year() < 1 || at.Year() > 9999 { // no entry is of such a year, and text would not sort
		at = time.Date(min(max(at.Year(), 1), 9999), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	}
	found, err := many[instant](ctx, s, q, instant(at))
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0].time(), nil
}

// steps lists the stretches of time that a clock set back made the journal go
// through twice, as far as its last 64 entries that say so.
func (s *Store) steps(ctx context.Context) ([]span, error) {
	code := "action:" + string(journal.ClockBack)
	numbers, err := s.numbers(ctx, []string{code})
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	indexes, err := many[int64](ctx, s, s.q.postingsDown, numbers[code], int64(math.MaxInt64), 0, inWidth)
	if err != nil || len(indexes) == 0 {
		return nil, err
	}
	rows, err := many[bodyRow](ctx, s, s.q.entriesIn, padded(indexes)...)
	if err != nil {
		return nil, err
	}
	records, err := s.records(ctx, rows)
	var out []span
	for _, r := range records {
		seconds, _ := strconv.ParseInt(r.Details["secondes"], 10, 64) // written by us
		out = append(out, span{r.At.Add(-clockSlack), r.At.Add(time.Duration(seconds)*time.Second + clockSlack)})
	}
	return out, err
}
