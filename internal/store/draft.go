package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/mandat"
)

// keepDraft brings what is sealed beside a draft in line with a change: a text
// that is no more, or an identification that was lost, goes with its key.
func (t *tx) keepDraft(old, next mandat.Mandat, held sealed) (mandat.Mandat, error) {
	if old.State != mandat.Brouillon {
		return next, nil
	}
	keeps := next.State == mandat.Brouillon && !next.Texte.IsZero() && !next.Signature.EntrustedAt.IsZero()
	same := next.Texte.Version == old.Texte.Version && next.Texte.Nonce() == old.Texte.Nonce()
	lost := held.held && next.Signature.IdentifiedAt.IsZero()
	if keeps && same && !lost {
		return next, nil
	}
	if err := t.dropDraft(old.ID, held); err != nil {
		return next, err
	}
	if !keeps {
		next.Texte = acte.Texte{}
		return next, nil
	}
	return next, t.sealDraft(next, nil)
}

// dropDraft deletes what is sealed beside a draft, and its key.
func (t *tx) dropDraft(id string, held sealed) error {
	if held.key == nil {
		return nil
	}
	if _, err := t.exec(t.s.q.brouillonDelete, id); err != nil {
		return err
	}
	_, err := t.exec(t.s.q.keyDelete, ofDraft(id))
	return err
}

// sealDraft seals a draft's text, and its evidence when there is some, under a
// fresh key.
func (t *tx) sealDraft(m mandat.Mandat, d *acte.Dossier) error {
	key, err := t.newKey(ofDraft(m.ID))
	if err != nil {
		return err
	}
	texte, err := t.s.sealJSON(key, ofDraft(m.ID), purposeTexte, m.Texte)
	if err != nil {
		return err
	}
	var dossier []byte
	if d != nil {
		if dossier, err = t.s.sealJSON(key, ofDraft(m.ID), purposeBrouillon, *d); err != nil {
			return err
		}
	}
	_, err = t.exec(t.s.q.brouillonInsert, m.ID, texte, dossier)
	return err
}

// IdentifyUsager changes a draft and keeps the evidence of the usager's login
// sealed with it, under a key that forgets an earlier one. Beside others, as
// [Store.ChangeMandat].
func (s *Store) IdentifyUsager(ctx context.Context, organisationID, id string, d acte.Dossier, change transition) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.beside(ctx, streams(id), func(t *tx) error {
		old, held, err := t.fullMandat(organisationID, id)
		if err != nil {
			return err
		}
		next, fact, err := change(old)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		if err := t.dropDraft(id, held); err != nil {
			return wrapMandat(id, err)
		}
		if err := t.sealDraft(next, &d); err != nil {
			return wrapMandat(id, err)
		}
		out, err = t.saveMandat(old, next, fact, entry)
		return err
	})
	return out, err
}

// DraftDossier is the evidence kept with a draft; mandat.ErrNotFound when the
// structure has no such draft, mandat.ErrState when nobody identified yet.
func (s *Store) DraftDossier(ctx context.Context, organisationID, id string) (acte.Dossier, error) {
	lines, err := many[fullLine](ctx, s, s.q.mandatFull, id, organisationID)
	if err != nil {
		return acte.Dossier{}, err
	}
	_, held, err := s.full(lines)
	if err == nil && !held.held {
		err = mandat.ErrState
	}
	if err != nil {
		return acte.Dossier{}, err
	}
	return held.dossier, nil
}

// EntrustScreen changes a draft and marks the session as entrusted for it. One
// screen at a time is an usager's: a session entrusted for the same draft before
// is ended, or an usager who identified here could be answered for there.
//
// Beside others: sessions become entrusted for a mandat, or are taken back from it,
// only by who holds its stream.
func (s *Store) EntrustScreen(ctx context.Context, sessionRef, organisationID, mandatID string, change transition) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.beside(ctx, streams(mandatID), func(t *tx) (err error) {
		if out, err = t.changeMandat(organisationID, mandatID, change); err != nil {
			return err
		}
		if err := t.must(aidant.ErrSession, s.q.sessionEntrust, mandatID, sessionRef, organisationID); err != nil {
			return err
		}
		return t.endRivals(sessionRef, organisationID, mandatID)
	})
	return out, err
}

// endRivals ends the other sessions that are entrusted for a draft.
func (t *tx) endRivals(sessionRef, organisationID, mandatID string) error {
	var rivals []sessionRow
	if err := t.list(&rivals, t.s.q.sessionRivals, mandatID, sessionRef, organisationID); err != nil {
		return err
	}
	for _, old := range rivals {
		if err := t.must(aidant.ErrSession, t.s.q.sessionDelete, old.Ref); err != nil {
			return err
		}
		if _, err := t.append(aidant.Aidant{ID: old.AidantID}.SignedOut("ecran_confie_ailleurs")); err != nil {
			return err
		}
	}
	return nil
}

// TakeBack gives the screen back to the aidant: the session gets a new
// reference, is no longer entrusted, and the aidant's own login is kept with
// the draft's evidence. aidant.ErrSession when the old session is gone,
// aidant.ErrOther when it is not this agent's or not entrusted for this mandat.
//
// Beside others: as [Store.EntrustScreen]. That the old session is still there is
// decided by deleting it.
func (s *Store) TakeBack(ctx context.Context, oldRef string, renewed aidant.Session, mandatID string, proof acte.Proof, change transition) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.beside(ctx, streams(mandatID), func(t *tx) (err error) {
		out, err = t.takeBack(oldRef, renewed, mandatID, proof, change)
		return err
	})
	return out, err
}

func (t *tx) takeBack(oldRef string, renewed aidant.Session, mandatID string, proof acte.Proof, change transition) (mandat.Mandat, error) {
	var old sessionRow
	if err := t.get(&old, t.s.q.sessionPlain, oldRef); errors.Is(err, sql.ErrNoRows) {
		return mandat.Mandat{}, aidant.ErrSession
	} else if err != nil {
		return mandat.Mandat{}, err
	}
	if old.AidantID != renewed.AidantID || old.Entrusted != mandatID || mandatID == "" {
		return mandat.Mandat{}, aidant.ErrOther
	}
	m, err := t.changeMandat(old.OrganisationID, mandatID, change)
	if err != nil {
		return mandat.Mandat{}, err
	}
	if err := t.keepProof(m, proof); err != nil {
		return mandat.Mandat{}, wrapMandat(mandatID, err)
	}
	row := sessionOf(renewed)
	row.OrganisationID, row.Entrusted = old.OrganisationID, ""
	row.inherit(old)
	t.s.origin(&row, renewed.Origin)
	if err := t.must(aidant.ErrSession, t.s.q.sessionDelete, oldRef); err != nil {
		return mandat.Mandat{}, err
	}
	_, err = t.exec(t.s.q.sessionInsert, args(row)...)
	return m, err
}

// keepProof adds the aidant's login to the evidence, if the usager left any.
func (t *tx) keepProof(m mandat.Mandat, proof acte.Proof) error {
	_, held, err := t.fullMandat(m.OrganisationID, m.ID)
	if err != nil || !held.held {
		return err
	}
	held.dossier.Aidant = proof
	dossier, err := t.s.sealJSON(held.key, ofDraft(m.ID), purposeBrouillon, held.dossier)
	if err != nil {
		return err
	}
	return t.must(mandat.ErrStale, t.s.q.brouillonUpdate, dossier, m.ID)
}
