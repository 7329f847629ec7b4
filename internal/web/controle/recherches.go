package controle

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"relais/internal/journal"
	"relais/internal/recherche"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const recherches = "/controle/recherches"

// Recherches keeps the searches that auditeurs saved.
type Recherches interface {
	Recherches(ctx context.Context, auditeurID string) ([]recherche.Recherche, error)
	// Recherche is recherche.ErrNotFound for another auditeur's.
	Recherche(ctx context.Context, auditeurID, id string) (recherche.Recherche, error)
	SaveRecherche(ctx context.Context, auditeurID string, save func(had int) (recherche.Recherche, journal.Fact, error)) error
	RenameRecherche(ctx context.Context, auditeurID, id string, rename func(recherche.Recherche) (recherche.Recherche, journal.Fact, error)) error
	DeleteRecherche(ctx context.Context, auditeurID, id string, gone func(recherche.Recherche) journal.Fact) error
}

type recherchesPage struct {
	page.Layout
	Saved page.Table
	Max   int
}

// recherches lists them; the name runs the search.
func (d *Desk) recherches(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	all, err := d.Saved.Recherches(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	p := &recherchesPage{Layout: v.Layout("Recherches enregistrées", home), Max: recherche.Max}
	p.Wide = true
	p.Saved = page.Table{Caption: "Vos recherches enregistrées, par nom", Hidden: true, Columns: []string{"Lancer la recherche", "Période", "Enregistrée le", "Gérer"}}
	for _, x := range all {
		p.Saved.Rows = append(p.Saved.Rows, []page.Cell{{Text: x.Name, Href: d.deepLink(x, v)}, {Text: periodWords(x.Days)},
			{Text: page.Date(x.CreatedAt.In(v.Zone()))}, {Text: "Renommer ou supprimer « " + x.Name + " »", Href: recherches + "/" + x.ID}})
	}
	return d.Pages.Render(w, http.StatusOK, "controle/recherches", p)
}

// deepLink is the search's address today: it may be sent to another auditeur,
// whom it shows what their own mission covers.
func (d *Desk) deepLink(x recherche.Recherche, v desk.Visit) string {
	return home + "?" + x.Query(d.Now().In(v.Zone()))
}

func periodWords(days int) string {
	if days == 0 {
		return "Dates de la recherche"
	}
	return strconv.Itoa(days) + " derniers jours"
}

type newRecherchePage struct {
	page.Layout
	Form     page.Form
	Criteria []page.Item
	Asked    string
	Back     string
	Periods  []page.Option
}

func (d *Desk) newRecherche(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	q, err := d.asked(r, v, r.URL.RawQuery)
	if err != nil {
		return err
	}
	if q.form.Invalid() || q.parameters() == "" {
		http.Redirect(w, r, q.link(0), http.StatusSeeOther) // criteria are chosen there
		return nil
	}
	return d.showNewRecherche(w, r, v, q, page.Form{}, http.StatusOK)
}

func (d *Desk) showNewRecherche(w http.ResponseWriter, r *http.Request, v desk.Visit, q query, form page.Form, status int) error {
	p := &newRecherchePage{Layout: v.Layout("Enregistrer une recherche", home), Form: form, Asked: q.parameters(), Back: q.link(0)}
	p.Invalid = form.Invalid()
	for _, days := range recherche.Periods() {
		p.Periods = append(p.Periods, page.Option{Value: strconv.Itoa(days), Label: periodWords(days), Checked: days == 0})
	}
	var err error
	if p.Criteria, err = d.criteriaItems(r.Context(), v, q.filter, q.unknown); err != nil {
		return err
	}
	return d.Pages.Render(w, status, "controle/recherche-nouvelle", p)
}

func (d *Desk) saveRecherche(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, 16<<10)
	if err != nil {
		return err
	}
	q, err := d.asked(r, v, form.Get("criteres"))
	if err != nil {
		return err
	}
	name := form.Text("nom", recherche.NameMax, "Donnez un nom à cette recherche.")
	days, err := strconv.Atoi(form.Get("periode"))
	if err != nil || !slices.Contains(recherche.Periods(), days) {
		form.Fail("periode", "Choisissez la période de la recherche.")
	}
	values, _ := url.ParseQuery(q.parameters()) // made by Encode
	criteria, err := recherche.Canonical(values)
	if err != nil || q.form.Invalid() {
		form.Fail("nom", "Reprenez la recherche depuis le journal : ses critères ne peuvent pas être gardés.")
	}
	if form.Invalid() {
		return d.showNewRecherche(w, r, v, q, form, http.StatusUnprocessableEntity)
	}
	x := recherche.Recherche{ID: recherche.NewID(), AuditeurID: v.Aidant.ID, Name: name, Criteria: criteria, Days: days}
	err = d.Saved.SaveRecherche(r.Context(), v.Aidant.ID, func(had int) (recherche.Recherche, journal.Fact, error) {
		return recherche.Save(x, had, v.Aidant.Actor(v.Session.Auth), d.Now())
	})
	switch {
	case errors.Is(err, recherche.ErrTooMany):
		form.Fail("nom", "Supprimez d’abord une recherche : vous en gardez déjà "+strconv.Itoa(recherche.Max)+".")
	case errors.Is(err, recherche.ErrInvalid):
		form.Fail("nom", "Donnez un nom lisible, sans caractère caché, et au moins un critère.")
	case err != nil:
		return err
	default:
		http.Redirect(w, r, recherches, http.StatusSeeOther)
		return nil
	}
	return d.showNewRecherche(w, r, v, q, form, http.StatusUnprocessableEntity)
}

type recherchePage struct {
	page.Layout
	Form              page.Form
	ID, Heading, Link string
	Items             []page.Item
}

// own loads a search of the visitor's.
func (d *Desk) own(r *http.Request, v desk.Visit) (recherche.Recherche, error) {
	x, err := d.Saved.Recherche(r.Context(), v.Aidant.ID, r.PathValue("id"))
	if errors.Is(err, recherche.ErrNotFound) {
		err = noRecherche()
	}
	return x, err
}

func noRecherche() error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Cette recherche est introuvable",
		Text: "Elle n’existe pas, elle a été supprimée, ou elle n’est pas à vous.",
		Next: page.Link{Href: recherches, Text: "Voir vos recherches enregistrées"}, Cause: recherche.ErrNotFound}
}

func (d *Desk) recherche(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.own(r, v)
	if err != nil {
		return err
	}
	return d.showRecherche(w, r, v, x, page.Form{}, http.StatusOK)
}

func (d *Desk) showRecherche(w http.ResponseWriter, r *http.Request, v desk.Visit, x recherche.Recherche, form page.Form, status int) error {
	link := d.deepLink(x, v)
	p := &recherchePage{Layout: v.Layout("Recherche enregistrée", home), Form: form, ID: x.ID, Heading: x.Name, Link: link}
	p.Invalid = form.Invalid()
	if !form.Values.Has("nom") {
		p.Form.Set("nom", x.Name)
	}
	_, parameters, _ := strings.Cut(link, "?")
	q, err := d.asked(r, v, parameters)
	if err != nil {
		return err
	}
	if p.Items, err = d.criteriaItems(r.Context(), v, q.filter, q.unknown); err != nil {
		return err
	}
	p.Items = append(p.Items, page.Item{Term: "Période", Text: periodWords(x.Days)})
	return d.Pages.Render(w, status, "controle/recherche", p)
}

func (d *Desk) renameRecherche(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.own(r, v)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, 8<<10)
	if err != nil {
		return err
	}
	name := form.Text("nom", recherche.NameMax, "Donnez un nom à cette recherche.")
	if form.Invalid() {
		return d.showRecherche(w, r, v, x, form, http.StatusUnprocessableEntity)
	}
	err = d.Saved.RenameRecherche(r.Context(), v.Aidant.ID, x.ID, func(x recherche.Recherche) (recherche.Recherche, journal.Fact, error) {
		return x.Rename(name, v.Aidant.Actor(v.Session.Auth))
	})
	switch {
	case errors.Is(err, recherche.ErrInvalid):
		form.Fail("nom", "Donnez un nom lisible, sans caractère caché.")
		return d.showRecherche(w, r, v, x, form, http.StatusUnprocessableEntity)
	case errors.Is(err, recherche.ErrNotFound):
		return noRecherche()
	case err != nil:
		return err
	}
	http.Redirect(w, r, recherches, http.StatusSeeOther)
	return nil
}

func (d *Desk) askDelete(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.own(r, v)
	if err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "controle/recherche-suppression",
		&recherchePage{Layout: v.Layout("Supprimer une recherche", home), ID: x.ID, Heading: x.Name})
}

func (d *Desk) deleteRecherche(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	err := d.Saved.DeleteRecherche(r.Context(), v.Aidant.ID, r.PathValue("id"), func(x recherche.Recherche) journal.Fact {
		return x.Delete(v.Aidant.Actor(v.Session.Auth))
	})
	if errors.Is(err, recherche.ErrNotFound) {
		return noRecherche()
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, recherches, http.StatusSeeOther)
	return nil
}
