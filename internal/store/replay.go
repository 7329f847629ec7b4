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
		entries, err := s.MandatEntries(ctx, m.ID)
		if err != nil {
			return "", wrapMandat(m.ID, err)
		}
		why := mandat.Rebuild(entries).Differs(m, journalID)
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
