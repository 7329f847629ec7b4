package login

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// signatures lists the algorithms that prove something to a third party. HS256
// is out: Relais holds the client secret and could have made the token itself.
var signatures = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256, jose.PS256, jose.EdDSA}

func signatureNames() []string {
	names := make([]string, len(signatures))
	for i, a := range signatures {
		names[i] = string(a)
	}
	return names
}

// errUnknownKey asks for the keys to be fetched again, once.
var errUnknownKey = errors.New("clé inconnue")

// reject says why an answer was not taken, in words that hold nothing of it.
func reject(why string) error { return fmt.Errorf("%w: %s", ErrToken, why) }

// keySet is a provider's keys as fetched.
type keySet struct {
	raw    []byte
	digest string
	keys   []jose.JSONWebKey
}

func parseKeys(raw []byte) (*keySet, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, reject("clés illisibles")
	}
	s := &keySet{raw: raw, digest: digestOf(raw)}
	for _, k := range set.Keys {
		if k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") && !short(k) {
			s.keys = append(s.keys, k)
		}
	}
	if len(s.keys) == 0 {
		return nil, reject("aucune clé publique")
	}
	return s, nil
}

// short tells of an RSA key that proves nothing any more (RFC 7518 §3.3).
func short(k jose.JSONWebKey) bool {
	key, ok := k.Key.(*rsa.PublicKey)
	return ok && key.N.BitLen() < 2048
}

// open verifies a token's signature and returns its payload. errUnknownKey: the
// token names a key that is not there, or names none and no key fits.
func (s *keySet) open(token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, signatures)
	if err != nil || len(jws.Signatures) != 1 || !strict(token) {
		return nil, reject("jeton illisible ou algorithme refusé")
	}
	header := jws.Signatures[0].Header
	named := false
	for _, k := range s.keys {
		if header.KeyID != "" && k.KeyID != header.KeyID {
			continue
		}
		named = named || header.KeyID != ""
		if k.Algorithm != "" && k.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(k); err == nil {
			return payload, nil
		}
	}
	if !named {
		return nil, errUnknownKey
	}
	return nil, reject("signature")
}

// strict tells whether a token is the one spelling of its bytes: it is kept as
// evidence, in which every byte counts (acte.Dossier refuses any other).
func strict(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return false
		}
	}
	return true
}
