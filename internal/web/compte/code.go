package compte

import (
	"errors"
	"net/http"

	"relais/internal/facteur"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/page"
)

// The fields of a code's forms.
const (
	fieldEmail  = "courriel"
	fieldPhrase = "phrase"
	fieldCode   = "code"
)

type typedPage struct {
	page.Layout
	Form     page.Form
	ReturnTo string
	Alone    bool // a recovery code without a pass phrase
}

func (d *Desk) typedForm(w http.ResponseWriter, r *http.Request) error {
	return d.showCode(w, r, http.StatusOK, page.Form{}, localPath(r.URL.Query().Get("retour")), false)
}

func (d *Desk) recoveryForm(w http.ResponseWriter, r *http.Request) error {
	return d.showCode(w, r, http.StatusOK, page.Form{}, "", true)
}

func (d *Desk) showCode(w http.ResponseWriter, r *http.Request, status int, form page.Form, to string, alone bool) error {
	v := desk.Of(r)
	if v.Aidant.ID != "" && status == http.StatusOK {
		http.Redirect(w, r, v.Home(), http.StatusSeeOther)
		return nil
	}
	p := &typedPage{Layout: v.Layout("S’identifier avec un code", ""), Form: form, ReturnTo: to, Alone: alone}
	p.Invalid = form.Invalid()
	name := "compte/code"
	if alone {
		p.Title, name = "S’identifier avec un code de secours", "compte/secours"
	}
	return d.Pages.Render(w, status, name, p)
}

// codeIn signs in with pass phrase and code, or with a recovery code in the place
// of either.
func (d *Desk) codeIn(w http.ResponseWriter, r *http.Request) error { return d.typedIn(w, r, false) }

func (d *Desk) recoveryIn(w http.ResponseWriter, r *http.Request) error { return d.typedIn(w, r, true) }

func (d *Desk) typedIn(w http.ResponseWriter, r *http.Request, alone bool) error {
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	to := localPath(form.Get("retour"))
	who, phrase, typed := form.Get(fieldEmail), form.Get(fieldPhrase), form.Get(fieldCode)
	if alone {
		phrase = ""
	}
	shown, err := d.Room.Code(r.Context(), facteurs.SignIn, who, phrase, typed)
	if err == nil {
		err = d.enter(w, r, shown, to)
	}
	var wait *facteurs.WaitError
	switch {
	case errors.As(err, &wait):
		return wait.Problem(w, startAgain)
	case errors.Is(err, facteur.ErrRefused):
		return d.showCode(w, r, http.StatusUnprocessableEntity, wrong(form, alone), to, alone)
	}
	return err
}

// wrong is a form that says the same whatever was wrong in it, and gives back
// nothing secret.
func wrong(form page.Form, alone bool) page.Form {
	var again page.Form
	again.Set(fieldEmail, form.Get(fieldEmail))
	text := "Vérifiez l’adresse, la phrase de passe et le code, puis recommencez avec un nouveau code : ensemble, ils ne permettent pas de vous identifier."
	if alone {
		text = "Vérifiez l’adresse et le code de secours : ensemble, ils ne permettent pas de vous identifier. Un code ne sert qu’une fois, et ne suffit pas si vous avez une phrase de passe."
	}
	again.Fail(fieldEmail, text)
	return again
}
