// Package controle is the auditeur's desk: the journal, one of its entries, one
// mandat through time.
//
// It guarantees that what is shown is pseudonymous (kinds of actors and opaque
// references, never a name) and that an auditeur's own search leaves its entry
// before its results are shown. It changes nothing, and it does not verify the
// journal: `relais journal verify` does, on every entry.
//
//	GET /controle                     the journal, filtered, newest first
//	GET /controle/entrees/{index}     one entry, with its canonical bytes
//	GET /controle/mandats/{id}        one mandat's entries, oldest first
//	GET /controle/signaux             entries worth a second look, and the rules
//	GET /controle/activite            what the journal counts, drawn
package controle

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
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
	Journal(ctx context.Context, f journal.Filter) ([]journal.Record, error)
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

// Desk is the auditeur's desk.
type Desk struct {
	Pages   *page.Renderer
	Journal Journal
	Numbers Numbers
	Seal    Seal
	Watch   Watch
	Now     func() time.Time
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	return append(d.watchRoutes(), []desk.Route{
		{Pattern: "GET /controle", Access: desk.Auditeur, Handle: d.list},
		{Pattern: "GET /controle/entrees/{index}", Access: desk.Auditeur, Handle: d.entry},
		{Pattern: "GET /controle/mandats/{id}", Access: desk.Auditeur, Handle: d.timeline},
	}...)
}

type listPage struct {
	page.Layout
	Form     page.Form
	Actions  []page.Option
	Outcomes []page.Option
	Results  page.Table
	Filtered bool
	Older    string
	Newer    string
	Health   []page.Item
	Refusal  bool // the journal is not being signed
	Root     string
}

func (d *Desk) list(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	q, err := d.read(r, v.Zone())
	if err != nil {
		return err
	}
	head, err := d.Journal.Head(r.Context())
	if err != nil {
		return err
	}
	p := &listPage{Layout: v.Layout("Journal", home), Form: q.form, Actions: actionOptions(), Outcomes: outcomeOptions(),
		Filtered: len(q.names) > 0, Root: head.Root.String()}
	seal := d.Seal.State()
	p.Health, p.Refusal = health(head, seal, v.Zone()), seal.Refusal != nil
	p.Wide = true
	if q.form.Invalid() {
		p.Invalid = true
		return d.Pages.Render(w, http.StatusUnprocessableEntity, "controle/journal", p)
	}
	records, err := d.search(r.Context(), v, q)
	if err != nil {
		return err
	}
	if len(records) > perPage {
		records = records[:perPage]
		p.Older = q.link(records[perPage-1].Index)
	}
	if q.filter.Before > 0 {
		p.Newer = q.link(0)
	}
	p.Results = results("Entrées du journal, de la plus récente à la plus ancienne", records, v.Zone())
	return d.Pages.Render(w, http.StatusOK, "controle/journal", p)
}

// search reads one page and one entry more; the trace of a search with criteria
// is written before anything of it is shown.
func (d *Desk) search(ctx context.Context, v desk.Visit, q query) ([]journal.Record, error) {
	if q.nothing {
		return nil, d.trace(ctx, v, q.names)
	}
	records, err := d.Journal.Journal(ctx, q.filter)
	if err != nil {
		return nil, err
	}
	return records, d.trace(ctx, v, q.names)
}

func (d *Desk) trace(ctx context.Context, v desk.Visit, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return d.Journal.Append(ctx, v.Aidant.Consulted(names))
}

// results is the table of entries; the index leads to the entry, the mandat to
// its timeline.
func results(caption string, records []journal.Record, zone *time.Location) page.Table {
	t := page.Table{Caption: caption, Hidden: true, Columns: []string{"Entrée", "Date et heure", "Action", "Issue", "Acteur", "Mandat", "Motif"}}
	for _, rec := range records {
		index := strconv.FormatInt(rec.Index, 10)
		t.Rows = append(t.Rows, []page.Cell{{Text: index, Href: entries + index, Number: true}, {Text: moment(rec.At, zone), Number: true},
			{Text: rec.Action.Label()}, outcome(rec.Outcome), actorCell(rec.Actor), mandatCell(rec.Mandat), {Text: orNone(rec.Reason)}})
	}
	return t
}

type timelinePage struct {
	page.Layout
	Short   string
	Results page.Table
	Gapless bool
	Count   int
}

// timeline shows one mandat's entries; its own opening is a search.
func (d *Desk) timeline(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	id := r.PathValue("id")
	records, err := d.Journal.MandatEntries(r.Context(), id)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return mandat.ErrNotFound
	}
	if err := d.trace(r.Context(), v, []string{"mandat"}); err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b journal.Record) int { return int(a.StreamSeq - b.StreamSeq) })
	p := &timelinePage{Layout: v.Layout("Un mandat au fil du temps", home), Short: short(id), Count: len(records), Gapless: gapless(records)}
	p.Wide = true
	p.Results = page.Table{Caption: "Entrées de ce mandat, de la plus ancienne à la plus récente",
		Columns: []string{"Compteur", "Date et heure", "Action", "Issue", "Acteur", "Motif", "Entrée"}}
	last := records[len(records)-1].StreamSeq
	for _, rec := range records {
		counter := strconv.FormatInt(rec.StreamSeq, 10) + "/" + strconv.FormatInt(last, 10)
		index := strconv.FormatInt(rec.Index, 10)
		p.Results.Rows = append(p.Results.Rows, []page.Cell{{Text: counter, Number: true}, {Text: moment(rec.At, v.Zone()), Number: true},
			{Text: rec.Action.Label()}, outcome(rec.Outcome), actorCell(rec.Actor), {Text: orNone(rec.Reason)},
			{Text: "Entrée " + index, Href: entries + index}})
	}
	return d.Pages.Render(w, http.StatusOK, "controle/mandat", p)
}

// gapless tells whether the counters are 1, 2, 3…
func gapless(records []journal.Record) bool {
	for i, rec := range records {
		if rec.StreamSeq != int64(i)+1 {
			return false
		}
	}
	return true
}
