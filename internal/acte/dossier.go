package acte

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/identite"
)

// ErrEvidence is wrapped by every refusal of [Dossier.Verify].
var ErrEvidence = errors.New("la preuve ne tient pas")

// Dossier is the evidence of one signature, kept together in the vault: the text
// and its salt, what the usager's provider signed about the login for exactly
// this text, and what the aidant's provider signed when they took the screen
// back to accept it.
type Dossier struct {
	Texte    Texte  `json:"texte"`
	Usager   Proof  `json:"usager"`
	Userinfo string `json:"userinfo"` // signed JWT of the same sub: it holds the names
	Aidant   Proof  `json:"aidant"`
}

// Proof is one login: the signed id_token, and the provider's keys as fetched. An
// aidant who proves themselves by a factor of Relais's own leaves an [Own]
// instead.
type Proof struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
	Salt     []byte `json:"salt"` // the nonce is Digest(Salt, text)
	IDToken  string `json:"id_token"`
	JWKS     []byte `json:"jwks"` // the bytes, whose SHA-256 the journal committed to before
	Own      *Own   `json:"relais,omitempty"`
}

// KeysDigest is the SHA-256 of a provider's keys as fetched, in hexadecimal.
func KeysDigest(jwks []byte) string {
	sum := sha256.Sum256(jwks)
	return hex.EncodeToString(sum[:])
}

// Encode returns the bytes to be sealed, and their digest for the journal.
func (d Dossier) Encode() (plain []byte, digest string, err error) {
	if plain, err = json.Marshal(d); err != nil {
		return nil, "", fmt.Errorf("dossier de preuve: %w", err)
	}
	return plain, KeysDigest(plain), nil
}

// Decode reads what [Dossier.Encode] wrote.
func Decode(plain []byte) (Dossier, error) {
	var d Dossier
	if err := json.Unmarshal(plain, &d); err != nil {
		return Dossier{}, fmt.Errorf("%w: dossier illisible: %w", ErrEvidence, err)
	}
	return d, nil
}

// Attested is what the usager's provider signed about them.
type Attested struct {
	Sub, IDP, Email string
	Pivot           identite.Pivot
	LoggedInAt      time.Time // iat of the id_token
}

// signatures lists the algorithms that prove something to a third party: with a
// shared secret Relais could have made the token itself.
var signatures = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256, jose.PS256, jose.EdDSA}

type loginClaims struct {
	jwt.Claims
	Nonce string `json:"nonce"`
	ACR   string `json:"acr"`
}

// userinfoClaims reads a hub's userinfo. FranceConnect delivers a partial birth
// date as a presumed one (1950-00-00 as 1950-01-01); what the person's provider
// said stands in idp_birthdate only, so that one counts where it is given.
type userinfoClaims struct {
	Sub          string             `json:"sub"`
	Email        string             `json:"email"`
	IDP          string             `json:"idp_id"`
	IDPBirthdate identite.Birthdate `json:"idp_birthdate"`
	identite.Pivot
}

func (c userinfoClaims) pivot() identite.Pivot {
	p := c.Pivot
	if c.IDPBirthdate != "" {
		p.Birthdate = c.IDPBirthdate
	}
	return p.Normal()
}

// Verify re-checks the usager's half offline: the id_token is signed by a key of
// the kept set, was made for our client by the named issuer, and carries the
// digest of exactly this text; the userinfo is signed too and of the same sub.
//
// It proves that this person logged in for this text. It does not prove that
// they read it, and it is not a qualified signature.
func (d Dossier) Verify() (Attested, error) {
	login, err := d.Usager.verify(d.Texte.Body)
	if err != nil {
		return Attested{}, fmt.Errorf("connexion de l'usager: %w", err)
	}
	if !slices.Equal(d.Usager.Salt, d.Texte.Salt) {
		return Attested{}, fmt.Errorf("%w: le sel du texte n'est pas celui de la connexion", ErrEvidence)
	}
	var info userinfoClaims
	if err := open(d.Userinfo, d.Usager.JWKS, &info); err != nil {
		return Attested{}, fmt.Errorf("identité de l'usager: %w", err)
	}
	if info.Sub == "" || info.Sub != login.Subject {
		return Attested{}, fmt.Errorf("%w: l'identité n'est pas celle de la personne connectée", ErrEvidence)
	}
	return Attested{Sub: info.Sub, IDP: info.IDP, Email: info.Email, Pivot: info.pivot(), LoggedInAt: login.IssuedAt.Time().UTC()}, nil
}

func (p Proof) verify(text string) (loginClaims, error) {
	var c loginClaims
	if p.Own != nil {
		return c, fmt.Errorf("%w: deux preuves pour une connexion", ErrEvidence)
	}
	if err := open(p.IDToken, p.JWKS, &c); err != nil {
		return c, err
	}
	switch {
	case len(p.Salt) != SaltSize:
		return c, fmt.Errorf("%w: sel absent", ErrEvidence)
	case c.Nonce != Digest(p.Salt, text):
		return c, fmt.Errorf("%w: l'empreinte signée n'est pas celle du texte", ErrEvidence)
	case p.Issuer == "" || c.Issuer != p.Issuer:
		return c, fmt.Errorf("%w: émetteur", ErrEvidence)
	case !c.Audience.Contains(p.ClientID) || len(c.Audience) != 1:
		return c, fmt.Errorf("%w: destinataire", ErrEvidence)
	case c.Subject == "" || c.IssuedAt == nil:
		return c, fmt.Errorf("%w: jeton incomplet", ErrEvidence)
	}
	return c, nil
}

func open(token string, jwks []byte, into any) error {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil {
		return fmt.Errorf("%w: clés illisibles", ErrEvidence)
	}
	parsed, err := jwt.ParseSigned(token, signatures)
	if err != nil || !strict(token) {
		return fmt.Errorf("%w: jeton illisible", ErrEvidence)
	}
	if len(parsed.Headers) != 1 {
		return fmt.Errorf("%w: jeton à plusieurs signatures", ErrEvidence)
	}
	for _, key := range set.Keys {
		if id := parsed.Headers[0].KeyID; (id != "" && key.KeyID != id) || !key.IsPublic() {
			continue
		}
		if err := parsed.Claims(key, into); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: aucune clé ne vérifie la signature", ErrEvidence)
}

// strict tells whether a token is the one spelling of its bytes. The last
// character of a base64 part may hold unused bits, which the decoder drops: a
// token changed there would still verify, and every byte of the evidence counts.
func strict(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return false
		}
	}
	return true
}
