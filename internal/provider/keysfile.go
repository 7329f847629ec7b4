package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// KeysFile is where the keys were before they were in the database.
const KeysFile = "cles-fournisseur.json"

const maxKeysFile = 64 << 10

// Errors of ReadKeysFile; the message says what to do.
var (
	ErrUnsafe  = errors.New("clés du fournisseur lisibles par d'autres")
	ErrDamaged = errors.New("clés du fournisseur illisibles")
)

// ReadKeysFile reads cles-fournisseur.json in dir, a JWKS of private keys of which
// the first of an algorithm signs. No file is no keys and no error. Errors:
// ErrUnsafe when group or others may touch it, ErrDamaged when it is not what it
// should be.
func ReadKeysFile(dir string, signsAt time.Time) ([]SigningKey, error) {
	path := filepath.Join(dir, KeysFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	text, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	// The JSON error could quote a key: it stays out.
	if json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 {
		return nil, damaged(path, "ce n'est pas un jeu de clés JWKS")
	}
	var keys []SigningKey
	for i, key := range set.Keys {
		if key.IsPublic() || !key.Valid() || key.KeyID == "" || !fits(key, jose.SignatureAlgorithm(key.Algorithm)) {
			return nil, damaged(path, "une clé est publique, sans kid, ou son alg n'est ni ES256 ni RS256")
		}
		// The order of the file is kept: a later key is an older one.
		keys = append(keys, SigningKey{jwk: key, SignsAt: signsAt.Add(-time.Duration(i) * time.Second)})
	}
	if _, err := NewKeys(keys); err != nil {
		return nil, damaged(path, "il faut une clé ES256 et une clé RS256, aucune en double")
	}
	return keys, nil
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
