package provider

import (
	"context"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"relais/internal/delegation"
)

// scopeClaims are the claims that each scope gives, as FranceConnect cuts them.
// Scopes that are not here are ignored, whoever asks.
var scopeClaims = []struct {
	scope  string
	claims []string
}{
	{"openid", nil},
	{"profile", []string{"given_name", "family_name", "gender", "birthdate", "preferred_username"}},
	{"birth", []string{"birthplace", "birthcountry"}},
	{"identite_pivot", []string{"given_name", "family_name", "gender", "birthdate", "birthplace", "birthcountry"}},
	{"given_name", []string{"given_name"}},
	{"family_name", []string{"family_name"}},
	{"gender", []string{"gender"}},
	{"birthdate", []string{"birthdate"}},
	{"birthplace", []string{"birthplace"}},
	{"birthcountry", []string{"birthcountry"}},
	{"preferred_username", []string{"preferred_username"}},
	{"email", []string{"email"}},
}

func scopeNames() []string {
	var names []string
	for _, s := range scopeClaims {
		names = append(names, s.scope)
	}
	return names
}

func libraryScopes() []goidc.Scope {
	var scopes []goidc.Scope
	for _, name := range scopeNames() {
		scopes = append(scopes, goidc.NewScope(name))
	}
	return scopes
}

// claimsOf lists the claims that a scope value gives, some perhaps twice.
func claimsOf(scope string) []string {
	asked := strings.Fields(scope)
	var claims []string
	for _, s := range scopeClaims {
		if slices.Contains(asked, s.scope) {
			claims = append(claims, s.claims...)
		}
	}
	return claims
}

// grantable are the client's scopes that mean something here.
func (c *Client) grantable() []string {
	known := scopeNames()
	return slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return !slices.Contains(known, s) })
}

// claims are all that the client is registered for, whichever way it asks.
func (c *Client) claims() []string { return claimsOf(strings.Join(c.Scopes, " ")) }

// act says who acts (RFC 8693 §4.1): the aidant by a pseudonym of the sector,
// the structure by name, and on what ground.
type act struct {
	Sub          string          `json:"sub"`
	Organisation actOrganisation `json:"organisation"`
	Domaine      string          `json:"domaine"`
	Mandat       string          `json:"mandat"` // its number
}

type actOrganisation struct {
	Name  string `json:"name"`
	SIRET string `json:"siret"`
}

func (p *Provider) act(c *registered, ch Choice) *act {
	return &act{
		Sub:          p.opts.Pseudonym("act", c.sector(), ch.Aidant.ID),
		Organisation: actOrganisation{Name: ch.Organisation.Name, SIRET: ch.Organisation.SIRET},
		Domaine:      ch.Domaine, Mandat: ch.Mandat.Number,
	}
}

// idTokenClaims adds what the choice tells. The library sets iss, sub, aud, exp,
// iat and nonce.
func (p *Provider) idTokenClaims(ctx context.Context, g *goidc.Grant) map[string]any {
	t := unitOf(ctx).state.Told
	claims := map[string]any{"acr": acr, "auth_time": t.AuthTime, "rep_scope": t.RepScope, "sid": p.sid(g.ClientID, g.ID)}
	if t.Act != nil {
		claims["act"] = t.Act
	}
	return claims
}

// sid names the use for the client's logout: the login and a code that binds it to
// the client, since a client of HS256 can sign any hint it likes.
func (p *Provider) sid(clientID, loginID string) string {
	return loginID + "." + p.opts.Pseudonym("sid", clientID, loginID)[:32]
}

// userinfoClaims is the identity, as far as the scopes go. The library sets sub.
func (p *Provider) userinfoClaims(ctx context.Context, g *goidc.Grant) map[string]any {
	u := unitOf(ctx)
	if u.shown == nil {
		return nil
	}
	all := p.identity(*u.shown)
	claims := map[string]any{}
	for _, name := range append(claimsOf(g.Scopes), u.state.Told.Asked...) {
		if v := all[name]; v != "" {
			claims[name] = v
		}
	}
	if u.state.Told.Act != nil {
		claims["act"] = u.state.Told.Act
	}
	return claims
}

// identity is the pivot in FranceConnect's form; what is empty is not sent.
func (p *Provider) identity(id delegation.Identity) map[string]string {
	pivot := id.Usager.Identite
	return map[string]string{
		"given_name": pivot.GivenName, "family_name": pivot.FamilyName, "preferred_username": pivot.PreferredUsername,
		"gender": pivot.Gender, "birthdate": string(pivot.Birthdate),
		"birthplace": pivot.Birthplace, "birthcountry": pivot.Birthcountry,
		"email": id.Usager.EmailFor(p.opts.CourrielAbsent),
	}
}
