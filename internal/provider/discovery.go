package provider

import (
	"encoding/json"
	"net/http"
	"slices"
)

// publish writes the public document, once.
func (p *Provider) publish() error {
	var err error
	p.discovery, err = json.Marshal(p.metadata())
	return err
}

// metadata says what is on, and nothing else (OIDC Discovery §3, RFC 8414).
func (p *Provider) metadata() map[string]any {
	issuer := p.opts.Issuer
	doc := map[string]any{
		"issuer":                                         issuer,
		"authorization_endpoint":                         issuer + "/authorize",
		"token_endpoint":                                 issuer + "/token",
		"userinfo_endpoint":                              issuer + "/userinfo",
		"jwks_uri":                                       issuer + "/jwks",
		"end_session_endpoint":                           issuer + "/session/end",
		"scopes_supported":                               offeredScopes(),
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"pairwise"},
		"acr_values_supported":                           []string{acr},
		"code_challenge_methods_supported":               []string{"S256"},
		"claim_types_supported":                          []string{"normal"},
		"claims_supported":                               claimNames(),
		"claims_parameter_supported":                     true,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
		"authorization_response_iss_parameter_supported": true,
		"ui_locales_supported":                           []string{"fr"},
		"id_token_signing_alg_values_supported":          p.inUse(func(c *registered) string { return c.IDTokenAlg }, "RS256", "ES256"),
		"userinfo_signing_alg_values_supported":          p.inUse(func(c *registered) string { return c.UserinfoAlg }, "RS256", "ES256"),
		"token_endpoint_auth_methods_supported":          p.inUse(func(c *registered) string { return c.AuthMethod }),
		"pushed_authorization_request_endpoint":          issuer + "/par",
		"revocation_endpoint":                            issuer + "/revoke",
		"revocation_endpoint_auth_methods_supported":     p.inUse(func(c *registered) string { return c.AuthMethod }),
		"dpop_signing_alg_values_supported":              []string{"ES256", "PS256"},
	}
	if slices.ContainsFunc(p.opts.Clients, func(c Client) bool { return len(c.Reads) > 0 }) {
		doc["introspection_endpoint"] = issuer + "/introspect"
		doc["introspection_endpoint_auth_methods_supported"] = doc["token_endpoint_auth_methods_supported"]
	}
	for name, of := range map[string]func(*registered) string{
		"id_token_encryption_alg_values_supported": func(c *registered) string { return c.IDTokenKeyAlg },
		"id_token_encryption_enc_values_supported": func(c *registered) string { return c.IDTokenEnc },
		"userinfo_encryption_alg_values_supported": func(c *registered) string { return c.UserinfoKeyAlg },
		"userinfo_encryption_enc_values_supported": func(c *registered) string { return c.UserinfoEnc },
	} {
		if list := p.inUse(of); len(list) > 0 {
			doc[name] = list
		}
	}
	if slices.ContainsFunc(p.opts.Clients, func(c Client) bool { return c.Asks }) {
		doc["relais_mandat_verification_endpoint"] = issuer + "/mandat/verification"
	}
	if methods, _ := doc["token_endpoint_auth_methods_supported"].([]string); slices.Contains(methods, "private_key_jwt") {
		algs := []string{"ES256", "PS256", "RS256"}
		doc["token_endpoint_auth_signing_alg_values_supported"] = algs
		doc["revocation_endpoint_auth_signing_alg_values_supported"] = algs
	}
	return doc
}

// inUse lists always, and what else the clients use, sorted.
func (p *Provider) inUse(of func(*registered) string, always ...string) []string {
	list := slices.Clone(always)
	for _, c := range p.clients {
		if v := of(c); v != "" && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	slices.Sort(list)
	return list
}

func claimNames() []string {
	names := []string{"iss", "sub", "aud", "exp", "iat", "nonce", "acr", "auth_time", "rep_scope", "act", "sid"}
	for _, s := range scopeClaims {
		for _, c := range s.claims {
			if !slices.Contains(names, c) {
				names = append(names, c)
			}
		}
	}
	return names
}

// jwks serves the public keys of the moment. Five minutes of cache let a new key
// be seen by all before it signs.
func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(p.keys.Load().Public(p.opts.Now()))
	if err != nil {
		p.opts.Log.ErrorContext(r.Context(), "provider: keys not published", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	static(body)(w, r)
}

// static serves a public document.
func static(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // the reader may have left
	}
}
