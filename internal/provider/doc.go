// Package provider is the OpenID Provider of Relais: a hub such as FranceConnect
// sends a browser, an aidant chooses an usager and a domaine, and the hub learns
// who the usager is. The choice is the authentication.
//
//	GET  /.well-known/openid-configuration   what is on, and nothing else
//	GET  /jwks                               public signing keys
//	GET  /authorize, POST /authorize         gate, then 303 to the desk's page of the choice
//	     Pending, Choose, Refuse             what that page calls
//	POST /par                                a request left here by its client (RFC 9126)
//	POST /token                              code for token, once
//	POST /revoke, POST /introspect           RFC 7009; RFC 7662 for resource servers
//	POST /mandat/verification                may a structure act under a mandat now?
//	GET  /userinfo, POST /userinfo           the identity, each time with its journal entry
//	GET  /session/end, POST /session/end     end of the use, asked by the hub
//
// The protocol is github.com/luikyv/go-oidc, at exactly the version of go.mod,
// between a strict gate in front (exact redirect_uri, nothing repeated, claims
// that parse) and a unit of work behind: what the library saves is collected,
// one call of [Ledger] writes it, and only then does the buffered answer leave.
//
// It guarantees that a request finishes in the browser that began it (its state
// is a sealed cookie), that a code is good once and for 60 seconds, that a code
// shown twice takes its token with it, that nothing is handed out once the
// mandat has ended, and that no code, token, secret or civil identity is stored
// or logged by it.
//
// Towards a client the aidant's choice of usager and domaine is the login. A hub
// (FranceConnect profile) gets a new choice each time. Any other client, standard
// or strict, may be answered without a page for five minutes after a choice of the
// same session ([Reuse]): everything is checked again and each answer is a use of
// its own in the journal; auth_time stays that of the choice. One person that a
// client asks for again is that person or nobody.
//
// A client of the strict profile keeps the rules of the FAPI 2.0 Security Profile:
// pushed requests, private_key_jwt whose only audience is the issuer, PKCE, tokens
// bound to a key by DPoP, which a standard client may choose too. Proofs serve
// once, for all instances ([Shared]).
//
// It does not decide who may act: the desk does, in the transaction that it runs
// inside Choose. There is no refresh token, request object or back-channel logout.
package provider
