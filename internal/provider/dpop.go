package provider

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// proofLife is how old a DPoP proof may be.
const proofLife = 60 * time.Second

// boundPrefix starts a token that is good only with its key: it is told apart
// before anything is looked up, so that it never serves as a bearer's.
const boundPrefix = "d"

// dpopProof is a proof of possession whose signature held (RFC 9449 §4.3).
type dpopProof struct{ jkt, jti string }

func badProof(why string) *oauthError { return refuse("invalid_dpop_proof", why) }

// readProof verifies the DPoP header of a request to one of our endpoints. It
// does not spend it: that comes once the rest of the request holds.
func (p *Provider) readProof(r *http.Request, endpoint, access string) (dpopProof, *oauthError) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 || len(headers[0]) > 8<<10 {
		return dpopProof{}, badProof("one proof is required")
	}
	jws, err := jose.ParseSignedCompact(headers[0], strictAlgs)
	if err != nil {
		return dpopProof{}, badProof("the proof cannot be read")
	}
	head := jws.Signatures[0].Header
	key := head.JSONWebKey
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" || key == nil || !key.Valid() || !key.IsPublic() ||
		(!fits(*key, jose.ES256) && !fits(*key, jose.RS256)) { // the second says RSA of 2048 bits
		return dpopProof{}, badProof("typ or jwk is wrong")
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return dpopProof{}, badProof("the signature does not hold")
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return dpopProof{}, badProof("the key cannot be named")
	}
	proof := dpopProof{jkt: base64.RawURLEncoding.EncodeToString(sum)}
	var fail *oauthError
	proof.jti, fail = p.checkProof(payload, r.Method, p.opts.Issuer+endpoint, access)
	return proof, fail
}

func (p *Provider) checkProof(payload []byte, method, address, access string) (jti string, fail *oauthError) {
	var claims struct {
		ID       string  `json:"jti"`
		Method   string  `json:"htm"`
		Address  string  `json:"htu"`
		IssuedAt float64 `json:"iat"`
		Access   string  `json:"ath"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.ID == "" || len(claims.ID) > 512 {
		return "", badProof("a claim is missing")
	}
	sum := sha256.Sum256([]byte(access))
	now := float64(p.opts.Now().Unix())
	switch {
	case claims.Method != method || !sameAddress(claims.Address, address):
		return "", badProof("the proof is for another request")
	case claims.IssuedAt < now-proofLife.Seconds() || claims.IssuedAt > now+clockSkew.Seconds():
		return "", badProof("the proof is too old, or dated in the future")
	case access != "" && claims.Access != base64.RawURLEncoding.EncodeToString(sum[:]):
		return "", badProof("the proof is for another token")
	}
	return claims.ID, nil
}

// sameAddress compares htu with one of our addresses without query and fragment,
// after the normalisation that RFC 9449 §4.3 asks for: scheme and host in small
// letters, no default port.
func sameAddress(claimed, ours string) bool {
	normal := func(text string) string {
		u, err := url.Parse(text)
		if err != nil || u.Opaque != "" || u.User != nil || u.Host == "" {
			return ""
		}
		scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
		return scheme + "://" + host + u.EscapedPath()
	}
	return normal(claimed) != "" && normal(claimed) == normal(ours)
}

// spend lets a proof serve once.
func (p *Provider) spend(ctx context.Context, proof dpopProof) *oauthError {
	first, err := p.opts.Shared.UseOnce(ctx, "dpop "+proof.jkt+" "+proof.jti, p.opts.Now().Add(proofLife+2*clockSkew))
	switch {
	case err != nil:
		p.opts.Log.ErrorContext(ctx, "provider: proof not noted", "err", err)
		return refuse("server_error", "try again later")
	case !first:
		return badProof("the proof was used before")
	}
	return nil
}

// dpopAnswer says in the answer of /token that the token is bound.
func dpopAnswer(body []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	fields["token_type"] = json.RawMessage(`"DPoP"`)
	return json.Marshal(fields)
}
