// Package agir is the use of a mandat: a public service, through its hub, asks
// who the usager is; the aidant chooses for whom they act and in which domaine.
//
// It guarantees that only usagers are shown who gave the visitor's structure a
// running mandat which lets this aidant act within the service's perimeter, that
// the choice is decided again by the mandat itself in the transaction that
// records it, and that pages are honest about the hub's own session. The
// protocol is package provider's: this desk never sees a code.
//
//	GET  /agir/{demande}                      for whom
//	POST /agir/{demande}/recherche            for whom: search
//	GET  /agir/{demande}/mandats/{mandat}     in which domaine
//	POST /agir/{demande}                      the choice; off to the service
//	POST /agir/{demande}/refuser              back to the service, without
//	GET  /demarche                            the use that is open
//	POST /demarche/terminer                   close it
//	GET  /demarche/terminee                   the sign-outs that remain to do
package agir

import (
	"context"
	"net/http"
	"time"

	"relais/internal/delegation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/provider"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Provider is the OpenID Provider's side of the choice.
type Provider interface {
	// Pending is the request this browser brought; provider.ErrNoRequest.
	Pending(r *http.Request, id string) (provider.Request, error)
	// Choose runs record, and only if it succeeds makes the code. The string is
	// where the browser goes. provider.ErrNoEmail, provider.ErrNoRequest, and
	// record's own errors.
	Choose(w http.ResponseWriter, r *http.Request, id string, c provider.Choice,
		record func(ctx context.Context, l delegation.Login) error) (string, error)
	// Refuse answers the request with an OAuth error.
	Refuse(w http.ResponseWriter, r *http.Request, id, code, description string) (string, error)
}

// Mandats finds usagers and their mandats within a structure.
type Mandats interface {
	SearchUsagers(ctx context.Context, organisationID string, q identite.Query, limit int) ([]usager.File, error)
	// MandatFile is one mandat, without its text, and its usager: the zero Usager
	// beside a draft. mandat.ErrNotFound.
	MandatFile(ctx context.Context, organisationID, id string) (usager.File, error)
}

// Uses records uses and their end.
type Uses interface {
	// UseMandat runs the transition and stores the login in one transaction;
	// delegation.ErrMade for a second answer, delegation.ErrOpen while a use for
	// another usager is open.
	UseMandat(ctx context.Context, l delegation.Login, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) error
	EndUses(ctx context.Context, aidantID string, by journal.Actor, reason string) error
}

// Trace writes what stands alone: searches and refusals.
type Trace interface {
	Append(ctx context.Context, facts ...journal.Fact) error
}

// Sessions keeps what was typed between two pages, sealed in the browser.
type Sessions interface {
	Put(w http.ResponseWriter, name string, v any, life time.Duration) error
	Peek(r *http.Request, name string, v any) error
}

// Desk is the use's desk. All fields are required.
type Desk struct {
	Pages    *page.Renderer
	Provider Provider
	Mandats  Mandats
	Uses     Uses
	Trace    Trace
	Sessions Sessions
	Now      func() time.Time
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	return []desk.Route{
		{Pattern: "GET /agir/{demande}", Access: desk.Aidant, Handle: d.search},
		{Pattern: "POST /agir/{demande}/recherche", Access: desk.Aidant, Handle: d.ask},
		{Pattern: "GET /agir/{demande}/mandats/{mandat}", Access: desk.Aidant, Handle: d.confirm},
		{Pattern: "POST /agir/{demande}", Access: desk.Aidant, Handle: d.choose, Elsewhere: true},
		{Pattern: "POST /agir/{demande}/refuser", Access: desk.Aidant, Handle: d.refuse},
		{Pattern: "GET /demarche", Access: desk.Aidant, Handle: d.current},
		{Pattern: "POST /demarche/terminer", Access: desk.Aidant, Handle: d.finish},
		{Pattern: "GET /demarche/terminee", Access: desk.Aidant, Handle: d.finished},
	}
}

const section = "/guichet"

// path is the address of a request's page.
func path(demande string) string { return "/agir/" + demande }
