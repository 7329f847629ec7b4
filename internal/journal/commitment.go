package journal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// SaltSize is the size of the key of a commitment, in bytes.
const SaltSize = 32

// NewSalt is a fresh random key for [Commit].
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	_, _ = rand.Read(salt) // never fails since Go 1.24: it ends the program instead
	return salt
}

// Commit binds a fact to texts without telling them: HMAC-SHA-256 of each text
// after its length in bytes and a colon, in base64url. The salt is kept sealed
// beside the texts; once it is gone, nobody can try texts against the fact.
func Commit(salt []byte, parts ...string) string {
	mac := hmac.New(sha256.New, salt)
	for _, p := range parts {
		fmt.Fprintf(mac, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
