package compte

import (
	"context"
	"errors"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Invitations are the codes by which agents without ProConnect come in. What is
// refused has its entry already.
type Invitations interface {
	// Invitee tells whom a code is for and uses nothing up: facteur.ErrCode,
	// ErrExpired, ErrClosed, ErrAlready, ErrState.
	Invitee(ctx context.Context, typed string) (facteur.Invitee, error)
	// RedeemInvitation uses the code up and stores the enrolment session.
	RedeemInvitation(ctx context.Context, typed string, fresh aidant.Session) (aidant.Aidant, error)
	// RefuseByCode ends the reset of a code.
	RefuseByCode(ctx context.Context, typed string) error
}

const (
	cookieCode = "invitation" // sealed: the code that was typed, until its owner has answered
	codeLife   = 10 * time.Minute
)

type codePage struct {
	page.Layout
	Form page.Form
	Here string // who is signed in at this browser, "" for nobody
}

// code is the page on which a code is typed.
func (d *Desk) code(w http.ResponseWriter, r *http.Request) error {
	if v := desk.Of(r); v.Session.Enrolling() {
		http.Redirect(w, r, desk.EnrolmentHome, http.StatusSeeOther)
		return nil
	}
	return d.codeForm(w, r, page.Form{}, http.StatusOK)
}

func (d *Desk) codeForm(w http.ResponseWriter, r *http.Request, form page.Form, status int) error {
	v := desk.Of(r)
	p := &codePage{Layout: v.Layout("Saisir un code d’accès", ""), Form: form, Here: v.Aidant.Name()}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "compte/invitation", p)
}

// typed looks at the code, and asks who typed it.
func (d *Desk) typed(w http.ResponseWriter, r *http.Request) error {
	if err := alone(r); err != nil {
		return err
	}
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	code := form.Get("code")
	if _, ok := facteur.NormalCode(code); !ok && code == "" {
		form.Fail("code", "Saisissez le code qui est sur votre feuille.")
		return d.codeForm(w, r, form, http.StatusUnprocessableEntity)
	}
	if _, err := d.Invitations.Invitee(r.Context(), code); err != nil {
		text := wrongCode(err)
		if text == "" {
			return err
		}
		form.Fail("code", text)
		return d.codeForm(w, r, form, http.StatusUnprocessableEntity)
	}
	if err := d.Sessions.Put(w, cookieCode, code, codeLife); err != nil {
		return err
	}
	http.Redirect(w, r, "/invitation/vous", http.StatusSeeOther)
	return nil
}

// wrongCode says what to do about a code that opens nothing, "" for another error.
// Who has a code that existed may know why; nobody learns whether another one does.
func wrongCode(err error) string {
	switch {
	case errors.Is(err, facteur.ErrExpired):
		return "Demandez un nouveau code à la personne qui vous a remis celui-ci : son délai est passé."
	case errors.Is(err, facteur.ErrClosed):
		return "Adressez-vous au référent de votre structure : votre habilitation, ou celle de la structure, est suspendue."
	case errors.Is(err, facteur.ErrAlready):
		return "Identifiez-vous comme d’habitude : vous l’avez déjà fait, et ce code ne sert plus."
	case errors.Is(err, facteur.ErrCode), errors.Is(err, facteur.ErrState):
		return "Vérifiez le code sur votre feuille : il n’est pas connu, il a déjà servi, ou il a été remplacé ou annulé."
	}
	return ""
}

// alone refuses a browser at which somebody is signed in: a code would put another
// person in their place.
func alone(r *http.Request) error {
	if desk.Of(r).Session.Ref == "" {
		return nil
	}
	return &desk.Problem{Status: http.StatusConflict, Title: "Quelqu’un est déjà connecté dans ce navigateur",
		Text: "Un code ne s’utilise que si personne n’est connecté ici. Il n’a pas servi.",
		Do:   []string{"Quittez d’abord cette session, puis saisissez le code."},
		Next: page.Link{Href: "/invitation", Text: "Revenir à la saisie du code"}}
}

// withCode is the code that this browser typed, and whom it is for.
func (d *Desk) withCode(r *http.Request) (code string, who facteur.Invitee, err error) {
	if err := alone(r); err != nil {
		return "", who, err
	}
	if err := d.Sessions.Peek(r, cookieCode, &code); err != nil {
		return "", who, &desk.Problem{Status: http.StatusConflict, Title: "Saisissez le code de nouveau", Cause: err,
			Text: "Ce navigateur n’a pas de code en attente, ou plus de dix minutes ont passé. Rien n’a été modifié.",
			Next: page.Link{Href: "/invitation", Text: "Saisir le code"}}
	}
	if who, err = d.Invitations.Invitee(r.Context(), code); err != nil {
		return "", who, codeProblem(err)
	}
	return code, who, nil
}

// codeProblem is wrongCode as a page.
func codeProblem(err error) error {
	text := wrongCode(err)
	if text == "" {
		return err
	}
	return &desk.Problem{Status: http.StatusConflict, Title: "Ce code ne peut pas servir", Text: text, Cause: err,
		Next: page.Link{Href: "/invitation", Text: "Saisir un autre code"}}
}

type whoPage struct {
	page.Layout
	Items  []page.Item
	Reset  bool
	Reason string
}

// you asks « Est-ce bien vous ? ».
func (d *Desk) you(w http.ResponseWriter, r *http.Request) error {
	_, who, err := d.withCode(r)
	if err != nil {
		return err
	}
	zone := who.Structure.Location()
	p := &whoPage{Layout: desk.Of(r).Layout("Est-ce bien vous ?", ""), Reset: who.Kind == facteur.Resets, Reason: who.Reset.Reason}
	p.Items = []page.Item{{Term: "Nom", Text: who.Aidant.Name()}, {Term: "Structure", Text: who.Structure.Name + ", " + who.Structure.City}}
	if p.Reset {
		p.Items = append(p.Items,
			page.Item{Term: "Demandée par", Text: who.Reset.Asker + ", " + who.Reset.AskerStructure},
			page.Item{Term: "Demandée le", Text: page.DateTime(who.Reset.AskedAt.In(zone))},
			page.Item{Term: "Approuvée par", Text: who.Reset.Approver + ", " + who.Reset.ApproverStructure},
			page.Item{Term: "Approuvée le", Text: page.DateTime(who.Reset.ApprovedAt.In(zone))})
	}
	return d.Pages.Render(w, http.StatusOK, "compte/invitation-vous", p)
}

// yes uses the code up: its owner may enrol their factors now.
func (d *Desk) yes(w http.ResponseWriter, r *http.Request) error {
	code, _, err := d.withCode(r)
	if err != nil {
		return err
	}
	fresh, id := d.Sessions.Fresh(r)
	fresh.AuthAt, fresh.Auth = d.Now(), aidant.AuthInvitation
	if _, err := d.Invitations.RedeemInvitation(r.Context(), code, fresh); err != nil {
		return codeProblem(err)
	}
	if err := d.dropCode(w, r); err != nil {
		return err
	}
	d.Sessions.SetID(w, id)
	http.Redirect(w, r, desk.EnrolmentHome, http.StatusSeeOther)
	return nil
}

// dropCode takes the code from the browser.
func (d *Desk) dropCode(w http.ResponseWriter, r *http.Request) error {
	var code string
	err := d.Sessions.Take(w, r, cookieCode, &code)
	if errors.Is(err, http.ErrNoCookie) {
		return nil
	}
	return err
}

// no is the word of who is not the one, or did not ask for a reset: the reset ends.
// An invitation stays: it is for somebody else.
func (d *Desk) no(w http.ResponseWriter, r *http.Request) error {
	code, who, err := d.withCode(r)
	if err != nil {
		return err
	}
	if who.Kind == facteur.Resets {
		if err := d.Invitations.RefuseByCode(r.Context(), code); err != nil {
			return codeProblem(err)
		}
	}
	if err := d.dropCode(w, r); err != nil {
		return err
	}
	p := &whoPage{Layout: desk.Of(r).Layout("Rien n’est modifié", ""), Reset: who.Kind == facteur.Resets}
	return d.Pages.Render(w, http.StatusOK, "compte/invitation-refusee", p)
}
