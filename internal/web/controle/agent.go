package controle

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const agents = "/controle/agents/"

// countedMax is how many of an agent's newest entries the totals take in, so that
// the page costs the same whatever the journal's size.
const countedMax = 1000

type agentPage struct {
	page.Layout
	Label   string
	Totals  page.Table
	Partial bool   // the agent has more entries than were counted
	Counted string // how many were
	Results page.Table
	Newer   string
	Older   string
	Reveal  string
}

// agent shows what one agent did within the mission's scope. An agent who did
// nothing there looks like one who does not exist. Opening it is a search.
func (d *Desk) agent(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	label := r.PathValue("ref")
	id, err := d.agentID(r.Context(), v, label)
	if err != nil {
		return err
	}
	if id == "" {
		return noAgent()
	}
	found, err := d.newest(r.Context(), journal.Filter{Actor: id, Scope: v.Scope(), Limit: countedMax})
	if err != nil {
		return err
	}
	newest := found.Records
	if err := d.trace(r.Context(), v, []string{"acteur"}); err != nil {
		return err
	}
	if len(newest) == 0 {
		return noAgent()
	}
	p := &agentPage{Layout: v.Layout("Un agent au fil du temps", home), Label: label, Counted: page.Count(int64(len(newest))), Partial: found.Next > 0,
		Totals: totals(newest), Reveal: revealPath(newest[0].Index)}
	p.Wide = true
	shown, next := newest, found.Next
	if len(shown) > perPage {
		shown, next = shown[:perPage], shown[perPage-1].Index
	}
	if before, err := strconv.ParseInt(r.URL.Query().Get("avant"), 10, 64); err == nil && before > 0 {
		p.Newer = agents + label
		older, err := d.newest(r.Context(), journal.Filter{Actor: id, Scope: v.Scope(), Before: before, Limit: perPage})
		if err != nil {
			return err
		}
		shown, next = older.Records, older.Next
	}
	if next > 0 {
		p.Older = agents + label + "?avant=" + strconv.FormatInt(next, 10)
	}
	p.Results = results("Entrées de cet agent, de la plus récente à la plus ancienne", shown, v)
	return d.Pages.Render(w, http.StatusOK, "controle/agent", p)
}

// newest goes on with a search that stopped at its bound before it found anything,
// a few times: an agent whose acts in the scope are old is not one who did nothing.
func (d *Desk) newest(ctx context.Context, f journal.Filter) (journal.Page, error) {
	const parts = 20
	for n := 1; ; n++ {
		found, err := d.Journal.Search(ctx, f)
		if err != nil || len(found.Records) > 0 || found.Next == 0 || n == parts {
			return found, err
		}
		f.Before = found.Next
	}
}

// totals counts entries by action and outcome, the most frequent first.
func totals(records []journal.Record) page.Table {
	type line struct{ done, refused int }
	lines := map[journal.Action]line{}
	for _, rec := range records {
		l := lines[rec.Action]
		if rec.Outcome == journal.OK {
			l.done++
		} else {
			l.refused++
		}
		lines[rec.Action] = l
	}
	var actions []journal.Action
	for action := range lines {
		actions = append(actions, action)
	}
	slices.SortFunc(actions, func(a, b journal.Action) int {
		return cmp.Or(lines[b].done+lines[b].refused-lines[a].done-lines[a].refused, cmp.Compare(a, b))
	})
	t := page.Table{Caption: "Totaux par action", Hidden: true, Columns: []string{"Action", "Faites", "Refusées ou en échec"}}
	for _, action := range actions {
		t.Rows = append(t.Rows, []page.Cell{{Text: action.Label()}, {Text: strconv.Itoa(lines[action].done), Number: true},
			{Text: strconv.Itoa(lines[action].refused), Number: true}})
	}
	return t
}

func noAgent() error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Cet agent est introuvable",
		Text: "Aucun agent de ce pseudonyme n’a agi dans le périmètre de votre mission. Un pseudonyme ne vaut que dans une mission.",
		Next: page.Link{Href: home, Text: "Ouvrir le journal"}, Cause: aidant.ErrNotFound}
}
