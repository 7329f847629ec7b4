package compte

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

const (
	forEnrolment      = "ajout"
	cookieApplication = "application" // sealed: the secret being enrolled
	applicationLife   = 15 * time.Minute
)

type newPasskeyPage struct {
	page.Layout
	Form      page.Form
	Available bool
}

// newPasskey asks for a name and lets the script do the rest.
func (d *Desk) newPasskey(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	p := &newPasskeyPage{Layout: v.Layout("Ajouter une clé d’accès", ""), Available: d.Room.Passkeys.Available()}
	return d.Pages.Render(w, http.StatusOK, "compte/cle-nouvelle", p)
}

func (d *Desk) askNewPasskey(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if !d.Room.Passkeys.Available() {
		return facteurs.ScriptError(w, http.StatusConflict, "Les clés d’accès ne fonctionnent pas à cette adresse.")
	}
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	return d.Room.AskNew(w, facteurs.Ceremony{For: forEnrolment}, v.Aidant, have)
}

func (d *Desk) addPasskey(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	ceremony, err := d.Room.Resume(w, r, forEnrolment, v.Aidant.ID)
	if err != nil {
		return d.notEnrolled(r, "defi_inconnu", err)
	}
	key, err := d.Room.Passkeys.New(v.Aidant, ceremony.Challenge, []byte(form.Get("reponse")))
	if err != nil {
		return d.notEnrolled(r, "cle_non_recevable", err)
	}
	key.Label = form.Get("nom")
	return d.enrol(w, r, "cle", "Votre clé d’accès est enregistrée.", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f.AddPasskey(key, v.Aidant.Actor(v.Session.Auth), d.Now())
	})
}

// notEnrolled leaves the trace of a factor that was not taken.
func (d *Desk) notEnrolled(r *http.Request, why string, cause error) error {
	if err := d.Trace.Append(r.Context(), facteur.NotConfirmed(desk.Of(r).Aidant, forEnrolment, why)); err != nil {
		return err
	}
	return factorProblem(cause)
}

// enrol writes a new factor. It ends the agent's other sessions, and this one too
// where it was there for nothing else: they sign in with what they enrolled.
func (d *Desk) enrol(w http.ResponseWriter, r *http.Request, kind, said string, change func(facteur.Facteurs) (facteur.Facteurs, journal.Fact, error)) error {
	v := desk.Of(r)
	if _, err := d.Own.ChangeFacteurs(r.Context(), v.Aidant.ID, v.Session.Ref, change); err != nil {
		return factorProblem(err)
	}
	if v.Session.Enrolling() {
		d.Sessions.Clear(w)
		http.Redirect(w, r, "/connexion?"+url.Values{"enregistre": {kind}}.Encode(), http.StatusSeeOther)
		return nil
	}
	d.Flash.Flash(w, "success", said+" Vos autres sessions sont fermées.")
	http.Redirect(w, r, desk.EnrolmentHome, http.StatusSeeOther)
	return nil
}

// pendingSecret is an application's secret until its first code was typed.
type pendingSecret struct {
	Agent  string `json:"agent"`
	Secret []byte `json:"secret"`
}

type applicationPage struct {
	page.Layout
	Form    page.Form
	Secret  string
	Account string
	Replace bool
	Min     int
}

// newApplication shows the secret, as a picture and as text.
func (d *Desk) newApplication(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	var pending pendingSecret
	if err := d.Sessions.Peek(r, cookieApplication, &pending); err != nil || pending.Agent != v.Aidant.ID {
		pending = pendingSecret{v.Aidant.ID, facteur.NewSecret()}
	}
	if err := d.Sessions.Put(w, cookieApplication, pending, applicationLife); err != nil {
		return err
	}
	return d.showApplication(w, r, http.StatusOK, page.Form{}, pending)
}

func (d *Desk) showApplication(w http.ResponseWriter, r *http.Request, status int, form page.Form, pending pendingSecret) error {
	v := desk.Of(r)
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	p := &applicationPage{Layout: v.Layout("Enregistrer une application de codes", ""), Form: form, Secret: facteur.SecretText(pending.Secret),
		Account: v.Aidant.Email, Replace: have.TOTP != nil, Min: facteur.PhraseMin}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "compte/application", p)
}

// applicationCode is the picture, for this agent's browser alone and not kept.
func (d *Desk) applicationCode(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	var pending pendingSecret
	if err := d.Sessions.Peek(r, cookieApplication, &pending); err != nil || pending.Agent != v.Aidant.ID {
		return factorProblem(facteur.ErrReplayed)
	}
	picture, err := facteur.QR(pending.Secret, v.Aidant.Email, "Relais "+d.Site)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(picture)))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(picture) // the browser may have left
	return nil
}

func (d *Desk) addApplication(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if !v.Session.Enrolling() && !d.Sessions.Recent(v.Session, desk.FreshPost) {
		// Not by the route: what waits for a confirmation is kept, and a pass phrase must not be.
		http.Redirect(w, r, desk.ConfirmPath+"?"+url.Values{"retour": {"/compte/facteurs/application"}}.Encode(), http.StatusSeeOther)
		return nil
	}
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	var pending pendingSecret
	if err := d.Sessions.Peek(r, cookieApplication, &pending); err != nil || pending.Agent != v.Aidant.ID {
		return d.notEnrolled(r, "secret_inconnu", facteur.ErrReplayed)
	}
	totp := facteur.TOTP{Secret: pending.Secret}
	step, right := totp.Check(form.Get(fieldCode), d.Now())
	again := d.phraseErrors(r, form)
	if !right {
		again.Fail(fieldCode, "Saisissez le code à six chiffres que l’application affiche en ce moment. S’il est refusé encore, vérifiez l’heure du téléphone.")
	}
	if again.Invalid() {
		return d.showApplication(w, r, http.StatusUnprocessableEntity, again, pending)
	}
	totp.LastStep = step
	if totp.Phrase, err = d.Room.HashPhrase(r.Context(), form.Get(fieldPhrase)); err != nil {
		return err
	}
	if err := d.Sessions.Take(w, r, cookieApplication, &pending); err != nil {
		return err
	}
	return d.enrol(w, r, "application", "Votre application de codes est enregistrée.", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f.AddTOTP(totp, v.Aidant.Actor(v.Session.Auth), d.Now())
	})
}

// phraseErrors is the form to show again, with nothing secret in it.
func (d *Desk) phraseErrors(r *http.Request, form page.Form) (again page.Form) {
	v := desk.Of(r)
	phrase := form.Get(fieldPhrase)
	switch err := facteur.CheckPhrase(phrase, v.Aidant.Name(), v.Aidant.Email, v.Organisation.Name, v.Organisation.City); {
	case errors.Is(err, facteur.ErrShort):
		again.Fail(fieldPhrase, fmt.Sprintf("Choisissez une phrase d’au moins %d caractères. Quatre ou cinq mots qui ne vont pas ensemble conviennent.", facteur.PhraseMin))
	case errors.Is(err, facteur.ErrLong):
		again.Fail(fieldPhrase, fmt.Sprintf("Choisissez une phrase d’au plus %d caractères.", facteur.PhraseMax))
	case err != nil:
		again.Fail(fieldPhrase, "Choisissez une phrase moins facile à deviner : ni votre nom, ni celui de votre structure, ni une suite connue.")
	case form.Get("confirmation") != phrase:
		again.Fail("confirmation", "Saisissez deux fois la même phrase de passe.")
	}
	return again
}
