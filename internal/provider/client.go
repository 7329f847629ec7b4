package provider

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Values of Client.Profile.
const (
	ProfileFranceConnect = "franceconnect" // the hub's exact habits: nonce and state required, all claims, 60 s tokens
	ProfileStandard      = "standard"
	// ProfileStrict is the standard profile under the rules of the FAPI 2.0
	// Security Profile: pushed requests, private_key_jwt, PKCE, DPoP.
	ProfileStrict = "strict"
)

// Client is one registered relying party. Fields left empty mean "none": the
// defaults of the specifications are filled in by whoever reads the registry.
type Client struct {
	ID                     string
	Secret                 string // "" with private_key_jwt and no HS256
	Name                   string // as the aidant reads it
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	Scopes                 []string
	AuthMethod             string // client_secret_post, client_secret_basic or private_key_jwt
	IDTokenAlg             string // ES256, RS256 or HS256 (the client's secret)
	IDTokenKeyAlg          string // JWE, "" for none
	IDTokenEnc             string
	UserinfoAlg            string // "" for plain JSON
	UserinfoKeyAlg         string
	UserinfoEnc            string
	JWKS                   json.RawMessage // the client's public keys, or
	JWKSURI                string          // where they are
	// Sector is the sector identifier of OIDC Core §8.1: clients that share it
	// see the same sub. Empty means the client alone, so that a new redirect_uri
	// never changes anybody's sub.
	Sector       string
	Profile      string
	PKCERequired bool
	// NonceRequired refuses a request without nonce; the FranceConnect profile
	// always does.
	NonceRequired bool
	Reads         []string // clients whose tokens it may introspect, as their resource server
	Asks          bool     // may ask whether a structure may act under a mandat
	Act           bool     // may know that an aidant acts (RFC 8693 §4.1)
}

// String is the identifier only, so that no %v prints a secret.
func (c Client) String() string { return c.ID }

// GoString is String, for %#v.
func (c Client) GoString() string { return c.ID }

func (c *Client) sector() string {
	if c.Sector != "" {
		return c.Sector
	}
	return c.ID
}

func (c *Client) franceConnect() bool { return c.Profile == ProfileFranceConnect }

func (c *Client) strict() bool { return c.Profile == ProfileStrict }

func (c *Client) needsSecret() bool {
	return strings.HasPrefix(c.AuthMethod, "client_secret_") || c.IDTokenAlg == "HS256" || c.UserinfoAlg == "HS256"
}

func (c *Client) needsKeys() bool {
	return c.AuthMethod == "private_key_jwt" || c.IDTokenKeyAlg != "" || c.UserinfoKeyAlg != ""
}

var (
	signAlgs = []string{"ES256", "RS256", "HS256"}
	keyAlgs  = []string{"", "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES"}
	encAlgs  = []string{"A256GCM", "A128GCM", "A128CBC-HS256", "A256CBC-HS512"}
)

// check returns an error that names the field, never its value.
func (c *Client) check() error {
	bad := func(field string) error { return fmt.Errorf("client %s: %s", c.ID, field) }
	switch {
	case c.ID == "" || strings.ContainsAny(c.ID, ": \t\r\n"):
		return bad("client_id")
	case len(c.RedirectURIs) == 0 || slices.ContainsFunc(c.uris(), badURI):
		return bad("redirect_uris ou post_logout_redirect_uris")
	case !slices.Contains([]string{"client_secret_post", "client_secret_basic", "private_key_jwt"}, c.AuthMethod):
		return bad("token_endpoint_auth_method")
	case c.needsSecret() && len(c.Secret) < 32: // HS256 needs a key of 256 bits (RFC 7518 §3.2)
		return bad("client_secret de moins de 32 octets")
	case !slices.Contains(signAlgs, c.IDTokenAlg) || (c.UserinfoAlg != "" && !slices.Contains(signAlgs, c.UserinfoAlg)):
		return bad("algorithme de signature")
	case !slices.Contains(keyAlgs, c.IDTokenKeyAlg) || !slices.Contains(keyAlgs, c.UserinfoKeyAlg):
		return bad("algorithme de chiffrement")
	case c.IDTokenKeyAlg != "" && !slices.Contains(encAlgs, c.IDTokenEnc):
		return bad("id_token_encrypted_response_enc")
	case c.UserinfoKeyAlg != "" && (!slices.Contains(encAlgs, c.UserinfoEnc) || c.UserinfoAlg == ""):
		return bad("userinfo_encrypted_response_enc sans signature ou inconnu")
	case c.needsKeys() && len(c.JWKS) == 0 && c.JWKSURI == "":
		return bad("jwks et jwks_uri absents")
	case !slices.Contains([]string{ProfileFranceConnect, ProfileStandard, ProfileStrict}, c.Profile):
		return bad("profil")
	case !slices.Contains(c.Scopes, "openid"):
		return bad("scope sans openid")
	}
	if c.strict() && c.strictClient() != "" {
		return bad(c.strictClient())
	}
	return nil
}

func (c *Client) uris() []string {
	return append(slices.Clone(c.RedirectURIs), c.PostLogoutRedirectURIs...)
}

func badURI(s string) bool {
	u, err := url.Parse(s)
	return err != nil || u.Host == "" || strings.Contains(s, "#") || (u.Scheme != "https" && u.Scheme != "http")
}

// registered is a client as this package and as the library know it.
type registered struct {
	Client
	lib goidc.Client // copied for each request: the library writes into what it gets
}

func register(c Client) (*registered, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	r := &registered{Client: c, lib: goidc.Client{ID: c.ID, Secret: c.Secret}}
	r.lib.ClientMeta = goidc.ClientMeta{
		Name: c.Name, RedirectURIs: c.RedirectURIs,
		GrantTypes:            []goidc.GrantType{goidc.GrantAuthorizationCode},
		ResponseTypes:         []goidc.ResponseType{goidc.ResponseTypeCode},
		ScopeIDs:              strings.Join(c.Scopes, " "),
		TokenAuthnMethod:      goidc.AuthnMethod(c.AuthMethod),
		IDTokenSigAlg:         goidc.SignatureAlgorithm(c.IDTokenAlg),
		IDTokenKeyEncAlg:      goidc.KeyEncryptionAlgorithm(c.IDTokenKeyAlg),
		IDTokenContentEncAlg:  goidc.ContentEncryptionAlgorithm(c.IDTokenEnc),
		UserInfoSigAlg:        goidc.SignatureAlgorithm(c.UserinfoAlg),
		UserInfoKeyEncAlg:     goidc.KeyEncryptionAlgorithm(c.UserinfoKeyAlg),
		UserInfoContentEncAlg: goidc.ContentEncryptionAlgorithm(c.UserinfoEnc),
	}
	if len(c.JWKS) > 0 {
		var set goidc.JSONWebKeySet
		if err := json.Unmarshal(c.JWKS, &set); err != nil {
			return nil, fmt.Errorf("client %s: jwks", c.ID) // the cause would quote the keys
		}
		r.lib.JWKS = r.usable(set)
	}
	return r, nil
}

// usable keeps public asymmetric keys, and names the algorithm that each must be
// meant for where it says nothing: the library only finds keys that say it.
func (c *Client) usable(set goidc.JSONWebKeySet) *goidc.JSONWebKeySet {
	out := &goidc.JSONWebKeySet{}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			continue
		}
		if k.Algorithm == "" && k.Use == "enc" {
			k.Algorithm = c.IDTokenKeyAlg
			if k.Algorithm == "" {
				k.Algorithm = c.UserinfoKeyAlg
			}
		}
		if k.Algorithm == "" {
			k.Algorithm = c.signingAlg(k)
		}
		out.Keys = append(out.Keys, k)
	}
	return out
}

func (c *Client) signingAlg(k jose.JSONWebKey) string {
	switch {
	case fits(k, jose.ES256):
		return string(jose.ES256)
	case fits(k, jose.RS256) && c.strict():
		return string(jose.PS256)
	case fits(k, jose.RS256):
		return string(jose.RS256)
	}
	return ""
}
