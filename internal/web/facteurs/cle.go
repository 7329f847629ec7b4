package facteurs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/passkey"
)

// cookie is the sealed cookie of a passkey's ceremony.
const cookie = "cle_acces"

// Ceremony is what must come back with a passkey's answer.
type Ceremony struct {
	For       string    `json:"for"`             // the purpose: an answer serves no other
	Agent     string    `json:"agent,omitempty"` // who is here already, "" for nobody
	Challenge []byte    `json:"challenge"`
	Salt      []byte    `json:"salt,omitempty"` // under the challenge, where it is the digest of a text
	Until     time.Time `json:"until"`
}

// Ask answers a script with what to ask the authenticator for, and keeps the
// ceremony. of are the passkeys that will do, nil for any.
func (m *Room) Ask(w http.ResponseWriter, c Ceremony, of *facteur.Facteurs) error {
	if len(c.Challenge) == 0 {
		c.Challenge = passkey.NewChallenge()
	}
	options, err := m.Passkeys.Ask(c.Challenge, of)
	if err != nil {
		return err
	}
	return m.begin(w, c, options)
}

// AskNew is Ask for a passkey to be made.
func (m *Room) AskNew(w http.ResponseWriter, c Ceremony, a aidant.Aidant, have facteur.Facteurs) error {
	options, challenge, err := m.Passkeys.AskNew(a, have)
	if err != nil {
		return err
	}
	c.Challenge, c.Agent = challenge, a.ID
	return m.begin(w, c, options)
}

func (m *Room) begin(w http.ResponseWriter, c Ceremony, options []byte) error {
	c.Until = m.now().Add(passkey.Life)
	if err := m.cookies.Put(w, cookie, c, passkey.Life); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err := w.Write(options)
	return err
}

// Resume takes a ceremony back. facteur.ErrReplayed when this browser has none for
// the purpose, or no longer.
func (m *Room) Resume(w http.ResponseWriter, r *http.Request, purpose, agentID string) (Ceremony, error) {
	var c Ceremony
	if err := m.cookies.Take(w, r, cookie, &c); err != nil || c.For != purpose || c.Agent != agentID || !m.now().Before(c.Until) {
		return Ceremony{}, fmt.Errorf("cérémonie %s: %w", purpose, facteur.ErrReplayed)
	}
	return c, nil
}

// Passkey reads a browser's answer. agentID is who has to answer, "" for whoever
// does. The error is facteur.ErrRefused or ErrReplayed, with its entry written.
func (m *Room) Passkey(w http.ResponseWriter, r *http.Request, purpose, agentID, answer string) (Shown, error) {
	ctx := r.Context()
	c, err := m.Resume(w, r, purpose, agentID)
	if err != nil {
		return Shown{}, m.refused(ctx, aidant.Aidant{ID: agentID}, purpose, "defi_inconnu", err)
	}
	read, err := m.Passkeys.Read([]byte(answer))
	if err != nil {
		return Shown{}, m.refused(ctx, aidant.Aidant{ID: agentID}, purpose, "reponse_illisible", err)
	}
	owner, err := m.store.PasskeyOwner(ctx, read.CredentialID)
	if errors.Is(err, facteur.ErrNotFound) || err == nil && agentID != "" && owner != agentID {
		return Shown{}, m.refused(ctx, aidant.Aidant{ID: agentID}, purpose, "cle_inconnue", facteur.ErrRefused)
	}
	if err != nil {
		return Shown{}, err
	}
	a, err := m.store.Aidant(ctx, owner)
	if err != nil {
		return Shown{}, err
	}
	have, err := m.store.Facteurs(ctx, owner)
	if err != nil {
		return Shown{}, err
	}
	for _, k := range have.Passkeys {
		if string(k.CredentialID) != string(read.CredentialID) {
			continue
		}
		shown, proof, err := m.Passkeys.Check(a, k, c.Challenge, read)
		if err != nil {
			return Shown{}, m.refused(ctx, a, purpose, "cle_refusee", err)
		}
		return Shown{Aidant: a, Presented: shown, Assertion: proof, Salt: c.Salt, once: base64.RawURLEncoding.EncodeToString(c.Challenge), until: c.Until}, nil
	}
	return Shown{}, m.refused(ctx, a, purpose, "cle_inconnue", facteur.ErrRefused)
}

// ScriptError is what a script is told, in words for the person.
func ScriptError(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"erreur": text}) // the asker may have left
	return nil
}
