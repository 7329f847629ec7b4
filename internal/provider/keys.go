package provider

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysName    = "cles-fournisseur.json"
	maxKeysFile = 64 << 10
)

// Errors of LoadKeys; the message says what to do.
var (
	ErrUnsafe  = errors.New("clés du fournisseur lisibles par d'autres")
	ErrDamaged = errors.New("clés du fournisseur illisibles")
)

// Keys are the private signing keys. The first of an algorithm signs, the others
// still verify: a rotation puts a new key in front and removes the old one later.
type Keys struct{ list []jose.JSONWebKey }

// LogValue keeps private keys out of logs.
func (Keys) LogValue() slog.Value { return slog.StringValue("«clés»") }

// String keeps them out of formatted text.
func (Keys) String() string { return "«clés»" }

// GoString too.
func (Keys) GoString() string { return "«clés»" }

// Public is the set that /jwks publishes.
func (k Keys) Public() jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range k.list {
		set.Keys = append(set.Keys, key.Public())
	}
	return set
}

func (k Keys) has(alg string) bool {
	for _, key := range k.list {
		if key.Algorithm == alg {
			return true
		}
	}
	return false
}

// public finds a verification key by its identifier and algorithm, both.
func (k Keys) public(kid, alg string) (jose.JSONWebKey, bool) {
	for _, key := range k.list {
		if key.KeyID == kid && key.Algorithm == alg {
			return key.Public(), true
		}
	}
	return jose.JSONWebKey{}, false
}

// LoadKeys reads cles-fournisseur.json in dir, a JWKS of private keys, and
// creates it (mode 0600) with an ES256 and an RS256 key of 2048 bits when it is
// not there. Errors: ErrUnsafe when group or others may touch the file,
// ErrDamaged when it is not what it should be.
func LoadKeys(dir string) (Keys, error) {
	path := filepath.Join(dir, keysName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createKeys(dir, path); err != nil {
			return Keys{}, fmt.Errorf("clés du fournisseur: %w", err)
		}
	}
	text, err := readKeys(path)
	if err != nil {
		return Keys{}, err
	}
	return parseKeys(path, text)
}

func parseKeys(path string, text []byte) (Keys, error) {
	var set jose.JSONWebKeySet
	// The JSON error could quote a key: it stays out.
	if json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 {
		return Keys{}, damaged(path, "ce n'est pas un jeu de clés JWKS")
	}
	seen := map[string]bool{}
	for _, key := range set.Keys {
		if key.IsPublic() || !key.Valid() || key.KeyID == "" || seen[key.KeyID] || !fits(key, jose.SignatureAlgorithm(key.Algorithm)) {
			return Keys{}, damaged(path, "une clé est publique, sans kid, en double, ou son alg n'est ni ES256 ni RS256")
		}
		seen[key.KeyID] = true
	}
	keys := Keys{list: set.Keys}
	if !keys.has("ES256") || !keys.has("RS256") {
		return Keys{}, damaged(path, "il faut une clé ES256 et une clé RS256")
	}
	return keys, nil
}

// fits tells whether a key is of the algorithm's kind and size.
func fits(key jose.JSONWebKey, alg jose.SignatureAlgorithm) bool {
	switch k := key.Public().Key.(type) {
	case *ecdsa.PublicKey:
		return alg == jose.ES256 && k.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return alg == jose.RS256 && k.N.BitLen() >= 2048
	}
	return false
}

// createKeys makes the file appear whole or not at all. Of two processes that
// start at once, the second finds the first one's file and reads it.
func createKeys(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := newKeys()
	if err != nil {
		return err
	}
	aside := filepath.Join(dir, "."+keysName+"."+rand.Text())
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(aside) }() // a leftover is unreadable to others and never read again
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(aside, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newKeys() ([]byte, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ec, Algorithm: "ES256", Use: "sig"}, {Key: rs, Algorithm: "RS256", Use: "sig"}}}
	for i := range set.Keys {
		sum, err := set.Keys[i].Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		set.Keys[i].KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	text, err := json.MarshalIndent(set, "", " ")
	return append(bytes.TrimSpace(text), '\n'), err
}

func readKeys(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("clés du fournisseur: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("clés du fournisseur: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, damaged(path, "ce n'est pas un fichier ordinaire")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w : %s (mode %04o) ; lancez : chmod 600 '%s'", ErrUnsafe, path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeysFile))
	if err != nil {
		return nil, fmt.Errorf("clés du fournisseur: %w", err)
	}
	return text, nil
}

func damaged(path, why string) error {
	return fmt.Errorf("%w : %s : %s ; restaurez-le depuis la sauvegarde des clés", ErrDamaged, path, why)
}
