package provider

import (
	"context"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"relais/internal/delegation"
	"relais/internal/identite"
)

// scopeClaims are the claims that each scope gives, as FranceConnect cuts them.
// Scopes that are not here are ignored, whoever asks. address and phone give
// nothing: Relais holds no address, and the telephone number is the structure's
// way to reach the usager, confirmed by nobody.
var scopeClaims = []struct {
	scope  string
	claims []string
}{
	{"openid", nil},
	{"profile", []string{"name", "given_name", "family_name", "gender", "birthdate", "preferred_username"}},
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
	{"address", nil},
	{"phone", nil},
}

func scopeNames() []string {
	var names []string
	for _, s := range scopeClaims {
		names = append(names, s.scope)
	}
	return names
}

// offeredScopes are those that give something.
func offeredScopes() []string {
	return slices.DeleteFunc(scopeNames(), func(s string) bool { return s == "address" || s == "phone" })
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
	all := p.identity(u.client, *u.shown)
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

// identity is the pivot in FranceConnect's form; what is empty is not sent. The
// operator's address stands in only for a hub, which demands one.
func (p *Provider) identity(c *registered, id delegation.Identity) map[string]string {
	pivot := id.Usager.Identite
	name, absent := fullName(pivot), ""
	if c.franceConnect() {
		name, absent = "", p.opts.CourrielAbsent
	}
	return map[string]string{
		"given_name": pivot.GivenName, "family_name": pivot.FamilyName, "preferred_username": pivot.PreferredUsername,
		"gender": pivot.Gender, "birthdate": string(pivot.Birthdate), "name": name,
		"birthplace": pivot.Birthplace, "birthcountry": pivot.Birthcountry,
		"email": id.Usager.EmailFor(absent),
	}
}

// fullName is the name in use, after the given names. A hub gets the parts only.
func fullName(pivot identite.Pivot) string {
	if pivot.PreferredUsername != "" {
		return pivot.GivenName + " " + pivot.PreferredUsername
	}
	return strings.TrimSpace(pivot.GivenName + " " + pivot.FamilyName)
}
