package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
)

type resetRow struct {
	ID             string  `db:"id"`
	AidantID       string  `db:"aidant_id"`
	OrganisationID string  `db:"organisation_id"`
	AskedBy        string  `db:"asked_by"`
	AskedAt        instant `db:"asked_at"`
	ExpiresAt      instant `db:"expires_at"`
	ApprovedBy     string  `db:"approved_by"`
	ApprovedAt     instant `db:"approved_at"`
	EndedBy        string  `db:"ended_by"`
	EndedAt        instant `db:"ended_at"`
	Outcome        string  `db:"outcome"`
	Rev            int64   `db:"rev"`
	Sealed         []byte  `db:"sealed"`
	JournalID      int64   `db:"journal_id"`
}

// resetLine is a reset with its agent.
type resetLine struct {
	aidantLine
	R resetRow `db:"r"`
}

func (q *queries) resets(who string) {
	line := query("SELECT " + who + ", " + columns("r", resetRow{}) + ` FROM reinitialisation r
		JOIN aidant i ON i.id = r.aidant_id JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id`)
	q.resetInsert = insertInto("reinitialisation", resetRow{})
	q.resetUpdate = `UPDATE reinitialisation SET approved_by = ?, approved_at = ?, ended_by = ?, ended_at = ?, outcome = ?, rev = ?, journal_id = ?
		WHERE id = ? AND rev = ?`
	q.resetByID = line + " WHERE r.id = ?"
	q.resetOpen = line + " WHERE r.aidant_id = ? AND r.ended_at IS NULL"
	q.resetDone = "SELECT count(*) FROM reinitialisation WHERE aidant_id = ? AND outcome = 'confirmee'"
	q.resetList = line + " WHERE r.asked_at > ? ORDER BY r.asked_at DESC, r.id LIMIT 500"
}

func (s *Store) reset(l resetLine) (facteur.Reinitialisation, aidant.Aidant, error) {
	a, err := s.aidant(l.aidantLine)
	if err != nil {
		return facteur.Reinitialisation{}, a, err
	}
	var secret sealedReason
	if err := s.revealJSON(l.Key, ofAidant(l.R.AidantID), purposeReset+"/"+l.R.ID, l.R.Sealed, &secret); err != nil {
		return facteur.Reinitialisation{}, a, err
	}
	return facteur.Reinitialisation{ID: l.R.ID, AidantID: l.R.AidantID, OrganisationID: l.R.OrganisationID, Reason: secret.Reason, Salt: secret.Salt,
		AskedBy: l.R.AskedBy, AskedAt: l.R.AskedAt.time(), ExpiresAt: l.R.ExpiresAt.time(), ApprovedBy: l.R.ApprovedBy, ApprovedAt: l.R.ApprovedAt.time(),
		EndedBy: l.R.EndedBy, EndedAt: l.R.EndedAt.time(), Outcome: facteur.Outcome(l.R.Outcome), Rev: l.R.Rev}, a, nil
}

// reset reads one inside the transaction, by a statement with one argument;
// facteur.ErrUnknown.
func (t *tx) reset(q query, arg string) (facteur.Reinitialisation, error) {
	var line resetLine
	if err := t.get(&line, q, arg); errors.Is(err, sql.ErrNoRows) {
		return facteur.Reinitialisation{}, facteur.ErrUnknown
	} else if err != nil {
		return facteur.Reinitialisation{}, err
	}
	r, _, err := t.s.reset(line)
	return r, err
}

// saveReset writes a reset's next version; facteur.ErrState when another came first.
func (t *tx) saveReset(r facteur.Reinitialisation, was, entry int64) error {
	return t.must(facteur.ErrState, t.s.q.resetUpdate, r.ApprovedBy, instant(r.ApprovedAt), r.EndedBy, instant(r.EndedAt), string(r.Outcome), r.Rev, entry, r.ID, was)
}

// AskReset asks that an agent's factors be removed. One that ran out of time makes
// room for the next. Errors: those of [facteur.Ask]; facteur.ErrState while one is
// under way; aidant.ErrNotFound.
func (s *Store) AskReset(ctx context.Context, aidantID, reason string, by journal.Actor) (facteur.Reinitialisation, error) {
	var out facteur.Reinitialisation
	err := s.write(ctx, func(t *tx) error {
		who, key, err := t.standing(aidantID)
		if err != nil {
			return err
		}
		asker, err := t.acting(by)
		if err != nil {
			return err
		}
		r, fact, err := facteur.Ask(who, asker, reason, by, t.now)
		if err != nil {
			_, err = t.settle(fact, err)
			return err
		}
		if err := t.lapse(aidantID); err != nil {
			return err
		}
		entry, err := t.append(fact)
		if err != nil {
			return err
		}
		sealed, err := s.sealJSON(key, ofAidant(aidantID), purposeReset+"/"+r.ID, sealedReason{r.Reason, r.Salt})
		if err != nil {
			return err
		}
		out = r
		if _, err := t.exec(s.q.noticeAll, r.ID, aidantID); err != nil { // told on the next page of each session
			return err
		}
		_, err = t.exec(s.q.resetInsert, args(resetRow{ID: r.ID, AidantID: r.AidantID, OrganisationID: r.OrganisationID, AskedBy: r.AskedBy,
			AskedAt: instant(r.AskedAt), ExpiresAt: instant(r.ExpiresAt), Rev: r.Rev, Sealed: sealed, JournalID: entry})...)
		return err
	})
	return out, err
}

// lapse closes the reset an agent has open if its time has passed; facteur.ErrState
// if it has not.
func (t *tx) lapse(aidantID string) error {
	r, err := t.reset(t.s.q.resetOpen, aidantID)
	if errors.Is(err, facteur.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	next, fact, err := r.Lapse(t.now)
	if err != nil {
		return err
	}
	entry, err := t.append(fact)
	if err != nil {
		return err
	}
	return t.saveReset(next, r.Rev, entry)
}

// ChangeReset runs a decision on a reset: who acts, the agent and whether their
// structures are partners are read in the same transaction. A reset that ends takes
// its code with it. facteur.ErrUnknown, and the transition's own.
func (s *Store) ChangeReset(ctx context.Context, id string, by journal.Actor,
	decide func(r facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error)) (facteur.Reinitialisation, error) {
	var out facteur.Reinitialisation
	err := s.write(ctx, func(t *tx) error {
		r, p, err := t.parties(id, by)
		if err != nil {
			return err
		}
		next, fact, err := decide(r, p)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out = next
		if err := t.saveReset(next, r.Rev, entry); err != nil || next.EndedAt.IsZero() {
			return err
		}
		return t.endInvitation(r.AidantID, facteur.Unwanted, entry)
	})
	return out, err
}

// parties loads a reset and those it concerns. Whoever may not see it does not
// learn that it exists.
func (t *tx) parties(id string, by journal.Actor) (r facteur.Reinitialisation, p facteur.Parties, err error) {
	if r, err = t.reset(t.s.q.resetByID, id); err != nil {
		return r, p, err
	}
	if p.Agent, _, err = t.standing(r.AidantID); err != nil {
		return r, p, err
	}
	if p.Who, err = t.acting(by); err != nil {
		return r, p, err
	}
	_, p.Partners, err = t.partnership(p.Who.OrganisationID, r.OrganisationID)
	if err == nil && p.Who.ID != r.AidantID && !r.Sees(p.Who, p.Agent.Aidant, p.Partners, t.now) {
		err = facteur.ErrUnknown
	}
	return r, p, err
}

// IssueReset makes the code that the asker hands to the agent, in the place of an
// earlier one. facteur.ErrUnknown, and the errors of [facteur.Reinitialisation.Issue].
func (s *Store) IssueReset(ctx context.Context, id, code string, by journal.Actor) (facteur.Invitation, error) {
	var out facteur.Invitation
	err := s.write(ctx, func(t *tx) error {
		r, p, err := t.parties(id, by)
		if err != nil {
			return err
		}
		i, fact, err := r.Issue(p.Agent, p.Who, s.codeToken(code), by, t.now)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out = i
		return t.openInvitation(i, entry)
	})
	return out, err
}
