package scellement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relais/internal/journal"
)

// ErrSince is returned for an older checkpoint that this journal signed and does
// not go on from: it has lost or rewritten entries.
var ErrSince = errors.New("LE JOURNAL NE PROLONGE PAS le point de contrôle donné")

// since reads the reader's older checkpoint, which must be one of ours, and
// checks that the journal goes on from it before anything is written.
func (s *Sealer) since(ctx context.Context, raw []byte) (journal.Checkpoint, error) {
	if raw == nil {
		return journal.Checkpoint{}, nil
	}
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return journal.Checkpoint{}, fmt.Errorf("journal.key: %w", err)
	}
	c, _, err := journal.OpenCheckpoint(raw, verifiers(keys)...)
	if err != nil {
		return c, err
	}
	now, err := s.Seal(ctx)
	if err != nil {
		return c, err
	}
	if c.Origin != now.Origin {
		return c, fmt.Errorf("%w : il est d’une autre origine (%s, ici %s)", ErrSince, c.Origin, now.Origin)
	}
	proof, err := journal.ProveConsistency(s.o.Tree.Hashes(ctx), c.Size, now.Size)
	if err == nil {
		err = journal.CheckConsistency(proof, c, now.Checkpoint)
	}
	if errors.Is(err, journal.ErrInconsistent) || errors.Is(err, journal.ErrNotFound) {
		return c, fmt.Errorf("%w (%d puis %d entrées)", ErrSince, c.Size, now.Size)
	}
	return c, err
}

// find reads the export's own entry back: the one with the same mark. It waits
// for its number.
func find(ctx context.Context, from Archive, above int64, fact journal.Fact, mark string) (journal.Record, error) {
	wait, stop := context.WithTimeout(ctx, numbered)
	defer stop()
	for {
		records, err := from.Journal(wait, journal.Filter{Action: journal.JournalExport, Outcome: journal.OK, Limit: 100})
		if err != nil {
			return journal.Record{}, err
		}
		for _, r := range records {
			if r.Index > above && r.Details[mark] == fact.Detail(mark) {
				return r, nil
			}
		}
		select {
		case <-wait.Done():
			return journal.Record{}, journal.ErrNotFound
		case <-time.After(20 * time.Millisecond):
		}
	}
}
