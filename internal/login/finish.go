package login

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// finish is one callback being read.
type finish struct {
	peer    *peer
	pending Pending
	doc     *document
	keys    *keySet
	changed bool // the keys are not those of the start
	down    bool // they could not be fetched again (go-oidc hides why a signature failed)

	rawIDToken  string
	accessToken string
	login       idClaims
	rawUserinfo string
	userinfo    []byte // verified payload
}

// idClaims are the claims of an id_token that go-oidc does not read.
type idClaims struct {
	Issuer   string           `json:"iss"`
	Sub      string           `json:"sub"`
	AZP      *string          `json:"azp"`
	ACR      string           `json:"acr"`
	SID      string           `json:"sid"`
	IssuedAt jwt.NumericDate  `json:"iat"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
}

// run reads a callback to its verified end. On any error nothing was learnt
// that a caller may use, except the new keys under ErrKeysChanged.
func (p *peer) run(ctx context.Context, pending Pending, q url.Values) (*finish, error) {
	f := &finish{peer: p, pending: pending}
	if err := f.checkCallback(q); err != nil {
		return f, err
	}
	var err error
	if f.doc, err = p.discover(ctx); err != nil {
		return f, err
	}
	if f.doc.SendsIssuer && q.Get("iss") == "" {
		return f, ErrState // RFC 9207 §2.4: announced, so its absence is an attack or a fault
	}
	var found bool
	if f.keys, found, err = p.keysOf(ctx, pending.Keys); err != nil {
		return f, err
	}
	f.changed = !found
	if err := f.exchange(ctx, q.Get("code")); err != nil {
		return f, err
	}
	if err := f.checkIDToken(ctx); err != nil {
		return f, err
	}
	if err := f.fetchUserinfo(ctx); err != nil {
		return f, err
	}
	if f.changed {
		// The kept proof holds one set of keys, which must open both tokens.
		if _, err := f.keys.open(f.rawIDToken); err != nil {
			return f, reject("clés du jeton")
		}
		if pending.Bound {
			return f, ErrKeysChanged
		}
	}
	return f, nil
}

// checkCallback settles, before anyone is called, that this callback answers
// the login that this browser began.
func (f *finish) checkCallback(q url.Values) error {
	for _, name := range []string{"state", "code", "iss", "error", "error_description"} {
		if len(q[name]) > 1 {
			return ErrState
		}
	}
	if f.pending.Purpose != f.peer.purpose || f.pending.State == "" || !same(f.pending.State, q.Get("state")) {
		return ErrState
	}
	if age := f.peer.now().Sub(f.pending.StartedAt); age > maxAge || age < -leeway {
		return ErrExpired
	}
	if iss := q.Get("iss"); iss != "" && iss != f.peer.Issuer {
		return ErrState
	}
	if doc := f.peer.known(); doc != nil && doc.SendsIssuer && q.Get("iss") == "" {
		return ErrState // RFC 9207 §2.4: announced, so its absence is an attack or a fault, beside an error too
	}
	if q.Has("error") {
		return f.refused(q.Get("error"), q.Get("error_description"))
	}
	if code := q.Get("code"); code == "" || len(code) > 4096 {
		return ErrState
	}
	return nil
}

// refused maps an error response; a second factor is asked of agents only.
func (f *finish) refused(code, description string) error {
	err := refusal(code, description)
	if err == ErrWeak && f.peer.purpose != "agent" {
		return ErrCancelled
	}
	return err
}

func (f *finish) exchange(ctx context.Context, code string) error {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, f.peer.http), callTimeout)
	defer cancel()
	var params []oauth2.AuthCodeOption
	if f.pending.Verifier != "" {
		params = append(params, oauth2.VerifierOption(f.pending.Verifier))
	}
	token, err := f.peer.oauth(f.doc).Exchange(ctx, code, params...)
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) {
		if refused.Response != nil && refused.Response.StatusCode >= http.StatusInternalServerError {
			return ErrDown
		}
		return f.refused(refused.ErrorCode, refused.ErrorDescription)
	}
	if err != nil {
		return callError(ctx, err)
	}
	if !strings.EqualFold(token.Type(), "bearer") {
		return reject("token_type")
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return reject("id_token absent")
	}
	f.accessToken = token.AccessToken
	f.rawIDToken, err = f.peer.decrypt(raw)
	return err
}

// VerifySignature makes a callback a go-oidc key set: the keys of the start
// first, then those of the moment when the token names a key that is not there.
func (f *finish) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := f.keys.open(token)
	if !errors.Is(err, errUnknownKey) {
		return payload, err
	}
	fresh, err := f.peer.keysFor(ctx, f.keys)
	if err != nil {
		f.down = errors.Is(err, ErrDown)
		return nil, err
	}
	f.changed = f.changed || fresh.digest != f.keys.digest
	f.keys = fresh
	payload, err = fresh.open(token)
	if err != nil {
		return nil, reject("signature")
	}
	return payload, nil
}

// checkIDToken does OpenID Connect Core §3.1.3.7. go-oidc's clock is set back by
// the leeway for exp; iat, which it does not check, is checked here.
func (f *finish) checkIDToken(ctx context.Context) error {
	now := f.peer.now()
	verifier := oidc.NewVerifier(f.peer.Issuer, f, &oidc.Config{
		ClientID: f.peer.ClientID, SupportedSigningAlgs: signatureNames(),
		Now: func() time.Time { return now.Add(-leeway) },
	})
	token, err := verifier.Verify(ctx, f.rawIDToken)
	if err != nil {
		return f.idTokenError(err)
	}
	if err := token.Claims(&f.login); err != nil {
		return reject("id_token illisible")
	}
	switch {
	case f.login.Issuer != f.peer.Issuer:
		return reject("iss")
	case len(token.Audience) != 1 || token.Audience[0] != f.peer.ClientID:
		return reject("aud")
	case f.login.AZP != nil && *f.login.AZP != f.peer.ClientID:
		return reject("azp")
	case token.Subject == "" || len(token.Subject) > 255:
		return reject("sub")
	case f.login.IssuedAt == 0 || f.login.IssuedAt.Time().After(now.Add(leeway)) || f.login.IssuedAt.Time().Before(f.pending.StartedAt.Add(-leeway)):
		return reject("iat")
	case f.login.AuthTime != nil && f.login.AuthTime.Time().After(now.Add(leeway)):
		return reject("auth_time")
	case !same(f.pending.Nonce, token.Nonce):
		return reject("nonce")
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(f.accessToken) != nil {
		return reject("at_hash")
	}
	return f.checkFreshness()
}

// checkFreshness refuses a login that only reused the provider's session though
// a new one was asked for. A provider that says no auth_time cannot be checked.
func (f *finish) checkFreshness() error {
	t := f.login.AuthTime
	if f.pending.Force && t != nil && t.Time().Before(f.pending.StartedAt.Add(-leeway)) {
		return ErrStale
	}
	return nil
}

// idTokenError keeps go-oidc's words, which quote claims, out of ours.
func (f *finish) idTokenError(err error) error {
	if expired := (*oidc.TokenExpiredError)(nil); errors.As(err, &expired) {
		return reject("exp")
	}
	if f.down {
		return ErrDown
	}
	return reject("id_token")
}

// fetchUserinfo reads the signed userinfo (OpenID Connect Core §5.3).
func (f *finish) fetchUserinfo(ctx context.Context) error {
	body, contentType, err := f.peer.get(ctx, f.doc.Userinfo, "application/jwt", f.accessToken)
	if err != nil {
		return err
	}
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/jwt" {
		return reject("userinfo non signé")
	}
	if f.rawUserinfo, err = f.peer.decrypt(strings.TrimSpace(string(body))); err != nil {
		return err
	}
	if f.userinfo, err = f.VerifySignature(ctx, f.rawUserinfo); err != nil {
		return err
	}
	var c jwt.Claims
	if err := json.Unmarshal(f.userinfo, &c); err != nil {
		return reject("userinfo illisible")
	}
	now := f.peer.now()
	switch {
	case c.Subject == "" || !same(c.Subject, f.login.Sub):
		return ErrSub
	case c.Issuer != "" && c.Issuer != f.peer.Issuer:
		return reject("iss du userinfo")
	case len(c.Audience) > 0 && (len(c.Audience) != 1 || c.Audience[0] != f.peer.ClientID):
		return reject("aud du userinfo")
	case c.Expiry != nil && c.Expiry.Time().Add(leeway).Before(now):
		return reject("exp du userinfo")
	case c.IssuedAt != nil && c.IssuedAt.Time().After(now.Add(leeway)):
		return reject("iat du userinfo")
	}
	return nil
}

// same compares in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
