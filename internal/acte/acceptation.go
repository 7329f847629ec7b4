package acte

import (
	"encoding/hex"
	"fmt"

	"relais/internal/facteur"
)

// How an aidant proved who they were when they took the screen back.
const (
	MethodProvider = "fournisseur" // their identity provider signed the text's digest
	MethodPasskey  = "cle_acces"   // their passkey signed it
	MethodCode     = "application" // pass phrase and code: nothing is signed
)

// Own is what the aidant left who proved themselves by a factor of Relais's own.
// With a passkey it is a signature of exactly this text's digest. With a code
// there is none: that it was they is Relais's own word, in its journal.
type Own struct {
	Method  string             `json:"methode"`
	Agent   string             `json:"agent,omitempty"`     // MethodCode: our id of the agent
	Passkey *facteur.Assertion `json:"cle_acces,omitempty"` // MethodPasskey: the challenge is the digest
}

// Challenge is the digest of a text as a passkey is asked to sign it: the 32 bytes
// of [Digest].
func Challenge(salt []byte, body string) []byte {
	raw, _ := hex.DecodeString(Digest(salt, body)) // it is hexadecimal
	return raw
}

// PasskeyProof is an aidant's half made with a passkey, over [Challenge] of salt.
func PasskeyProof(salt []byte, a facteur.Assertion) Proof {
	return Proof{Salt: salt, Own: &Own{Method: MethodPasskey, Passkey: &a}}
}

// CodeProof is an aidant's half without a signature.
func CodeProof(agentID string) Proof { return Proof{Own: &Own{Method: MethodCode, Agent: agentID}} }

// Accepted is what the aidant's half says of who accepted, in one of three ways.
type Accepted struct {
	Method string
	Sub    string // MethodProvider: the provider's name for them
	Key    string // MethodPasskey: SHA-256 of the public key, which the journal ties to an agent
	Agent  string // MethodCode: our id, on Relais's word alone
}

// VerifyAidant re-checks the aidant's half offline, as [Dossier.Verify] does the
// usager's. For MethodCode there is nothing to check: the caller says so.
func (d Dossier) VerifyAidant() (Accepted, error) {
	accepted, err := d.Aidant.accepted(d.Texte.Body)
	if err != nil {
		return Accepted{}, fmt.Errorf("acceptation de l'aidant: %w", err)
	}
	return accepted, nil
}

func (p Proof) accepted(text string) (Accepted, error) {
	if p.Own == nil {
		login, err := p.verify(text)
		return Accepted{Method: MethodProvider, Sub: login.Subject}, err
	}
	if p.Issuer != "" || p.ClientID != "" || p.IDToken != "" || len(p.JWKS) > 0 {
		return Accepted{}, fmt.Errorf("%w: deux preuves pour une acceptation", ErrEvidence)
	}
	switch o := *p.Own; {
	case o.Method == MethodPasskey && o.Passkey != nil && o.Agent == "":
		if len(p.Salt) != SaltSize {
			return Accepted{}, fmt.Errorf("%w: sel absent", ErrEvidence)
		}
		if err := o.Passkey.Verify(Challenge(p.Salt, text)); err != nil {
			return Accepted{}, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
		return Accepted{Method: MethodPasskey, Key: o.Passkey.KeyDigest()}, nil
	case o.Method == MethodCode && o.Passkey == nil && o.Agent != "" && len(p.Salt) == 0:
		return Accepted{Method: MethodCode, Agent: o.Agent}, nil
	}
	return Accepted{}, fmt.Errorf("%w: acceptation d'un genre inconnu", ErrEvidence)
}
