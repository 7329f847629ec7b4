package controle

import (
	"cmp"
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
	Partial bool // the agent has more entries than were counted
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
	newest, err := d.Journal.Journal(r.Context(), journal.Filter{Actor: id, Scope: v.Scope(), Limit: countedMax})
	if err != nil {
		return err
	}
	if err := d.trace(r.Context(), v, []string{"acteur"}); err != nil {
		return err
	}
	if len(newest) == 0 {
		return noAgent()
	}
	p := &agentPage{Layout: v.Layout("Un agent au fil du temps", home), Label: label, Partial: len(newest) == countedMax,
		Totals: totals(newest), Reveal: revealPath(newest[0].Index)}
	p.Wide = true
	shown := newest
	if before, err := strconv.ParseInt(r.URL.Query().Get("avant"), 10, 64); err == nil && before > 0 {
		p.Newer = agents + label
		if shown, err = d.Journal.Journal(r.Context(), journal.Filter{Actor: id, Scope: v.Scope(), Before: before, Limit: perPage + 1}); err != nil {
			return err
		}
	}
	if len(shown) > perPage {
		shown = shown[:perPage]
		p.Older = agents + label + "?avant=" + strconv.FormatInt(shown[perPage-1].Index, 10)
	}
	p.Results = results("Entrées de cet agent, de la plus récente à la plus ancienne", shown, v)
	return d.Pages.Render(w, http.StatusOK, "controle/agent", p)
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
	t := page.Table{Caption: "Totaux par action", Columns: []string{"Action", "Faites", "Refusées ou en échec"}}
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
