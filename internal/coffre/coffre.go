// Package coffre is the vault: it encrypts the personal data that the database
// holds, each person's under a key of their own, and gives the keyed indexes by
// which a person is found without anything personal standing clear.
//
// # What lies where
//
//	DATA/coffre.json  the master key: a cleartext Tink AES256-GCM keyset
//	DATA/index.key    32 random bytes: the key of the search index and of pseudonyms
//	database          one wrapped key per subject (an usager, an agent, a draft,
//	                  the staff of a month), the sealed values, the index tokens
//
// Both files are created together on the first start, mode 0600; the index key
// is never written again, the master key by a rotation only. Restoring one without the other is refused.
//
// # What it guarantees
//
// A stolen database without the data folder shows no personal data, and a
// sealed value opens only with its subject, its purpose and its unchanged bytes:
// a value moved to another row, another column or another person is refused.
// No unwrapped key outlives the call that needed it, so deleting a wrapped key
// makes everything sealed under it unreadable at once.
//
// # What it does not
//
// Whoever holds the data folder and the database holds everything; keep their
// backups apart. Index tokens are deterministic: they tell which rows share a
// word and how often, though not the word. Lengths are not hidden. A wrapped key
// that remains in a backup opens as long as its master key does: renewing that
// (StartRotation) is what ends old backups.
package coffre

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrSealed means that a value does not open: it was changed or cut, or
	// belongs to another subject, purpose or key. It never says which.
	ErrSealed = errors.New("coffre : valeur scellée illisible (modifiée, déplacée ou clé absente)")
	// ErrUnsafe means that others than the owner may read or write a key file.
	ErrUnsafe = errors.New("fichier de clé accessible à d'autres que son propriétaire")
	// ErrMissing means that a key file that should exist does not.
	ErrMissing = errors.New("fichier de clé absent")
	// ErrDamaged means that a key file is cut or is not what it should be.
	ErrDamaged = errors.New("fichier de clé abîmé")
)

// The master key serves two uses; the prefixes keep a value of one from being
// presented as a value of the other.
const (
	useWrap  = "relais coffre cle v1\x00"
	useShort = "relais coffre court v1\x00"
)

// Coffre holds the master key and the index key. It is safe for use by several
// goroutines. Make one with Open or OpenExisting.
type Coffre struct {
	master    tink.AEAD
	index     []byte
	pseudonym []byte
}

// NewKey makes a fresh key for one subject (the id of an usager or of a draft)
// and returns it encrypted by the master key and bound to that subject. The
// caller stores it; nothing else can make it again.
func (c *Coffre) NewKey(subject string) ([]byte, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("coffre: new key: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&text)); err != nil {
		return nil, fmt.Errorf("coffre: new key: %w", err)
	}
	defer wipe(text.Bytes())
	// Encrypted as one block rather than as Tink's EncryptedKeyset message: that
	// message tolerates appended fields, and every byte here must be authentic.
	wrapped, err := c.master.Encrypt(text.Bytes(), []byte(useWrap+subject))
	if err != nil {
		return nil, fmt.Errorf("coffre: new key: %w", err)
	}
	return wrapped, nil
}

// Seal encrypts plain under the subject's wrapped key. The purpose names the
// place of the value (such as "usager.identite") and must be given again to
// Reveal. The error is ErrSealed when the wrapped key is not this subject's.
func (c *Coffre) Seal(wrapped []byte, subject, purpose string, plain []byte) ([]byte, error) {
	key, err := c.unwrap(wrapped, subject)
	if err != nil {
		return nil, err
	}
	sealed, err := key.Encrypt(plain, []byte(subject+"\x00"+purpose))
	if err != nil {
		return nil, fmt.Errorf("coffre: seal %s: %w", purpose, err)
	}
	return sealed, nil
}

// Reveal opens a value made by Seal with the same subject and purpose. Every
// refusal is ErrSealed.
func (c *Coffre) Reveal(wrapped []byte, subject, purpose string, sealed []byte) ([]byte, error) {
	key, err := c.unwrap(wrapped, subject)
	if err != nil {
		return nil, err
	}
	plain, err := key.Decrypt(sealed, []byte(subject+"\x00"+purpose))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", purpose, ErrSealed)
	}
	return plain, nil
}

// SealShort encrypts a short-lived value, such as a cookie, under the master
// key, as unpadded base64url. It belongs to nobody, so it cannot be erased on
// its own: never use it for what the database keeps.
func (c *Coffre) SealShort(purpose string, plain []byte) (string, error) {
	sealed, err := c.master.Encrypt(plain, []byte(useShort+purpose))
	if err != nil {
		return "", fmt.Errorf("coffre: seal %s: %w", purpose, err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// RevealShort opens a value made by SealShort with the same purpose. Every
// refusal is ErrSealed. It says nothing of age: put an end into the value.
func (c *Coffre) RevealShort(purpose, text string) ([]byte, error) {
	// Strict: otherwise several texts would open as one value.
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%s: %w", purpose, ErrSealed)
	}
	plain, err := c.master.Decrypt(sealed, []byte(useShort+purpose))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", purpose, ErrSealed)
	}
	return plain, nil
}

// Token is the keyed index of a search term: 32 hexadecimal digits (128 bits of
// HMAC-SHA256 over kind NUL value). The kind is a constant of the caller and
// holds no NUL. The value is taken as it is: fold it first.
func (c *Coffre) Token(kind, value string) string {
	mac := hmac.New(sha256.New, c.index)
	mac.Write([]byte(kind + "\x00" + value))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Pseudonym is a stable name of 64 hexadecimal digits that cannot be computed
// without the index key, such as the pairwise sub of an usager at one client.
// Parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
func (c *Coffre) Pseudonym(kind string, parts ...string) string {
	mac := hmac.New(sha256.New, c.pseudonym)
	for _, part := range append([]string{kind}, parts...) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// unwrap decrypts a subject's key. Nothing is cached: once the wrapped key is
// gone from the database, the next call must fail.
func (c *Coffre) unwrap(wrapped []byte, subject string) (tink.AEAD, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	text, err := c.master.Decrypt(wrapped, []byte(useWrap+subject))
	if err != nil {
		return nil, fmt.Errorf("clé du sujet: %w", ErrSealed)
	}
	defer wipe(text)
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("clé du sujet: %w", ErrSealed)
	}
	key, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("clé du sujet: %w", ErrSealed)
	}
	return key, nil
}

// checkSubject keeps subject NUL purpose unambiguous.
func checkSubject(subject string) error {
	if subject == "" || strings.ContainsRune(subject, 0) {
		return errors.New("coffre: empty subject or subject with NUL")
	}
	return nil
}

// wipe shortens the life of key bytes in memory; copies inside Tink remain
// until the garbage collector takes them.
func wipe(b []byte) { clear(b) }

func newCoffre(master *keyset.Handle, index []byte) (*Coffre, error) {
	key, err := aead.New(master)
	if err != nil {
		return nil, fmt.Errorf("coffre: %w", err)
	}
	pseudonym, err := hkdf.Key(sha256.New, index, nil, "relais coffre pseudonym v1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("coffre: %w", err)
	}
	return &Coffre{master: key, index: index, pseudonym: pseudonym}, nil
}
