package monespace

import (
	"context"
	"errors"
	"net/http"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

// An aidant who came by a factor of their own takes the screen back by one: a
// passkey signs the digest of exactly this text; a code signs nothing, and the
// evidence says so.

// stepBack is where they prove who they are.
const stepBack = "/tour/reprise"

// Own gives the screen back by a factor of the aidant's own.
type Own interface {
	Facteurs(ctx context.Context, agentID string) (facteur.Facteurs, error)
	TakeBackOwn(ctx context.Context, u facteur.Use, oldRef string, renewed aidant.Session, mandatID string, proof acte.Proof, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error)
}

func (d *Desk) ownRoutes() []desk.Route {
	return []desk.Route{
		{Pattern: "GET /tour/reprise", Access: desk.Usager, Handle: d.showBack},
		{Pattern: "POST /tour/reprise/defi", Access: desk.Handover, Handle: d.askPasskey},
		{Pattern: "POST /tour/reprise/cle", Access: desk.Handover, Handle: d.backByPasskey},
		{Pattern: "POST /tour/reprise/code", Access: desk.Handover, Handle: d.backByCode},
	}
}

// purpose ties an answer to the mandat whose screen it takes back.
func purpose(mandatID string) string { return "reprise:" + mandatID }

type backPage struct {
	page.Layout
	Form          page.Form
	Aidant        string
	Passkey, Code bool
}

func (d *Desk) showBack(w http.ResponseWriter, r *http.Request) error {
	return d.renderBack(w, r, http.StatusOK, page.Form{})
}

func (d *Desk) renderBack(w http.ResponseWriter, r *http.Request, status int, form page.Form) error {
	v := desk.Of(r)
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	p := &backPage{Layout: v.UsagerLayout("Reprendre l’écran"), Form: form, Aidant: v.Aidant.Name(),
		Passkey: len(have.Passkeys) > 0 && d.Room.Passkeys.Available(), Code: have.TOTP != nil}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "monespace/reprise", p)
}

// askPasskey asks for a signature of the text's digest, under a fresh salt.
func (d *Desk) askPasskey(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if v.Session.Entrusted == "" {
		return facteurs.ScriptError(w, http.StatusConflict, "L’écran a été repris dans une autre fenêtre.")
	}
	m, err := d.current(r)
	if err != nil {
		return err
	}
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	if len(have.Passkeys) == 0 || !d.Room.Passkeys.Available() {
		return facteurs.ScriptError(w, http.StatusConflict, "Aucune clé d’accès n’est enregistrée pour ce compte.")
	}
	salt := acte.NewSalt()
	return d.Room.Ask(w, facteurs.Ceremony{For: purpose(m.ID), Agent: v.Aidant.ID, Challenge: acte.Challenge(salt, m.Texte.Body), Salt: salt}, &have)
}

func (d *Desk) backByPasskey(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if v.Session.Entrusted == "" {
		return seeOther(w, r, v.Home())
	}
	form, err := page.ReadForm(r, formMax)
	if err != nil {
		return err
	}
	m, err := d.current(r)
	if err != nil {
		return err
	}
	shown, err := d.Room.Passkey(w, r, purpose(m.ID), v.Aidant.ID, form.Get("reponse"))
	if err != nil {
		return ownProblem(err)
	}
	if shown.Assertion.Verify(acte.Challenge(shown.Salt, m.Texte.Body)) != nil {
		return back(http.StatusConflict, "Le texte du mandat a changé pendant l’identification", "L’identification valait pour le texte précédent. Rien n’a été modifié.", mandat.ErrStale, "Recommencez : il faut s’identifier pour le texte de cet écran.")
	}
	return d.handOverOwn(w, r, shown, acte.PasskeyProof(shown.Salt, shown.Assertion))
}

func (d *Desk) backByCode(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if v.Session.Entrusted == "" {
		return seeOther(w, r, v.Home())
	}
	form, err := page.ReadForm(r, formMax)
	if err != nil {
		return err
	}
	shown, err := d.Room.Code(r.Context(), purpose(v.Session.Entrusted), v.Aidant.Email, form.Get("phrase"), form.Get("code"))
	if err == nil {
		err = d.handOverOwn(w, r, shown, acte.CodeProof(v.Aidant.ID))
	}
	var wait *facteurs.WaitError
	switch {
	case errors.As(err, &wait):
		return wait.Problem(w, page.Link{Href: stepEnd, Text: "Revenir à « Rendez l’écran »"})
	case errors.Is(err, facteur.ErrRefused):
		var again page.Form
		again.Fail("phrase", "Vérifiez la phrase de passe et le code, puis recommencez avec un nouveau code.")
		return d.renderBack(w, r, http.StatusUnprocessableEntity, again)
	}
	return err
}

// ownProblem is the page of a passkey that did not give the screen back.
func ownProblem(err error) error {
	switch {
	case errors.Is(err, facteur.ErrCloned):
		return back(http.StatusForbidden, "Cette clé d’accès a été refusée", "Son compteur est revenu en arrière, comme si elle avait été copiée. L’écran reste à l’usager. Rien n’a été modifié.", err,
			"Recommencez avec un autre moyen, puis prévenez le référent de votre structure.")
	case errors.Is(err, facteur.ErrReplayed):
		return back(http.StatusForbidden, "Cette identification n’est plus valable", "Elle a déjà servi, ou plus de cinq minutes ont passé. L’écran reste à l’usager. Rien n’a été modifié.", err, "Recommencez.")
	case errors.Is(err, facteur.ErrRefused):
		return back(http.StatusForbidden, "Cette clé d’accès n’est pas celle de l’aidant", "L’écran reste à l’usager. Rien n’a été modifié.", err,
			"Seul l’aidant qui a confié l’écran peut le reprendre : recommencez avec sa clé d’accès.")
	}
	return err
}

func (d *Desk) handOverOwn(w http.ResponseWriter, r *http.Request, shown facteurs.Shown, proof acte.Proof) error {
	v, now := desk.Of(r), d.Now()
	renewed, id := d.Sessions.Renew(v.Session)
	renewed.Entrusted, renewed.Auth, renewed.AuthAt = "", shown.Presented.Auth, now
	m, err := d.Own.TakeBackOwn(r.Context(), shown.Confirm("reprise", now), v.Session.Ref, renewed, v.Session.Entrusted, proof, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.TakeBack(v.Aidant.Actor(shown.Presented.Auth), now)
	})
	if shown.Presented.Passkey != "" && err != nil {
		err = ownProblem(err)
	}
	return d.handed(w, r, m, id, err)
}
