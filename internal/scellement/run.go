package scellement

import (
	"context"
	"errors"
	"sync"
	"time"

	"relais/internal/journal"
)

// Run seals each second while the journal grows, asks the witnesses after each
// seal and the time authority each hour, until ctx ends. A slow witness never
// holds up a seal.
func (s *Sealer) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.every(ctx, time.Second, s.sealIfGrown) })
	all.Go(func() { s.every(ctx, time.Second, func(ctx context.Context) error { _ = s.Cosign(ctx); return nil }) }) // each witness's failure is logged and shown
	all.Go(func() { s.every(ctx, time.Minute, s.stampIfDue) })
	all.Go(func() { s.every(ctx, time.Minute, s.renewIfDue()) })
	all.Wait()
}

// every calls do at each tick and logs its error once for as long as it lasts.
func (s *Sealer) every(ctx context.Context, pause time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	var before string
	for {
		err := do(ctx)
		if now := said(err); now != before && ctx.Err() == nil {
			before = now
			if err != nil {
				s.o.Log.ErrorContext(ctx, "journal", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Sealer) sealIfGrown(ctx context.Context) error {
	st := s.State()
	if st.Refusal == nil && st.Last.Size > 0 {
		head, err := s.o.Tree.Head(ctx)
		if err != nil || head.Size == st.Last.Size && head.Root == st.Last.Root {
			return err
		}
	}
	c, err := s.Seal(ctx)
	if err == nil && st.Last.Size == 0 {
		err = s.recall(ctx, c.Origin)
	}
	return err
}

// recall reads from the database how far witnesses and authority had come.
func (s *Sealer) recall(ctx context.Context, origin string) error {
	quorum, err := s.o.Shelf.LastAttestation(ctx, origin, journal.Quorum)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	token, err := s.o.Shelf.LastAttestation(ctx, origin, journal.TimeToken)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	s.note(func(st *State) {
		st.Progress.Cosigned, st.Progress.Stamped = max(st.Progress.Cosigned, quorum.Size), max(st.Progress.Stamped, token.Size)
		if st.StampedAt.IsZero() {
			st.StampedAt = token.At
		}
	})
	return nil
}

func (s *Sealer) stampIfDue(ctx context.Context) error {
	st := s.State()
	since := s.o.Now().Sub(st.StampedAt) // far below zero once our clock was set back
	if s.o.TSA == "" || st.Last.Size <= st.Progress.Stamped || since > -stampAdrift && since < stampEvery {
		return nil
	}
	_, err := s.Stamp(ctx, st.Last)
	return err
}

// renewIfDue looks at all tokens once a day, and leaves why it failed where
// people see it.
func (s *Sealer) renewIfDue() func(context.Context) error {
	var looked time.Time
	var said error
	return func(ctx context.Context) error {
		if s.o.TSA == "" || s.State().Last.Size == 0 || s.o.Now().Sub(looked) < renewEvery {
			return said
		}
		looked = s.o.Now()
		_, said = s.Renew(ctx)
		return said
	}
}
