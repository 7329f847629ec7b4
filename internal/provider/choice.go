package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/usager"
)

// ErrNoEmail is returned by Choose when the client demands an e-mail and there is
// none that may be given: the usager called none safe, the operator set none.
var ErrNoEmail = errors.New("le service demande une adresse électronique et il n'y en a aucune à donner")

// ErrOtherUsager is returned by Choose when the client asked for one person again,
// by an id_token_hint or a sub, and the aidant chose another.
var ErrOtherUsager = errors.New("le service demande la même personne que la fois précédente")

// Request is a pending request, as the page of the choice needs it.
type Request struct {
	ID, ClientID, ClientName string
	// Within lists the codes of the domaines that the client's perimeter allows:
	// all ten without a perimeter, none when it names only unknown ones.
	Within               []string
	RepScopes            []string // the perimeter as asked, nil without
	Profile              string
	StartedAt, ExpiresAt time.Time
	EmailRequired        bool // Choose fails with ErrNoEmail when there is none to give
}

// Choice is what the aidant chose, with all that the client may be told of it.
type Choice struct {
	MandatID, Domaine string
	Usager            usager.Usager
	Aidant            aidant.Aidant
	Session           aidant.Session
	Organisation      organisation.Organisation
	Mandat            mandat.Mandat
}

// Pending returns the request that this browser began, or ErrNoRequest.
func (p *Provider) Pending(r *http.Request, id string) (Request, error) {
	pend, err := p.open(r, id)
	if err != nil {
		return Request{}, err
	}
	return p.request(pend), nil
}

func (p *Provider) request(pend pending) Request {
	scopes := perimeter(pend.Session)
	return Request{
		ID: pend.Session.ID, ClientID: pend.client.ID, ClientName: pend.client.Name,
		Within: p.catalogue.Within(scopes), RepScopes: scopes, Profile: pend.client.Profile,
		StartedAt: pend.started(), ExpiresAt: pend.expires(),
		EmailRequired: pend.client.franceConnect() && slices.Contains(claimsOf(pend.Session.Scopes), "email"),
	}
}

// perimeter is claims.id_token.rep_scope, FranceConnect's way to name a service's
// domaines (core-fcp-aidants-connect-authorize).
func perimeter(as *goidc.AuthnSession) []string {
	if as.Claims == nil {
		return nil
	}
	asked := as.Claims.IDToken["rep_scope"]
	if asked.Value != "" {
		return append([]string{asked.Value}, asked.Values...)
	}
	return asked.Values
}

// Choose answers a request with a choice. It runs the protocol up to a code,
// fills the login and calls record, which must write the use of the mandat, its
// fact and the login in one transaction; only then does it return the address
// that carries the code. On any error nothing is released.
//
// Errors: ErrNoRequest, ErrNoEmail, ErrOtherUsager, mandat.ErrScope for a domaine outside the
// perimeter, and record's own.
func (p *Provider) Choose(w http.ResponseWriter, r *http.Request, id string, c Choice, record func(context.Context, delegation.Login) error) (string, error) {
	pend, err := p.open(r, id)
	if err != nil {
		return "", err
	}
	req := p.request(pend)
	if !slices.Contains(req.Within, c.Domaine) {
		return "", p.outside(r.Context(), pend, c)
	}
	if req.EmailRequired && c.Usager.EmailFor(p.opts.CourrielAbsent) == "" {
		return "", ErrNoEmail
	}
	if pend.Sub != "" && pend.Sub != p.subject(pend.client, c) {
		return "", ErrOtherUsager
	}
	target, err := p.issue(r.Context(), pend, c, p.opts.Now(), record)
	if err == nil || errors.Is(err, delegation.ErrMade) {
		p.answered(r.Context(), pend)
		p.forget(w, id)
	}
	return target, err
}

// issue makes the code of a choice made at a moment, and releases it once record
// has written it.
func (p *Provider) issue(ctx context.Context, pend pending, c Choice, chosen time.Time, record func(context.Context, delegation.Login) error) (string, error) {
	id := pend.Session.ID
	u := &unit{client: pend.client, session: pend.Session, chosen: p.chosen(pend, c, chosen)}
	a := p.run(ctx, u, "/authorize/"+id, nil, nil)
	target := a.header.Get("Location")
	if u.grant == nil || u.grant.AuthCode == "" || a.status != http.StatusSeeOther || target == "" {
		return "", fmt.Errorf("demande %s: %w", id, errors.Join(errors.New("pas de code"), u.err))
	}
	login, err := u.newLogin(id, c, p.opts.Now())
	if err != nil {
		return "", fmt.Errorf("demande %s: %w", id, err)
	}
	if err := record(ctx, login); err != nil {
		return "", err
	}
	return target, nil
}

// outside leaves the trace of a domaine that the client never asked for.
func (p *Provider) outside(ctx context.Context, pend pending, c Choice) error {
	fact := delegation.Denied(c.Aidant.Actor(c.Session.Auth), pend.client.ID, "hors_perimetre")
	return errors.Join(mandat.ErrScope, p.opts.Recorder.Append(ctx, fact))
}

func (p *Provider) chosen(pend pending, c Choice, at time.Time) *protocol {
	t := told{AuthTime: at.Unix(), RepScope: []string{p.repScope(perimeter(pend.Session), c.Domaine)}}
	t.JKT = pend.JKT
	if pend.client.Act {
		t.Act = p.act(pend.client, c)
	}
	if pend.Session.Claims != nil {
		for name := range pend.Session.Claims.UserInfo {
			if slices.Contains(pend.client.claims(), name) {
				t.Asked = append(t.Asked, name)
			}
		}
	}
	return &protocol{Grant: &goidc.Grant{Subject: p.subject(pend.client, c)}, Told: t}
}

// subject is the usager's identifier at the client's sector.
func (p *Provider) subject(c *registered, ch Choice) string {
	return p.opts.Pseudonym("sub", c.sector(), ch.Usager.ID)
}

// repScope is the domaine in the words the client used: FranceConnect's string,
// or the short code where it asked by short codes.
func (p *Provider) repScope(asked []string, code string) string {
	d, _ := p.catalogue.Find(code) // within the perimeter, so it exists
	if !slices.Contains(asked, d.RepScope) && slices.Contains(asked, d.Code) {
		return d.Code
	}
	return d.RepScope
}

func (u *unit) newLogin(id string, c Choice, at time.Time) (delegation.Login, error) {
	state := protocol{Grant: u.grant, Told: u.chosen.Told}
	text, err := state.bytes()
	if err != nil {
		return delegation.Login{}, err
	}
	return delegation.Login{
		ID: id, ClientID: u.client.ID, MandatID: c.MandatID, Domaine: c.Domaine,
		UsagerID: c.Usager.ID, AidantID: c.Aidant.ID, OrganisationID: c.Organisation.ID, SessionRef: c.Session.Ref,
		ChosenAt: at, CodeHash: delegation.Hash(u.grant.AuthCode), CodeExpiresAt: at.Add(codeLife), Protocol: text,
	}, nil
}

// Refuse answers a request with an OAuth error, such as access_denied, and
// returns the address that carries it. The caller writes the fact
// (delegation.Denied). description is visible ASCII, for the client's logs.
func (p *Provider) Refuse(w http.ResponseWriter, r *http.Request, id, code, description string) (string, error) {
	pend, err := p.open(r, id)
	if err != nil {
		return "", err
	}
	if code == "" || strings.ContainsFunc(code, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return "", fmt.Errorf("demande %s: code d'erreur", id)
	}
	p.answered(r.Context(), pend)
	p.forget(w, id)
	return p.errorTarget(pend.Session.RedirectURI, pend.Session.State, code, description), nil
}
