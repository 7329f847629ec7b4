package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"relais/internal/delegation"
	"relais/internal/journal"
)

// Inspector tells what a token still stands for.
type Inspector interface {
	// Inspect decides like Ledger.Show and writes that a resource server asked,
	// without handing anything over.
	Inspect(ctx context.Context, tokenHash string, by journal.Actor) (delegation.Identity, error)
}

// revoke is RFC 7009: a client gives its own token back. A token that nobody has
// is revoked already; somebody else's is refused.
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	c, login, fail := p.tokenOf(w, r, "/revoke")
	switch {
	case fail != nil:
	case login.ID == "":
	case login.ClientID != c.ID:
		fail = refuse("invalid_grant", "the token is another client's")
	case login.RevokedAt.IsZero():
		if err := p.opts.Ledger.Stop(r.Context(), login.ID, delegation.Client(c.ID), "jeton_rendu", false); err != nil {
			p.opts.Log.ErrorContext(r.Context(), "provider: token not revoked", "login", login.ID, "err", err)
			fail = refuse("server_error", "try again later")
		}
	}
	if fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// tokenOf authenticates the client and finds the login of the token it names, the
// zero Login when there is none.
func (p *Provider) tokenOf(w http.ResponseWriter, r *http.Request, endpoint string) (*registered, delegation.Login, *oauthError) {
	c, form, fail := p.clientForm(w, r, endpoint)
	if fail != nil {
		return nil, delegation.Login{}, fail
	}
	if form.Get("token") == "" {
		return nil, delegation.Login{}, invalid("token is missing")
	}
	login, err := p.opts.Ledger.ByToken(r.Context(), delegation.Hash(form.Get("token")))
	if err != nil && !errors.Is(err, delegation.ErrNotFound) {
		p.opts.Log.ErrorContext(r.Context(), "provider: token not found out", "err", err)
		return nil, delegation.Login{}, refuse("server_error", "try again later")
	}
	return c, login, nil
}

// introspect is RFC 7662, for a resource server that is registered to read the
// tokens of given clients. What it may not read, and what no longer stands, is
// not active.
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	c, login, fail := p.tokenOf(w, r, "/introspect")
	if fail == nil && len(c.Reads) == 0 {
		fail = refuse("access_denied", "the client is no resource server")
	}
	var answer map[string]any
	if fail == nil {
		answer, fail = p.inspect(r.Context(), c, login)
	}
	if fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the server may have left
}

func (p *Provider) inspect(ctx context.Context, c *registered, login delegation.Login) (map[string]any, *oauthError) {
	inactive := map[string]any{"active": false}
	if login.ID == "" || !slices.Contains(c.Reads, login.ClientID) {
		return inactive, nil
	}
	id, err := p.opts.Inspector.Inspect(ctx, login.TokenHash, delegation.Client(c.ID))
	for _, known := range []error{delegation.ErrNotFound, delegation.ErrRevoked, delegation.ErrExpired} {
		if errors.Is(err, known) {
			return inactive, nil
		}
	}
	u := &unit{}
	if err == nil {
		err = u.load(id.Login)
	}
	if err != nil || u.state.Token == nil {
		p.opts.Log.ErrorContext(ctx, "provider: token not inspected", "login", login.ID, "err", err)
		return nil, refuse("server_error", "try again later")
	}
	return p.tokenInfo(c, id, u.state), nil
}

// tokenInfo is what a resource server learns. The usager is named as in its own
// sector: two servers that compare notes learn nothing.
func (p *Provider) tokenInfo(c *registered, id delegation.Identity, state protocol) map[string]any {
	info := map[string]any{
		"active": true, "iss": p.opts.Issuer, "client_id": id.Login.ClientID, "scope": state.Grant.Scopes,
		"sub": p.opts.Pseudonym("sub", c.sector(), id.Usager.ID), "iat": id.Login.ConsumedAt.Unix(), "exp": id.Login.TokenExpiresAt.Unix(),
		"acr": acr, "auth_time": state.Told.AuthTime, "rep_scope": state.Told.RepScope, "token_type": "Bearer",
	}
	if state.Told.Bound != "" {
		info["token_type"], info["cnf"] = "DPoP", map[string]string{"jkt": state.Told.Bound}
	}
	if c.Act {
		info["act"] = p.act(c, Choice{Aidant: id.Aidant, Organisation: id.Organisation, Mandat: id.Mandat, Domaine: id.Login.Domaine})
	}
	return info
}
