package compte

import (
	"errors"
	"net/http"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

// Here an agent who came by a factor of their own confirms who they are by any of
// theirs.

// wayOwn is how they came in, in Session.Auth.
const wayOwn = "relais"

const forConfirmation = "confirmation"

func (d *Desk) askPasskeyAgain(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	if !d.Room.Passkeys.Available() || len(have.Passkeys) == 0 {
		return facteurs.ScriptError(w, http.StatusConflict, "Aucune clé d’accès n’est enregistrée pour votre compte.")
	}
	return d.Room.Ask(w, facteurs.Ceremony{For: forConfirmation, Agent: v.Aidant.ID}, &have)
}

func (d *Desk) confirmByPasskey(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	to := confirmedPath(form.Get("retour"))
	if err := d.ownWay(v); err != nil {
		return err
	}
	shown, err := d.Room.Passkey(w, r, forConfirmation, v.Aidant.ID, form.Get("reponse"))
	if err == nil {
		err = d.elevateOwn(w, r, shown, to)
	}
	if err != nil {
		return passkeyProblem(err, confirmLink(to))
	}
	return nil
}

func (d *Desk) confirmByCode(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	to := confirmedPath(form.Get("retour"))
	if err := d.ownWay(v); err != nil {
		return err
	}
	shown, err := d.Room.Code(r.Context(), forConfirmation, v.Aidant.Email, form.Get(fieldPhrase), form.Get(fieldCode))
	if err == nil {
		err = d.elevateOwn(w, r, shown, to)
	}
	var wait *facteurs.WaitError
	switch {
	case errors.As(err, &wait):
		return wait.Problem(w, confirmLink(to))
	case errors.Is(err, facteur.ErrRefused):
		var again page.Form
		again.Fail(fieldPhrase, "Vérifiez la phrase de passe et le code, puis recommencez avec un nouveau code.")
		return d.showConfirmation(w, r, http.StatusUnprocessableEntity, to, again)
	}
	return err
}

// ownWay refuses those who came by their identity provider: they confirm there.
func (d *Desk) ownWay(v desk.Visit) error {
	if way(v.Session) == wayOwn {
		return nil
	}
	return &desk.Problem{Status: http.StatusConflict, Title: "Confirmez avec votre identité professionnelle", Cause: aidant.ErrOther,
		Text: "Vous êtes entré par votre identité professionnelle : c’est elle qui confirme que vous êtes là. Rien n’a été modifié.",
		Do:   []string{"Recommencez par votre identité professionnelle."}, Next: confirmLink("")}
}

func (d *Desk) elevateOwn(w http.ResponseWriter, r *http.Request, shown facteurs.Shown, to string) error {
	v := desk.Of(r)
	proven := v.Session
	proven.Auth, proven.AuthAt = shown.Presented.Auth, d.Now()
	renewed, id := d.Sessions.Renew(proven)
	if err := d.Own.ElevateOwn(r.Context(), shown.Elevate(d.Now()), v.Session.Ref, renewed); err != nil {
		return err
	}
	d.Sessions.SetID(w, id)
	d.proceed(w, r, v.Aidant, to)
	return nil
}
