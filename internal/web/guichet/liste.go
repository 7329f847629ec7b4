package guichet

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"relais/internal/identite"
	"relais/internal/mandat"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

const (
	perPage   = 25
	perSearch = 50
	soon      = 30 * 24 * time.Hour
	queryMax  = 100
)

type homePage struct {
	page.Layout
	Form   page.Form
	Open   *openUse
	Drafts page.Table
	Soon   page.Table
}

type openUse struct{ Usager, Domaine, Href string }

func (d *Desk) home(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	drafts, _, err := d.Mandats.Mandats(r.Context(), v.Organisation.ID, mandat.Filter{Status: mandat.Brouillon, Limit: 10})
	if err != nil {
		return err
	}
	active, _, err := d.Mandats.Mandats(r.Context(), v.Organisation.ID, mandat.Filter{Status: mandat.Actif, Limit: 200})
	if err != nil {
		return err
	}
	p := homePage{
		Layout: v.Layout("Guichet", "/guichet"),
		Drafts: d.table(v, "Brouillons à finir", drafts),
		Soon:   d.table(v, "Mandats qui se terminent dans les 30 jours", d.endingSoon(active)),
	}
	p.Wide = true
	if v.Use != nil {
		p.Open = &openUse{v.Use.Usager.Identite.Display(), redaction.Title(v.Use.Login.Domaine), "/mandats/" + v.Use.Mandat.ID}
	}
	return d.Pages.Render(w, http.StatusOK, "guichet/accueil", &p)
}

// endingSoon keeps what ends within 30 days, the first to end first.
func (d *Desk) endingSoon(files []usager.File) []usager.File {
	now := d.Now()
	near := slices.DeleteFunc(slices.Clone(files), func(f usager.File) bool {
		return len(f.Mandats) == 0 || f.Mandats[0].Status(now) != mandat.Actif || f.Mandats[0].EndsAt.Sub(now) > soon
	})
	slices.SortStableFunc(near, func(a, b usager.File) int { return a.Mandats[0].EndsAt.Compare(b.Mandats[0].EndsAt) })
	return near[:min(len(near), 10)]
}

type listPage struct {
	page.Layout
	Form         page.Form
	Filters      []page.NavLink
	Table        page.Table
	Searched     bool
	Truncated    bool
	Newer, Older string
}

// states are the filters of the list, by the word in the address.
var states = []struct {
	word, text string
	state      mandat.State
}{
	{"", "Tous", ""},
	{"brouillon", "Brouillons", mandat.Brouillon},
	{"actif", "Actifs", mandat.Actif},
	{"suspendu", "Suspendus", mandat.Suspendu},
	{"termine", "Terminés", mandat.Termine},
}

func (d *Desk) list(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	p := listPage{Layout: desk.Of(r).Layout("Mandats", section)}
	p.Wide = true
	if query.Has("recherche") {
		return d.search(w, r, &p)
	}
	return d.browse(w, r, &p, query)
}

func (d *Desk) browse(w http.ResponseWriter, r *http.Request, p *listPage, query url.Values) error {
	v := desk.Of(r)
	chosen := states[0]
	for _, s := range states {
		if s.word == query.Get("etat") {
			chosen = s
		}
	}
	after := query.Get("apres")
	if after != "" && !idPattern.MatchString(after) {
		return mandat.ErrNotFound
	}
	files, next, err := d.Mandats.Mandats(r.Context(), v.Organisation.ID, mandat.Filter{Status: chosen.state, After: after, Limit: perPage})
	if err != nil {
		return err
	}
	for _, s := range states {
		p.Filters = append(p.Filters, page.NavLink{Href: listHref(s.word, ""), Text: s.text, Current: s.word == chosen.word})
	}
	p.Table = d.table(v, "Mandats de la structure, du plus récent au plus ancien", files)
	if next != "" {
		p.Older = listHref(chosen.word, next)
	}
	if after != "" {
		p.Newer = listHref(chosen.word, "")
	}
	return d.Pages.Render(w, http.StatusOK, "guichet/mandats", p)
}

func listHref(state, after string) string {
	q := url.Values{}
	if state != "" {
		q.Set("etat", state)
	}
	if after != "" {
		q.Set("apres", after)
	}
	if len(q) == 0 {
		return section
	}
	return section + "?" + q.Encode()
}

// cookieSearch keeps what was searched last, sealed: the address of a page must
// not hold a person's name.
const (
	cookieSearch = "recherche_mandats"
	searchLife   = 30 * time.Minute
	missing      = "Saisissez un nom, un prénom ou une date de naissance."
)

// ask reads a search and shows its result at an address without it.
func (d *Desk) ask(w http.ResponseWriter, r *http.Request) error {
	form, err := page.ReadForm(r, formMax)
	if err != nil {
		return err
	}
	typed := form.Text("q", queryMax, missing)
	if !form.Invalid() && identite.ParseQuery(typed).Empty() {
		form.Fail("q", missing)
	}
	if form.Invalid() {
		p := listPage{Layout: desk.Of(r).Layout("Mandats", section), Form: form}
		p.Wide, p.Invalid = true, true
		return d.Pages.Render(w, http.StatusUnprocessableEntity, "guichet/mandats", &p)
	}
	if err := d.Sessions.Put(w, cookieSearch, typed, searchLife); err != nil {
		return err
	}
	return seeOther(w, r, section+"?recherche=derniere")
}

func (d *Desk) search(w http.ResponseWriter, r *http.Request, p *listPage) error {
	v := desk.Of(r)
	var typed string
	if err := d.Sessions.Peek(r, cookieSearch, &typed); err != nil {
		return seeOther(w, r, section) // nothing was searched here, or long ago
	}
	p.Form.Set("q", typed)
	if err := d.Journal.Append(r.Context(), v.Aidant.Searched("mandats")); err != nil {
		return err
	}
	found, err := d.People.SearchUsagers(r.Context(), v.Organisation.ID, identite.ParseQuery(typed), perSearch)
	if err != nil {
		return err
	}
	var files []usager.File
	for _, f := range found {
		for _, m := range f.Mandats {
			files = append(files, usager.File{Usager: f.Usager, Mandats: []mandat.Mandat{m}})
		}
	}
	p.Searched, p.Truncated = true, len(found) == perSearch
	p.Table = d.table(v, "Mandats trouvés", files)
	return d.Pages.Render(w, http.StatusOK, "guichet/mandats", p)
}

// table words one mandat a row.
func (d *Desk) table(v desk.Visit, caption string, files []usager.File) page.Table {
	t := page.Table{Caption: caption, Hidden: true, Columns: []string{"Numéro", "Usager", "Naissance", "Domaines", "Jusqu’au", "État"}}
	for _, f := range files {
		for _, m := range f.Mandats {
			t.Rows = append(t.Rows, d.row(v, f.Usager, m))
		}
	}
	return t
}

func (d *Desk) row(v desk.Visit, u usager.Usager, m mandat.Mandat) []page.Cell {
	name, born, state := "Pas encore identifié", "–", m.Status(d.Now())
	if m.UsagerID != "" {
		name, born = u.Identite.Display(), page.Birthdate(string(u.Identite.Birthdate))
	}
	return []page.Cell{
		{Text: page.Number(m.Number), Href: "/mandats/" + m.ID, Number: true},
		{Text: name}, {Text: born, Number: true},
		{Text: strings.Join(redaction.Titles(m), " ; ")},
		{Text: page.Date(m.EndsAt.In(v.Zone())), Number: true},
		{Text: state.Label(), Tag: stateTag(state)},
	}
}

// stateTag is the kind of tag of a state.
func stateTag(s mandat.State) string {
	switch s {
	case mandat.Actif:
		return "success"
	case mandat.Brouillon:
		return "info"
	case mandat.Suspendu:
		return "warning"
	}
	return "neutral"
}
