// Package compte is how an agent comes in, goes out, and looks after their own
// sessions.
//
// It guarantees that a login answers only to the browser that began it, that it
// takes a new session identifier and ends the session this browser had before,
// that nobody unknown, suspended or without a second factor comes in, that what
// was asked for before the login is a path of this host, and that an agent sees
// and ends their own sessions only. It does not decide who may sign in
// (aidant.SignIn does, in the store's transaction), and it gives an entrusted
// screen back only through the desk that owns the signature ([Handover]).
//
//	GET  /connexion                          the way in
//	POST /connexion                          to the identity provider
//	GET  /connexion/retour                   back from it: signed in, refused, or screen taken back
//	POST /deconnexion                        out, here and at the provider
//	GET  /deconnexion/retour                 back from there
//	POST /deconnexion/fournisseur            the identity provider says that an agent left
//	GET  /connexion/confirmer                who asks for a sensitive act confirms who they are
//	POST /connexion/confirmer                to where they do
//	GET  /connexion/reprise                  the form that waited for it
//	GET  /compte                             who I am, my sessions
//	POST /compte/sessions/{ref}/fermer       end one of them
//	POST /compte/sessions/fermer-les-autres  end all but this one
//	POST /compte/appareils/{ref}/signaler    a login that was not mine: end all my sessions
//	GET  /connexion/signalee                 what is left to do then
//	POST /compte/prolonger                   the agent is still there
//	GET  /invitation                         a code to type; POST looks at it
//	GET  /invitation/vous                    « Est-ce bien vous ? »
//	POST /invitation/oui                     the code is used up, an enrolment begins
//	POST /invitation/non                     it is not, and a reset ends
//	POST /compte/reinitialisation/refuser    a reset ends, from where the agent is signed in
//
// and, by a factor of their own, under /connexion/cle (passkey), /connexion/code
// (pass phrase and code), /connexion/secours (recovery code alone), the same to
// confirm under /connexion/confirmer, and /compte/facteurs to look after them.
package compte

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/session"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

const (
	cookieLogin = "connexion" // sealed: a login.Pending, from the start of a login to its callback
	loginLife   = 15 * time.Minute
	keptIDToken = "id_token" // in the session, for the provider's logout: nothing else reads it
)

// Provider is the agents' identity provider.
type Provider interface {
	StartAgent(ctx context.Context, ask login.StartAgent) (login.Start, error)
	FinishAgent(ctx context.Context, p login.Pending, q url.Values) (login.Agent, error)
	// AgentLogout reads a provider's demand to end sessions: login.ErrToken.
	AgentLogout(ctx context.Context, token string) (login.Logout, error)
	LogoutAgentURL(ctx context.Context, idToken, state string) (string, error)
}

// Accounts is what the desk asks of the store.
type Accounts interface {
	// SignIn finds the agent, decides, stores the session and writes the fact,
	// also of a refusal: aidant.ErrUnknown, ErrSuspended, ErrWeak.
	SignIn(ctx context.Context, l aidant.Login, fresh aidant.Session) (aidant.Aidant, error)
	SessionsOf(ctx context.Context, aidantID string) ([]aidant.Session, error)
	EndSession(ctx context.Context, ref string, fact journal.Fact) error
	EndUses(ctx context.Context, aidantID string, by journal.Actor, reason string) error
}

// Elevations keeps that an agent proved again who they are.
type Elevations interface {
	// Elevate puts a session under a new reference: aidant.ErrSession when it is
	// gone, aidant.ErrOther for another agent's.
	Elevate(ctx context.Context, oldRef string, renewed aidant.Session, fact journal.Fact) error
}

// Trace writes what stands alone: failed logins, an identity provider's new keys.
type Trace interface {
	Append(ctx context.Context, facts ...journal.Fact) error
	CommitKeys(ctx context.Context, issuer, jwksSHA256 string) error
}

// Handover gives an entrusted screen back to the aidant who has just identified
// again. It answers the request.
type Handover interface {
	TakeBack(w http.ResponseWriter, r *http.Request, p login.Pending, a login.Agent) error
}

// Flasher says on the next page what has just happened.
type Flasher interface {
	Flash(w http.ResponseWriter, kind, text string)
}

// Desk is the account's desk. All fields are required.
type Desk struct {
	Pages       *page.Renderer
	Sessions    *session.Manager
	Provider    Provider
	Accounts    Accounts
	Elevations  Elevations
	Revocations Revocations
	Browsers    Browsers
	Trace       Trace
	Handover    Handover
	Flash       Flasher
	Invitations Invitations // the way in by a code
	Resets      Resets      // what is asked for the agent's own factors
	Own         Own
	Room        *facteurs.Room
	Site        string // the public host, by which an application of codes names its entry
	Now         func() time.Time
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	return append(d.ownRoutes(), []desk.Route{
		{Pattern: "GET /connexion", Access: desk.Public, Handle: d.entrance},
		{Pattern: "POST /connexion", Access: desk.Public, Counted: debit.Entry, Handle: d.start},
		{Pattern: "GET /connexion/retour", Access: desk.Public, Handle: d.back},
		{Pattern: "POST /deconnexion", Access: desk.Handover, Handle: d.leave},
		{Pattern: "GET /deconnexion/retour", Access: desk.Public, Handle: d.left},
		{Pattern: "POST /deconnexion/fournisseur", Access: desk.Protocol, Counted: debit.Machine, Handle: d.byProvider},
		{Pattern: "GET /connexion/confirmer", Access: desk.Agent, Handle: d.askConfirmation},
		{Pattern: "POST /connexion/confirmer", Access: desk.Agent, Elsewhere: true, Handle: d.startConfirmation},
		{Pattern: "GET /connexion/reprise", Access: desk.Agent, Handle: d.resume},
		{Pattern: "GET /compte", Access: desk.Agent, Handle: d.account},
		{Pattern: "POST /compte/sessions/{ref}/fermer", Access: desk.Agent, Fresh: desk.FreshPost, Asks: "fermer une de vos sessions", Handle: d.endOne},
		{Pattern: "POST /compte/sessions/fermer-les-autres", Access: desk.Agent, Fresh: desk.FreshPost, Asks: "fermer vos autres sessions", Handle: d.endOthers},
		{Pattern: "POST /compte/appareils/{ref}/signaler", Access: desk.Agent, Handle: d.disown},
		{Pattern: "GET /connexion/signalee", Access: desk.Public, Handle: d.disowned},
		{Pattern: "POST /compte/prolonger", Access: desk.Handover, Handle: d.prolong},
		{Pattern: "POST /compte/reinitialisation/refuser", Access: desk.Agent, Handle: d.refuseReset},
		{Pattern: "GET /invitation", Access: desk.Public, Handle: d.code},
		{Pattern: "POST /invitation", Access: desk.Public, Counted: debit.Invitation, Handle: d.typed},
		{Pattern: "GET /invitation/vous", Access: desk.Public, Handle: d.you},
		{Pattern: "POST /invitation/oui", Access: desk.Public, Counted: debit.Invitation, Handle: d.yes},
		{Pattern: "POST /invitation/non", Access: desk.Public, Counted: debit.Invitation, Handle: d.no},
	}...)
}
