package provider

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// clockSkew is how far in the future a strict client's assertion or a proof may
// be dated (FAPI 2.0 Security Profile §5.3.2.1).
const clockSkew = 60 * time.Second

// strictAlgs are the signatures that a strict client and a DPoP proof may use.
var strictAlgs = []jose.SignatureAlgorithm{jose.ES256, jose.PS256}

// strictClient adds what the FAPI 2.0 Security Profile asks of a registration.
func (c *Client) strictClient() string {
	insecure := func(uri string) bool { return !strings.HasPrefix(uri, "https://") }
	switch {
	case c.AuthMethod != "private_key_jwt":
		return "profil strict sans private_key_jwt"
	case !c.PKCERequired:
		return "profil strict sans PKCE"
	case c.IDTokenAlg != "ES256" || (c.UserinfoAlg != "" && c.UserinfoAlg != "ES256"):
		return "profil strict sans ES256"
	case slices.ContainsFunc(c.uris(), insecure):
		return "profil strict sans https"
	}
	return ""
}

// claimedClient is the client that the header, as bodyForm left it, or an assertion
// or the form names, unverified: good for refusing more, never for accepting.
func (p *Provider) claimedClient(form url.Values, header http.Header) (*registered, *jose.JSONWebSignature) {
	if id, _, ok := (&http.Request{Header: header}).BasicAuth(); ok {
		return p.clients[id], nil // bodyForm lets no assertion come with it
	}
	text := form.Get("client_assertion")
	if text == "" {
		return p.clients[form.Get("client_id")], nil
	}
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256})
	if err != nil {
		return nil, nil
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims) != nil {
		return nil, nil
	}
	return p.clients[claims.Issuer], jws
}

// strictAssertion refuses what the library takes and a strict client may not
// send: another algorithm, an audience that is not the issuer alone, a date to
// come.
func (p *Provider) strictAssertion(form url.Values, header http.Header) *oauthError {
	c, jws := p.claimedClient(form, header)
	if c == nil || !c.strict() || jws == nil {
		return nil
	}
	var claims struct {
		Audience json.RawMessage `json:"aud"`
		IssuedAt float64         `json:"iat"`
		Before   float64         `json:"nbf"`
	}
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims) != nil {
		return refuse("invalid_client", "the assertion cannot be read")
	}
	var audience string
	limit := float64(p.opts.Now().Add(clockSkew).Unix())
	switch {
	case !slices.Contains(strictAlgs, jose.SignatureAlgorithm(jws.Signatures[0].Header.Algorithm)):
		return refuse("invalid_client", "only ES256 and PS256 are supported")
	case json.Unmarshal(claims.Audience, &audience) != nil || audience != p.opts.Issuer:
		return refuse("invalid_client", "the audience must be the issuer")
	case claims.IssuedAt > limit || claims.Before > limit:
		return refuse("invalid_client", "the assertion is dated in the future")
	}
	return nil
}

// clientParams are the parameters of client authentication.
var clientParams = []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"}

// authenticate proves the client of a request to one of our own endpoints. The
// library's /revoke does nothing but that for a token that nobody has; the
// address it sees is the endpoint's, which an assertion may have as audience.
func (p *Provider) authenticate(r *http.Request, endpoint string, form url.Values, header http.Header) (*registered, *oauthError) {
	if fail := p.strictAssertion(form, header); fail != nil {
		p.deny(r.Context(), &unit{})
		return nil, fail
	}
	proof := url.Values{"token": {"none"}}
	for _, name := range clientParams {
		if form.Has(name) {
			proof[name] = form[name]
		}
	}
	u := &unit{}
	a := p.runAt(r.Context(), u, "/revoke", endpoint, proof, header)
	if a.status == http.StatusOK && u.err == nil && u.client != nil {
		return u.client, nil
	}
	if u.err == nil {
		return nil, refuse("server_error", "try again later")
	}
	return nil, p.explain(r.Context(), u)
}

// clientForm reads a form of a client with its authentication, for an endpoint of
// ours.
func (p *Provider) clientForm(w http.ResponseWriter, r *http.Request, endpoint string) (*registered, url.Values, *oauthError) {
	form, header, fail := bodyForm(w, r)
	if fail != nil {
		return nil, nil, fail
	}
	c, fail := p.authenticate(r, endpoint, form, header)
	return c, form, fail
}
