package compte

import (
	"context"
	"errors"
	"net/http"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

// Own keeps agents' own factors.
type Own interface {
	Facteurs(ctx context.Context, agentID string) (facteur.Facteurs, error)
	FactorNotices(ctx context.Context, agentID string) ([]facteur.Notice, error)
	// ChangeFacteurs is aidant.ErrSession when the session that asks ended meanwhile;
	// all others end with the change, and that one where it only enrols.
	ChangeFacteurs(ctx context.Context, agentID, session string, change func(facteur.Facteurs) (facteur.Facteurs, journal.Fact, error)) (facteur.Facteurs, error)
	// SignInOwn and ElevateOwn use a factor and open, or renew, a session in one
	// transaction.
	SignInOwn(ctx context.Context, u facteur.Use, fresh aidant.Session) (aidant.Aidant, error)
	ElevateOwn(ctx context.Context, u facteur.Use, oldRef string, renewed aidant.Session) error
}

// ownRoutes are the routes of agents' own factors.
func (d *Desk) ownRoutes() []desk.Route {
	return []desk.Route{
		{Pattern: "POST /connexion/cle/defi", Access: desk.Public, Handle: d.askPasskey},
		{Pattern: "POST /connexion/cle", Access: desk.Public, Counted: debit.Entry, Handle: d.passkeyIn},
		{Pattern: "GET /connexion/code", Access: desk.Public, Handle: d.typedForm},
		{Pattern: "POST /connexion/code", Access: desk.Public, Counted: debit.Entry, Handle: d.codeIn},
		{Pattern: "GET /connexion/secours", Access: desk.Public, Handle: d.recoveryForm},
		{Pattern: "POST /connexion/secours", Access: desk.Public, Counted: debit.Entry, Handle: d.recoveryIn},
		{Pattern: "POST /connexion/confirmer/defi", Access: desk.Agent, Handle: d.askPasskeyAgain},
		{Pattern: "POST /connexion/confirmer/cle", Access: desk.Agent, Handle: d.confirmByPasskey},
		{Pattern: "POST /connexion/confirmer/code", Access: desk.Agent, Handle: d.confirmByCode},
		{Pattern: "GET /compte/facteurs", Access: desk.Enrolment, Handle: d.factors},
		{Pattern: "GET /compte/facteurs/cle", Access: desk.Enrolment, Fresh: desk.FreshGet, Handle: d.newPasskey},
		{Pattern: "POST /compte/facteurs/cle/defi", Access: desk.Enrolment, Handle: d.askNewPasskey},
		{Pattern: "POST /compte/facteurs/cle", Access: desk.Enrolment, Fresh: desk.FreshPost, Asks: "enregistrer une clé d’accès", Handle: d.addPasskey},
		{Pattern: "GET /compte/facteurs/application", Access: desk.Enrolment, Fresh: desk.FreshGet, Handle: d.newApplication},
		{Pattern: "GET /compte/facteurs/application/code.png", Access: desk.Enrolment, Handle: d.applicationCode},
		{Pattern: "POST /compte/facteurs/application", Access: desk.Enrolment, Handle: d.addApplication},
		{Pattern: "POST /compte/facteurs/codes", Access: desk.Agent, Fresh: desk.FreshPost, Asks: "créer de nouveaux codes de secours", Handle: d.renewCodes},
		{Pattern: "GET /compte/facteurs/codes", Access: desk.Agent, Handle: d.showCodes},
		{Pattern: "GET /compte/facteurs/{id}/supprimer", Access: desk.Agent, Fresh: desk.FreshGet, Handle: d.confirmRemoval},
		{Pattern: "POST /compte/facteurs/{id}/supprimer", Access: desk.Agent, Fresh: desk.FreshPost, Asks: "supprimer un facteur d’authentification", Handle: d.remove},
	}
}

// askPasskey gives the browser's script what to ask the authenticator for.
func (d *Desk) askPasskey(w http.ResponseWriter, _ *http.Request) error {
	if !d.Room.Passkeys.Available() {
		return facteurs.ScriptError(w, http.StatusConflict, "Les clés d’accès ne fonctionnent pas à cette adresse.")
	}
	return d.Room.Ask(w, facteurs.Ceremony{For: facteurs.SignIn}, nil)
}

// passkeyIn signs in whoever answered.
func (d *Desk) passkeyIn(w http.ResponseWriter, r *http.Request) error {
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	shown, err := d.Room.Passkey(w, r, facteurs.SignIn, "", form.Get("reponse"))
	if err != nil {
		return passkeyProblem(err, startAgain)
	}
	if err := d.enter(w, r, shown, localPath(form.Get("retour"))); err != nil {
		return passkeyProblem(err, startAgain)
	}
	return nil
}

var startAgain = page.Link{Href: "/connexion", Text: "Recommencer la connexion"}

// enter opens the session of somebody who showed a factor of their own, under an
// identifier that nobody had before.
func (d *Desk) enter(w http.ResponseWriter, r *http.Request, shown facteurs.Shown, to string) error {
	old, err := d.Sessions.Current(r)
	if err != nil && !errors.Is(err, aidant.ErrSession) {
		return err
	}
	if old.Session.Entrusted != "" {
		return elsewhere(desk.Visit{Session: old.Session})
	}
	fresh, id := d.Sessions.Fresh(r)
	fresh.Auth, fresh.AuthAt = shown.Presented.Auth, d.Now()
	fresh.Browser = d.Sessions.Browser(r)
	a, err := d.Own.SignInOwn(r.Context(), shown.SignIn(d.Now()), fresh)
	if errors.Is(err, aidant.ErrSuspended) {
		return notAdmitted(err)
	}
	if err != nil {
		return err
	}
	if err := d.replace(r.Context(), old, a); err != nil {
		return err
	}
	d.Sessions.SetID(w, id)
	d.Sessions.SetBrowser(w, fresh.Browser)
	to = destination(to, a)
	if fresh.Enrolling() {
		to = desk.EnrolmentHome
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// passkeyProblem is the page of a passkey that was not taken.
func passkeyProblem(err error, next page.Link) error {
	p := &desk.Problem{Status: http.StatusForbidden, Cause: err, Next: next}
	switch {
	case errors.Is(err, facteur.ErrCloned):
		p.Title = "Cette clé d’accès a été refusée"
		p.Text = "Son compteur est revenu en arrière, comme si elle avait été copiée. Par sécurité, Relais ne l’accepte pas. Rien n’a été modifié."
		p.Do = []string{"Identifiez-vous par un autre moyen, puis supprimez cette clé dans « Mon compte ».", "Prévenez le référent de votre structure."}
	case errors.Is(err, facteur.ErrReplayed):
		p.Title = "Cette identification n’est plus valable"
		p.Text = "Elle a déjà servi, elle a été commencée dans une autre fenêtre, ou plus de cinq minutes ont passé. Rien n’a été modifié."
		p.Do = []string{"Recommencez : votre clé d’accès vous sera demandée de nouveau."}
	case errors.Is(err, facteur.ErrRefused):
		p.Title = "Cette clé d’accès n’est pas reconnue"
		p.Text = "Relais ne connaît pas cette clé, ou elle n’a pas vérifié que c’est bien vous. Rien n’a été modifié."
		p.Do = []string{"Recommencez, et choisissez la clé d’accès enregistrée pour votre compte.",
			"Si vous n’avez plus votre clé, utilisez un autre moyen, ou un code de secours."}
	default:
		return err
	}
	return p
}
