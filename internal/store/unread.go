package store

import (
	"context"
	"errors"
	"slices"
)

// unread is the error of something that is kept and cannot be read: a body that is
// no entry, what was sealed and does not open. Reading it again would not help, where
// a failure of the database may pass.
type unread struct{ error }

// Unwrap gives the cause.
func (u unread) Unwrap() error { return u.error }

func isUnread(err error) bool {
	var u unread
	return errors.As(err, &u)
}

type unreadRow struct {
	Follower string  `db:"suiveur"`
	Index    int64   `db:"idx"`
	At       instant `db:"at"`
}

func (q *queries) unreads() {
	q.unreadInsert = insertInto("journal_illisible", unreadRow{}) + " ON CONFLICT (suiveur, idx) DO NOTHING"
	q.unreadForget = "DELETE FROM journal_illisible WHERE suiveur = ?"
	q.unreadCount = "SELECT count(DISTINCT idx) AS n, coalesce(min(idx), -1) AS first FROM journal_illisible"
}

// locateAll is [Store.locate] for followers, which may not stop for ever at one entry:
// where one cannot be read, it stands for what the columns beside its body say, as one
// that was pruned does.
func (s *Store) locateAll(ctx context.Context, rows []bodyRow) ([]located, error) {
	all, err := s.locate(ctx, rows)
	if !isUnread(err) {
		return all, err
	}
	rows, failed := slices.Clone(rows), map[int64]error{}
	for i, row := range rows {
		_, _, err := s.opened(ctx, rows[i:i+1])
		if err != nil && !isUnread(err) {
			return nil, err
		}
		if err != nil {
			failed[row.ID], rows[i].PrunedBy = err, index(row.ID+1) // any: its body is not looked at
		}
	}
	if all, err = s.locate(ctx, rows); err != nil {
		return nil, err
	}
	for i, row := range rows {
		if all[i].unread = failed[row.ID]; all[i].unread != nil {
			all[i].PrunedBy = 0
		}
	}
	return all, nil
}

// passOver marks the entries of a batch that could not be read, in the transaction
// that moves the follower past them.
func (t *tx) passOver(follower string, entries []located) error {
	for _, e := range entries {
		if e.unread == nil {
			continue
		}
		if err := t.markUnread(follower, e.Index); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) markUnread(follower string, idx int64) error {
	t.s.log.Error("entrée illisible, passée : « relais journal verify » dit si elle a été changée", "suiveur", follower, "entrée", idx)
	_, err := t.exec(t.s.q.unreadInsert, args(unreadRow{follower, idx, instant(t.now)})...)
	return err
}

// forgetUnread takes the marks of a follower that begins again.
func (t *tx) forgetUnread(follower string) error {
	_, err := t.exec(t.s.q.unreadForget, follower)
	return err
}
