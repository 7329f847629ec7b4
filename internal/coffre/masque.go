package coffre

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"relais/internal/journal"
)

// maskSize is AES-SIV's with 256-bit keys, the only one that Tink accepts.
const maskSize = 64

// mask hides identifiers by deterministic encryption (AES-SIV, RFC 5297): the
// same identifier gives the same code, and whoever has the key reads it back.
type mask struct {
	key     *subtle.AESSIV
	subject []byte
}

var maskCode = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewMask makes the key of a mask and returns it encrypted by the master key and
// bound to its subject. Deleting it makes every code unreadable, but for the
// masks that are open: keep those no longer than a few minutes.
func (c *Coffre) NewMask(subject string) ([]byte, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	key := make([]byte, maskSize)
	_, _ = rand.Read(key) // never fails since Go 1.24
	defer wipe(key)
	wrapped, err := c.master.Encrypt(key, []byte(useWrap+subject))
	if err != nil {
		return nil, fmt.Errorf("coffre: new mask: %w", err)
	}
	return wrapped, nil
}

// OpenMask opens the key of a mask; [ErrSealed] when it is not this subject's.
func (c *Coffre) OpenMask(wrapped []byte, subject string) (journal.Mask, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	key, err := c.master.Decrypt(wrapped, []byte(useWrap+subject))
	if err != nil || len(key) != maskSize {
		return nil, fmt.Errorf("masque: %w", ErrSealed)
	}
	siv, err := subtle.NewAESSIV(key)
	if err != nil {
		return nil, fmt.Errorf("masque: %w", ErrSealed)
	}
	return mask{siv, []byte(subject)}, nil
}

// Hide implements journal.Mask.
func (m mask) Hide(id string) string {
	sealed, err := m.key.EncryptDeterministically([]byte(id), m.subject)
	if err != nil { // an identifier of more than 2 GiB
		return ""
	}
	return strings.ToLower(maskCode.EncodeToString(sealed))
}

// Show implements journal.Mask.
func (m mask) Show(code string) (string, bool) {
	if code != strings.ToLower(code) {
		return "", false
	}
	sealed, err := maskCode.DecodeString(strings.ToUpper(code))
	if err != nil || strings.ToLower(maskCode.EncodeToString(sealed)) != code {
		return "", false
	}
	id, err := m.key.DecryptDeterministically(sealed, m.subject)
	return string(id), err == nil
}
