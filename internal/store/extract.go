package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

// extractBatch is how many entries one statement of an export reads.
const extractBatch = 500

func (q *queries) extract() {
	entry := query("SELECT " + indexed(entryRow{}) + " FROM journal_entry WHERE ")
	q.extractMandat = entry + "mandat_id = ? AND mandat_id <> '' AND stream_seq > ? ORDER BY stream_seq LIMIT ?"
	q.extractSpan = entry + "idx > ? AND idx <= ? ORDER BY idx LIMIT ?"
	q.extractIn = entry + query("idx IN "+places(inWidth))
}

// Extract calls each for every entry that answers a filter, lowest index first.
// Limit and Before are ignored. All entries are those of one moment: one
// snapshot, or what stood below the journal's size when it began.
//
// A mandat alone and a period alone are read from the entries themselves, without
// the lists derived from them. A period gives every index from its first entry to
// its last: an entry between, dated otherwise by a clock that stepped back, too.
// Memory grows by 8 bytes an entry for other filters, and not at all for these.
func (s *Store) Extract(ctx context.Context, f journal.Filter, each func(journal.Row) error) error {
	f.Limit, f.Before = 0, 0
	if err := s.engine.settled(ctx, numberWait); err != nil {
		return err
	}
	switch f {
	case journal.Filter{Mandat: f.Mandat}:
		if f.Mandat != "" {
			return s.extractStream(ctx, f.Mandat, each)
		}
	case journal.Filter{From: f.From, To: f.To}:
		return s.extractSpan(ctx, f, each)
	}
	return s.extractFound(ctx, f, each)
}

// extractPages reads parts of one snapshot. after is the cursor of a row.
func (s *Store) extractPages(ctx context.Context, cursor int64, read func(tx *sqlx.Tx, cursor int64) ([]entryRow, error),
	after func(entryRow) int64, each func(journal.Row) error) error {
	snapshot, err := s.read.db.BeginTxx(ctx, s.read.snapshot)
	if err != nil {
		return err
	}
	defer func() { _ = snapshot.Rollback() }() // it only read
	for {
		rows, err := read(snapshot, cursor)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := each(row.row()); err != nil {
				return err
			}
			cursor = after(row)
		}
		if len(rows) < extractBatch {
			return nil
		}
	}
}

func (s *Store) extractStream(ctx context.Context, mandatID string, each func(journal.Row) error) error {
	return s.extractPages(ctx, 0, func(tx *sqlx.Tx, cursor int64) (rows []entryRow, err error) {
		err = tx.SelectContext(ctx, &rows, s.read.bind(s.q.extractMandat), mandatID, cursor, extractBatch)
		return rows, err
	}, func(row entryRow) int64 { return row.StreamSeq }, each)
}

func (s *Store) extractSpan(ctx context.Context, f journal.Filter, each func(journal.Row) error) error {
	from, to := f.From, f.To
	if from.Year() < 1900 {
		from = from.AddDate(1900, 0, 0)
	}
	if to.IsZero() {
		to = s.moment().AddDate(100, 0, 0)
	}
	b, err := one[struct{ Low, High int64 }](ctx, s, s.q.journalBounds, instant(from), instant(to))
	if err != nil {
		return err
	}
	return s.extractPages(ctx, b.Low-1, func(tx *sqlx.Tx, cursor int64) (rows []entryRow, err error) {
		err = tx.SelectContext(ctx, &rows, s.read.bind(s.q.extractSpan), cursor, b.High, extractBatch)
		return rows, err
	}, func(row entryRow) int64 { return row.ID }, each)
}

// extractFound gathers the indexes through the search, which goes from the
// newest, and then reads the entries from the oldest.
func (s *Store) extractFound(ctx context.Context, f journal.Filter, each func(journal.Row) error) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	var found []int64
	f.Limit, f.Before = 1000, head.Size
	for f.Before > 0 {
		p, err := s.Search(ctx, f)
		if err != nil {
			return err
		}
		for _, r := range p.Records {
			found = append(found, r.Index)
		}
		f.Before = p.Next
	}
	slices.Reverse(found)
	for part := range slices.Chunk(found, inWidth) {
		rows, err := many[entryRow](ctx, s, s.q.extractIn, padded(part)...)
		if err != nil {
			return err
		}
		slices.SortFunc(rows, func(a, b entryRow) int { return cmp.Compare(a.ID, b.ID) })
		for _, row := range rows {
			if err := each(row.row()); err != nil {
				return err
			}
		}
	}
	return nil
}
