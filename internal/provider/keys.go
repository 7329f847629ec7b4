package provider

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The calendar of a rotation. Every instance follows it by its own clock, so that
// nobody has to agree with anybody: a new key is published PublishBefore it signs,
// twice what /jwks may be cached, and an old one stays published KeepAfter it last
// signed, since hubs sign out with id_tokens of the day before.
const (
	PublishBefore = 10 * time.Minute
	KeepAfter     = 48 * time.Hour
)

// ErrKey is returned for a signing key that is not what it should be. It quotes
// nothing of it.
var ErrKey = errors.New("clé du fournisseur illisible")

// SigningKey is one private key and its calendar.
type SigningKey struct {
	jwk       jose.JSONWebKey
	SignsAt   time.Time // it signs from then on, until a newer one does
	RetiresAt time.Time // it is published until then; zero while no rotation follows
}

// NewSigningKeys makes an ES256 and an RS256 key (2048 bits) that sign from a
// moment on.
func NewSigningKeys(signsAt time.Time) ([]SigningKey, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	keys := []SigningKey{
		{jwk: jose.JSONWebKey{Key: ec, Algorithm: string(jose.ES256), Use: "sig"}, SignsAt: signsAt},
		{jwk: jose.JSONWebKey{Key: rs, Algorithm: string(jose.RS256), Use: "sig"}, SignsAt: signsAt},
	}
	for i := range keys {
		sum, err := keys[i].jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		keys[i].jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	return keys, nil
}

// ParseSigningKey reads a private JWK. ErrKey when it is public, has no kid, or is
// neither ES256 nor RS256 of 2048 bits.
func ParseSigningKey(text []byte, signsAt, retiresAt time.Time) (SigningKey, error) {
	var key jose.JSONWebKey
	// The JSON error could quote a key: it stays out.
	if json.Unmarshal(text, &key) != nil || key.IsPublic() || !key.Valid() || key.KeyID == "" || !fits(key, jose.SignatureAlgorithm(key.Algorithm)) {
		return SigningKey{}, ErrKey
	}
	return SigningKey{key, signsAt, retiresAt}, nil
}

// KeyID names the key, as /jwks does.
func (k SigningKey) KeyID() string { return k.jwk.KeyID }

// Algorithm is ES256 or RS256.
func (k SigningKey) Algorithm() string { return k.jwk.Algorithm }

// Private is the whole key as a JWK, to be sealed at once.
func (k SigningKey) Private() ([]byte, error) { return json.Marshal(k.jwk) }

// LogValue keeps private keys out of logs.
func (SigningKey) LogValue() slog.Value { return slog.StringValue("«clé»") }

// String keeps them out of formatted text.
func (SigningKey) String() string { return "«clé»" }

// GoString too.
func (SigningKey) GoString() string { return "«clé»" }

// Keys are the signing keys as an instance last read them.
type Keys struct{ list []SigningKey }

// NewKeys orders keys, the newest first. It wants one of each algorithm, and none
// twice.
func NewKeys(list []SigningKey) (Keys, error) {
	keys := Keys{list: slices.Clone(list)}
	slices.SortStableFunc(keys.list, func(a, b SigningKey) int {
		return cmp.Or(b.SignsAt.Compare(a.SignsAt), cmp.Compare(a.KeyID(), b.KeyID()))
	})
	seen := map[string]bool{}
	for _, k := range keys.list {
		if seen[k.KeyID()] {
			return Keys{}, fmt.Errorf("%w: en double", ErrKey)
		}
		seen[k.KeyID()], seen[k.Algorithm()] = true, true
	}
	if !seen["ES256"] || !seen["RS256"] {
		return Keys{}, fmt.Errorf("%w: il en faut une ES256 et une RS256", ErrKey)
	}
	return keys, nil
}

// LogValue keeps private keys out of logs.
func (Keys) LogValue() slog.Value { return slog.StringValue("«clés»") }

// String keeps them out of formatted text.
func (Keys) String() string { return "«clés»" }

// GoString too.
func (Keys) GoString() string { return "«clés»" }

// Public is what /jwks publishes at a moment: also keys that do not sign yet, or
// no more.
func (k Keys) Public(now time.Time) jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range k.list {
		if key.RetiresAt.IsZero() || now.Before(key.RetiresAt) {
			set.Keys = append(set.Keys, key.jwk.Public())
		}
	}
	return set
}

// signing are the private keys that may sign at a moment, those that do first of
// their algorithm.
func (k Keys) signing(now time.Time) []jose.JSONWebKey {
	keys := make([]jose.JSONWebKey, 0, len(k.list)+1)
	for _, key := range k.list {
		if !now.Before(key.SignsAt) && (key.RetiresAt.IsZero() || now.Before(key.RetiresAt)) {
			keys = append(keys, key.jwk)
		}
	}
	return keys
}

// public finds a verification key by its identifier and algorithm, both.
func (k Keys) public(kid, alg string, now time.Time) (jose.JSONWebKey, bool) {
	for _, key := range k.list {
		if key.KeyID() == kid && key.Algorithm() == alg && (key.RetiresAt.IsZero() || now.Before(key.RetiresAt)) {
			return key.jwk.Public(), true
		}
	}
	return jose.JSONWebKey{}, false
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
