package provider

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"relais/internal/delegation"
)

// userinfo hands over the identity. The ledger goes first: it checks that login
// and mandat still hold and writes the entry; the library then only formats.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	access, fail := bearer(w, r)
	bound := strings.HasPrefix(access, boundPrefix)
	if fail == nil && bound {
		fail = p.possession(r, access)
	}
	if fail == nil {
		fail = p.disclose(w, r, access)
	}
	if fail != nil {
		bearerError(w, bound || byDPoP(r), fail)
	}
}

// disclose writes the identity behind a token, and its entry.
func (p *Provider) disclose(w http.ResponseWriter, r *http.Request, access string) *oauthError {
	ctx := r.Context()
	shown, err := p.opts.Ledger.Show(ctx, delegation.Hash(access))
	if err != nil {
		return p.showError(r, err)
	}
	u := &unit{shown: &shown, client: p.clients[shown.Login.ClientID]}
	if u.client == nil {
		return refuse("invalid_token", "the client is gone")
	}
	if err := u.load(shown.Login); err != nil {
		p.opts.Log.ErrorContext(ctx, "provider: userinfo", "login", shown.Login.ID, "err", err)
		return refuse("server_error", "try again later")
	}
	a := p.run(ctx, u, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + access}})
	if a.status != http.StatusOK {
		p.opts.Log.ErrorContext(ctx, "provider: userinfo", "login", shown.Login.ID, "err", u.err)
		return refuse("server_error", "try again later")
	}
	w.Header().Set("Content-Type", a.header.Get("Content-Type"))
	_, _ = w.Write(a.body.Bytes()) // the entry says shown; whether it arrived nobody knows
	return nil
}

// possession checks that who brings a bound token holds its key, before anything
// is written of it.
func (p *Provider) possession(r *http.Request, access string) *oauthError {
	proof, fail := p.readProof(r, "/userinfo", access)
	if fail != nil {
		return fail
	}
	login, err := p.opts.Ledger.ByToken(r.Context(), delegation.Hash(access))
	if err != nil {
		return p.showError(r, err)
	}
	u := &unit{}
	if err := u.load(login); err != nil || u.state.Told.Bound != proof.jkt {
		return refuse("invalid_token", "the token is bound to another key")
	}
	return p.spend(r.Context(), proof)
}

// byDPoP tells whether the request brings its token as one that is bound to a key
// (RFC 9449 §7.1).
func byDPoP(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "DPoP")
}

// bearer takes the token from exactly one of the two places of RFC 6750 §2.1 and
// §2.2; a token in a URL is never looked at. An empty code means no token at all;
// with another the token may come along, to be told about in its own scheme.
func bearer(w http.ResponseWriter, r *http.Request) (string, *oauthError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bound := byDPoP(r)
	if scheme != "" && !bound && !strings.EqualFold(scheme, "Bearer") {
		return "", refuse("", "")
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method == http.MethodPost && kind == "application/x-www-form-urlencoded" {
		form, err := readForm(w, r)
		if err != nil || repeated(form) || (form.Has("access_token") && scheme != "") {
			return "", invalid("the token must come once")
		}
		if token == "" {
			token = form.Get("access_token")
		}
	}
	switch {
	case token == "":
		return "", refuse("", "")
	case len(token) > 128 || !alphanumeric(token): // ours are 26 letters and digits, 27 when bound
		return "", refuse("invalid_token", "the token is not valid")
	case bound != strings.HasPrefix(token, boundPrefix):
		return token, refuse("invalid_token", "the token is of another type")
	}
	return token, nil
}

func (p *Provider) showError(r *http.Request, err error) *oauthError {
	for _, known := range []error{delegation.ErrNotFound, delegation.ErrRevoked, delegation.ErrExpired} {
		if errors.Is(err, known) {
			return refuse("invalid_token", "the token is not valid")
		}
	}
	p.opts.Log.ErrorContext(r.Context(), "provider: identity not shown", "err", err)
	return refuse("server_error", "try again later")
}

// bearerError is RFC 6750 §3: no error code when no token came. What concerns a
// token bound to a key is told in that scheme, with what a proof may be signed by
// (RFC 9449 §7.1).
func bearerError(w http.ResponseWriter, bound bool, e *oauthError) {
	if e.code == "server_error" {
		writeError(w, http.StatusInternalServerError, e)
		return
	}
	challenge := `Bearer realm="relais"`
	if bound {
		challenge = `DPoP realm="relais"`
	}
	if e.code != "" {
		challenge += `, error="` + e.code + `"`
	}
	if bound {
		challenge += `, algs="ES256 PS256"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	switch e.code {
	case "":
		w.WriteHeader(http.StatusUnauthorized)
	case "invalid_request":
		writeError(w, http.StatusBadRequest, e)
	default:
		writeError(w, http.StatusUnauthorized, e)
	}
}
