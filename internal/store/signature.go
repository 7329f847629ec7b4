package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"relais/internal/acte"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
)

// Overlaps lists the autorisations of a structure's other mandats with the
// usager of a FranceConnect sub that run at a time in some domaines.
func (s *Store) Overlaps(ctx context.Context, organisationID, fcSub string, domaines []string, at time.Time) ([]mandat.Replacement, error) {
	line, err := one[usagerLine](ctx, s, s.q.usagerBySub, s.vault.Token(tokenUsagerSub, fcSub))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines, err := many[mandatLine](ctx, s, s.q.mandatActive, line.U.ID, organisationID)
	return overlaps(mandatsOf(lines), domaines, at), err
}

func overlaps(held []mandat.Mandat, domaines []string, at time.Time) []mandat.Replacement {
	var out []mandat.Replacement
	for _, code := range domaines {
		for _, m := range held {
			blocks := func(a mandat.Autorisation) bool { return a.Domaine == code && a.EndedAt.IsZero() }
			if at.Before(m.EndsAt) && slices.ContainsFunc(m.Autorisations, blocks) { // a suspended one too
				out = append(out, mandat.Replacement{MandatID: m.ID, Number: m.Number, Domaine: code})
			}
		}
	}
	return out
}

// SignMandat is the aidant's acceptance, in one transaction: what has passed
// its end is closed, sign decides on the draft with the overlaps that remain,
// the usager is found by sub or made, the evidence is sealed under their key,
// replace closes each overlap, and the draft's own key is gone.
func (s *Store) SignMandat(ctx context.Context, organisationID, id string, who acte.Attested,
	sign func(m mandat.Mandat, usagerID string, overlaps []mandat.Replacement, evidence string) (mandat.Mandat, journal.Fact, error),
	replace func(m mandat.Mandat, domaine string) (mandat.Mandat, journal.Fact, error),
) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.write(ctx, func(t *tx) error {
		old, held, err := t.fullMandat(organisationID, id)
		if err != nil {
			return err
		}
		if !held.held || who.Sub == "" {
			return wrapMandat(id, mandat.ErrState)
		}
		u, err := t.usagerBySub(who)
		if err != nil {
			return err
		}
		others, err := t.running(organisationID, u.id)
		if err != nil {
			return err
		}
		clash := overlaps(others, domainesOf(old), t.now)
		plain, digest, err := held.dossier.Encode()
		if err != nil {
			return err
		}
		next, fact, err := sign(old, u.id, clash, digest)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		if err := t.replaceAll(others, clash, replace); err != nil {
			return err
		}
		if err := t.saveUsager(&u, who, next.Signature.EmailSafe); err != nil {
			return err
		}
		if err := t.archive(next, u, plain, held); err != nil {
			return wrapMandat(id, err)
		}
		out, err = t.saveMandat(old, next, fact, entry)
		return err
	})
	return out, err
}

func domainesOf(m mandat.Mandat) []string {
	out := make([]string, len(m.Autorisations))
	for i, a := range m.Autorisations {
		out[i] = a.Domaine
	}
	return out
}

// running loads the mandats of a structure with an usager that still run, and
// closes with their entry those whose end has passed.
func (t *tx) running(organisationID, usagerID string) ([]mandat.Mandat, error) {
	held, err := t.lightMandats(t.s.q.mandatActive, usagerID, organisationID)
	if err != nil {
		return nil, err
	}
	var out []mandat.Mandat
	for _, m := range held {
		if t.now.Before(m.EndsAt) {
			out = append(out, m)
			continue
		}
		if err := t.advance(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Expire(t.now) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// advance applies a transition to a mandat loaded without what is sealed.
func (t *tx) advance(m mandat.Mandat, change transition) error {
	next, fact, err := change(m)
	entry, err := t.settle(fact, err)
	if err != nil {
		return err
	}
	_, err = t.saveMandat(m, next, fact, entry)
	return err
}

// replaceAll closes the overlaps, one after the other on the same mandat. A
// refusal here undoes the signature, its fact included.
func (t *tx) replaceAll(others []mandat.Mandat, clash []mandat.Replacement, replace func(mandat.Mandat, string) (mandat.Mandat, journal.Fact, error)) error {
	for _, old := range others {
		for _, c := range clash {
			if c.MandatID != old.ID {
				continue
			}
			next, fact, err := replace(old, c.Domaine)
			if err != nil {
				return wrapMandat(old.ID, err)
			}
			entry, err := t.append(fact)
			if err != nil {
				return wrapMandat(old.ID, err)
			}
			if old, err = t.saveMandat(old, next, fact, entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// archive moves the evidence from the draft's key to the usager's.
func (t *tx) archive(m mandat.Mandat, u keyedUsager, plain []byte, held sealed) error {
	dossier, err := t.s.vault.Seal(u.key, ofUsager(u.id), purposeDossier+"/"+m.ID, plain)
	if err != nil {
		return err
	}
	if _, err := t.exec(t.s.q.dossierInsert, m.ID, u.id, dossier); err != nil {
		return err
	}
	return t.dropDraft(m.ID, held)
}

// keyedUsager is an usager with their key, which a new one does not have yet.
type keyedUsager struct {
	id   string
	key  []byte
	kept usager.Usager // as last written
}

func (t *tx) usagerBySub(who acte.Attested) (keyedUsager, error) {
	var line usagerLine
	err := t.get(&line, t.s.q.usagerBySub, t.s.vault.Token(tokenUsagerSub, who.Sub))
	if errors.Is(err, sql.ErrNoRows) {
		return keyedUsager{id: "u-" + strings.ToLower(rand.Text())}, nil
	}
	if err != nil {
		return keyedUsager{}, err
	}
	kept, err := t.s.usager(line)
	return keyedUsager{id: line.U.ID, key: line.Key, kept: kept}, err
}
