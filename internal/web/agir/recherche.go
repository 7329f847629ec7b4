package agir

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"relais/internal/identite"
	"relais/internal/provider"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	maxQuery = 100 // runes
	// searched is how many usagers one search reads, shown how many it shows:
	// some of those found have no mandat for this service.
	searched, shown = 200, 20
	// recent is how many of the last usagers are offered before any search.
	recent = 5
)

// found is one mandat that can serve.
type found struct {
	Href, Name, Born, Number string
	Domaines                 string
	Until                    string
}

type searchPage struct {
	page.Layout
	Form      page.Form
	Action    string
	Demande   string
	Asker     string // who asks, as the subject of a sentence
	Perimeter string // the domaines the service accepts, in words; "" for all
	Asked     bool   // something was searched
	Results   []found
	Count     string
	More      bool
	Open      string // for whom a use is open, "" for nobody
	OpenHref  string // the way on for the same usager
}

// asked is what was typed for one request. It travels in a sealed cookie, since
// the address of a page must not hold a person's name.
type asked struct{ Demande, Query string }

const (
	cookieSearch = "recherche_agir"
	searchLife   = 10 * time.Minute
)

// ask reads a search and shows its result at the request's own address.
func (d *Desk) ask(w http.ResponseWriter, r *http.Request) error {
	req, err := d.pending(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	typed := form.Text("q", maxQuery, missing)
	if !form.Invalid() && identite.ParseQuery(typed).Empty() {
		form.Fail("q", missing)
	}
	if form.Invalid() {
		p := d.searchPage(desk.Of(r), req)
		p.Form, p.Invalid = form, true
		return d.Pages.Render(w, http.StatusUnprocessableEntity, "agir/recherche", p)
	}
	if err := d.Sessions.Put(w, cookieSearch, asked{req.ID, typed}, searchLife); err != nil {
		return err
	}
	http.Redirect(w, r, path(req.ID), http.StatusSeeOther)
	return nil
}

const missing = "Saisissez un nom, un prénom ou une date de naissance."

// search shows for whom the aidant may act at this service: those last given
// before anything is asked, then those who answer to what was typed.
func (d *Desk) search(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	req, err := d.pending(r)
	if err != nil {
		return err
	}
	p := d.searchPage(v, req)
	var last asked
	if err := d.Sessions.Peek(r, cookieSearch, &last); err != nil || last.Demande != req.ID {
		last.Query = "" // nothing was asked, or for another request
	}
	p.Form.Set("q", last.Query)
	p.Asked = last.Query != ""
	limit := searched
	if !p.Asked {
		limit = recent
	}
	files, err := d.Mandats.SearchUsagers(r.Context(), v.Organisation.ID, identite.ParseQuery(last.Query), limit)
	if err != nil {
		return err
	}
	if p.Asked {
		if err := d.Trace.Append(r.Context(), v.Aidant.Searched("agir")); err != nil {
			return err
		}
	}
	p.list(d.usable(v, req, files))
	return d.Pages.Render(w, http.StatusOK, "agir/recherche", p)
}

func (d *Desk) searchPage(v desk.Visit, req provider.Request) *searchPage {
	p := &searchPage{Layout: v.Layout("Pour qui agissez-vous ?", section), Action: path(req.ID), Demande: req.ID, Asker: asker(req), Perimeter: perimeter(req)}
	p.showOpen(v, req, d.Now())
	return p
}

// pending is the request of the address, in this browser.
func (d *Desk) pending(r *http.Request) (provider.Request, error) {
	req, err := d.Provider.Pending(r, r.PathValue("demande"))
	if err != nil {
		return provider.Request{}, explained(err, r.PathValue("demande"), "")
	}
	return req, nil
}

// showOpen says whose use is open: going on for the same usager is allowed.
func (p *searchPage) showOpen(v desk.Visit, req provider.Request, at time.Time) {
	if v.Use == nil {
		return
	}
	p.Open = v.Use.Usager.Identite.Display()
	if len(usableDomaines(v.Use.Mandat, v, req, at)) > 0 {
		p.OpenHref = path(req.ID) + "/mandats/" + url.PathEscape(v.Use.Mandat.ID)
	}
}

func (p *searchPage) list(all []found) {
	p.More = len(all) > shown
	p.Results = all[:min(len(all), shown)]
	switch n := len(p.Results); {
	case p.More:
		p.Count = "Plus de 20 mandats répondent : précisez le nom ou ajoutez la date de naissance."
	case n == 1:
		p.Count = "1 mandat peut servir ici."
	case n > 1:
		p.Count = strconv.Itoa(n) + " mandats peuvent servir ici."
	}
}

// usable keeps the mandats under which this aidant may act at this service.
func (d *Desk) usable(v desk.Visit, req provider.Request, files []usager.File) []found {
	var out []found
	for _, file := range files {
		for _, m := range file.Mandats {
			codes := usableDomaines(m, v, req, d.Now())
			if len(codes) == 0 {
				continue
			}
			out = append(out, found{
				Href: path(req.ID) + "/mandats/" + url.PathEscape(m.ID), Name: file.Usager.Identite.Display(),
				Born: born(file.Usager.Identite), Number: page.Number(m.Number),
				Domaines: titles(codes), Until: page.Date(m.EndsAt.In(v.Zone()))})
		}
	}
	return out
}
