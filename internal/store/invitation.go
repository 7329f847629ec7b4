package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/journal"
)

type invitationRow struct {
	ID        string  `db:"id"`
	AidantID  string  `db:"aidant_id"`
	Kind      string  `db:"kind"`
	ResetID   string  `db:"reset_id"`
	CodeToken string  `db:"code_token"`
	CreatedBy string  `db:"created_by"`
	CreatedAt instant `db:"created_at"`
	ExpiresAt instant `db:"expires_at"`
	UsedAt    instant `db:"used_at"`
	EndedAt   instant `db:"ended_at"`
	EndReason string  `db:"end_reason"`
	JournalID int64   `db:"journal_id"`
}

// invitationLine is an invitation with its agent.
type invitationLine struct {
	aidantLine
	N invitationRow `db:"n"`
}

func (r invitationRow) invitation() facteur.Invitation {
	return facteur.Invitation{ID: r.ID, AidantID: r.AidantID, Kind: facteur.Kind(r.Kind), ResetID: r.ResetID, CodeHash: r.CodeToken, By: r.CreatedBy,
		CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time(), UsedAt: r.UsedAt.time(), EndedAt: r.EndedAt.time(), EndReason: r.EndReason}
}

func (q *queries) invitations(who string) {
	own := query("SELECT " + plain(invitationRow{}) + " FROM invitation WHERE ")
	q.invitationInsert = insertInto("invitation", invitationRow{})
	q.invitationEnd = "UPDATE invitation SET used_at = ?, ended_at = ?, end_reason = ?, journal_id = ? WHERE id = ? AND used_at IS NULL AND ended_at IS NULL"
	q.invitationByID = own + "id = ?"
	q.invitationByCode = own + "code_token = ?"
	q.invitationOpen = own + "aidant_id = ? AND used_at IS NULL AND ended_at IS NULL"
	q.invitationList = query("SELECT " + who + ", " + columns("n", invitationRow{}) + ` FROM invitation n
		JOIN aidant i ON i.id = n.aidant_id JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id
		WHERE i.organisation_id = ? AND n.kind = 'invitation' AND n.used_at IS NULL AND n.ended_at IS NULL ORDER BY n.expires_at, n.id`)
}

// codeToken is what is kept of a code, "" for what cannot be one.
func (s *Store) codeToken(typed string) string {
	code, ok := facteur.NormalCode(typed)
	if !ok {
		return ""
	}
	return s.vault.Token(tokenCode, code)
}

// standing is what is known of an agent, with their key; aidant.ErrNotFound.
func (t *tx) standing(aidantID string) (facteur.Standing, []byte, error) {
	var line aidantLine
	if err := t.get(&line, t.s.q.aidantByID, aidantID); errors.Is(err, sql.ErrNoRows) {
		return facteur.Standing{}, nil, aidant.ErrNotFound
	} else if err != nil {
		return facteur.Standing{}, nil, err
	}
	a, err := t.s.aidant(line)
	if err != nil {
		return facteur.Standing{}, nil, err
	}
	s := facteur.Standing{Aidant: a}
	if s.Structure, err = t.organisation(a.OrganisationID); err != nil {
		return facteur.Standing{}, nil, err
	}
	if s.Factors, err = t.factors(aidantID); err != nil {
		return s, nil, err
	}
	var done int
	err = t.get(&done, t.s.q.resetDone, aidantID)
	s.Removed = done > 0
	return s, line.Key, err
}

// acting is the agent who acts, as they are now, suspended with their structure; the
// zero Aidant for the operator.
func (t *tx) acting(by journal.Actor) (aidant.Aidant, error) {
	if by.Type == journal.ActorSysteme {
		return aidant.Aidant{}, nil
	}
	s, _, err := t.standing(by.Ref)
	if s.Closed() && !s.Aidant.Suspended() {
		s.Aidant.SuspendedAt = t.now // for the decision only
	}
	return s.Aidant, err
}

// AdmitInvited lets an agent in on the word of another, and opens their invitation
// with that code; without one the agent comes by their identity provider.
// habilitation.ErrInvalid when the e-mail is taken, facteur.ErrBeyond when the one
// who acts may not give so much: nothing is admitted then.
func (s *Store) AdmitInvited(ctx context.Context, a aidant.Aidant, code string, by journal.Actor) (facteur.Invitation, error) {
	var out facteur.Invitation
	err := s.write(ctx, func(t *tx) error {
		giver, err := t.acting(by)
		if err != nil {
			return err
		}
		if by.Type != journal.ActorSysteme && facteur.MayGive(giver, a.OrganisationID, a.Roles) != nil {
			_, err := t.settle(habilitation.Beyond(by, a), facteur.ErrBeyond)
			return err
		}
		if err := t.admit(a, by); err != nil || code == "" {
			return err
		}
		out, err = t.invite(a.ID, code, by)
		return err
	})
	return out, err
}

// Invite opens an invitation for an agent who is admitted and never came in, in the
// place of the one they may have had. Errors: those of [facteur.NewInvitation],
// aidant.ErrNotFound.
func (s *Store) Invite(ctx context.Context, aidantID, code string, by journal.Actor) (facteur.Invitation, error) {
	var out facteur.Invitation
	err := s.write(ctx, func(t *tx) error {
		var err error
		out, err = t.invite(aidantID, code, by)
		return err
	})
	return out, err
}

func (t *tx) invite(aidantID, code string, by journal.Actor) (facteur.Invitation, error) {
	giver, err := t.acting(by)
	if err != nil {
		return facteur.Invitation{}, err
	}
	who, _, err := t.standing(aidantID)
	if err != nil {
		return facteur.Invitation{}, err
	}
	i, fact, err := facteur.NewInvitation(who, giver, t.s.codeToken(code), by, t.now)
	entry, err := t.settle(fact, err)
	if err != nil {
		return facteur.Invitation{}, err
	}
	return i, t.openInvitation(i, entry)
}

// openInvitation stores a new code; the older one of the same agent dies.
func (t *tx) openInvitation(i facteur.Invitation, entry int64) error {
	if err := t.endInvitation(i.AidantID, facteur.Replaced, entry); err != nil {
		return err
	}
	_, err := t.exec(t.s.q.invitationInsert, args(invitationRow{ID: i.ID, AidantID: i.AidantID, Kind: string(i.Kind), ResetID: i.ResetID,
		CodeToken: i.CodeHash, CreatedBy: i.By, CreatedAt: instant(i.CreatedAt), ExpiresAt: instant(i.ExpiresAt), JournalID: entry})...)
	return err
}

// endInvitation ends the code an agent has open, if any, with the entry that says why.
func (t *tx) endInvitation(aidantID, why string, entry int64) error {
	var row invitationRow
	if err := t.get(&row, t.s.q.invitationOpen, aidantID); errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	return t.saveInvitation(row.invitation().End(why, t.now), entry)
}

// saveInvitation uses an invitation up, or ends it: once, whoever else tries.
func (t *tx) saveInvitation(i facteur.Invitation, entry int64) error {
	return t.must(facteur.ErrCode, t.s.q.invitationEnd, instant(i.UsedAt), instant(i.EndedAt), i.EndReason, entry, i.ID)
}

// CancelInvitation ends an agent's invitation whose code was not typed;
// facteur.ErrState when there is none.
func (s *Store) CancelInvitation(ctx context.Context, aidantID string, by journal.Actor) error {
	return s.write(ctx, func(t *tx) error {
		giver, err := t.acting(by)
		if err != nil {
			return err
		}
		who, _, err := t.standing(aidantID)
		if err != nil {
			return err
		}
		var row invitationRow
		if err := t.get(&row, s.q.invitationOpen, aidantID); errors.Is(err, sql.ErrNoRows) {
			return facteur.ErrState
		} else if err != nil {
			return err
		}
		i, fact, err := row.invitation().Cancel(who, giver, by, t.now)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		return t.saveInvitation(i, entry)
	})
}

// Invitations lists what a structure has open, the first to end first; those whose
// code is out of date too.
func (s *Store) Invitations(ctx context.Context, organisationID string) ([]facteur.Pending, error) {
	lines, err := many[invitationLine](ctx, s, s.q.invitationList, organisationID)
	out := make([]facteur.Pending, 0, len(lines))
	for _, l := range lines {
		a, err := s.aidant(l.aidantLine)
		if err != nil {
			return nil, err
		}
		out = append(out, facteur.Pending{Invitation: l.N.invitation(), Name: a.Name()})
	}
	return out, err
}
