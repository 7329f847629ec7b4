package controle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	exporter    = "/controle/exporter"
	exportMax   = 500000           // entries of one export from a page
	exportLife  = 20 * time.Minute // how long making and sending one may take
	exportBody  = 128 << 10        // bytes of the form
	checkpoints = 64 << 10         // bytes of an older checkpoint
)

// Exports makes the files that an auditeur takes away.
type Exports interface {
	// Make returns a finished file; the export is an entry then. The caller closes it.
	Make(ctx context.Context, r scellement.Request) (*scellement.Finished, error)
	// Failed records that the file did not reach whoever asked.
	Failed(ctx context.Context, r scellement.Request, e *scellement.Finished) error
}

type exportPage struct {
	page.Layout
	Form     page.Form
	Query    string // of the address, with its question mark
	Criteria []page.Item
	Shows    string // what the evidence will show of completeness
	Forms    []page.Option
	Max      int
	Back     page.Link
}

// exported is what the address asks to export, within the mission's scope.
type exported struct {
	query
	request scellement.Request
	address string
	back    page.Link
}

// askExport says what an export would hold and for whom, before it is made. It
// shows nothing of the journal.
func (d *Desk) askExport(w http.ResponseWriter, r *http.Request) error {
	x, err := d.toExport(r)
	if err != nil {
		return err
	}
	return d.showExport(w, r, x, page.Form{}, http.StatusOK)
}

func (d *Desk) showExport(w http.ResponseWriter, r *http.Request, x exported, form page.Form, status int) error {
	v, s := desk.Of(r), x.request.Filter
	p := &exportPage{Layout: v.Layout("Exporter", home), Form: form, Query: x.address, Shows: shows(s), Max: exportMax, Back: x.back}
	p.Invalid = form.Invalid()
	criteria, err := d.exportCriteria(r.Context(), v, x)
	if err != nil {
		return err
	}
	p.Criteria = append(criteria, page.Item{Term: "Mission", Text: v.Mission.Reference + ", " + v.Within},
		page.Item{Term: "Pour", Text: "vous : " + v.Aidant.Name()})
	p.Forms = []page.Option{
		{Value: string(preuve.Evidence), Label: "Fichier de preuve (zip)", Hint: "Il se vérifie sans Relais, avec la clé publique du journal."},
		{Value: string(preuve.CSV), Label: "Tableau (CSV)", Hint: "Pour un tableur. Les agents y portent leur pseudonyme dans cette mission. Il ne prouve rien."},
		{Value: string(preuve.JSONL), Label: "Entrées brutes (JSONL)", Hint: "Le contenu canonique, un par ligne, octet pour octet. Il ne prouve rien à lui seul."},
	}
	return d.Pages.Render(w, status, "controle/exporter", p)
}

// exportCriteria says what would be exported; the mission, beside it, says the
// scope.
func (d *Desk) exportCriteria(ctx context.Context, v desk.Visit, x exported) ([]page.Item, error) {
	if entry := x.request.Filter.Entry; entry != nil {
		return []page.Item{{Term: "Entrée", Text: strconv.FormatInt(*entry, 10)}}, nil
	}
	places, err := d.places(ctx, journal.Scope{})
	if err != nil {
		return nil, err
	}
	return d.criteria(ctx, v, x.filter, places)
}

// export makes the file and sends it. Its own entry is written before the first
// byte leaves; a delivery that breaks off is written too.
func (d *Desk) export(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	x, err := d.toExport(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, exportBody)
	if err != nil {
		return err
	}
	x.request.Form = preuve.Form(form.OneOf("format", "Choisissez le format de l’export.", "preuve", "csv", "jsonl"))
	x.request.Since = since(&form)
	if form.Invalid() {
		return d.showExport(w, r, x, form, http.StatusUnprocessableEntity)
	}
	if _, busy := d.exporting.LoadOrStore(v.Aidant.ID, true); busy {
		return &desk.Problem{Status: http.StatusTooManyRequests, Title: "Un de vos exports est en cours",
			Text: "Relais fait un export à la fois pour chaque auditeur.", Do: []string{"Attendez la fin du premier, puis recommencez."}, Next: x.back}
	}
	defer d.exporting.Delete(v.Aidant.ID)
	d.patience(w)
	ctx, stop := context.WithTimeout(r.Context(), exportLife)
	defer stop()
	made, err := d.Exports.Make(ctx, x.request)
	if errors.Is(err, journal.ErrCheckpoint) {
		form.Fail("since", "Collez un point de contrôle signé par ce journal, entier, ou laissez ce champ vide.")
		return d.showExport(w, r, x, form, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return notExported(err, x.back)
	}
	defer func() { _ = made.Close() }() // a scratch file
	return d.deliver(ctx, w, x.request, made)
}

// patience lets a large file take its time on this connection.
func (d *Desk) patience(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(d.Now().Add(exportLife)) // a recorder in a test has none
}

// deliver sends the file. The status is out by then: what fails is for the
// journal, and the broken connection tells the browser.
func (d *Desk) deliver(ctx context.Context, w http.ResponseWriter, request scellement.Request, made *scellement.Finished) error {
	kind := map[preuve.Form][2]string{preuve.Evidence: {"application/zip", "zip"}, preuve.CSV: {"text/csv; charset=utf-8", "csv"},
		preuve.JSONL: {"application/jsonl; charset=utf-8", "jsonl"}}[request.Form]
	name := "relais-export-entree-" + strconv.FormatInt(made.Index, 10) + "." + kind[1]
	w.Header().Set("Content-Type", kind[0])
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Content-Length", strconv.FormatInt(made.Size, 10))
	w.Header().Set("Cache-Control", "no-store")
	if n, err := io.Copy(w, made.Reader()); err != nil || n != made.Size {
		_ = d.Exports.Failed(ctx, request, made) // the database too: nothing is left to tell
		panic(http.ErrAbortHandler)              // no page may follow half a file
	}
	return nil
}

// toExport reads the address as the journal's page does, or one entry's index,
// and holds it to the mission's scope.
func (d *Desk) toExport(r *http.Request) (exported, error) {
	v := desk.Of(r)
	places, err := d.places(r.Context(), v.Scope())
	if err != nil {
		return exported{}, err
	}
	q, err := d.read(r, v.Zone(), places)
	if err != nil {
		return exported{}, err
	}
	if err := d.limit(r.Context(), v, &q); err != nil {
		return exported{}, err
	}
	x := exported{query: q, back: page.Link{Href: q.link(0), Text: "Journal"}}
	x.request = scellement.Request{By: v.Aidant.Actor(v.Session.Auth), App: d.App, Max: exportMax, Names: d.names(r.Context(), v)}
	if given := r.URL.Query().Get("entree"); given != "" {
		return d.oneToExport(r, v, x, given)
	}
	f := q.filter
	f.Limit, f.Before = 0, 0
	x.request.Filter = selection(f, q)
	if q.form.Invalid() || q.nothing || len(q.names) == 0 {
		text := "Aucun critère ne dit quelles entrées exporter."
		if len(q.unknown) > 0 {
			text = q.unknown[0].Term + " " + q.unknown[0].Text + "."
		}
		return x, &desk.Problem{Status: http.StatusNotFound, Title: "Rien à exporter", Text: text,
			Do: []string{"Cherchez dans le journal avec une période ou un autre critère, puis exportez ce que vous avez trouvé."}, Next: page.Link{Href: home, Text: "Ouvrir le journal"}}
	}
	if _, query, ok := strings.Cut(q.link(0), "?"); ok {
		x.address = "?" + query
	}
	if slices.Equal(q.names, []string{"mandat"}) { // whatever the scope adds: it covers a mandat whole, or not at all
		return d.mandatToExport(r, v, x)
	}
	x.request.Find = f
	return x, nil
}

// mandatToExport asks for a whole mandat, whose completeness can be shown, once
// it is known to lie in the scope.
func (d *Desk) mandatToExport(r *http.Request, v desk.Visit, x exported) (exported, error) {
	records, err := d.Journal.MandatEntries(r.Context(), x.filter.Mandat)
	if err != nil {
		return x, err
	}
	if len(records) == 0 {
		return x, noMandat()
	}
	if inside, err := d.inside(r, v, records[0].Index); err != nil {
		return x, err
	} else if !inside {
		return x, noMandat()
	}
	x.request.Filter = preuve.Selection{Mandat: x.filter.Mandat, Number: x.request.Filter.Number}
	x.back = page.Link{Href: mandats + url.PathEscape(x.filter.Mandat), Text: "Un mandat au fil du temps"}
	return x, nil
}

func (d *Desk) oneToExport(r *http.Request, v desk.Visit, x exported, given string) (exported, error) {
	r.SetPathValue("index", given)
	row, err := d.one(r, v)
	if err != nil {
		return x, err
	}
	index := strconv.FormatInt(row.Index, 10)
	x.request.Filter = preuve.Selection{Entry: &row.Index}
	x.address, x.back = "?entree="+index, page.Link{Href: entries + index, Text: "Entrée " + index}
	return x, nil
}

// selection is the filter as the export tells it: an agent by the label of this
// mission, the scope as a criterion.
func selection(f journal.Filter, q query) preuve.Selection {
	s := preuve.Selection{Mandat: f.Mandat, From: f.From, To: f.To, Action: string(f.Action), Outcome: string(f.Outcome),
		Structure: f.Structure, Domaine: f.Domaine, Service: f.Service, Usager: f.Usager, Departement: f.Scope.Departement}
	if f.Actor != "" {
		s.Actor = strings.TrimSpace(q.form.Get("acteur"))
	}
	if f.Scope.Structure != "" {
		s.Structure = f.Scope.Structure
	}
	return s
}

// names gives agents their label in this mission.
func (d *Desk) names(ctx context.Context, v desk.Visit) func(journal.Actor) (string, error) {
	return func(a journal.Actor) (string, error) {
		rec := journal.Record{Actor: a}
		if err := d.openActor(ctx, &rec); err != nil {
			return "", err
		}
		return actorRef(v, rec.Actor), nil
	}
}

// since reads the older checkpoint that was pasted: a browser sends other line
// ends, and may lose the last one.
func since(form *page.Form) []byte {
	text := strings.Trim(strings.ReplaceAll(form.Get("since"), "\r\n", "\n"), "\n ")
	if text == "" {
		return nil
	}
	if len(text) > checkpoints {
		form.Fail("since", "Collez un seul point de contrôle : ce texte est trop long.")
		return nil
	}
	return []byte(text + "\n")
}

// notExported explains why there is no file.
func notExported(err error, back page.Link) error {
	p := &desk.Problem{Status: http.StatusConflict, Next: back, Cause: fmt.Errorf("export: %w", err)}
	switch {
	case errors.Is(err, scellement.ErrTooMany), errors.Is(err, preuve.ErrTooLarge):
		p.Title, p.Text = "Cet export est trop grand", "Un export d’ici tient au plus "+strconv.Itoa(exportMax)+" entrées."
		p.Do = []string{"Choisissez une période plus courte, ou un critère de plus.", "L’exploitant peut faire un export plus grand avec « relais journal export »."}
	case errors.Is(err, scellement.ErrSince):
		p.Title, p.Text = "Le journal ne prolonge pas votre point de contrôle",
			"Des entrées ont été perdues ou réécrites depuis que vous l’avez gardé, ou une nouvelle époque a été ouverte."
		p.Do = []string{"Gardez votre point de contrôle : il en est la preuve.", "Prenez-en un nouveau à /journal/checkpoint, gardez les deux.", "Prévenez l’exploitant et votre hiérarchie."}
	case errors.Is(err, scellement.ErrBehind), errors.Is(err, scellement.ErrRewritten), errors.Is(err, scellement.ErrLost), errors.Is(err, scellement.ErrKeys):
		p.Title, p.Text = "Le journal n’est plus signé", "Aucune preuve ne peut être faite. Rien n’a été exporté."
		p.Do = []string{"Prévenez l’exploitant, et ne supprimez rien."}
	default:
		return err
	}
	return p
}
