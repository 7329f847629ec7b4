package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/journal"
)

// origin keeps where a session began, if that is said.
func (s *Store) origin(row *sessionRow, o aidant.Origin) {
	if o.Issuer == "" || o.Sub == "" {
		return
	}
	row.IdpSub, row.IdpSID = s.vault.Token(tokenSessionSub, o.Issuer+" "+o.Sub), ""
	if o.SID != "" {
		row.IdpSID = s.vault.Token(tokenSessionSID, o.Issuer+" "+o.SID)
	}
}

// inherit keeps what a renewed session does not carry.
func (r *sessionRow) inherit(old sessionRow) {
	r.IdpSub, r.IdpSID, r.Appareil, r.Notice = old.IdpSub, old.IdpSID, old.Appareil, old.Notice
}

// EndAtProvider ends, each with its entry, the sessions that began with a login at
// an identity provider: that one session of the provider's if it is named, else all
// of that person's. Whatever their agent has under way at a service stops with
// them. proof names the provider's demand, which counts once until a moment:
// aidant.ErrReplayed afterwards.
func (s *Store) EndAtProvider(ctx context.Context, o aidant.Origin, proof string, until time.Time) (int, error) {
	ended := 0
	err := s.write(ctx, func(t *tx) error {
		n, err := t.exec(s.q.proofInsert, delegation.Hash(proof), instant(until))
		if err != nil {
			return err
		}
		if n == 0 {
			return aidant.ErrReplayed
		}
		rows, err := t.begunAt(o)
		if err != nil {
			return err
		}
		ended = len(rows)
		for _, r := range rows {
			if err := t.endRow(r, aidant.Aidant{ID: r.AidantID}.SignedOut("deconnexion_fournisseur")); err != nil {
				return err
			}
			if err := t.stopUses(r.AidantID, "deconnexion_fournisseur"); err != nil {
				return err
			}
		}
		return nil
	})
	return ended, err
}

// begunAt are the sessions that an origin names.
func (t *tx) begunAt(o aidant.Origin) ([]sessionRow, error) {
	var rows, both []sessionRow
	if o.SID == "" {
		return rows, t.list(&rows, t.s.q.sessionBySub, t.s.vault.Token(tokenSessionSub, o.Issuer+" "+o.Sub))
	}
	if err := t.list(&rows, t.s.q.sessionBySID, t.s.vault.Token(tokenSessionSID, o.Issuer+" "+o.SID)); err != nil || o.Sub == "" {
		return rows, err
	}
	sub := t.s.vault.Token(tokenSessionSub, o.Issuer+" "+o.Sub)
	for _, r := range rows {
		if r.IdpSub == sub {
			both = append(both, r)
		}
	}
	return both, nil
}

// endRow ends one session with its entry.
func (t *tx) endRow(r sessionRow, fact journal.Fact) error {
	if err := t.must(aidant.ErrSession, t.s.q.sessionDelete, r.Ref); err != nil {
		return err
	}
	_, err := t.append(fact)
	return err
}

// EndSessionsOf ends the sessions of an agent with the one fact of who decides it.
// Whatever the agent has under way at a service stops with them. A refusal changes
// nothing, and its fact is written. It returns how many were open.
// aidant.ErrNotFound for nobody.
func (s *Store) EndSessionsOf(ctx context.Context, id string, c aidant.Closing) (int, error) {
	ended := 0
	err := s.write(ctx, func(t *tx) error {
		a, err := t.agent(id)
		if err != nil {
			return err
		}
		ended, err = t.endAll(a, c)
		return err
	})
	return ended, err
}

func (t *tx) agent(id string) (aidant.Aidant, error) {
	var line aidantLine
	if err := t.get(&line, t.s.q.aidantByID, id); errors.Is(err, sql.ErrNoRows) {
		return aidant.Aidant{}, aidant.ErrNotFound
	} else if err != nil {
		return aidant.Aidant{}, err
	}
	return t.s.aidant(line)
}

func (t *tx) endAll(a aidant.Aidant, c aidant.Closing) (int, error) {
	var rows []sessionRow
	if err := t.list(&rows, t.s.q.sessionOf, a.ID); err != nil {
		return 0, err
	}
	spared, open := false, 0
	for _, r := range rows {
		if r.Ref == c.Spare {
			spared = true
		} else if c.Alive(r.session()) {
			open++
		}
	}
	fact, err := c.Decide(a, open)
	if _, err := t.settle(fact, err); err != nil {
		return 0, err
	}
	for _, r := range rows {
		if r.Ref == c.Spare {
			continue
		}
		if _, err := t.exec(t.s.q.sessionDelete, r.Ref); err != nil {
			return 0, err
		}
	}
	if spared {
		return open, nil // who is still at work keeps what they have under way
	}
	return open, t.stopUses(a.ID, "sessions_fermees")
}

// EndSessionsIn is [Store.EndSessionsOf] for every agent of a structure who has a
// session; Decide says aidant.ErrSession for one to leave alone. told gives the
// fact of the whole: how many sessions were open, of how many agents.
func (s *Store) EndSessionsIn(ctx context.Context, organisationID string, c aidant.Closing, told func(sessions, agents int) journal.Fact) (sessions, agents int, err error) {
	err = s.write(ctx, func(t *tx) error {
		var rows []sessionRow
		if err := t.list(&rows, s.q.sessionIn, organisationID); err != nil {
			return err
		}
		sessions, agents = 0, 0
		seen := map[string]bool{}
		for _, r := range rows {
			if seen[r.AidantID] || r.Ref == c.Spare {
				continue
			}
			seen[r.AidantID] = true
			a, err := t.agent(r.AidantID)
			if err != nil {
				return err
			}
			n, err := t.endAll(a, c)
			if errors.Is(err, aidant.ErrSession) {
				continue
			}
			if err != nil {
				return err
			}
			sessions += n
			if n > 0 {
				agents++
			}
		}
		_, err := t.append(told(sessions, agents))
		return err
	})
	return sessions, agents, err
}
