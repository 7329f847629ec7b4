package main

import (
	"strings"

	"relais/internal/config"
	"relais/internal/provider"
)

// providerClient says the same client in the provider's words: adapters do not
// know each other.
func providerClient(c config.Client) provider.Client {
	return provider.Client{
		ID: c.ClientID, Secret: c.ClientSecret.Reveal(), Name: c.ClientName,
		RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
		Scopes: strings.Fields(c.Scope), AuthMethod: c.TokenEndpointAuthMethod,
		IDTokenAlg: c.IDTokenSignedResponseAlg, IDTokenKeyAlg: c.IDTokenEncryptedResponseAlg, IDTokenEnc: c.IDTokenEncryptedResponseEnc,
		UserinfoAlg: c.UserinfoSignedResponseAlg, UserinfoKeyAlg: c.UserinfoEncryptedResponseAlg, UserinfoEnc: c.UserinfoEncryptedResponseEnc,
		JWKS: c.JWKS, JWKSURI: c.JWKSURI,
		Profile: c.Profile, PKCERequired: c.PKCE == config.PKCERequired,
		NonceRequired: c.Nonce == config.NonceRequired, Act: c.Act, Reads: c.Introspection, Asks: c.Verification,
	}
}
