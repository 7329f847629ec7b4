package store

import (
	"context"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// What is swept after how long.
const (
	draftMax    = 30 * 24 * time.Hour // DESIGN §4: an abandoned draft is « sans suite » after 30 days
	protocolMax = 24 * time.Hour      // codes and tokens live for seconds
)

// Sweep removes sessions long past and the protocol state of delegated logins
// long past, ends drafts older than 30 days « sans suite », and closes with
// their entry the mandats whose end has passed. It does a bounded part of the
// work; call it every few minutes.
func (s *Store) Sweep(ctx context.Context) error {
	if err := s.write(ctx, func(t *tx) error { return t.sweepTraces() }); err != nil {
		return err
	}
	if err := s.write(ctx, func(t *tx) error { return t.sweepDrafts() }); err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		past, err := t.lightMandats(s.q.mandatExpired, instant(t.now))
		if err != nil {
			return err
		}
		for _, m := range past {
			if err := t.advance(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Expire(t.now) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) sweepTraces() error {
	if _, err := t.exec(t.s.q.sessionDeleteOld, instant(t.now.Add(-sessionIdleMax)), instant(t.now.Add(-sessionLifeMax))); err != nil {
		return err
	}
	if _, err := t.exec(t.s.q.appareilForget, instant(t.now.Add(-aidant.AppareilLife))); err != nil {
		return err
	}
	if _, err := t.exec(t.s.q.debitForget, instant(t.now)); err != nil {
		return err
	}
	if err := t.sweepProvider(); err != nil {
		return err
	}
	if _, err := t.exec(t.s.q.noticeForget, instant(t.now.Add(-noticeLife))); err != nil {
		return err
	}
	_, err := t.exec(t.s.q.delegationForget, instant(t.now.Add(-protocolMax)))
	return err
}

// sweepDrafts abandons old drafts; what was sealed beside them goes with them.
func (t *tx) sweepDrafts() error {
	old, err := t.lightMandats(t.s.q.mandatOld, instant(t.now.Add(-draftMax)))
	if err != nil {
		return err
	}
	for _, m := range old {
		_, err := t.changeMandat(m.OrganisationID, m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Abandon(journal.Systeme(), t.now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
