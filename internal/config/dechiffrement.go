package config

import (
	"encoding/json"
	"log/slog"
	"os"

	"github.com/go-jose/go-jose/v4"
)

// PrivateKeys never show in formatted text or in a log.
type PrivateKeys []jose.JSONWebKey

const hiddenKeys = "«clés»"

// String keeps them out of formatted text.
func (PrivateKeys) String() string { return hiddenKeys }

// GoString too.
func (PrivateKeys) GoString() string { return hiddenKeys }

// LogValue keeps them out of logs.
func (PrivateKeys) LogValue() slog.Value { return slog.StringValue(hiddenKeys) }

// decryption reads the file RELAIS_…_DECHIFFREMENT: the private keys for which a
// provider encrypts what it says, as `relais keys chiffrement` makes them.
func (s *source) decryption(name string) PrivateKeys {
	path := s.get(name)
	if path == "" || !s.privateFile(name, path) {
		return nil
	}
	text, err := os.ReadFile(path)
	var set jose.JSONWebKeySet
	if err != nil || json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 { // the cause would quote the keys
		s.refuse(name, "ne désigne pas un jeu de clés JWKS", "faites-en un avec : relais keys chiffrement FICHIER")
		return nil
	}
	for _, k := range set.Keys {
		switch k.Algorithm {
		case string(jose.ECDH_ES), string(jose.RSA_OAEP), string(jose.RSA_OAEP_256):
		default:
			k.Use = "autre"
		}
		if k.IsPublic() || !k.Valid() || k.KeyID == "" || k.Use != "enc" {
			s.refuse(name, "contient une clé publique, sans kid, ou dont use et alg ne sont pas de chiffrement", "faites un jeu neuf avec : relais keys chiffrement FICHIER")
			return nil
		}
	}
	return set.Keys
}
