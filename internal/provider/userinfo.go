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
	if fail == nil && strings.HasPrefix(access, boundPrefix) {
		fail = p.possession(r, access)
	}
	if fail != nil {
		p.bearerError(w, fail)
		return
	}
	ctx := r.Context()
	shown, err := p.opts.Ledger.Show(ctx, delegation.Hash(access))
	if err != nil {
		p.bearerError(w, p.showError(r, err))
		return
	}
	u := &unit{shown: &shown, client: p.clients[shown.Login.ClientID]}
	if u.client == nil {
		p.bearerError(w, refuse("invalid_token", "the client is gone"))
		return
	}
	if err := u.load(shown.Login); err != nil {
		p.opts.Log.ErrorContext(ctx, "provider: userinfo", "login", shown.Login.ID, "err", err)
		p.bearerError(w, refuse("server_error", "try again later"))
		return
	}
	a := p.run(ctx, u, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + access}})
	if a.status != http.StatusOK {
		p.opts.Log.ErrorContext(ctx, "provider: userinfo", "login", shown.Login.ID, "err", u.err)
		p.bearerError(w, refuse("server_error", "try again later"))
		return
	}
	w.Header().Set("Content-Type", a.header.Get("Content-Type"))
	_, _ = w.Write(a.body.Bytes()) // the entry says shown; whether it arrived nobody knows
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

// bearer takes the token from exactly one of the two places of RFC 6750 §2.1 and
// §2.2; a token in a URL is never looked at. A nil code means no token at all.
func bearer(w http.ResponseWriter, r *http.Request) (string, *oauthError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bound := strings.EqualFold(scheme, "DPoP")
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
	case len(token) > 128 || !alphanumeric(token): // ours are 26 letters and digits
		return "", refuse("invalid_token", "the token is not valid")
	case bound != strings.HasPrefix(token, boundPrefix):
		return "", refuse("invalid_token", "the token is of another type")
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

// bearerError is RFC 6750 §3: no error code when no token came.
func (p *Provider) bearerError(w http.ResponseWriter, e *oauthError) {
	switch e.code {
	case "":
		w.Header().Set("WWW-Authenticate", `Bearer realm="relais"`)
		w.WriteHeader(http.StatusUnauthorized)
	case "server_error":
		writeError(w, http.StatusInternalServerError, e)
	case "invalid_request":
		w.Header().Set("WWW-Authenticate", `Bearer realm="relais", error="invalid_request"`)
		writeError(w, http.StatusBadRequest, e)
	case "invalid_dpop_proof":
		w.Header().Set("WWW-Authenticate", `DPoP realm="relais", error="invalid_dpop_proof", algs="ES256 PS256"`)
		writeError(w, http.StatusUnauthorized, e)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="relais", error="`+e.code+`"`)
		writeError(w, http.StatusUnauthorized, e)
	}
}
