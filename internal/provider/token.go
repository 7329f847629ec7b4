package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"relais/internal/delegation"
	"relais/internal/journal"
)

// token redeems a code. The library checks client, redirect_uri, PKCE, life and
// consumption and prepares the answer; the ledger then consumes the code by
// compare-and-set, and only if it was this request that did does the answer leave.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	form, header, fail := tokenForm(w, r)
	if fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	proof, fail := p.tokenProof(r, form, header)
	if fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	if len(p.keys.Load().signing(p.opts.Now())) == 0 { // the library would revoke the code for it
		p.tokenError(w, r, refuse("server_error", "try again later"))
		return
	}
	u := &unit{jkt: proof.jkt}
	a := p.run(r.Context(), u, "/token", form, header)
	if u.revoked {
		p.stop(r.Context(), u)
	}
	if a.status != http.StatusOK || u.grant == nil || u.token == nil {
		p.tokenError(w, r, p.explain(r.Context(), u))
		return
	}
	body := a.body.Bytes()
	if body, fail = p.bind(r.Context(), u, proof, body); fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	if err := p.redeem(r.Context(), u, form.Get("code")); err != nil {
		p.tokenError(w, r, p.ledgerError(r.Context(), err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a client that left has lost its code: it is consumed
}

// tokenProof reads the DPoP proof of a token request, the zero one where none
// came and none is needed. A hub's header means nothing.
func (p *Provider) tokenProof(r *http.Request, form url.Values, header http.Header) (dpopProof, *oauthError) {
	if fail := p.strictAssertion(form, header); fail != nil {
		p.deny(r.Context(), &unit{})
		return dpopProof{}, fail
	}
	c, _ := p.claimedClient(form, header)
	if len(r.Header.Values("DPoP")) == 0 || (c != nil && c.franceConnect()) {
		return dpopProof{}, nil
	}
	return p.readProof(r, "/token", "")
}

// bind ties the token to the key that was proved, once the rest holds.
func (p *Provider) bind(ctx context.Context, u *unit, proof dpopProof, body []byte) ([]byte, *oauthError) {
	switch want := u.state.Told.JKT; {
	case proof.jkt == "" && (want != "" || u.client.strict()):
		return nil, badProof("a proof is required")
	case want != "" && want != proof.jkt:
		return nil, badProof("the code is bound to another key")
	case proof.jkt == "":
		return body, nil
	}
	if fail := p.spend(ctx, proof); fail != nil {
		return nil, fail
	}
	u.state.Told.Bound = proof.jkt
	bound, err := dpopAnswer(body)
	if err != nil {
		return nil, refuse("server_error", "try again later")
	}
	return bound, nil
}

// tokenForm reads the form and makes the Authorization header what the library
// expects: RFC 6749 §2.3.1 has both halves form-encoded, it takes them as they are.
func tokenForm(w http.ResponseWriter, r *http.Request) (url.Values, http.Header, *oauthError) {
	form, header, fail := bodyForm(w, r)
	if fail == nil && form.Get("grant_type") == "" {
		fail = invalid("grant_type is missing")
	}
	return form, header, fail
}

// bodyForm is the form of any endpoint that authenticates its client.
func bodyForm(w http.ResponseWriter, r *http.Request) (url.Values, http.Header, *oauthError) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, nil, invalid("the body is not a form")
	}
	if repeated(form) {
		return nil, nil, invalid("a parameter is repeated")
	}
	header := http.Header{}
	if r.Header.Get("Authorization") == "" {
		return form, header, nil
	}
	if form.Has("client_secret") || form.Has("client_assertion") {
		return nil, nil, invalid("more than one client authentication") // RFC 6749 §2.3
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return nil, nil, refuse("invalid_client", "only Basic is supported in the header")
	}
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil || strings.Contains(id, ":") {
		return nil, nil, refuse("invalid_client", "the credentials are not form-encoded")
	}
	inner := &http.Request{Header: header}
	inner.SetBasicAuth(id, secret)
	return form, header, nil
}

// redeem writes the consumption and the token.
func (p *Provider) redeem(ctx context.Context, u *unit, code string) error {
	state := protocol{Grant: u.grant, Token: u.token, Told: u.state.Told}
	text, err := state.bytes()
	if err != nil {
		return err
	}
	return p.opts.Ledger.Redeem(ctx, delegation.Hash(code), delegation.Token{
		Hash: delegation.Hash(u.token.ID), ExpiresAt: p.opts.Now().Add(tokenLifeOf(u.client)), Protocol: text,
	})
}

// stop revokes what a refused redemption belongs to. It is done even if the
// client has hung up.
func (p *Provider) stop(ctx context.Context, u *unit) {
	reason := "echange_refuse"
	switch {
	case !u.login.ConsumedAt.IsZero():
		reason = "code_rejoue"
	case !p.opts.Now().Before(u.login.CodeExpiresAt):
		reason = "code_expire"
	}
	err := p.opts.Ledger.Stop(context.WithoutCancel(ctx), u.login.ID, delegation.Client(u.client.ID), reason, false)
	if err != nil {
		p.opts.Log.ErrorContext(ctx, "provider: revocation not written", "login", u.login.ID, "err", err)
	}
}

// explain turns what the library answered into an error of RFC 6749 §5.2.
func (p *Provider) explain(ctx context.Context, u *unit) *oauthError {
	var e goidc.Error
	if !errors.As(u.err, &e) {
		p.opts.Log.ErrorContext(ctx, "provider: token", "err", u.err)
		return refuse("server_error", "try again later")
	}
	switch e.Code {
	case goidc.ErrorCodeInvalidClient:
		p.deny(ctx, u)
		return refuse("invalid_client", "client authentication failed")
	case goidc.ErrorCodeInvalidGrant, goidc.ErrorCodeExpiredToken:
		return refuse("invalid_grant", "the code is not valid")
	case goidc.ErrorCodeUnsupportedGrantType, goidc.ErrorCodeUnauthorizedClient, goidc.ErrorCodeInvalidScope, goidc.ErrorCodeInvalidRequest:
		return refuse(string(e.Code), "the request is not acceptable")
	}
	p.opts.Log.ErrorContext(ctx, "provider: token", "err", u.err)
	return refuse("server_error", "try again later")
}

// deny leaves the trace of a client that did not prove itself. Nobody is the
// actor: the name it gave is a claim.
func (p *Provider) deny(ctx context.Context, u *unit) {
	id := ""
	if u.client != nil {
		id = u.client.ID
	}
	fact := delegation.Denied(journal.Nobody(), id, "client_non_authentifie")
	if err := p.opts.Recorder.Append(context.WithoutCancel(ctx), fact); err != nil {
		p.opts.Log.ErrorContext(ctx, "provider: refusal not written", "err", err)
	}
}

func (p *Provider) ledgerError(ctx context.Context, err error) *oauthError {
	for _, known := range []error{delegation.ErrConsumed, delegation.ErrRevoked, delegation.ErrExpired, delegation.ErrNotFound} {
		if errors.Is(err, known) {
			return refuse("invalid_grant", "the code is not valid")
		}
	}
	p.opts.Log.ErrorContext(ctx, "provider: code not redeemed", "err", err)
	return refuse("server_error", "try again later")
}

func (p *Provider) tokenError(w http.ResponseWriter, r *http.Request, e *oauthError) {
	status := http.StatusBadRequest
	switch e.code {
	case "invalid_client":
		status = http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="relais"`)
		}
	case "access_denied":
		status = http.StatusForbidden
	case "server_error":
		status = http.StatusInternalServerError
	}
	writeError(w, status, e)
}

func writeError(w http.ResponseWriter, status int, e *oauthError) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body := struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{e.code, e.description}
	_ = json.NewEncoder(w).Encode(body) // the client may have left
}
