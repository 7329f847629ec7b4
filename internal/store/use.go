package store

import (
	"context"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
)

// Stop revokes a delegated login, or ends its use. What is stopped already
// stays as it is, without a second entry. See provider.Ledger. Beside others: the
// login is held by its mandat's stream.
func (s *Store) Stop(ctx context.Context, id string, by journal.Actor, reason string, ended bool) error {
	return s.beside(ctx, streamsBy(s.q.lockByLogin, id), func(t *tx) error {
		l, err := t.loginFor(s.q.loginByID, id)
		if err != nil {
			return err
		}
		if ended {
			if !l.EndedAt.IsZero() {
				return nil
			}
			return t.saveLogin(l.End(by, reason, t.now))
		}
		if !l.RevokedAt.IsZero() {
			return nil
		}
		return t.saveLogin(l.Revoke(by, reason, t.now))
	})
}

// OpenUse is the aidant's latest use that was not ended, whether or not it was
// revoked since: the service may still hold the usager's identity.
func (s *Store) OpenUse(ctx context.Context, aidantID string) (delegation.Open, bool, error) {
	lines, err := many[openLine](ctx, s, s.q.openUse, aidantID)
	if err != nil || len(lines) == 0 {
		return delegation.Open{}, false, err
	}
	who, err := s.usager(lines[0].usagerLine)
	if err != nil {
		return delegation.Open{}, false, err
	}
	m := lines[0].M.mandat()
	for _, l := range lines {
		m.Autorisations = append(m.Autorisations, l.A.autorisation())
	}
	return delegation.Open{Login: lines[0].D.login(), Usager: who, Mandat: m}, true, nil
}

// EndUses ends every open use of an aidant. Beside others: each login is held by its
// mandat's stream, and one that is opened meanwhile is found unheld, and ended alone.
func (s *Store) EndUses(ctx context.Context, aidantID string, by journal.Actor, reason string) error {
	return s.beside(ctx, streamsBy(s.q.lockOpenUses, aidantID), func(t *tx) error {
		open, err := t.logins(s.q.delegationOpen, aidantID)
		if err != nil {
			return err
		}
		for _, l := range open {
			if err := t.saveLogin(l.End(by, reason, t.now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// LiveLogins are the uses that an aidant's session made for one client since a
// moment and that were not ended, newest first.
func (s *Store) LiveLogins(ctx context.Context, aidantID, sessionRef, clientID string, since time.Time) ([]delegation.Login, error) {
	rows, err := many[delegationRow](ctx, s, s.q.delegationLately, aidantID, instant(since), sessionRef, clientID)
	if err != nil {
		return nil, err
	}
	out := make([]delegation.Login, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.login())
	}
	return out, nil
}

// EndUsesLike ends the use that a login began, and every open one that the same
// session made for the same client. delegation.ErrNotFound for an unknown login.
// Beside others, as [Store.EndUses].
func (s *Store) EndUsesLike(ctx context.Context, id string, by journal.Actor, reason string) error {
	return s.beside(ctx, streamsBy(s.q.lockUsesLike, id), func(t *tx) error {
		l, err := t.loginFor(s.q.loginByID, id)
		if err != nil {
			return err
		}
		open, err := t.logins(s.q.delegationOpen, l.AidantID)
		if err != nil {
			return err
		}
		for _, one := range open {
			if one.SessionRef != l.SessionRef || one.ClientID != l.ClientID {
				continue
			}
			if err := t.saveLogin(one.End(by, reason, t.now)); err != nil {
				return err
			}
		}
		return nil
	})
}
