package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/aidant"
	"relais/internal/facteur"
)

// Invitee tells whom a typed code is for, so that they can say whether it is
// them. Nothing is used up. facteur.ErrCode, ErrExpired, ErrClosed, ErrAlready: each
// leaves its trace.
func (s *Store) Invitee(ctx context.Context, typed string) (facteur.Invitee, error) {
	var out facteur.Invitee
	err := s.write(ctx, func(t *tx) error {
		i, who, _, err := t.invited(typed)
		if err != nil {
			return err
		}
		if fact, err := i.Check(who, t.now); err != nil {
			_, err = t.settle(fact, err)
			return err
		}
		out = facteur.Invitee{Invitation: i, Standing: who}
		return nil
	})
	if err != nil || out.Invitation.Kind != facteur.Resets {
		return out, err
	}
	q, found, err := s.ResetOf(ctx, out.Standing.Aidant.ID)
	if err == nil && !found {
		err = facteur.ErrState
	}
	out.Reset = q
	return out, err
}

// invited finds the invitation of a typed code, and its agent with their key.
func (t *tx) invited(typed string) (facteur.Invitation, facteur.Standing, []byte, error) {
	token := t.s.codeToken(typed)
	var row invitationRow
	err := t.get(&row, t.s.q.invitationByCode, token)
	if token == "" || errors.Is(err, sql.ErrNoRows) {
		_, err = t.settle(facteur.CodeUnknown(), facteur.ErrCode)
	}
	if err != nil {
		return facteur.Invitation{}, facteur.Standing{}, nil, err
	}
	who, key, err := t.standing(row.AidantID)
	return row.invitation(), who, key, err
}

// RedeemInvitation uses a code up and opens the enrolment session that it is worth.
// A reset's code removes the agent's factors, ends their sessions and stops what
// they have open at a service, all in the same transaction. Of many who redeem one
// code at once, one wins; the others get facteur.ErrCode.
func (s *Store) RedeemInvitation(ctx context.Context, typed string, fresh aidant.Session) (aidant.Aidant, error) {
	var out aidant.Aidant
	err := s.write(ctx, func(t *tx) error {
		i, who, _, err := t.invited(typed)
		if err != nil {
			return err
		}
		used, fact, err := i.Redeem(who, t.now)
		if err != nil {
			_, err = t.settle(fact, err)
			return err
		}
		if i.Kind == facteur.Resets { // first: its refusal is an entry, and nothing else may be written then
			if err := t.confirmReset(i.ResetID, who); err != nil {
				return err
			}
		}
		entry, err := t.append(fact)
		if err != nil {
			return err
		}
		if err := t.saveInvitation(used, entry); err != nil {
			return err
		}
		out = who.Aidant
		row := sessionOf(fresh)
		row.AidantID, row.OrganisationID, row.Auth = out.ID, out.OrganisationID, aidant.AuthInvitation
		_, err = t.exec(s.q.sessionInsert, args(row)...)
		return err
	})
	return out, err
}

// confirmReset is the agent's word, and what follows from it.
func (t *tx) confirmReset(id string, who facteur.Standing) error {
	r, err := t.reset(t.s.q.resetByID, id)
	if err != nil {
		return err
	}
	next, fact, err := r.Confirm(who, t.now)
	entry, err := t.settle(fact, err)
	if err != nil {
		return err
	}
	if err := t.saveReset(next, r.Rev, entry); err != nil {
		return err
	}
	if err := t.removeFactors(r.AidantID, entry); err != nil {
		return err
	}
	if _, err := t.exec(t.s.q.sessionDeleteOf, r.AidantID); err != nil {
		return err
	}
	return t.stopUses(r.AidantID, "facteurs_reinitialises")
}

// RefuseByCode is the agent's word, from the code's page, that they did not ask for
// the reset. facteur.ErrCode, ErrState.
func (s *Store) RefuseByCode(ctx context.Context, typed string) error {
	return s.write(ctx, func(t *tx) error {
		i, who, _, err := t.invited(typed)
		if err != nil {
			return err
		}
		if i.Kind != facteur.Resets || !i.Open(t.now) {
			return facteur.ErrState
		}
		r, err := t.reset(s.q.resetByID, i.ResetID)
		if err != nil {
			return err
		}
		next, fact, err := r.Refuse(who.Aidant, who.Aidant.Actor(aidant.AuthInvitation), t.now)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		if err := t.saveReset(next, r.Rev, entry); err != nil {
			return err
		}
		return t.saveInvitation(i.End(facteur.Unwanted, t.now), entry)
	})
}

// Door tells how an agent gets in: what they have, the code that is open for them
// and the reset that is under way. aidant.ErrNotFound.
func (s *Store) Door(ctx context.Context, aidantID string) (facteur.Door, error) {
	a, err := s.Aidant(ctx, aidantID)
	if err != nil {
		return facteur.Door{}, err
	}
	d := facteur.Door{Standing: facteur.Standing{Aidant: a}}
	if d.Structure, err = s.Organisation(ctx, a.OrganisationID); err != nil {
		return d, err
	}
	if d.Factors, err = s.factorsOf(ctx, aidantID); err != nil {
		return d, err
	}
	done, err := one[int](ctx, s, s.q.resetDone, aidantID)
	if err != nil {
		return d, err
	}
	d.Removed = done > 0
	row, err := one[invitationRow](ctx, s, s.q.invitationOpen, aidantID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return d, err
	}
	d.Invitation = row.invitation()
	q, _, err := s.ResetOf(ctx, aidantID)
	d.Reset = q.Reinitialisation
	return d, err
}
