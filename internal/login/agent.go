package login

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
)

// Agent is what ProConnect said of an agent, verified.
type Agent struct {
	Login      aidant.Login // Email in lower case; ACR "" when none was given
	GivenName  string
	UsualName  string
	Proof      acte.Proof
	IDToken    string    // for the logout
	AuthAt     time.Time // zero when the provider may have reused a session and does not say since when
	KeysDigest string    // acte.KeysDigest of Proof.JWKS
}

var (
	siretPattern = regexp.MustCompile(`^[0-9]{14}$`)
	acrPattern   = regexp.MustCompile(`^[\x21-\x7e]{1,100}$`)
)

// FinishAgent reads the callback of [Login.StartAgent]. The level is returned
// for [aidant.SignIn] to decide on; a provider that says it cannot reach the
// level asked for is ErrWeak here already.
//
// Errors: ErrDown, ErrState, ErrExpired, ErrToken, ErrSub, ErrWeak, ErrStale,
// ErrCancelled, ErrRefused; ErrKeysChanged for a login bound to a text, with the
// new keys in Agent.Proof.
func (l *Login) FinishAgent(ctx context.Context, p Pending, q url.Values) (Agent, error) {
	f, err := l.agents.run(ctx, p, q)
	if err != nil {
		return Agent{Proof: f.newKeys(err)}, err
	}
	var c struct {
		GivenName string `json:"given_name"`
		UsualName string `json:"usual_name"`
		Email     string `json:"email"`
		SIRET     string `json:"siret"`
	}
	if err := json.Unmarshal(f.userinfo, &c); err != nil {
		return Agent{}, reject("userinfo illisible")
	}
	if !siretPattern.MatchString(c.SIRET) {
		c.SIRET = ""
	}
	return Agent{
		Login: aidant.Login{
			Issuer: f.peer.Issuer, Sub: f.login.Sub, SIRET: c.SIRET,
			Email: strings.ToLower(strings.TrimSpace(c.Email)), ACR: f.acr(), SID: f.sid(),
		},
		GivenName: strings.TrimSpace(c.GivenName), UsualName: strings.TrimSpace(c.UsualName),
		Proof: f.proof(), IDToken: f.rawIDToken, AuthAt: f.authAt(), KeysDigest: f.keys.digest,
	}, nil
}

// acr is the level as a code that the journal takes, "" for anything else.
func (f *finish) acr() string {
	if !acrPattern.MatchString(f.login.ACR) {
		return ""
	}
	return f.login.ACR
}

// authAt is when the agent identified. A provider that says nothing of it did so just
// now only if it was asked to.
func (f *finish) authAt() time.Time {
	switch {
	case f.login.AuthTime != nil:
		return f.login.AuthTime.Time().UTC()
	case f.pending.Force:
		return f.login.IssuedAt.Time().UTC()
	}
	return time.Time{}
}

// sid is the provider's session, "" when it is none that a logout could name.
func (f *finish) sid() string {
	if len(f.login.SID) > 255 {
		return ""
	}
	return f.login.SID
}

// newKeys is all that a caller learns under ErrKeysChanged: what to commit to
// the journal before the next attempt.
func (f *finish) newKeys(err error) acte.Proof {
	if err != ErrKeysChanged {
		return acte.Proof{}
	}
	return acte.Proof{Issuer: f.peer.Issuer, ClientID: f.peer.ClientID, JWKS: f.keys.raw}
}
