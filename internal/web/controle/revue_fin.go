package controle

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"relais/internal/journal"
	"relais/internal/revue"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type closingPage struct {
	page.Layout
	Form        page.Form
	ID, Heading string
	Counts      []page.Item
	Max         int
}

// askClose asks for the conclusion. A review with unmarked entries has none yet.
func (d *Desk) askClose(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.finished(r, v)
	if err != nil {
		return err
	}
	return d.showClose(w, v, x, page.Form{}, http.StatusOK)
}

// finished loads a review whose entries are all marked.
func (d *Desk) finished(r *http.Request, v desk.Visit) (revue.Revue, error) {
	x, err := d.working(r, v)
	if err == nil && x.Done() < len(x.Lines) {
		err = unfinished(x)
	}
	return x, err
}

func unfinished(x revue.Revue) error {
	return &desk.Problem{Status: http.StatusConflict, Title: "La revue n’est pas terminée",
		Text: strconv.Itoa(x.Done()) + " entrées sur " + strconv.Itoa(len(x.Lines)) + " ont une marque. Toutes doivent en avoir une avant la clôture.",
		Next: page.Link{Href: revues + "/" + x.ID, Text: "Continuer la revue"}, Cause: revue.ErrUnfinished}
}

func (d *Desk) showClose(w http.ResponseWriter, v desk.Visit, x revue.Revue, form page.Form, status int) error {
	p := &closingPage{Layout: v.Layout("Clore la revue", home), Form: form, ID: x.ID, Heading: x.Title, Counts: markCounts(x), Max: revue.ConclusionMax}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "controle/revue-cloture", p)
}

func markCounts(x revue.Revue) []page.Item {
	items := []page.Item{{Term: "Entrées examinées", Text: strconv.Itoa(len(x.Lines))}}
	for _, m := range revue.Marks() {
		items = append(items, page.Item{Term: m.Label(), Text: strconv.Itoa(x.Count(m))})
	}
	return items
}

// closeRevue closes it at the journal's present size; the report that follows is
// the receipt.
func (d *Desk) closeRevue(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.finished(r, v)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, 64<<10)
	if err != nil {
		return err
	}
	conclusion := form.Lines("conclusion", revue.ConclusionMax, "Écrivez ce que vous concluez de cet échantillon.")
	form.OneOf("confirmer", "Cochez la case pour confirmer.", "oui")
	if form.Invalid() {
		return d.showClose(w, v, x, form, http.StatusUnprocessableEntity)
	}
	head, err := d.Journal.Head(r.Context())
	if err != nil {
		return err
	}
	_, err = d.Revues.ChangeRevue(r.Context(), x.ID, func(x revue.Revue) (revue.Revue, journal.Fact, error) {
		return x.Close(conclusion, head, v.Aidant.Actor(v.Session.Auth), d.Now())
	})
	switch {
	case errors.Is(err, revue.ErrInvalid):
		form.Fail("conclusion", "Écrivez une conclusion lisible, sans caractère caché.")
		return d.showClose(w, v, x, form, http.StatusUnprocessableEntity)
	case errors.Is(err, revue.ErrClosed):
		return isClosed(x.ID)
	case errors.Is(err, revue.ErrUnfinished):
		return unfinished(x)
	case errors.Is(err, revue.ErrRaced):
		return raced(x.ID)
	case err != nil:
		return err
	}
	http.Redirect(w, r, revues+"/"+x.ID, http.StatusSeeOther)
	return nil
}

// finding is one entry of the report that is not merely conforme.
type finding struct {
	Index int64
	Href  string
	Mark  page.Cell
	Note  []string
}

type reportPage struct {
	page.Layout
	Heading    string
	Who        []page.Item
	Criteria   []page.Item
	Draw       []page.Item
	Redrawn    bool // the sample was drawn again and is the same
	Pending    bool // the closing entry has no number yet, for a moment
	Sealed     bool // the review is what the journal says
	Counts     []page.Item
	Findings   []finding
	Fine       string // indexes
	Remarks    []finding
	Conclusion []string
	Closing    []page.Item
}

// report shows a closed review, drawn again and held against the journal.
// Reading it is recorded.
func (d *Desk) report(w http.ResponseWriter, r *http.Request, v desk.Visit, x revue.Revue) error {
	p := &reportPage{Layout: v.Layout("Rapport de revue", home), Heading: x.Title, Counts: markCounts(x), Conclusion: lines(x.Conclusion)}
	if err := d.check(r, x, p); err != nil {
		return err
	}
	filter, err := revue.ParseCriteria(x.Criteria)
	if err != nil {
		return err
	}
	if p.Criteria, err = d.criteriaItems(r.Context(), v, filter, nil); err != nil {
		return err
	}
	p.Who = []page.Item{{Term: "Auditeur", Text: who(v, x)}, {Term: "Mission", Text: missionName(v, x.MissionID)},
		{Term: "Ouverte le", Text: page.DateTime(x.OpenedAt.In(v.Zone()))}, {Term: "Close le", Text: page.DateTime(x.ClosedAt.In(v.Zone()))}}
	p.Draw = []page.Item{{Term: "Entrées demandées", Text: strconv.Itoa(x.N)}, {Term: "Entrées tirées", Text: strconv.Itoa(len(x.Lines))},
		{Term: "Taille du journal au tirage", Text: strconv.FormatInt(x.Size, 10)}, {Term: "Graine", Text: x.Seed}, entryItem("Entrée d’ouverture", x.OpenEntry)}
	p.Closing = []page.Item{entryItem("Entrée de clôture", x.CloseEntry), {Term: "Taille du journal à la clôture", Text: strconv.FormatInt(x.Head.Size, 10)},
		{Term: "Racine de l’arbre à cette taille", Text: x.Head.Root.String()}}
	p.list(x)
	if err := d.Journal.Append(r.Context(), x.Read(v.Aidant.Actor(v.Session.Auth))); err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "controle/revue-rapport", p)
}

// check draws the sample again and holds the review against its two entries.
func (d *Desk) check(r *http.Request, x revue.Revue, p *reportPage) error {
	sample, err := d.Samples.Redraw(r.Context(), x)
	if err != nil {
		return err
	}
	p.Redrawn = slices.Equal(sample, x.Indexes())
	if p.Pending = x.OpenEntry < 0 || x.CloseEntry < 0; p.Pending {
		return nil
	}
	ends, err := d.Samples.Entries(r.Context(), []int64{x.OpenEntry, x.CloseEntry})
	if err != nil {
		return err
	}
	p.Sealed = len(ends) == 2 && x.Sealed(ends[0], ends[1])
	return nil
}

// list sorts the sample by mark: what is not conforme in full, what is by index.
func (p *reportPage) list(x revue.Revue) {
	var fine []string
	for _, l := range x.Lines {
		index := strconv.FormatInt(l.Index, 10)
		f := finding{Index: l.Index, Href: entries + index, Mark: markCell(l.Mark), Note: lines(l.Note)}
		if l.Mark != revue.Fine {
			p.Findings = append(p.Findings, f)
			continue
		}
		if fine = append(fine, index); l.Note != "" {
			p.Remarks = append(p.Remarks, f)
		}
	}
	p.Fine = strings.Join(fine, ", ")
}

// who is the visitor's own name on their report, another auditeur's label on
// theirs.
func who(v desk.Visit, x revue.Revue) string {
	if x.AuditeurID == v.Aidant.ID {
		return v.Aidant.Name()
	}
	return v.Mission.Label(x.AuditeurID)
}

// missionName is how a mission is called: by its reference when it is the visitor's.
func missionName(v desk.Visit, id string) string {
	for _, m := range v.Missions {
		if m.ID == id {
			return m.Reference
		}
	}
	return id
}

func entryItem(term string, index int64) page.Item {
	if index < 0 {
		return page.Item{Term: term, Text: "pas encore numérotée"}
	}
	text := strconv.FormatInt(index, 10)
	return page.Item{Term: term, Text: text, Href: entries + text}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
