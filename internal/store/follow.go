package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"relais/internal/journal"
)

// followBatch bounds how many entries a follower takes in one transaction.
const followBatch = 1000

// errPassed means that another instance moved the follower's cursor first.
var errPassed = errors.New("le curseur a bougé")

// located is a numbered entry with what it can be found by.
type located struct {
	journal.Record
	facets journal.Facets
	ref    string // the actor as the entry names them: an agent's is hidden
	unread error  // why the entry could not be read; nil for nearly all
}

// codes lists the posting lists of the entry. An agent's list goes by the hidden
// reference, so that it names nobody once the month's key is destroyed.
func (e located) codes() []string {
	f := e.facets
	f.Actor = e.ref
	return f.Codes(e.Record)
}

// follower derives rows from numbered entries, in the order of the tree, off the
// way of those who write. What it derives can be made again from the journal, but
// for what pruned entries told: it is no state, and needs no entry.
type follower interface {
	name() string
	// derive reads what it needs, outside any transaction, and returns what writes
	// the rows in the one that moves the cursor. It may be called twice for the same
	// entries, and then must leave the same rows.
	derive(ctx context.Context, entries []located) (func(*tx) error, error)
	// forget deletes all that was derived, before a new beginning.
	forget(t *tx) error
}

// followers lists them all.
func (s *Store) followers() []follower {
	return []follower{&s.facets, signalFollower{}, releveFollower{}}
}

func (q *queries) follow() {
	q.followerNext = "SELECT next FROM journal_follower WHERE name = ?"
	q.followerStart = "INSERT INTO journal_follower (name, next) VALUES (?, 0) ON CONFLICT (name) DO NOTHING"
	q.followerMove = "UPDATE journal_follower SET next = ? WHERE name = ? AND next = ?"
	q.followerReset = "UPDATE journal_follower SET next = 0 WHERE name = ?"
	q.followRows = query("SELECT " + indexed(bodyRow{}) + " FROM journal_entry WHERE idx >= ? ORDER BY idx LIMIT ?")
}

// RunFollowers brings all that is derived from the journal up to date. Several
// instances may do so at once: the cursor moves by compare-and-set. One follower
// that fails does not hold up the others.
func (s *Store) RunFollowers(ctx context.Context) error {
	s.catchUp(ctx)
	var failed []error
	var last batch
	for _, f := range s.followers() {
		for {
			n, err := s.follow(ctx, f, &last)
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", f.name(), err))
			}
			if err != nil || n < followBatch {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// batch is what was read last: followers that have come to the same entry, as they
// do each second, share it.
type batch struct {
	from    int64
	entries []located
}

// read reads the entries from an index on.
func (b *batch) read(ctx context.Context, s *Store, from int64) ([]located, error) {
	if len(b.entries) > 0 && b.from == from {
		return b.entries, nil
	}
	rows, err := many[bodyRow](ctx, s, s.q.followRows, from, followBatch)
	if err != nil {
		return nil, err
	}
	b.from = from
	b.entries, err = s.locateAll(ctx, rows)
	return b.entries, err
}

// follow takes one batch and returns how many entries it held.
func (s *Store) follow(ctx context.Context, f follower, last *batch) (int, error) {
	ctx = uncounted(ctx)
	next, err := s.followed(ctx, f)
	if err != nil {
		return 0, err
	}
	entries, err := last.read(ctx, s, next)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	derived, err := f.derive(ctx, entries)
	if err != nil {
		return 0, err
	}
	// Beside others: the cursor decides, by compare-and-set, and nobody else derives.
	err = s.beside(ctx, streams().and("suiveur", f.name()), func(t *tx) error {
		if next == 0 {
			if _, err := t.exec(s.q.followerStart, f.name()); err != nil {
				return err
			}
		}
		if err := t.must(errPassed, s.q.followerMove, entries[len(entries)-1].Index+1, f.name(), next); err != nil {
			return err
		}
		if err := t.passOver(f.name(), entries); err != nil {
			return err
		}
		return derived(t)
	})
	if errors.Is(err, errPassed) {
		return 0, nil
	}
	return len(entries), err
}

// followed is the first index that a follower has not taken yet.
func (s *Store) followed(ctx context.Context, f follower) (int64, error) {
	next, err := one[int64](ctx, s, s.q.followerNext, f.name())
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return next, err
}

// Reindex derives everything again from the journal's first entry and returns
// how many entries there are. Running instances go on: what is not derived yet
// is read from the entries themselves.
func (s *Store) Reindex(ctx context.Context) (int64, error) {
	for _, f := range s.followers() {
		err := s.write(uncounted(ctx), func(t *tx) error {
			if _, err := t.exec(s.q.followerReset, f.name()); err != nil {
				return err
			}
			return errors.Join(f.forget(t), t.forgetUnread(f.name()))
		})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f.name(), err)
		}
	}
	if err := s.RunFollowers(ctx); err != nil {
		return 0, err
	}
	head, err := s.Head(ctx)
	return head.Size, err
}

// Background marks what a house does by itself, so that [Store.Counts] leaves it
// out.
func Background(ctx context.Context) context.Context { return uncounted(ctx) }

type uncountedKey struct{}

// uncounted marks work in the background, which [Store.Counts] leaves out: it is
// no part of what a page or an act costs.
func uncounted(ctx context.Context) context.Context {
	return context.WithValue(ctx, uncountedKey{}, true)
}

// counted adds one statement, unless it is done in the background.
func (s *Store) counted(ctx context.Context) {
	if ctx.Value(uncountedKey{}) == nil {
		s.statements.Add(1)
	}
}

// committed adds one transaction, unless it was made in the background.
func (s *Store) committed(ctx context.Context) {
	if ctx.Value(uncountedKey{}) == nil {
		s.commits.Add(1)
	}
}

// committed counts a group, unless all of it was done in the background.
func (w *writer) committed(batch []*request) {
	for _, r := range batch {
		if r.ctx.Value(uncountedKey{}) == nil {
			w.s.commits.Add(1)
			return
		}
	}
}
