package store

import (
	"context"
	"errors"
	"fmt"

	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
)

// pruneBatch bounds how many bodies go in one transaction and under one entry.
const pruneBatch = 2000

// Conservation is what the two clocks have let run out, or would.
type Conservation struct {
	Access   int64 // access entries whose bodies went
	Usagers  int64 // usagers erased
	Archived int64 // mandats whose evidence is archived
	Disputed int64 // mandats whose deletion a dispute freezes
	Review   int64 // of these, how many are past their review date
	Agents   int64 // months whose agents nobody can name any more
}

func (r bodyRow) pruned() journal.Record {
	return journal.Record{Index: r.ID, At: r.TS.time(), Actor: journal.Actor{Type: journal.ActorType(r.ActorType)}, Action: journal.Action(r.Action),
		Object: journal.Object{Type: r.ObjectType}, Mandat: r.MandatID, StreamSeq: r.StreamSeq, Outcome: journal.Outcome(r.Outcome), PrunedBy: int64(r.PrunedBy)}
}

// nameAccessActions tells the database's guards which entries may be pruned.
func (s *Store) nameAccessActions(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		for _, a := range journal.AccessActions() {
			if _, err := t.exec(s.q.accessAction, string(a)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Retain applies both clocks: access entries older than accessMonths lose their
// bodies, usagers whose last evidence has run out are erased, and the agents of
// months whose entries have run out cannot be named any more. What a dispute
// freezes stays. With dry it only counts. Running it again finds nothing new.
func (s *Store) Retain(ctx context.Context, accessMonths int, dry bool) (Conservation, error) {
	now := s.moment()
	limit := instant(journal.AccessLimit(now, accessMonths))
	report, err := s.phases(ctx)
	if err != nil {
		return report, err
	}
	due, err := many[string](ctx, s, s.q.usagersDue, instant(now.AddDate(-mandat.CurrentYears-mandat.ArchiveYears, 0, 0)))
	if err != nil {
		return report, err
	}
	if dry {
		report.Usagers = int64(len(due))
		if report.Access, err = one[int64](ctx, s, s.q.pruneCount, limit); err != nil {
			return report, err
		}
		report.Agents, err = s.forgetAgents(ctx, accessMonths, true)
		return report, err
	}
	if err := s.RunFollowers(ctx); err != nil { // what is emptied must stand in its lists, to be taken out of them
		return report, err
	}
	if report.Access, err = s.pruneAll(ctx, limit); err != nil {
		return report, err
	}
	if report.Usagers, err = s.eraseDue(ctx, due); err != nil {
		return report, err
	}
	if report.Agents, err = s.forgetAgents(ctx, accessMonths, false); err != nil {
		return report, err
	}
	if report.Access+report.Agents == 0 {
		return report, nil
	}
	return report, s.engine.scrub(ctx, s)
}

func (s *Store) pruneAll(ctx context.Context, limit instant) (pruned int64, err error) {
	for {
		n, err := s.pruneSome(ctx, limit)
		pruned += n
		if err != nil || n < pruneBatch {
			return pruned, err
		}
	}
}

func (s *Store) eraseDue(ctx context.Context, due []string) (erased int64, err error) {
	for _, id := range due {
		_, _, err := s.EraseUsager(ctx, id, usager.Duree, journal.Systeme(), false)
		if errors.Is(err, usager.ErrErased) || errors.Is(err, usager.ErrFrozen) || errors.Is(err, usager.ErrRunning) {
			continue // another instance, or a change since the list was made
		}
		if err != nil {
			return erased, fmt.Errorf("effacement: %w", err)
		}
		erased++
	}
	return erased, nil
}

func (s *Store) phases(ctx context.Context) (Conservation, error) {
	now := s.moment()
	row, err := one[struct{ Archived, Disputed, Review int64 }](ctx, s, s.q.phases, instant(now.AddDate(-mandat.CurrentYears, 0, 0)), instant(now))
	return Conservation{Archived: row.Archived, Disputed: row.Disputed, Review: row.Review}, err
}

// pruneSome takes the bodies of some access entries away, under one entry that
// holds a digest of what stays of them.
func (s *Store) pruneSome(ctx context.Context, limit instant) (int64, error) {
	var pruned int64
	err := s.write(ctx, func(t *tx) error {
		pruned = 0
		var rows []bodyRow
		if err := t.list(&rows, s.q.pruneList, limit, pruneBatch); err != nil || len(rows) == 0 {
			return err
		}
		sum := journal.NewPruneSum()
		for _, r := range rows {
			sum.Add(r.pruned())
		}
		if err := t.unlist(rows); err != nil {
			return err
		}
		entry, err := t.append(sum.Fact(journal.Systeme()))
		if err != nil {
			return err
		}
		if pruned, err = t.exec(s.q.prune, entry, []byte{}, limit, rows[len(rows)-1].ID); err != nil {
			return err
		}
		if pruned != sum.Count() {
			return fmt.Errorf("%d entrées vidées au lieu de %d", pruned, sum.Count())
		}
		return nil
	})
	if err == nil {
		err = s.engine.settled(ctx, numberWait)
	}
	return pruned, err
}

// Pruned is how many entries have lost their body.
func (s *Store) Pruned(ctx context.Context) (int64, error) {
	return one[int64](ctx, s, s.q.prunedCount)
}

// Beat writes that Relais runs.
func (s *Store) Beat(ctx context.Context) error { return s.Append(ctx, journal.Beat()) }
