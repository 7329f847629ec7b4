package store

import (
	"encoding/json"
	"fmt"
)

// The purposes under which values are sealed; each names one place.
const (
	purposeAidant     = "aidant.identite"
	purposeUsager     = "usager.identite"
	purposeTexte      = "brouillon.texte"
	purposeBrouillon  = "brouillon.dossier"
	purposeDossier    = "mandat.dossier"
	purposeMission    = "mission.texte"
	purposeRevelation = "revelation.motif"
	purposeRevue      = "revue"
	purposeNote       = "revue.note"
	purposeRecherche  = "recherche.nom"
	purposeReset      = "reinitialisation.motif"
	purposePasskey    = "facteur.cle"
	purposeTOTP       = "facteur.application"
)

// The kinds of keyed tokens.
const (
	tokenAidantSub   = "aidant.sub"
	tokenAidantEmail = "aidant.courriel"
	tokenAppareil    = "appareil"
	tokenSessionSub  = "session.sub"
	tokenSessionSID  = "session.sid"
	tokenUsagerSub   = "usager.sub"
	tokenCode        = "invitation.code"
	tokenCredential  = "facteur.cle"
	tokenUsagerKey   = "usager." // followed by the kind of search key
)

func ofUsager(id string) string { return "usager:" + id }

func ofAidant(id string) string { return "aidant:" + id }

func ofDraft(id string) string { return "brouillon:" + id }

// newKey makes and stores the key of a subject.
func (t *tx) newKey(subject string) ([]byte, error) {
	wrapped, err := t.s.vault.NewKey(subject)
	if err != nil {
		return nil, err
	}
	_, err = t.exec(t.s.q.keyInsert, subject, wrapped)
	return wrapped, err
}

func (s *Store) sealJSON(wrapped []byte, subject, purpose string, value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", purpose, err)
	}
	return s.vault.Seal(wrapped, subject, purpose, plain)
}

func (s *Store) revealJSON(wrapped []byte, subject, purpose string, sealed []byte, into any) error {
	plain, err := s.vault.Reveal(wrapped, subject, purpose, sealed)
	if err != nil {
		return unread{fmt.Errorf("%s: %w", subject, err)}
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return unread{fmt.Errorf("%s: %s illisible", subject, purpose)} // the cause may quote what was sealed
	}
	return nil
}
