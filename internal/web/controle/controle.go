// Package controle is the auditeur's desk: the journal, one of its entries, one
// mandat or one agent through time, the break-glass, exports, signals, charts,
// reviews and saved searches.
//
// It guarantees that nothing outside the mission's scope is shown (package web
// lets nobody in without a mission), that what is shown is pseudonymous (kinds of
// actors, labels of this mission, opaque references, never a name) but for the
// page that follows a recorded revelation, and that an auditeur's own search
// leaves its entry before its results are shown. It changes no mandat, no usager
// and no agent: what it writes is an auditeur's own (reviews with their marks,
// saved searches, signals marked as seen, revelations, exports), each with its
// entry. It does not verify the journal: `relais journal verify` does, on every
// entry.
//
//	GET  /controle                            the journal, filtered, newest first
//	GET  /controle/sante                      whether the journal is looked after
//	GET  /controle/entrees/{index}            one entry, with its canonical bytes
//	GET  /controle/mandats/{id}               one mandat's entries, oldest first
//	GET  /controle/agents/{ref}               one agent's entries, newest first
//	GET  /controle/mission                    the mission, and the choice among several
//	POST /controle/mission                    choose
//	GET  /controle/entrees/{index}/reveler    ask for an identity, with a reason
//	POST /controle/entrees/{index}/reveler    reveal it
//	GET  /controle/revelation                 the identity, once
//	GET  /controle/exporter                   what an export would hold
//	POST /controle/exporter                   make and download it
//	GET  /controle/signaux                    entries worth a second look, and the rules
//	GET  /controle/signaux/{index}/{regle}    one signal, with its rule
//	POST /controle/signaux/{index}/{regle}    mark it as seen
//	GET  /controle/activite                   what the journal counts, drawn
//	GET  /controle/revues                     reviews: one's own, and closed ones of others
//	GET  /controle/revues/nouvelle            ask for a sample of what a search finds
//	POST /controle/revues                     draw it
//	GET  /controle/revues/{id}                work on it; once closed, its report
//	POST /controle/revues/{id}/entrees/{index} mark one entry
//	GET  /controle/revues/{id}/cloture        conclude
//	POST /controle/revues/{id}/cloture        close it
//	GET  /controle/recherches                 saved searches
//	GET  /controle/recherches/nouvelle        name the search of the journal's page
//	POST /controle/recherches                 save it
//	GET  /controle/recherches/{id}            run, rename or delete one
//	POST /controle/recherches/{id}/nom        rename it
//	GET  /controle/recherches/{id}/suppression confirm
//	POST /controle/recherches/{id}/suppression delete it
package controle

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	home    = "/controle"
	entries = "/controle/entrees/"
	mandats = "/controle/mandats/"
	perPage = 50
)

// Journal is what the desk reads, and where its own searches are written.
type Journal interface {
	// Search is one page, and where the next one begins.
	Search(ctx context.Context, f journal.Filter) (journal.Page, error)
	// Entry is journal.ErrNotFound beyond the journal's end.
	Entry(ctx context.Context, index int64) (journal.Row, error)
	MandatEntries(ctx context.Context, mandatID string) ([]journal.Record, error)
	Head(ctx context.Context) (journal.Head, error)
	Append(ctx context.Context, facts ...journal.Fact) error
}

// Numbers finds a mandat by its number, whatever its structure: an auditeur's
// mission is not one structure's.
type Numbers interface {
	// MandatByNumber is mandat.ErrNotFound for an unknown number.
	MandatByNumber(ctx context.Context, number string) (mandat.Mandat, error)
}

// Facets tells what an entry is about, to be held against a mission's scope.
type Facets interface {
	// Facets is journal.ErrNotFound beyond the journal's end.
	Facets(ctx context.Context, index int64) (journal.Facets, error)
}

// Cookies are small sealed ones (internal/session).
type Cookies interface {
	Put(w http.ResponseWriter, name string, v any, life time.Duration) error
	Take(w http.ResponseWriter, r *http.Request, name string, v any) error
}

// Desk is the auditeur's desk.
type Desk struct {
	Pages       *page.Renderer
	Journal     Journal
	Numbers     Numbers
	Facets      Facets
	Agents      Agents
	Revelations Revelations
	Cookies     Cookies
	Seal        Seal
	Vitals      Vitals
	Watch       Watch
	Exports     Exports
	App         string // version of the program, for exports
	Revues      Revues
	Samples     Samples
	Saved       Recherches
	Beat        time.Duration // between two pulsations, 0 for none
	Now         func() time.Time

	exporting sync.Map // ids of the auditeurs whose export is being made here
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	return append(append(d.watchRoutes(), d.reviewing()...), []desk.Route{
		{Pattern: "GET /controle", Access: desk.Auditeur, Handle: d.list},
		{Pattern: "GET /controle/sante", Access: desk.Auditeur, Handle: d.health},
		{Pattern: "GET /controle/entrees/{index}", Access: desk.Auditeur, Handle: d.entry},
		{Pattern: "GET /controle/mandats/{id}", Access: desk.Auditeur, Handle: d.timeline},
		{Pattern: "GET /controle/agents/{ref}", Access: desk.Auditeur, Handle: d.agent},
		{Pattern: "GET /controle/exporter", Access: desk.Auditeur, Fresh: desk.FreshGet, Handle: d.askExport},
		{Pattern: "POST /controle/exporter", Access: desk.Auditeur, Fresh: desk.FreshPost, Asks: "exporter des entrées du journal", Handle: d.export},
		{Pattern: "GET /controle/mission", Access: desk.Auditeur, AnyMission: true, Handle: d.mission},
		{Pattern: "POST /controle/mission", Access: desk.Auditeur, AnyMission: true, Handle: d.chooseMission},
		{Pattern: "GET /controle/entrees/{index}/reveler", Access: desk.Auditeur, Fresh: desk.FreshGet, Handle: d.askIdentity},
		{Pattern: "POST /controle/entrees/{index}/reveler", Access: desk.Auditeur, Fresh: desk.FreshPost, Asks: "révéler une identité", Handle: d.reveal},
		{Pattern: "GET /controle/revelation", Access: desk.Auditeur, Handle: d.revealed},
	}...)
}

type listPage struct {
	page.Layout
	Form       page.Form
	Actions    []page.Option
	Outcomes   []page.Option
	Structures []page.Option
	Domaines   []page.Option
	Results    page.Table
	Filtered   bool
	Older      string
	Newer      string
	Export     string      // where this search is exported, "" without a criterion
	Further    string      // where a search that stopped at its bound goes on
	Examined   string      // how many rows it had read by then
	Refusal    bool        // the journal is not being signed
	Draw       string      // where a sample of these entries is asked for
	Keep       string      // where this search is saved, "" without criteria
	Unknown    []page.Item // what was typed and is unknown in this mission
}

func (d *Desk) list(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	places, err := d.places(r.Context(), v.Scope())
	if err != nil {
		return err
	}
	q, err := d.read(r, v.Zone(), places)
	if err != nil {
		return err
	}
	if err := d.limit(r.Context(), v, &q); err != nil {
		return err
	}
	p := &listPage{Layout: v.Layout("Journal", home), Form: q.form, Actions: actionOptions(), Outcomes: outcomeOptions(),
		Structures: places.options(), Domaines: domaineOptions(), Filtered: len(q.names) > 0, Refusal: d.Seal.State().Refusal != nil}
	p.Draw, p.Keep = q.next()
	p.Unknown = q.unknown
	p.Wide = true
	if q.form.Invalid() {
		p.Invalid = true
		return d.Pages.Render(w, http.StatusUnprocessableEntity, "controle/journal", p)
	}
	found, err := d.search(r.Context(), v, q)
	if err != nil {
		return err
	}
	p.show(q, found)
	p.Results = results("Entrées du journal, de la plus récente à la plus ancienne", found.Records, v)
	return d.Pages.Render(w, http.StatusOK, "controle/journal", p)
}

// show says where the pages before and after lie, or where a search goes on that
// stopped for having read enough.
func (p *listPage) show(q query, found journal.Page) {
	switch {
	case found.Bounded:
		p.Further, p.Examined = q.link(found.Next), page.Count(int64(found.Examined))
	case found.Next > 0:
		p.Older = q.link(found.Next)
	}
	if q.filter.Before > 0 {
		p.Newer = q.link(0)
	}
	if _, search, ok := strings.Cut(q.link(0), "?"); ok {
		p.Export = exporter + "?" + search
	}
}

// limit holds a search to the mission's scope, and finds the agent behind a
// label of this mission.
func (d *Desk) limit(ctx context.Context, v desk.Visit, q *query) error {
	q.filter.Scope = v.Scope()
	if !mission.IsLabel(q.filter.Actor) {
		return nil
	}
	label := q.filter.Actor
	id, err := d.agentID(ctx, v, label)
	if q.filter.Actor = id; id == "" {
		q.nothing, q.unknown = true, append(q.unknown, unknownItem("Acteur", label))
	}
	return err
}

// search reads one page; the trace of a search with criteria is written before
// anything of it is shown.
func (d *Desk) search(ctx context.Context, v desk.Visit, q query) (journal.Page, error) {
	if q.nothing {
		return journal.Page{}, d.trace(ctx, v, q.names)
	}
	found, err := d.Journal.Search(ctx, q.filter)
	if err != nil {
		return journal.Page{}, err
	}
	return found, d.trace(ctx, v, q.names)
}

func (d *Desk) trace(ctx context.Context, v desk.Visit, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return d.Journal.Append(ctx, v.Aidant.Consulted(names))
}

// results is the table of entries; the index leads to the entry, the mandat to
// its timeline.
func results(caption string, records []journal.Record, v desk.Visit) page.Table {
	zone := v.Zone()
	t := page.Table{Caption: caption, Hidden: true, Columns: []string{"Entrée", "Date et heure", "Action", "Issue", "Acteur", "Mandat", "Motif"}}
	for _, rec := range records {
		index := strconv.FormatInt(rec.Index, 10)
		t.Rows = append(t.Rows, []page.Cell{{Text: index, Href: entries + index, Number: true}, {Text: moment(rec.At, zone), Number: true},
			{Text: rec.Action.Label()}, outcome(rec.Outcome), actorCell(v, rec.Actor), mandatCell(rec.Mandat), {Text: reason(rec)}})
	}
	return t
}

// inside tells whether an entry lies in the mission's scope. One that does not
// looks like one that does not exist, and the refusal is recorded.
func (d *Desk) inside(r *http.Request, v desk.Visit, index int64) (bool, error) {
	f, err := d.Facets.Facets(r.Context(), index)
	if err != nil {
		return false, err
	}
	if v.Scope().Covers(f) {
		return true, nil
	}
	return false, d.refuse(r, v, "hors_mission")
}

func (d *Desk) refuse(r *http.Request, v desk.Visit, reason string) error {
	route := strings.ReplaceAll(r.Pattern, " ", ":")
	return d.Journal.Append(r.Context(), aidant.Refused(v.Aidant.Actor(v.Session.Auth), route, reason))
}

// entryCell leads to an entry, once it has its place in the journal's tree.
func entryCell(index int64) page.Cell {
	if index < 0 {
		return page.Cell{Text: "en cours de numérotation"}
	}
	text := strconv.FormatInt(index, 10)
	return page.Cell{Text: "Entrée " + text, Href: entries + text}
}
