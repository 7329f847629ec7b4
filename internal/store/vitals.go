package store

import (
	"context"
	"errors"

	"relais/internal/journal"
)

// CheckJournal is [Store.VerifyJournal] with its result as an entry, sound or not.
// What could not be verified at all leaves none.
func (s *Store) CheckJournal(ctx context.Context, by journal.Actor) (journal.Head, error) {
	start := s.now()
	head, err := s.VerifyJournal(ctx)
	var bad *journal.Finding
	if err != nil && !errors.As(err, &bad) {
		return head, err
	}
	return head, errors.Join(err, s.Append(ctx, journal.Verified(by, head, s.now().Sub(start), bad)))
}

// Vitals tells when the journal was last verified, replayed and alive, and how
// far behind it those who number and follow it are.
func (s *Store) Vitals(ctx context.Context) (journal.Vitals, error) {
	var v journal.Vitals
	for action, into := range map[journal.Action]*journal.Record{journal.JournalVerify: &v.Verified, journal.JournalReplay: &v.Replayed, journal.Heartbeat: &v.Beat} {
		found, err := s.Journal(ctx, journal.Filter{Action: action, Limit: 1})
		if err != nil {
			return v, err
		}
		if len(found) > 0 {
			*into = found[0]
		}
	}
	lag, err := s.Lag(ctx)
	if err != nil {
		return v, err
	}
	v.Waiting, v.WaitedFor = lag.Entries, lag.Age
	head, err := s.Head(ctx)
	if err != nil {
		return v, err
	}
	for _, f := range s.followers() {
		next, err := s.followed(ctx, f)
		if err != nil {
			return v, err
		}
		v.Behind = max(v.Behind, head.Size-next)
	}
	passed, err := one[struct{ N, First int64 }](ctx, s, s.q.unreadCount)
	v.Unread, v.UnreadAt = passed.N, passed.First
	return v, err
}
