// Package guichet is the aidant's counter: preparing a mandat, handing the
// screen to the usager, accepting, printing and ending it.
//
//	GET  /guichet                      what to do next
//	GET  /mandats                      the structure's mandats
//	POST /mandats/recherche            search among them
//	GET  /mandats/nouveau              screen 1 of 3
//	POST /mandats                      opens a draft
//	GET  /mandats/{id}                 one mandat
//	GET  /mandats/{id}/modifier        screen 1 of a draft, again
//	POST /mandats/{id}/modifier
//	POST /mandats/{id}/abandonner      ends a draft
//	POST /mandats/{id}/confier         fixes the text, hands the screen over
//	GET  /mandats/{id}/acceptation     after the usager gave it
//	POST /mandats/{id}/acceptation     « J'accepte le mandat »
//	GET  /mandats/{id}/acte            two copies on paper
//	GET  /mandats/{id}/revocation      the usager stops it
//	POST /mandats/{id}/revocation
//	GET  /mandats/{id}/renonciation    the structure stops it
//	POST /mandats/{id}/renonciation
//	GET  /mandats/{id}/avis            notice of the end, for the usager
//
// It guarantees that every mandat is fetched within the visitor's structure,
// that a form sent twice has one effect, and that a mandat is accepted only by
// the agent whose login carries the digest of its text. It does not see what the
// usager does on the entrusted screen: package monespace does.
package guichet

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Change is a transition of one mandat.
type Change = func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)

// Mandats keeps the structure's mandats.
type Mandats interface {
	Mandat(ctx context.Context, organisationID, id string) (mandat.Mandat, error)
	Mandats(ctx context.Context, organisationID string, f mandat.Filter) ([]usager.File, string, error)
	Draft(ctx context.Context, open func() (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	ChangeMandat(ctx context.Context, organisationID, id string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	EntrustScreen(ctx context.Context, sessionRef, organisationID, mandatID string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
}

// Signatures keeps the evidence and makes the signature.
type Signatures interface {
	DraftDossier(ctx context.Context, organisationID, id string) (acte.Dossier, error)
	SignMandat(ctx context.Context, organisationID, id string, who acte.Attested,
		t func(m mandat.Mandat, usagerID string, overlaps []mandat.Replacement, evidence string) (mandat.Mandat, journal.Fact, error),
		replace func(m mandat.Mandat, domaine string) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	Dossier(ctx context.Context, mandatID string) (acte.Dossier, []byte, usager.Usager, error)
}

// People finds usagers and agents of the structure.
type People interface {
	SearchUsagers(ctx context.Context, organisationID string, q identite.Query, limit int) ([]usager.File, error)
	Usager(ctx context.Context, organisationID, id string) (usager.File, error)
	Aidants(ctx context.Context, organisationID string) ([]aidant.Aidant, error)
}

// Journal is where views, prints and searches go, and where the history comes
// from.
type Journal interface {
	Append(ctx context.Context, facts ...journal.Fact) error
	MandatEntries(ctx context.Context, mandatID string) ([]journal.Record, error)
}

// Sessions keeps, sealed in the browser, what goes from one page to the next.
type Sessions interface {
	Flash(w http.ResponseWriter, kind, text string) error
	Put(w http.ResponseWriter, name string, v any, life time.Duration) error
	Peek(r *http.Request, name string, v any) error
}

// Facteurs tells which passkeys are an agent's.
type Facteurs interface {
	Facteurs(ctx context.Context, agentID string) (facteur.Facteurs, error)
}

// Desk serves the counter. All fields are required.
type Desk struct {
	Pages      *page.Renderer
	Mandats    Mandats
	Signatures Signatures
	People     People
	Journal    Journal
	Facteurs   Facteurs
	Sessions   Sessions
	Recueil    *acte.Recueil
	Now        func() time.Time
}

// Routes is the desk's part of the route table.
func (d *Desk) Routes() []desk.Route {
	return []desk.Route{
		{Pattern: "GET /guichet", Access: desk.Aidant, Handle: d.home},
		{Pattern: "GET /mandats", Access: desk.Aidant, Handle: d.list},
		{Pattern: "POST /mandats/recherche", Access: desk.Aidant, Handle: d.ask},
		{Pattern: "GET /mandats/nouveau", Access: desk.Aidant, Handle: d.newPlan},
		{Pattern: "POST /mandats", Access: desk.Aidant, Handle: d.open},
		{Pattern: "GET /mandats/{id}", Access: desk.Aidant, Handle: d.show},
		{Pattern: "GET /mandats/{id}/modifier", Access: desk.Aidant, Handle: d.editPlan},
		{Pattern: "POST /mandats/{id}/modifier", Access: desk.Aidant, Handle: d.redraft},
		{Pattern: "POST /mandats/{id}/abandonner", Access: desk.Aidant, Handle: d.abandon},
		{Pattern: "POST /mandats/{id}/confier", Access: desk.Aidant, Handle: d.entrust},
		{Pattern: "GET /mandats/{id}/acceptation", Access: desk.Aidant, Handle: d.acceptance},
		{Pattern: "POST /mandats/{id}/acceptation", Access: desk.Aidant, Handle: d.accept},
		{Pattern: "GET /mandats/{id}/acte", Access: desk.Aidant, Handle: d.printActe},
		{Pattern: "GET /mandats/{id}/revocation", Access: desk.Aidant, Handle: d.revocation},
		{Pattern: "POST /mandats/{id}/revocation", Access: desk.Aidant, Handle: d.revoke},
		{Pattern: "GET /mandats/{id}/renonciation", Access: desk.Aidant, Handle: d.renonciation},
		{Pattern: "POST /mandats/{id}/renonciation", Access: desk.Aidant, Handle: d.renounce},
		{Pattern: "GET /mandats/{id}/avis", Access: desk.Aidant, Handle: d.printNotice},
	}
}

const section = "/mandats"

// mandat fetches the mandat of the address, within the visitor's structure.
func (d *Desk) mandat(r *http.Request) (mandat.Mandat, error) {
	id := r.PathValue("id")
	if !idPattern.MatchString(id) {
		return mandat.Mandat{}, mandat.ErrNotFound
	}
	return d.Mandats.Mandat(r.Context(), desk.Of(r).Organisation.ID, id)
}

// idPattern keeps an id of an address a code: it goes into redirections.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// tokenPattern is a mandat's future id, drawn when the form is shown, so that a
// form sent twice finds the draft it opened.
var tokenPattern = regexp.MustCompile(`^m[a-z2-7]{26}$`)

func newToken() string { return "m" + strings.ToLower(rand.Text()) }

func by(v desk.Visit) journal.Actor { return v.Aidant.Actor(v.Session.Auth) }

func seeOther(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func toMandat(w http.ResponseWriter, r *http.Request, id string) error {
	return seeOther(w, r, "/mandats/"+id)
}

// say leaves a message for the next page. What it speaks of is done and written:
// a message that cannot be sealed is no reason to answer with an error.
func (d *Desk) say(w http.ResponseWriter, kind, text string) { _ = d.Sessions.Flash(w, kind, text) }

// done tells that a transition found its work already done by an earlier click
// or a colleague.
func done(err error) bool {
	return errors.Is(err, mandat.ErrState) || errors.Is(err, mandat.ErrEnded)
}
