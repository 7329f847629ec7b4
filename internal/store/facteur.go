package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// noticeLife is how long a change of factors stays on the agent's page.
const noticeLife = 90 * 24 * time.Hour

// ofFacteur is what a write holds that decides on an agent's factors.
func ofFacteur(h hold, agentID string) hold { return h.and("facteur", agentID) }

// AidantByEmail is the agent of an e-mail address, suspended with their structure;
// aidant.ErrNotFound.
func (s *Store) AidantByEmail(ctx context.Context, email string) (aidant.Aidant, error) {
	line, err := one[signInLine](ctx, s, s.q.aidantByEmail, s.emailToken(email))
	return s.own(line, err)
}

// own opens the line of an agent; a suspended structure suspends them too.
func (s *Store) own(line signInLine, err error) (aidant.Aidant, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return aidant.Aidant{}, aidant.ErrNotFound
	}
	if err != nil {
		return aidant.Aidant{}, err
	}
	a, err := s.aidant(line.aidantLine)
	if err == nil && line.Suspended != 0 && !a.Suspended() {
		a.SuspendedAt = s.moment() // for the decision only
	}
	return a, err
}

// PasskeyOwner is the id of the agent who enrolled a credential; facteur.ErrNotFound.
func (s *Store) PasskeyOwner(ctx context.Context, credentialID []byte) (string, error) {
	id, err := one[string](ctx, s, s.q.passkeyOwner, s.credentialToken(credentialID))
	if errors.Is(err, sql.ErrNoRows) {
		return "", facteur.ErrNotFound
	}
	return id, err
}

// Facteurs are an agent's; aidant.ErrNotFound.
func (s *Store) Facteurs(ctx context.Context, agentID string) (facteur.Facteurs, error) {
	line, err := one[signInLine](ctx, s, s.q.aidantOwn, agentID)
	if errors.Is(err, sql.ErrNoRows) {
		return facteur.Facteurs{}, aidant.ErrNotFound
	}
	if err != nil {
		return facteur.Facteurs{}, err
	}
	var l factorLines
	if l.passkeys, err = many[passkeyRow](ctx, s, s.q.passkeyList, agentID); err != nil {
		return facteur.Facteurs{}, err
	}
	if l.totp, err = many[totpRow](ctx, s, s.q.totpOf, agentID); err != nil {
		return facteur.Facteurs{}, err
	}
	if l.codes, err = many[recoveryRow](ctx, s, s.q.recoveryList, agentID); err != nil {
		return facteur.Facteurs{}, err
	}
	return s.factors(agentID, line.Key, l)
}

// FactorNotices are the latest changes of an agent's factors, the last one first.
func (s *Store) FactorNotices(ctx context.Context, agentID string) ([]facteur.Notice, error) {
	rows, err := many[noticeRow](ctx, s, s.q.noticeList, agentID)
	out := make([]facteur.Notice, 0, len(rows))
	for _, r := range rows {
		out = append(out, facteur.Notice{At: r.At.time(), What: r.What})
	}
	return out, err
}

// PasskeyCommittedBefore tells whether an entry below index says that an agent
// enrolled the key of this digest; by is that agent as the entry is shown, "" when
// the entry does not say any more.
func (s *Store) PasskeyCommittedBefore(ctx context.Context, keyDigest string, index int64) (by string, committed bool, err error) {
	if len(keyDigest) < 32 {
		return "", false, nil
	}
	rows, err := many[bodyRow](ctx, s, s.q.enrolBefore, keyDigest[:32], index)
	if err != nil {
		return "", false, err
	}
	records, err := s.records(ctx, rows)
	for _, r := range records {
		if r.Outcome == journal.OK && r.Details["cle_sha256"] == keyDigest {
			return r.Actor.Ref, true, nil
		}
	}
	return "", false, err
}

// SignInOwn opens a session by a factor of the agent's own, or leaves the
// refusal's trace. fresh gives Ref, times, Auth, Device and Data. Errors:
// facteur.ErrReplayed for a challenge answered before, aidant.ErrNotFound, and
// what Decide refuses with.
//
// Beside others: it decides on the agent's factors, which it holds, and on the
// agent, who changes only by who holds everything.
func (s *Store) SignInOwn(ctx context.Context, u facteur.Use, fresh aidant.Session) (aidant.Aidant, error) {
	var out aidant.Aidant
	err := s.beside(ctx, ofFacteur(streams(), u.Agent), func(t *tx) error {
		a, err := t.use(u)
		if err != nil {
			return err
		}
		row := sessionOf(fresh)
		row.AidantID, row.OrganisationID, row.Entrusted = a.ID, a.OrganisationID, ""
		out = a
		if err := t.recognise(&row, fresh.Browser); err != nil {
			return err
		}
		_, err = t.exec(s.q.sessionInsert, args(row)...)
		return err
	})
	return out, err
}

// TakeBackOwn is [Store.TakeBack] by a factor of the aidant's own. Beside others, as
// that one and [Store.SignInOwn].
func (s *Store) TakeBackOwn(ctx context.Context, u facteur.Use, oldRef string, renewed aidant.Session, mandatID string, proof acte.Proof, change transition) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.beside(ctx, ofFacteur(streams(mandatID), u.Agent), func(t *tx) error {
		if renewed.AidantID != u.Agent {
			return aidant.ErrOther
		}
		if _, err := t.use(u); err != nil {
			return err
		}
		m, err := t.takeBack(oldRef, renewed, mandatID, proof, change)
		out = m
		return err
	})
	return out, err
}

// ElevateOwn is [Store.Elevate] by a factor of the agent's own; Decide's fact is
// the one. Beside others, as those.
func (s *Store) ElevateOwn(ctx context.Context, u facteur.Use, oldRef string, renewed aidant.Session) error {
	return s.beside(ctx, ofFacteur(streams(), u.Agent), func(t *tx) error {
		if renewed.AidantID != u.Agent {
			return aidant.ErrOther
		}
		if _, err := t.use(u); err != nil {
			return err
		}
		return t.renew(oldRef, renewed)
	})
}

// ChangeFacteurs changes an agent's factors, asked for in one of their sessions,
// given by its reference: aidant.ErrSession when it ended meanwhile, for whoever
// sends a form slowly must not outlive the agent's « Ce n’était pas moi ». All their
// sessions end but that one, and that one too where it only enrols; their page will
// say so. Beside others: it decides on the agent's factors, which it holds.
func (s *Store) ChangeFacteurs(ctx context.Context, agentID, session string, change func(facteur.Facteurs) (facteur.Facteurs, journal.Fact, error)) (facteur.Facteurs, error) {
	var out facteur.Facteurs
	err := s.beside(ctx, ofFacteur(streams(), agentID), func(t *tx) error {
		a, key, old, err := t.ownFactors(agentID)
		if err != nil {
			return err
		}
		keep, err := t.asking(a, session)
		if err != nil {
			return err
		}
		next, fact, err := change(old)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		if err := t.saveFactors(old, next, key, entry); err != nil {
			return err
		}
		if err := t.notice(agentID, fact, entry); err != nil {
			return err
		}
		out = next
		_, err = t.exec(s.q.sessionDeleteOthers, agentID, keep)
		return err
	})
	return out, err
}

// asking tells whether an agent may still change their factors in a session, and
// which one stays afterwards, "" for none.
func (t *tx) asking(a aidant.Aidant, session string) (keep string, err error) {
	var row sessionRow
	err = t.get(&row, t.s.q.sessionPlain, session)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", aidant.ErrSession
	case err != nil:
		return "", err
	case row.AidantID != a.ID || row.Entrusted != "":
		return "", aidant.ErrOther
	case a.Suspended():
		return "", aidant.ErrSuspended
	case row.session().Enrolling():
		return "", nil
	}
	return session, nil
}
