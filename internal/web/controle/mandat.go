package controle

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type timelinePage struct {
	page.Layout
	Short   string
	Results page.Table
	Gapless bool
	Count   int
	Reveal  string // where an identity is asked for
	Export  string
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
		return noMandat()
	}
	if inside, err := d.inside(r, v, records[0].Index); err != nil {
		return err
	} else if !inside {
		return noMandat()
	}
	if err := d.trace(r.Context(), v, []string{"mandat"}); err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b journal.Record) int { return int(a.StreamSeq - b.StreamSeq) })
	p := &timelinePage{Layout: v.Layout("Un mandat au fil du temps", home), Short: short(id), Count: len(records), Gapless: gapless(records)}
	p.Wide, p.Reveal, p.Export = true, revealPath(records[0].Index), exporter+"?mandat="+url.QueryEscape(id)
	p.Results = page.Table{Caption: "Entrées de ce mandat, de la plus ancienne à la plus récente",
		Columns: []string{"Compteur", "Date et heure", "Action", "Issue", "Acteur", "Motif", "Entrée"}}
	last := records[len(records)-1].StreamSeq
	for _, rec := range records {
		counter := strconv.FormatInt(rec.StreamSeq, 10) + "/" + strconv.FormatInt(last, 10)
		p.Results.Rows = append(p.Results.Rows, []page.Cell{{Text: counter, Number: true}, {Text: moment(rec.At, v.Zone()), Number: true},
			{Text: rec.Action.Label()}, outcome(rec.Outcome), actorCell(v, rec.Actor), {Text: reason(rec)},
			entryCell(rec.Index)})
	}
	return d.Pages.Render(w, http.StatusOK, "controle/mandat", p)
}

func noMandat() error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Ce mandat est introuvable",
		Text: "Il n’existe pas, ou il n’est pas dans le périmètre de votre mission.",
		Next: page.Link{Href: home, Text: "Ouvrir le journal"}, Cause: mandat.ErrNotFound}
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
