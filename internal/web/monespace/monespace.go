// Package monespace is what the usager sees: the entrusted screen on which they
// identify, read, and give the mandat or not.
//
//	GET  /tour                        what will happen; leads to the step reached
//	POST /tour/identification         to FranceConnect
//	GET  /identification/retour       back from it; logs out there at once
//	GET  /identification/deconnecte   back from the logout
//	GET  /tour/identite               « Est-ce bien vous ? »
//	POST /tour/identite
//	GET  /tour/remplacer              an older mandat covers the same domaine
//	POST /tour/remplacer
//	GET  /tour/mandat                 the text
//	POST /tour/mandat                 « Je donne mandat » or « Je préfère réfléchir »
//	GET  /tour/fin                    give the screen back
//	POST /tour/reprendre              the aidant identifies again
//	GET  /tour/reprise                …here, by a factor of their own
//	POST /tour/reprise/defi, …/cle    a passkey
//	POST /tour/reprise/code           pass phrase and code
//
// It guarantees that every page is of the mandat for which the screen was
// entrusted and of no other, that the step shown is the one the store knows
// (back button, second click, closed tab), that an usager who identified at
// FranceConnect is logged out there before anything else, whatever came of it,
// and that only the aidant who entrusted the screen gets it back. The rules of
// the signature itself are package mandat's.
package monespace

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

// Mandats keeps the draft being signed.
type Mandats interface {
	Mandat(ctx context.Context, organisationID, id string) (mandat.Mandat, error)
	ChangeMandat(ctx context.Context, organisationID, id string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	EntrustScreen(ctx context.Context, sessionRef, organisationID, mandatID string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	TakeBack(ctx context.Context, oldRef string, renewed aidant.Session, mandatID string, proof acte.Proof, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	Overlaps(ctx context.Context, organisationID, fcSub string, domaines []string, at time.Time) ([]mandat.Replacement, error)
}

// Evidence keeps what proves the signature.
type Evidence interface {
	CommitKeys(ctx context.Context, issuer, jwksSHA256 string) error
	IdentifyUsager(ctx context.Context, organisationID, id string, d acte.Dossier, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
	DraftDossier(ctx context.Context, organisationID, id string) (acte.Dossier, error)
	Append(ctx context.Context, facts ...journal.Fact) error
}

// People names the structure's agents.
type People interface {
	Aidants(ctx context.Context, organisationID string) ([]aidant.Aidant, error)
}

// Login sends people to their providers.
type Login interface {
	Keys(ctx context.Context, which login.Which) (jwks []byte, issuer string, err error)
	StartUsager(ctx context.Context, nonce, mandatID string) (login.Start, error)
	FinishUsager(ctx context.Context, p login.Pending, q url.Values) (login.Usager, error)
	LogoutUsagerURL(ctx context.Context, idToken, state string) (string, error)
	StartAgent(ctx context.Context, ask login.StartAgent) (login.Start, error)
}

// Sessions keeps what must come back to this browser.
type Sessions interface {
	Put(w http.ResponseWriter, name string, v any, life time.Duration) error
	Take(w http.ResponseWriter, r *http.Request, name string, v any) error
	Renew(old aidant.Session) (s aidant.Session, id string)
	SetID(w http.ResponseWriter, id string)
	Flash(w http.ResponseWriter, kind, text string) error
}

// Desk serves the entrusted screen. All fields are required.
type Desk struct {
	Pages    *page.Renderer
	Mandats  Mandats
	Evidence Evidence
	People   People
	Login    Login
	Sessions Sessions
	Own      Own
	Room     *facteurs.Room
	Recueil  *acte.Recueil
	Log      *slog.Logger
	Now      func() time.Time
}

// Routes is the desk's part of the route table.
func (d *Desk) Routes() []desk.Route {
	return append(d.ownRoutes(), []desk.Route{
		{Pattern: "GET /tour", Access: desk.Usager, Handle: d.begin},
		{Pattern: "POST /tour/identification", Access: desk.Usager, Handle: d.identify},
		{Pattern: "GET /identification/retour", Access: desk.Usager, Handle: d.identified},
		{Pattern: "GET /identification/deconnecte", Access: desk.Usager, Handle: d.loggedOut},
		{Pattern: "GET /tour/identite", Access: desk.Usager, Handle: d.showIdentity},
		{Pattern: "POST /tour/identite", Access: desk.Usager, Handle: d.confirm},
		{Pattern: "GET /tour/remplacer", Access: desk.Usager, Handle: d.showOverlap},
		{Pattern: "POST /tour/remplacer", Access: desk.Usager, Handle: d.replace},
		{Pattern: "GET /tour/mandat", Access: desk.Usager, Handle: d.showText},
		{Pattern: "POST /tour/mandat", Access: desk.Usager, Handle: d.decide},
		{Pattern: "GET /tour/fin", Access: desk.Usager, Handle: d.end},
		{Pattern: "POST /tour/reprendre", Access: desk.Handover, Handle: d.askBack},
	}...)
}

// The sealed cookies. Each is removed when it is read.
const (
	cookieIdentification = "identification" // login.Pending of the usager
	cookieConnexion      = "connexion"      // login.Pending of the aidant who takes the screen back
	cookieSortie         = "sortie_usager"  // exit, while FranceConnect logs out
	pendingLife          = 15 * time.Minute
)

// steps of the signature, in the order in which they are reached.
const (
	stepBegin    = "/tour"
	stepIdentity = "/tour/identite"
	stepOverlap  = "/tour/remplacer"
	stepText     = "/tour/mandat"
	stepEnd      = "/tour/fin"
)

// step is where the store says that the signature stands.
func step(m mandat.Mandat) string {
	s := m.Signature
	switch {
	case m.State != mandat.Brouillon || !s.GivenAt.IsZero() || !s.DeclinedAt.IsZero() || s.EntrustedAt.IsZero():
		return stepEnd
	case s.IdentifiedAt.IsZero():
		return stepBegin
	case s.ConfirmedAt.IsZero():
		return stepIdentity
	}
	return stepText
}

// current is the mandat for which the screen was entrusted.
func (d *Desk) current(r *http.Request) (mandat.Mandat, error) {
	v := desk.Of(r)
	return d.Mandats.Mandat(r.Context(), v.Organisation.ID, v.Session.Entrusted)
}

// at fetches the mandat for a page of one step. Where the signature stands
// elsewhere, the visitor has been sent there and ok is false.
func (d *Desk) at(w http.ResponseWriter, r *http.Request, want string) (m mandat.Mandat, ok bool, err error) {
	if r.Method == http.MethodGet {
		if to := d.stranded(w, r); to != "" {
			return m, false, seeOther(w, r, to)
		}
	}
	if m, err = d.current(r); err != nil {
		return m, false, err
	}
	if got := step(m); got != want {
		return m, false, seeOther(w, r, got)
	}
	return m, true, nil
}

// change runs a transition of the signature, which nothing may touch once the
// usager has given the mandat.
func (d *Desk) change(r *http.Request, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) error {
	v := desk.Of(r)
	_, err := d.Mandats.ChangeMandat(r.Context(), v.Organisation.ID, v.Session.Entrusted, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		if !m.Signature.GivenAt.IsZero() {
			return m, journal.Fact{}, mandat.ErrState
		}
		return t(m)
	})
	return err
}

func seeOther(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// say leaves a message for the next page; losing it is no reason to answer with
// an error, since what it speaks of is written.
func (d *Desk) say(w http.ResponseWriter, kind, text string) { _ = d.Sessions.Flash(w, kind, text) }

// usagerActor is the mandant who decides at the entrusted screen.
func usagerActor() journal.Actor {
	return journal.Actor{Type: journal.ActorUsager, Auth: "franceconnect"}
}
