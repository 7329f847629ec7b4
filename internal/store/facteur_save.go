package store

import (
	"database/sql"
	"errors"
	"slices"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/facteur"
	"relais/internal/journal"
)

// use carries one attempt out. What a refusal changed is written too.
func (t *tx) use(u facteur.Use) (aidant.Aidant, error) {
	a, key, old, err := t.ownFactors(u.Agent)
	if err != nil {
		return a, err
	}
	if u.Once != "" {
		n, err := t.exec(t.s.q.proofInsert, delegation.Hash("webauthn\x00"+u.Once), instant(u.Until))
		if err != nil {
			return a, err
		}
		if n != 1 {
			_, err := t.settle(facteur.Refused(a, "reponse_rejouee"), facteur.ErrReplayed)
			return a, err
		}
	}
	next, fact, refused := u.Decide(a, old)
	if refused != nil && fact.IsZero() {
		return a, refused
	}
	entry, err := t.append(fact)
	if err != nil {
		return a, err
	}
	if err := t.saveFactors(old, next, key, entry); err != nil {
		return a, err
	}
	if err := t.notice(u.Agent, fact, entry); err != nil {
		return a, err
	}
	if refused != nil {
		return a, &refusal{refused}
	}
	return a, nil
}

func (t *tx) notice(agentID string, fact journal.Fact, entry int64) error {
	what := facteur.NoticeOf(fact)
	if what == "" {
		return nil
	}
	return t.noticed(agentID, what, entry)
}

func (t *tx) noticed(agentID, what string, entry int64) error {
	_, err := t.exec(t.s.q.noticeInsert, args(noticeRow{agentID, entry, what, instant(t.now)})...)
	return err
}

// ownFactors loads an agent and their factors, and the agent's key.
func (t *tx) ownFactors(agentID string) (a aidant.Aidant, key []byte, f facteur.Facteurs, err error) {
	var line signInLine
	err = t.get(&line, t.s.q.aidantOwn, agentID)
	if a, err = t.s.own(line, err); err != nil {
		return a, nil, f, err
	}
	var l factorLines
	for _, part := range []struct {
		into any
		q    query
	}{{&l.passkeys, t.s.q.passkeyList}, {&l.totp, t.s.q.totpOf}, {&l.codes, t.s.q.recoveryList}} {
		if err := t.list(part.into, part.q, agentID); err != nil {
			return a, nil, f, err
		}
	}
	f, err = t.s.factors(agentID, line.Key, l)
	return a, line.Key, f, err
}

// saveFactors writes what changed, each row by a compare-and-set: what another
// transaction used meanwhile is refused whatever was read before.
func (t *tx) saveFactors(old, next facteur.Facteurs, key []byte, entry int64) error {
	if err := t.savePasskeys(old, next, key, entry); err != nil {
		return err
	}
	if err := t.saveTOTP(old, next, key, entry); err != nil {
		return err
	}
	return t.saveCodes(old, next, entry)
}

func (t *tx) savePasskeys(old, next facteur.Facteurs, key []byte, entry int64) error {
	for _, p := range old.Passkeys {
		if _, kept := next.Passkey(p.ID); !kept {
			if err := t.must(facteur.ErrNotFound, t.s.q.passkeyDelete, p.ID, old.Agent); err != nil {
				return err
			}
		}
	}
	for _, p := range next.Passkeys {
		was, known := old.Passkey(p.ID)
		if known {
			if was.Count == p.Count && was.UsedAt.Equal(p.UsedAt) && was.ClonedAt.Equal(p.ClonedAt) && was.BackedUp == p.BackedUp {
				continue
			}
			if err := t.must(facteur.ErrRefused, t.s.q.passkeyUse, int64(p.Count), bit(p.BackedUp), instant(p.UsedAt), instant(p.ClonedAt), entry, p.ID, int64(was.Count)); err != nil {
				return err
			}
			continue
		}
		var owner string
		if err := t.get(&owner, t.s.q.passkeyOwner, t.s.credentialToken(p.CredentialID)); !errors.Is(err, sql.ErrNoRows) {
			return errors.Join(facteur.ErrEnrolled, err) // another agent's, or an authenticator that repeats itself
		}
		row, err := t.s.passkeyOf(old.Agent, key, p, entry)
		if err != nil {
			return err
		}
		if _, err := t.exec(t.s.q.passkeyInsert, args(row)...); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) saveTOTP(old, next facteur.Facteurs, key []byte, entry int64) error {
	same := old.TOTP != nil && next.TOTP != nil && slices.Equal(old.TOTP.Secret, next.TOTP.Secret) && old.TOTP.Phrase == next.TOTP.Phrase
	switch {
	case same && old.TOTP.LastStep == next.TOTP.LastStep, old.TOTP == nil && next.TOTP == nil:
		return nil
	case same:
		return t.must(facteur.ErrRefused, t.s.q.totpUse, next.TOTP.LastStep, instant(next.TOTP.UsedAt), entry, old.Agent, next.TOTP.LastStep)
	}
	if old.TOTP != nil {
		if err := t.must(facteur.ErrNotFound, t.s.q.totpDelete, old.Agent); err != nil {
			return err
		}
	}
	if next.TOTP == nil {
		return nil
	}
	sealed, err := t.s.sealJSON(key, ofAidant(old.Agent), purposeTOTP, sealedTOTP{Secret: next.TOTP.Secret, Phrase: next.TOTP.Phrase})
	if err != nil {
		return err
	}
	_, err = t.exec(t.s.q.totpInsert, args(totpRow{old.Agent, sealed, next.TOTP.LastStep, instant(next.TOTP.CreatedAt), instant(next.TOTP.UsedAt), entry})...)
	return err
}

func (t *tx) saveCodes(old, next facteur.Facteurs, entry int64) error {
	was := map[string]facteur.Code{}
	for _, c := range old.Codes {
		was[c.Hash] = c
	}
	renewed := slices.ContainsFunc(next.Codes, func(c facteur.Code) bool { _, known := was[c.Hash]; return !known })
	if renewed {
		if _, err := t.exec(t.s.q.recoveryDelete, old.Agent); err != nil {
			return err
		}
	}
	for _, c := range next.Codes {
		switch before := was[c.Hash]; {
		case renewed:
			if _, err := t.exec(t.s.q.recoveryInsert, args(recoveryRow{c.Hash, old.Agent, instant(c.UsedAt), entry})...); err != nil {
				return err
			}
		case before.UsedAt.IsZero() && !c.UsedAt.IsZero():
			if err := t.must(facteur.ErrRefused, t.s.q.recoveryUse, instant(c.UsedAt), entry, c.Hash, old.Agent); err != nil {
				return err
			}
		}
	}
	return nil
}
