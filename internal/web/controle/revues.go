package controle

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"relais/internal/journal"
	"relais/internal/revue"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const revues = "/controle/revues"

// Revues keeps the reviews of auditeurs.
type Revues interface {
	// OpenRevue draws the sample and writes it with its entry, before it is shown.
	OpenRevue(ctx context.Context, r revue.Revue, open func(r revue.Revue, sample []int64) (revue.Revue, journal.Fact, error)) (revue.Revue, error)
	Revue(ctx context.Context, id string) (revue.Revue, error)
	// Revues lists an auditeur's own, and the closed ones of others.
	Revues(ctx context.Context, auditeurID string) (own, others []revue.Revue, err error)
	ChangeRevue(ctx context.Context, id string, change func(revue.Revue) (revue.Revue, journal.Fact, error)) (revue.Revue, error)
}

// Samples reads the entries of a sample, and draws it again.
type Samples interface {
	Entries(ctx context.Context, indexes []int64) ([]journal.Record, error)
	Redraw(ctx context.Context, r revue.Revue) ([]int64, error)
}

func (d *Desk) reviewing() []desk.Route {
	return []desk.Route{
		{Pattern: "GET /controle/revues", Access: desk.Auditeur, Handle: d.revues},
		{Pattern: "GET /controle/revues/nouvelle", Access: desk.Auditeur, Handle: d.newRevue},
		{Pattern: "POST /controle/revues", Access: desk.Auditeur, Handle: d.openRevue},
		{Pattern: "GET /controle/revues/{id}", Access: desk.Auditeur, Handle: d.revue},
		{Pattern: "POST /controle/revues/{id}/entrees/{index}", Access: desk.Auditeur, Handle: d.annotate},
		{Pattern: "GET /controle/revues/{id}/cloture", Access: desk.Auditeur, Handle: d.askClose},
		{Pattern: "POST /controle/revues/{id}/cloture", Access: desk.Auditeur, Handle: d.closeRevue},
		{Pattern: "GET /controle/recherches", Access: desk.Auditeur, Handle: d.recherches},
		{Pattern: "GET /controle/recherches/nouvelle", Access: desk.Auditeur, Handle: d.newRecherche},
		{Pattern: "POST /controle/recherches", Access: desk.Auditeur, Handle: d.saveRecherche},
		{Pattern: "GET /controle/recherches/{id}", Access: desk.Auditeur, Handle: d.recherche},
		{Pattern: "POST /controle/recherches/{id}/nom", Access: desk.Auditeur, Handle: d.renameRecherche},
		{Pattern: "GET /controle/recherches/{id}/suppression", Access: desk.Auditeur, Handle: d.askDelete},
		{Pattern: "POST /controle/recherches/{id}/suppression", Access: desk.Auditeur, Handle: d.deleteRecherche},
	}
}

type revuesPage struct {
	page.Layout
	Own, Others page.Table
}

// revues lists the visitor's reviews within the mission, and the closed ones of
// others that it covers.
func (d *Desk) revues(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	own, others, err := d.Revues.Revues(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	places, err := d.places(r.Context(), journal.Scope{})
	if err != nil {
		return err
	}
	p := &revuesPage{Layout: v.Layout("Revues", home)}
	p.Wide = true
	columns := []string{"Objet", "Ouverte le", "Entrées marquées", "État", "Auditeur"}
	p.Own = page.Table{Caption: "Vos revues, de la plus récente à la plus ancienne", Hidden: true, Columns: columns[:4]}
	p.Others = page.Table{Caption: "Revues closes par d’autres auditeurs, dans le périmètre de votre mission", Hidden: true, Columns: columns}
	for _, x := range own {
		if x.Readable(v.Aidant.ID, v.Scope(), places.departement(x.Scope.Structure)) == nil {
			p.Own.Rows = append(p.Own.Rows, revueCells(x, v))
		}
	}
	for _, x := range others {
		if x.Readable(v.Aidant.ID, v.Scope(), places.departement(x.Scope.Structure)) == nil {
			p.Others.Rows = append(p.Others.Rows, append(revueCells(x, v), page.Cell{Text: v.Mission.Label(x.AuditeurID), Number: true}))
		}
	}
	return d.Pages.Render(w, http.StatusOK, "controle/revues", p)
}

func revueCells(x revue.Revue, v desk.Visit) []page.Cell {
	state := page.Cell{Text: "En cours", Tag: "info"}
	if x.Closed() {
		state = page.Cell{Text: "Close le " + page.Date(x.ClosedAt.In(v.Zone())), Tag: "success"}
	}
	return []page.Cell{{Text: x.Title, Href: revues + "/" + x.ID}, {Text: page.Date(x.OpenedAt.In(v.Zone()))},
		{Text: strconv.Itoa(x.Marked) + " sur " + strconv.Itoa(x.Drawn), Number: true}, state}
}

// departement is where a structure is, "" for none.
func (p places) departement(structure string) string {
	for _, o := range p.list {
		if o.ID == structure {
			return o.Departement()
		}
	}
	return ""
}

// asked reads criteria that a form carries as the parameters of the journal's
// address, and holds them to the mission.
func (d *Desk) asked(r *http.Request, v desk.Visit, parameters string) (query, error) {
	places, err := d.places(r.Context(), v.Scope())
	if err != nil {
		return query{}, err
	}
	again := r.Clone(r.Context())
	again.URL = &url.URL{RawQuery: parameters}
	q, err := d.read(again, v.Zone(), places)
	if err != nil {
		return q, err
	}
	err = d.limit(r.Context(), v, &q)
	q.filter.Before, q.filter.Limit = 0, 0
	return q, err
}

// parameters are the criteria of a search without its page, as in its address.
func (q *query) parameters() string {
	_, text, _ := strings.Cut(q.link(0), "?")
	return text
}

// next is where a sample of a search's entries is asked for, and where the search
// is saved.
func (q *query) next() (draw, keep string) {
	if asked := q.parameters(); asked != "" {
		return revues + "/nouvelle?" + asked, recherches + "/nouvelle?" + asked
	}
	return revues + "/nouvelle", ""
}

type newRevuePage struct {
	page.Layout
	Form     page.Form
	Criteria []page.Item
	Asked    string // the criteria as parameters
	Back     string
	Max      int
}

// newRevue asks what to review: the criteria of the journal's page one comes
// from.
func (d *Desk) newRevue(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	q, err := d.asked(r, v, r.URL.RawQuery)
	if err != nil {
		return err
	}
	if q.form.Invalid() {
		http.Redirect(w, r, q.link(0), http.StatusSeeOther) // the journal's page says what is wrong
		return nil
	}
	return d.showNewRevue(w, r, v, q, page.Form{}, http.StatusOK)
}

func (d *Desk) showNewRevue(w http.ResponseWriter, r *http.Request, v desk.Visit, q query, form page.Form, status int) error {
	p := &newRevuePage{Layout: v.Layout("Ouvrir une revue", home), Form: form, Asked: q.parameters(), Back: q.link(0), Max: revue.Max}
	p.Invalid = form.Invalid()
	var err error
	if p.Criteria, err = d.criteriaItems(r.Context(), v, q.filter, q.unknown); err != nil {
		return err
	}
	return d.Pages.Render(w, status, "controle/revue-nouvelle", p)
}

// openRevue draws the sample.
func (d *Desk) openRevue(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, 16<<10)
	if err != nil {
		return err
	}
	q, err := d.asked(r, v, form.Get("criteres"))
	if err != nil {
		return err
	}
	title := form.Text("objet", revue.TitleMax, "Saisissez l’objet de la revue, en quelques mots.")
	n, err := strconv.Atoi(strings.TrimSpace(form.Get("n")))
	if err != nil || n < 1 || n > revue.Max {
		form.Fail("n", "Saisissez un nombre d’entrées entre 1 et "+strconv.Itoa(revue.Max)+".")
	}
	if q.form.Invalid() {
		form.Fail("n", "Reprenez la recherche depuis le journal : ses critères ne peuvent pas être lus.")
	}
	if form.Invalid() {
		return d.showNewRevue(w, r, v, q, form, http.StatusUnprocessableEntity)
	}
	opened, err := revue.Revue{}, revue.ErrEmpty
	if !q.nothing {
		opened, err = d.Revues.OpenRevue(r.Context(), order(v, q.filter, title, n), func(x revue.Revue, sample []int64) (revue.Revue, journal.Fact, error) {
			return revue.Open(x, sample, v.Aidant.Actor(v.Session.Auth), d.Now())
		})
	}
	switch {
	case errors.Is(err, revue.ErrEmpty):
		form.Fail("n", "Changez les critères : aucune entrée n’y répond.")
		return d.showNewRevue(w, r, v, q, form, http.StatusUnprocessableEntity)
	case errors.Is(err, revue.ErrInvalid):
		form.Fail("objet", "Saisissez un objet lisible, sans caractère caché.")
		return d.showNewRevue(w, r, v, q, form, http.StatusUnprocessableEntity)
	case err != nil:
		return err
	}
	http.Redirect(w, r, revues+"/"+opened.ID, http.StatusSeeOther)
	return nil
}

// order is what is to be drawn, with a fresh seed.
func order(v desk.Visit, f journal.Filter, title string, n int) revue.Revue {
	return revue.Revue{ID: revue.NewID(), AuditeurID: v.Aidant.ID, MissionID: v.Mission.ID, Scope: f.Scope, Title: title,
		Criteria: revue.Criteria(f), Seed: revue.NewSeed(), N: n, Salt: journal.NewSalt()}
}
