package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

type headOfStream struct {
	MandatID string `db:"mandat_id"`
	Seq      int64  `db:"seq"`
	Leaf     []byte `db:"leaf"`
}

func (q *queries) days() {
	const summaries = "SELECT idx AS id, body FROM journal_entry WHERE action = '" + string(journal.JournalDay) + "'" // names the partial index
	q.dayLast = query(summaries + " ORDER BY idx DESC LIMIT 1")
	q.dayAll = query(summaries + " ORDER BY idx")
	q.streamHeads = `SELECT g.mandat_id, g.seq, j.leaf FROM (
			SELECT mandat_id, max(stream_seq) AS seq FROM journal_entry WHERE idx >= ? AND idx <= ? AND mandat_id <> '' GROUP BY mandat_id
		) g JOIN journal j ON j.mandat_id = g.mandat_id AND j.stream_seq = g.seq AND j.mandat_id <> ''`
}

// CloseDay writes the daily summary, once a day (UTC): the mandats whose counters
// moved since the last one. done is false when today's is there already.
func (s *Store) CloseDay(ctx context.Context) (done bool, err error) {
	if err := s.engine.settled(ctx, numberWait); err != nil { // the last summary may have no number yet
		return false, err
	}
	today := s.moment().UTC().Format(time.DateOnly)
	last, err := s.lastDay(ctx)
	if err != nil || last.Jour == today {
		return false, err
	}
	head, err := s.Head(ctx)
	if err != nil || head.Size == 0 {
		return false, err
	}
	from := last.To + 1
	heads, err := s.StreamHeads(ctx, from, head.Size-1)
	if err != nil {
		return false, err
	}
	return true, s.Append(ctx, journal.CloseDay(today, from, head.Size-1, heads).Fact())
}

// lastDay is the newest summary; one that covers nothing, up to -1, before the
// first.
func (s *Store) lastDay(ctx context.Context) (journal.Day, error) {
	row, err := one[bodyRow](ctx, s, s.q.dayLast)
	if errors.Is(err, sql.ErrNoRows) {
		return journal.Day{To: -1}, nil
	}
	if err != nil {
		return journal.Day{}, err
	}
	return readDay(row)
}

func readDay(row bodyRow) (journal.Day, error) {
	r, err := journal.Parse(row.Body)
	if err != nil {
		return journal.Day{}, fmt.Errorf("entrée %d: %w", row.ID, err)
	}
	r.Index = row.ID
	d, ok := r.Day()
	if !ok {
		return d, &journal.Finding{Index: row.ID, Why: "le résumé du jour est illisible"}
	}
	return d, nil
}

// StreamHeads lists the mandats that have entries between two indexes, both
// included, with the counter of the last one there.
func (s *Store) StreamHeads(ctx context.Context, from, to int64) ([]journal.StreamHead, error) {
	rows, err := many[headOfStream](ctx, s, s.q.streamHeads, from, to)
	out := make([]journal.StreamHead, len(rows))
	for i, r := range rows {
		out[i] = journal.StreamHead{Mandat: r.MandatID, Seq: r.Seq}
		copy(out[i].Leaf[:], r.Leaf)
	}
	return out, err
}

// LastDay is the newest daily summary with the list it holds the digest of;
// [journal.ErrNotFound] before the first.
func (s *Store) LastDay(ctx context.Context) (journal.Day, []byte, error) {
	s.catchUp(ctx)
	d, err := s.lastDay(ctx)
	if err == nil && d.Index == 0 {
		err = journal.ErrNotFound
	}
	if err != nil {
		return d, nil, err
	}
	heads, err := s.StreamHeads(ctx, d.From, d.To)
	return d, journal.EncodeHeads(heads), err
}

// expectDays tells a verification of the summaries. One that cannot be read is
// left to it: it will meet the entry.
func (s *Store) expectDays(ctx context.Context, snapshot *sqlx.Tx, v *journal.Verifier) error {
	var rows []bodyRow
	if err := snapshot.SelectContext(ctx, &rows, s.read.bind(s.q.dayAll)); err != nil {
		return err
	}
	var all []journal.Day
	for _, row := range rows {
		if d, err := readDay(row); err == nil {
			all = append(all, d)
		}
	}
	v.ExpectDays(all)
	return nil
}
