package facteur

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
)

// Assertion is what a passkey signed, as it is kept for evidence: all that
// somebody needs who wants to check it without Relais, but for the journal's
// word that the key was this agent's.
type Assertion struct {
	Origin            string `json:"origin"`
	PublicKey         []byte `json:"public_key"`  // COSE_Key
	ClientData        []byte `json:"client_data"` // JSON, as the browser wrote it
	AuthenticatorData []byte `json:"authenticator_data"`
	Signature         []byte `json:"signature"`
}

// Flags of the authenticator's data (WebAuthn 3 §6.1).
const (
	flagPresent  = 0x01
	flagVerified = 0x04
)

// Verify re-checks an assertion offline: it is of the challenge, made in a page
// of the origin, for a site that the origin may speak for, by an authenticator
// that says the person was present and verified, and signed by the key. Whose
// key it is, [Assertion.KeyDigest] and the journal tell. Errors wrap ErrEvidence.
func (a Assertion) Verify(challenge []byte) error {
	var c struct {
		Type        string `json:"type"`
		Challenge   string `json:"challenge"`
		Origin      string `json:"origin"`
		CrossOrigin bool   `json:"crossOrigin"`
	}
	if err := json.Unmarshal(a.ClientData, &c); err != nil {
		return fmt.Errorf("%w: données du navigateur illisibles", ErrEvidence)
	}
	origin, err := url.Parse(a.Origin)
	if err != nil || origin.Hostname() == "" {
		return fmt.Errorf("%w: origine illisible", ErrEvidence)
	}
	site := sha256.Sum256([]byte(origin.Hostname()))
	key, err := PublicKey(a.PublicKey)
	switch signed := sha256.Sum256(a.ClientData); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	case c.Type != "webauthn.get" || c.CrossOrigin:
		return fmt.Errorf("%w: ce n’est pas une identification", ErrEvidence)
	case len(challenge) < 16 || c.Challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return fmt.Errorf("%w: la clé n’a pas signé ce défi", ErrEvidence)
	case c.Origin != a.Origin:
		return fmt.Errorf("%w: autre origine", ErrEvidence)
	case len(a.AuthenticatorData) < 37 || !bytes.Equal(a.AuthenticatorData[:32], site[:]):
		return fmt.Errorf("%w: autre site", ErrEvidence)
	case a.AuthenticatorData[32]&flagPresent == 0 || a.AuthenticatorData[32]&flagVerified == 0:
		return fmt.Errorf("%w: la personne n’a pas été vérifiée", ErrEvidence)
	case !verifies(key, append(bytes.Clone(a.AuthenticatorData), signed[:]...), a.Signature):
		return fmt.Errorf("%w: signature", ErrEvidence)
	}
	return nil
}

// KeyDigest is the SHA-256 of the key in hexadecimal, as the journal has it from
// the enrolment.
func (a Assertion) KeyDigest() string { return digest(a.PublicKey) }
