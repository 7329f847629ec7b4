package login

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// What FranceConnect and ProConnect can be asked to encrypt with. RSA1_5 is out: its
// padding tells whoever asks often enough (RFC 8725 §3.2).
var (
	keyAlgorithms = []jose.KeyAlgorithm{jose.RSA_OAEP, jose.RSA_OAEP_256, jose.ECDH_ES}
	encryptions   = []jose.ContentEncryption{jose.A256GCM}
)

// decrypt opens a token that the provider encrypted for Relais and returns the
// signed token within, which is what is checked and kept: the evidence must be
// readable without our keys. Without keys the token is returned as it is.
func (p *peer) decrypt(token string) (string, error) {
	if len(p.Keys) == 0 {
		return token, nil // one that is encrypted is no JWS, and refused as such
	}
	jwe, err := jose.ParseEncryptedCompact(token, keyAlgorithms, encryptions)
	if err != nil || compressed(token) {
		return "", reject("jeton non chiffré, ou autrement que convenu")
	}
	for _, k := range p.Keys {
		if jwe.Header.KeyID != "" && jwe.Header.KeyID != k.KeyID {
			continue
		}
		if plain, err := jwe.Decrypt(k); err == nil {
			return string(plain), nil
		}
	}
	return "", reject("chiffrement")
}

// compressed tells of a token that would unfold when it is opened.
func compressed(token string) bool {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var fields map[string]json.RawMessage
	return err != nil || json.Unmarshal(raw, &fields) != nil || fields["zip"] != nil
}
