package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"

	"relais/internal/delegation"
)

// unit is the unit of work of one request: what the library reads and saves
// while it runs. One store call writes it, before the answer leaves.
type unit struct {
	client  *registered // as the request names it, or as the library found it
	session *goidc.AuthnSession
	pushed  string    // the name of the pushed request, "" for none
	chosen  *protocol // set when the aidant has chosen
	grant   *goidc.Grant
	token   *goidc.Token
	revoked bool // the library revoked the grant, most often while answering an error
	found   bool // the code or token names a login
	login   delegation.Login
	state   protocol // of the login found
	shown   *delegation.Identity
	jkt     string // the key that the client proved, "" without
	err     error  // what the library would have answered
}

// protocol is delegation.Login.Protocol: the library's state, without code or
// token, and what the id_token says of the choice, without civil identity.
type protocol struct {
	Grant *goidc.Grant `json:"grant"`
	Token *goidc.Token `json:"token,omitempty"`
	Told  told         `json:"told"`
}

// told is what the choice tells the client.
type told struct {
	AuthTime int64    `json:"auth_time"` // Unix seconds of the choice
	RepScope []string `json:"rep_scope"`
	Act      *act     `json:"act,omitempty"`
	Asked    []string `json:"asked,omitempty"` // userinfo claims asked for one by one
	JKT      string   `json:"jkt,omitempty"`   // the key that may redeem the code, "" for any
	Bound    string   `json:"bound,omitempty"` // the key that the token is bound to
}

func (p protocol) bytes() ([]byte, error) {
	grant := *p.Grant
	grant.AuthCode, grant.AuthParams.Claims, grant.AuthParams.State = "", nil, ""
	p.Grant = &grant
	if p.Token != nil {
		token := *p.Token
		token.ID = ""
		p.Token = &token
	}
	return json.Marshal(p)
}

type unitKey struct{}

// unitOf returns the request's unit. Every request of the library runs in one.
func unitOf(ctx context.Context) *unit {
	if u, ok := ctx.Value(unitKey{}).(*unit); ok {
		return u
	}
	return &unit{}
}

// answer is a buffered response.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { a.WriteHeader(http.StatusOK); return a.body.Write(b) }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// run plays one request to the library. The form is handed over parsed, already
// filtered, so that nothing of the outer request reaches it unseen.
func (p *Provider) run(ctx context.Context, u *unit, path string, form url.Values, header http.Header) *answer {
	return p.runAt(ctx, u, path, path, form, header)
}

// runAt is run under another address, for what is signed for it.
func (p *Provider) runAt(ctx context.Context, u *unit, path, address string, form url.Values, header http.Header) *answer {
	if form == nil {
		form = url.Values{}
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, RequestURI: address, Header: header, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Form: form, PostForm: form,
	}
	a := &answer{header: http.Header{}}
	p.lib.ServeHTTP(a, r.WithContext(context.WithValue(ctx, unitKey{}, u)))
	return a
}

// manager is the library's storage: everything goes to the request's unit.
type manager struct{ p *Provider }

// far is an end that the library never sees passed: ends are the ledger's and
// the gate's, on their own clock.
func far() int { return int(time.Now().Add(time.Hour).Unix()) }

// SaveSession keeps a pending request; the gate seals it into the cookie.
func (manager) SaveSession(ctx context.Context, as *goidc.AuthnSession) error {
	unitOf(ctx).session = as
	return nil
}

// Session returns the request that the cookie held.
func (manager) Session(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	as := unitOf(ctx).session
	if as == nil || as.ID != id {
		return nil, goidc.ErrNotFound
	}
	as.ExpiresAt = far() // the gate checked it
	return as, nil
}

// SaveGrant collects a grant, and notes a revocation.
func (manager) SaveGrant(ctx context.Context, g *goidc.Grant) error {
	u := unitOf(ctx)
	u.grant, u.revoked = g, u.revoked || g.RevokedAt != 0
	return nil
}

// GrantByAuthCode reads the login of a code. A revoked one is as if it had never
// been: the third use of a code answers invalid_grant, like the second.
func (m manager) GrantByAuthCode(ctx context.Context, code string) (*goidc.Grant, error) {
	u := unitOf(ctx)
	login, err := m.p.opts.Ledger.ByCode(ctx, delegation.Hash(code))
	if errors.Is(err, delegation.ErrNotFound) {
		return nil, goidc.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if err := u.load(login); err != nil {
		return nil, err
	}
	if !login.RevokedAt.IsZero() {
		return nil, goidc.ErrNotFound
	}
	g := *u.state.Grant
	g.AuthCode, g.AuthCodeExpiresAt, g.AuthCodeConsumedAt = code, 1, 0
	if m.p.opts.Now().Before(login.CodeExpiresAt) {
		g.AuthCodeExpiresAt = far()
	}
	if !login.ConsumedAt.IsZero() {
		g.AuthCodeConsumedAt = int(login.ConsumedAt.Unix())
	}
	return &g, nil
}

func (u *unit) load(login delegation.Login) error {
	if err := json.Unmarshal(login.Protocol, &u.state); err != nil || u.state.Grant == nil {
		return errors.New("état du protocole illisible") // the cause could quote it
	}
	u.found, u.login = true, login
	return nil
}

// SaveToken collects the token.
func (manager) SaveToken(ctx context.Context, t *goidc.Token) error {
	unitOf(ctx).token = t
	return nil
}

// Token returns the token that the ledger has just shown the identity for.
func (manager) Token(ctx context.Context, id string) (*goidc.Token, error) {
	u := unitOf(ctx)
	if u.shown == nil || u.state.Token == nil || delegation.Hash(id) != u.login.TokenHash {
		return nil, goidc.ErrNotFound
	}
	t := *u.state.Token
	t.ID, t.ExpiresAt = id, far()
	return &t, nil
}

// Grant returns the grant of the token just shown.
func (manager) Grant(ctx context.Context, id string) (*goidc.Grant, error) {
	u := unitOf(ctx)
	if u.shown == nil || u.state.Grant == nil || u.state.Grant.ID != id {
		return nil, goidc.ErrNotFound
	}
	return u.state.Grant, nil
}

// Client returns a copy of a registered client with its keys: the library keeps
// keys it fetched inside what it gets, unlocked and for ever.
func (m manager) Client(ctx context.Context, id string) (*goidc.Client, error) {
	r := m.p.clients[id]
	if r == nil {
		return nil, goidc.ErrNotFound
	}
	unitOf(ctx).client = r
	c := r.lib
	if c.JWKS == nil && r.JWKSURI != "" && r.needsKeys() {
		set, err := m.p.remote.get(ctx, r)
		if err != nil {
			m.p.opts.Log.WarnContext(ctx, "provider: client keys unreachable", "client", id)
			set = &goidc.JSONWebKeySet{}
		}
		c.JWKS = set
	}
	return &c, nil
}

var errClosed = errors.New("les clients ne s'enregistrent pas d'eux-mêmes")

// SaveClient refuses: clients are configuration.
func (manager) SaveClient(context.Context, *goidc.Client) error { return errClosed }

// DeleteClient refuses too.
func (manager) DeleteClient(context.Context, string) error { return errClosed }

// jwks is the signing set of the request: our keys, and for a client of HS256
// its own secret, which is no key of anybody else and never published.
func (m manager) jwks(ctx context.Context) (goidc.JSONWebKeySet, error) {
	set := goidc.JSONWebKeySet{Keys: m.p.keys.Load().signing(m.p.opts.Now())}
	if c := unitOf(ctx).client; c != nil && (c.IDTokenAlg == "HS256" || c.UserinfoAlg == "HS256") {
		secret := jose.JSONWebKey{Key: []byte(c.Secret), Algorithm: "HS256", Use: "sig"}
		set.Keys = append(set.Keys, secret)
	}
	return set, nil
}
