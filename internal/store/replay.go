package store

import (
	"context"
	"errors"
	"fmt"

	"relais/internal/journal"
	"relais/internal/mandat"
)

// ErrReplay is wrapped by [Store.Replay] when a table does not say what the
// journal says.
var ErrReplay = errors.New("la base ne suit pas du journal")

// Replay rebuilds the state of every mandat from its entries and compares it
// with the table: a change that brought no entry, or another entry than its own,
// shows here. It returns how many mandats agree, and an error wrapping
// [ErrReplay] that names the first that does not. The result is an entry.
func (s *Store) Replay(ctx context.Context) (int, error) {
	agree, after := 0, ""
	for {
		lines, err := many[mandatLine](ctx, s, s.q.mandatPage, after)
		if err != nil {
			return agree, err
		}
		rows := map[string]int64{}
		for _, l := range lines {
			rows[l.M.ID] = l.M.JournalID
		}
		mandats := mandatsOf(lines)
		if len(mandats) == 0 {
			return agree, s.Append(ctx, journal.Replayed(agree, ""))
		}
		for _, m := range mandats {
			why, err := s.replayOne(ctx, m, rows[m.ID])
			if err != nil {
				return agree, err
			}
			if why != "" {
				err := fmt.Errorf("%w : mandat %s (n° %s) : %s", ErrReplay, m.ID, m.Number, why)
				return agree, errors.Join(err, s.Append(ctx, journal.Replayed(agree, m.ID)))
			}
			agree++
			after = m.ID
		}
	}
}

// replayOne compares one mandat. One that changed between the two reads is read
// again, so that a busy counter is not a fault.
func (s *Store) replayOne(ctx context.Context, m mandat.Mandat, journalID int64) (string, error) {
	for try := 0; ; try++ {
		entries, last, err := s.replayed(ctx, m.ID, journalID)
		if err != nil {
			return "", wrapMandat(m.ID, err)
		}
		why := mandat.Rebuild(entries).Differs(m, last)
		if why == "" || try == 2 {
			return why, nil
		}
		lines, err := many[mandatLine](ctx, s, s.q.mandatByID, m.ID)
		if err != nil || len(lines) == 0 {
			return why, err
		}
		m, journalID = mandatsOf(lines)[0], lines[0].M.JournalID
	}
}

// replayed lists the entries of a mandat, and tells the index of the one that its
// row names.
func (s *Store) replayed(ctx context.Context, mandatID string, journalID int64) ([]journal.Record, int64, error) {
	if err := s.engine.settled(ctx, numberWait); err != nil {
		return nil, 0, err
	}
	rows, err := many[writtenRow](ctx, s, s.q.replayEntries, mandatID)
	if err != nil {
		return nil, 0, err
	}
	bodies, last := make([]bodyRow, len(rows)), int64(-2) // no entry has this index
	for i, r := range rows {
		bodies[i] = r.bodyRow
		if r.RowID == journalID {
			last = r.ID
		}
	}
	entries, err := s.records(ctx, bodies)
	return entries, last, err
}

// writtenRow is an entry with the number of its row.
type writtenRow struct {
	bodyRow
	RowID int64 `db:"row_id"`
}
