package agir

import (
	"net/http"
	"strings"

	"relais/internal/domaine"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type currentPage struct {
	page.Layout
	Open  bool
	Items []page.Item
}

// current shows the use that is open.
func (d *Desk) current(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	p := &currentPage{Layout: v.Layout("Démarche en cours", section)}
	if v.Use == nil {
		return d.Pages.Render(w, http.StatusOK, "agir/demarche", p)
	}
	use := *v.Use
	p.Open = true
	p.Items = []page.Item{
		{Term: "Pour", Text: use.Usager.Identite.Display() + ", " + born(use.Usager.Identite)},
		{Term: "Domaine", Text: title(domaine.Current(), use.Login.Domaine)},
		{Term: "Commencée le", Text: page.DateTime(use.Login.ChosenAt.In(v.Zone()))},
		{Term: "Fin du mandat", Text: "jusqu’au " + page.DateTime(use.Mandat.EndsAt.In(v.Zone()))},
		{Term: "Mandat", Text: page.Number(use.Mandat.Number), Href: "/mandats/" + use.Mandat.ID},
	}
	return d.Pages.Render(w, http.StatusOK, "agir/demarche", p)
}

// finish closes the aidant's uses. Closing none is not a fault: a second click
// or another window was there before.
func (d *Desk) finish(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	if err := d.Uses.EndUses(r.Context(), v.Aidant.ID, v.Aidant.Actor(v.Session.Auth), "terminee"); err != nil {
		return err
	}
	to := "/demarche/terminee"
	if id := form.Get("demande"); isID(id) {
		to += "?demande=" + id
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

type finishedPage struct {
	page.Layout
	Next string // the request that waits, "" for none
}

// finished lists the sign-outs that Relais cannot do.
func (d *Desk) finished(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	p := &finishedPage{Layout: v.Layout("Démarche terminée", section)}
	if id := r.URL.Query().Get("demande"); isID(id) {
		p.Next = path(id)
	}
	return d.Pages.Render(w, http.StatusOK, "agir/terminee", p)
}

// isID tells what can be a request's identifier: nothing else goes into a link.
func isID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
