package config

import "encoding/json"

// Values of Client.Profile, Client.PKCE and Client.Nonce.
const (
	ProfileFranceConnect = "franceconnect"
	ProfileStandard      = "standard"
	ProfileStrict        = "strict"
	PKCERequired         = "required"
	PKCEOptional         = "optional"
	NonceRequired        = "required"
	NonceOptional        = "optional"
)

// Values of Client.TokenEndpointAuthMethod (OpenID Connect Core §9).
const (
	AuthPost       = "client_secret_post"
	AuthBasic      = "client_secret_basic"
	AuthPrivateKey = "private_key_jwt"
)

// Client is one client of our provider, in the metadata names of RFC 7591 and
// OpenID Connect Dynamic Client Registration. Load fills the defaults of these
// specifications, so that an empty field means "none" and never "the default".
type Client struct {
	ClientID                     string          `json:"client_id"`
	ClientSecret                 Secret          `json:"client_secret,omitempty"`
	ClientName                   string          `json:"client_name"`
	RedirectURIs                 []string        `json:"redirect_uris"`
	PostLogoutRedirectURIs       []string        `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes                   []string        `json:"grant_types,omitempty"`
	ResponseTypes                []string        `json:"response_types,omitempty"`
	Scope                        string          `json:"scope"`
	TokenEndpointAuthMethod      string          `json:"token_endpoint_auth_method,omitempty"`
	IDTokenSignedResponseAlg     string          `json:"id_token_signed_response_alg,omitempty"`
	IDTokenEncryptedResponseAlg  string          `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEncryptedResponseEnc  string          `json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoSignedResponseAlg    string          `json:"userinfo_signed_response_alg,omitempty"` // empty: plain JSON
	UserinfoEncryptedResponseAlg string          `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEncryptedResponseEnc string          `json:"userinfo_encrypted_response_enc,omitempty"`
	JWKS                         json.RawMessage `json:"jwks,omitempty"`
	JWKSURI                      string          `json:"jwks_uri,omitempty"`
	SubjectType                  string          `json:"subject_type,omitempty"` // always pairwise
	Contacts                     []string        `json:"contacts,omitempty"`
	// Profile is ProfileFranceConnect (the hub's exact habits), ProfileStandard, or
	// ProfileStrict (the rules of the FAPI 2.0 Security Profile).
	Profile string `json:"relais_profile"`
	// PKCE is PKCERequired or PKCEOptional; FranceConnect sends none.
	PKCE string `json:"relais_pkce,omitempty"`
	// Nonce is NonceRequired or NonceOptional; the FranceConnect profile always
	// wants one.
	Nonce string `json:"relais_nonce,omitempty"`
	// Act tells the client, in the act claim (RFC 8693 §4.1), that an aidant acts.
	Act bool `json:"relais_act,omitempty"`
	// Introspection lists the clients whose tokens this one may introspect, as
	// their resource server (RFC 7662).
	Introspection []string `json:"relais_introspection,omitempty"`
	// Verification lets the client ask whether a structure may act under a mandat.
	Verification bool `json:"relais_verification,omitempty"`
}

// withDefaults fills what the specifications leave to a default.
func (c Client) withDefaults() Client {
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	if len(c.GrantTypes) == 0 {
		c.GrantTypes = []string{"authorization_code"}
	}
	if len(c.ResponseTypes) == 0 {
		c.ResponseTypes = []string{"code"}
	}
	fill(&c.TokenEndpointAuthMethod, AuthBasic)
	fill(&c.IDTokenSignedResponseAlg, "RS256")
	fill(&c.SubjectType, "pairwise")
	if c.Profile == ProfileFranceConnect {
		fill(&c.PKCE, PKCEOptional)
	}
	fill(&c.PKCE, PKCERequired)
	fill(&c.Nonce, NonceRequired)
	return c
}
