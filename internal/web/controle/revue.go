package controle

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"relais/internal/journal"
	"relais/internal/revue"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// samplePage is how many entries of a sample its table shows at a time.
const samplePage = 20

// readable loads the review of the address. One that the visitor may not read
// looks like one that does not exist, and the refusal is recorded.
func (d *Desk) readable(r *http.Request, v desk.Visit) (revue.Revue, error) {
	x, err := d.Revues.Revue(r.Context(), r.PathValue("id"))
	if errors.Is(err, revue.ErrNotFound) {
		return x, noRevue(err)
	}
	if err != nil {
		return x, err
	}
	places, err := d.places(r.Context(), journal.Scope{})
	if err != nil {
		return x, err
	}
	if err := x.Readable(v.Aidant.ID, v.Scope(), places.departement(x.Scope.Structure)); err != nil {
		reason := "hors_mission"
		if errors.Is(err, revue.ErrOther) {
			reason = "autre_auditeur"
		}
		if failed := d.refuse(r, v, reason); failed != nil {
			return x, failed
		}
		return x, noRevue(err)
	}
	return x, nil
}

// working loads a review that its owner may still work on.
func (d *Desk) working(r *http.Request, v desk.Visit) (revue.Revue, error) {
	x, err := d.readable(r, v)
	if err != nil {
		return x, err
	}
	if x.Closed() {
		return x, isClosed(x.ID)
	}
	return x, nil
}

func noRevue(cause error) error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Cette revue est introuvable",
		Text: "Elle n’existe pas, elle est celle d’un autre auditeur et n’est pas close, ou elle dépasse le périmètre de votre mission.",
		Next: page.Link{Href: revues, Text: "Voir les revues"}, Cause: cause}
}

func isClosed(id string) error {
	return &desk.Problem{Status: http.StatusConflict, Title: "Cette revue est close",
		Text: "Plus rien n’y est ajouté ni changé. Votre saisie n’a pas été enregistrée.",
		Next: page.Link{Href: revues + "/" + id, Text: "Lire le rapport de la revue"}, Cause: revue.ErrClosed}
}

func raced(id string) error {
	return &desk.Problem{Status: http.StatusConflict, Title: "Deux saisies se sont croisées",
		Text: "Une autre fenêtre est passée avant. Votre saisie n’a pas été enregistrée.", Do: []string{"Revenez à la revue et recommencez."},
		Next: page.Link{Href: revues + "/" + id, Text: "Revenir à la revue"}, Cause: revue.ErrRaced}
}

type revuePage struct {
	page.Layout
	Form        page.Form
	ID, Heading string
	Done, Total int
	Position    int // of the entry on the table, from 1
	Index       int64
	Entry       []page.Item
	Pruned      bool
	Marks       []page.Option
	NoteMax     int
	Sample      page.Table
	Before      string // the pages of the table
	After       string
	Complete    bool
}

// revue is the work page of a review that is open, and the report of one that
// is closed.
func (d *Desk) revue(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.readable(r, v)
	if err != nil {
		return err
	}
	if x.Closed() {
		return d.report(w, r, v, x)
	}
	position := slices.IndexFunc(x.Lines, func(l revue.Line) bool { return l.Mark == "" })
	if index, err := strconv.ParseInt(r.URL.Query().Get("entree"), 10, 64); err == nil {
		if i := slices.Index(x.Indexes(), index); i >= 0 {
			position = i
		}
	}
	return d.showRevue(w, r, v, x, max(position, 0), page.Form{}, http.StatusOK)
}

func (d *Desk) showRevue(w http.ResponseWriter, r *http.Request, v desk.Visit, x revue.Revue, position int, form page.Form, status int) error {
	from := position / samplePage * samplePage
	to := min(from+samplePage, len(x.Lines))
	records, err := d.Samples.Entries(r.Context(), x.Indexes()[from:to])
	if err != nil {
		return err
	}
	line := x.Lines[position]
	p := &revuePage{Layout: v.Layout("Revue : "+x.Title, home), Form: form, ID: x.ID, Heading: x.Title, Done: x.Done(), Total: len(x.Lines),
		Position: position + 1, Index: line.Index, NoteMax: revue.NoteMax, Complete: x.Done() == len(x.Lines)}
	p.Wide, p.Invalid = true, form.Invalid()
	if !form.Values.Has("note") {
		p.Form.Set("note", line.Note)
	}
	for _, m := range revue.Marks() {
		p.Marks = append(p.Marks, page.Option{Value: string(m), Label: m.Label(), Checked: m == line.Mark})
	}
	state := d.Seal.State().Progress
	for _, rec := range records {
		if rec.Index == line.Index {
			p.Entry, p.Pruned = brief(describe(v, rec.Index, rec, state.State(rec.Index))), rec.PrunedBy != 0
		}
	}
	p.Sample = sampleTable(x.Lines[from:to], records, v, p.at)
	if from > 0 {
		p.Before = p.at(x.Lines[from-samplePage].Index)
	}
	if to < len(x.Lines) {
		p.After = p.at(x.Lines[to].Index)
	}
	return d.Pages.Render(w, status, "controle/revue", p)
}

// brief leaves to the entry's own page what seldom helps to judge it, so that
// entry and mark fit on one screen.
func brief(items []page.Item) []page.Item {
	elsewhere := []string{"Index", "Identifiant", "Identification", "Référence de l’objet", "Requête"}
	return slices.DeleteFunc(items, func(i page.Item) bool {
		return slices.Contains(elsewhere, i.Term) || i.Term == "Motif" && i.Text == "–"
	})
}

// at is the work page with one entry of the sample on the table.
func (p *revuePage) at(index int64) string {
	return revues + "/" + p.ID + "?entree=" + strconv.FormatInt(index, 10)
}

// sampleTable lists entries of a sample with their marks.
func sampleTable(lines []revue.Line, records []journal.Record, v desk.Visit, at func(int64) string) page.Table {
	t := page.Table{Caption: "Entrées de l’échantillon, dans l’ordre du journal", Hidden: true,
		Columns: []string{"Entrée", "Date et heure", "Action", "Issue", "Marque"}}
	for _, l := range lines {
		row := []page.Cell{{Text: strconv.FormatInt(l.Index, 10), Href: at(l.Index), Number: true}, {Text: "–"}, {Text: "–"}, {Text: "–"}, markCell(l.Mark)}
		for _, rec := range records {
			if rec.Index == l.Index {
				row[1], row[2], row[3] = page.Cell{Text: moment(rec.At, v.Zone()), Number: true}, page.Cell{Text: rec.Action.Label()}, outcome(rec.Outcome)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func markCell(m revue.Mark) page.Cell {
	kinds := map[revue.Mark]string{revue.Fine: "success", revue.Unclear: "warning", revue.Anomaly: "error", "": "neutral"}
	return page.Cell{Text: m.Label(), Tag: kinds[m]}
}

// annotate marks one entry and goes on to the next one without a mark.
func (d *Desk) annotate(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.working(r, v)
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	position := slices.Index(x.Indexes(), index)
	if err != nil || position < 0 {
		return noEntry()
	}
	form, err := page.ReadForm(r, 16<<10)
	if err != nil {
		return err
	}
	mark, note := readMark(&form)
	if form.Invalid() {
		return d.showRevue(w, r, v, x, position, form, http.StatusUnprocessableEntity)
	}
	_, err = d.Revues.ChangeRevue(r.Context(), x.ID, func(x revue.Revue) (revue.Revue, journal.Fact, error) {
		return x.Annotate(index, mark, note, v.Aidant.Actor(v.Session.Auth))
	})
	switch {
	case errors.Is(err, revue.ErrInvalid):
		form.Fail("note", "Écrivez une note lisible, sans caractère caché.")
		return d.showRevue(w, r, v, x, position, form, http.StatusUnprocessableEntity)
	case errors.Is(err, revue.ErrClosed):
		return isClosed(x.ID)
	case errors.Is(err, revue.ErrRaced):
		return raced(x.ID)
	case err != nil:
		return err
	}
	http.Redirect(w, r, revues+"/"+x.ID, http.StatusSeeOther)
	return nil
}

func readMark(form *page.Form) (revue.Mark, string) {
	var marks []string
	for _, m := range revue.Marks() {
		marks = append(marks, string(m))
	}
	mark := revue.Mark(form.OneOf("marque", "Choisissez une marque pour cette entrée.", marks...))
	missing := ""
	if mark == revue.Unclear || mark == revue.Anomaly {
		missing = "Écrivez en une phrase ce qui est à éclaircir, ou ce qui ne va pas."
	}
	return mark, form.Lines("note", revue.NoteMax, missing)
}
