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
	past := instant(now.AddDate(-mandat.CurrentYears-mandat.ArchiveYears, 0, 0))
	if dry {
		if report.Usagers, err = s.eachDue(ctx, past, dueBatch, func(string) (bool, error) { return true, nil }); err != nil {
			return report, err
		}
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
	if report.Usagers, err = s.eachDue(ctx, past, dueBatch, func(id string) (bool, error) { return s.eraseDue(ctx, id) }); err != nil {
		return report, err
	}
	if report.Agents, err = s.forgetAgents(ctx, accessMonths, false); err != nil {
		return report, err
	}
	if report.Access+report.Usagers+report.Agents == 0 {
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

// dueBatch is how many usagers are listed at once.
const dueBatch = 200

// eachDue goes through the usagers whose last evidence ended by past, and counts
// those for whom do did something.
func (s *Store) eachDue(ctx context.Context, past instant, batch int, do func(id string) (bool, error)) (count int64, err error) {
	for after := ""; ; {
		due, err := many[string](ctx, s, s.q.usagersDue, after, past, batch)
		if err != nil {
			return count, err
		}
		for _, id := range due {
			done, err := do(id)
			if err != nil {
				return count, err
			}
			if done {
				count++
			}
		}
		if len(due) < batch {
			return count, nil
		}
		after = due[len(due)-1]
	}
}

// eraseDue erases one usager, unless another instance did or something changed
// since the list was made. The disk is cleaned once, after the last of them.
func (s *Store) eraseDue(ctx context.Context, id string) (bool, error) {
	_, _, err := s.eraseUsager(ctx, id, usager.Duree, journal.Systeme(), false)
	for _, changed := range []error{usager.ErrErased, usager.ErrFrozen, usager.ErrRunning, usager.ErrKept} {
		if errors.Is(err, changed) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("effacement: %w", err)
	}
	return true, nil
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
