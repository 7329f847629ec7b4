package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"relais/internal/debit"
	"relais/internal/journal"
)

type debitRow struct {
	Counter string  `db:"counter"`
	Mark    instant `db:"mark"`
}

func (q *queries) debits() {
	q.debitMark = "SELECT mark FROM debit WHERE counter = ?"
	q.debitSave = "INSERT INTO debit (counter, mark) VALUES (?, ?) ON CONFLICT (counter) DO UPDATE SET mark = excluded.mark"
	q.debitOpen = "SELECT counter, mark FROM debit WHERE mark > ?"
	q.debitForget = "DELETE FROM debit WHERE mark < ?"
}

// DebitKey is the counter of a rule for an address, which it does not show.
func (s *Store) DebitKey(rule debit.Rule, address string) string {
	return string(rule) + ":" + s.vault.Token("debit", address)
}

// Count counts one more on a rule's counter, with the fact of what is counted
// unless it is the zero Fact, and with the fact that the counter closes when
// this one closes it. It returns until when the next is refused. Beside others: it
// decides on the counter, which it holds, so that who tries many holds up nobody.
func (s *Store) Count(ctx context.Context, rule debit.Rule, counter string, what journal.Fact) (closed time.Time, err error) {
	err = s.beside(ctx, streams(what.Stream()).and("debit", counter).withEnds(), func(t *tx) error {
		if !what.IsZero() {
			if _, err := t.append(what); err != nil {
				return err
			}
		}
		var err error
		_, closed, err = t.count(rule, counter)
		return err
	})
	return closed, err
}

// Attempt counts one more attempt on a rule's counter, unless the counter is
// closed: then it says until when, and counts nothing. The zero time means go on.
// Beside others, as [Store.Count].
func (s *Store) Attempt(ctx context.Context, rule debit.Rule, counter string) (closed time.Time, err error) {
	err = s.beside(ctx, streams().and("debit", counter), func(t *tx) error {
		was, _, err := t.count(rule, counter)
		closed = time.Time{}
		if was.After(t.now) {
			closed = was
		}
		return err
	})
	return closed, err
}

// count counts one more, and writes that the counter closes when this one closes
// it. One that was closed already stays as it was.
func (t *tx) count(rule debit.Rule, counter string) (was, closed time.Time, err error) {
	var mark instant
	if err := t.get(&mark, t.s.q.debitMark, counter); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return was, closed, err
	}
	was = rule.Limit().Closed(mark.time())
	next, closed := rule.Limit().Take(mark.time(), t.now)
	if was.After(t.now) {
		return was, closed, nil
	}
	if _, err := t.exec(t.s.q.debitSave, counter, instant(next)); err != nil || !closed.After(t.now) {
		return was, closed, err
	}
	_, err = t.append(debit.Closing(rule))
	return was, closed, err
}

// Marks are the counters that still say something, and where they stand.
func (s *Store) Marks(ctx context.Context) (map[string]time.Time, error) {
	rows, err := many[debitRow](ctx, s, s.q.debitOpen, instant(s.moment()))
	marks := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		marks[r.Counter] = r.Mark.time()
	}
	return marks, err
}
