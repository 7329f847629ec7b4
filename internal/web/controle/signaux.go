package controle

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/signal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	signaux  = "/controle/signaux"
	activite = "/controle/activite"
	// signalsShown keeps a first view, with the rules, below 50 KB.
	signalsShown = 30
)

// Watch gives what followers derive from the journal.
type Watch interface {
	Signals(ctx context.Context, f signal.Filter) ([]signal.Found, error)
	Releve(ctx context.Context, p signal.Period) (signal.Releve, error)
	Organisations(ctx context.Context) ([]organisation.Organisation, error)
	// Signal and SeeSignal are signal.ErrNotFound for a signal that is not there.
	Signal(ctx context.Context, index int64, rule signal.Code) (signal.Found, signal.Seen, error)
	SeeSignal(ctx context.Context, index int64, rule signal.Code, see func(signal.Found) (signal.Seen, journal.Fact, error)) error
}

// watchRoutes are the pages of signals and charts.
func (d *Desk) watchRoutes() []desk.Route {
	return []desk.Route{
		{Pattern: "GET /controle/signaux", Access: desk.Auditeur, Handle: d.signals},
		{Pattern: "GET /controle/signaux/{index}/{regle}", Access: desk.Auditeur, Handle: d.signal},
		{Pattern: "POST /controle/signaux/{index}/{regle}", Access: desk.Auditeur, Handle: d.seeSignal},
		{Pattern: "GET /controle/activite", Access: desk.Auditeur, Handle: d.activity},
	}
}

type signalsPage struct {
	page.Layout
	Form       page.Form
	Choices    []page.Option
	Structures []page.Option
	States     []page.Option
	Rules      []signal.Rule
	Chosen     signal.Rule // the rule asked for, or none
	Results    page.Table
	Filtered   bool
	Older      string
	Newer      string
}

// signals lists signals, newest first. Looking at them is a search.
func (d *Desk) signals(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	places, err := d.places(r.Context(), v.Scope())
	if err != nil {
		return err
	}
	q := query{form: page.Form{Values: firstValues(r.URL.Query())}}
	f := q.signals(places, v.Zone())
	f.Scope = v.Scope()
	p := &signalsPage{Layout: v.Layout("Signaux", home), Form: q.form, Rules: signal.Rules(), Choices: ruleOptions(),
		States: []page.Option{{Label: "Tous"}, {Value: "non", Label: "Non vus"}}, Structures: places.options(), Filtered: len(q.names) > 0}
	p.Wide = true
	p.Chosen, _ = signal.Find(f.Rule)
	if q.form.Invalid() {
		p.Invalid = true
		return d.Pages.Render(w, http.StatusUnprocessableEntity, "controle/signaux", p)
	}
	found, err := d.Watch.Signals(r.Context(), f)
	if err != nil {
		return err
	}
	if err := d.trace(r.Context(), v, append([]string{"signaux"}, q.names...)); err != nil {
		return err
	}
	if len(found) > signalsShown {
		found = found[:signalsShown]
		last := found[signalsShown-1]
		p.Older = q.at(signaux, "avant", strconv.FormatInt(last.Index, 10)+"."+string(last.Rule))
	}
	if f.After.Rule != "" {
		p.Newer = q.at(signaux)
	}
	p.Results = signalTable(found, places, v)
	return d.Pages.Render(w, http.StatusOK, "controle/signaux", p)
}

// signals reads the criteria of the page of signals.
func (q *query) signals(places places, zone *time.Location) signal.Filter {
	q.period(zone)
	f := signal.Filter{From: q.filter.From, To: q.filter.To, Structure: q.structure(places), Limit: signalsShown + 1}
	if code := signal.Code(q.form.Get("regle")); code != "" {
		if _, ok := signal.Find(code); !ok {
			q.form.Fail("regle", "Choisissez une règle de la liste.")
		}
		f.Rule, q.names = code, append(q.names, "regle")
	}
	switch q.form.Get("vus") {
	case "":
	case "non":
		f.Unseen, q.names = true, append(q.names, "vus")
	default:
		q.form.Fail("vus", "Choisissez un état de la liste.")
	}
	index, rule, _ := strings.Cut(q.form.Get("avant"), ".")
	if n, err := strconv.ParseInt(index, 10, 64); err == nil && n >= 0 {
		if _, ok := signal.Find(signal.Code(rule)); ok {
			f.After = signal.Cursor{Index: n, Rule: signal.Code(rule)}
		}
	}
	return f
}

// structure reads which structure was chosen, one of those of the mission.
func (q *query) structure(places places) string {
	id := q.form.Get("structure")
	if id == "" {
		return ""
	}
	if _, ok := places.names[id]; !ok {
		q.form.Fail("structure", "Choisissez une structure de la liste.")
	}
	q.names = append(q.names, "structure")
	return id
}

// at is another page of the signals, with the same criteria and one more.
func (q *query) at(path string, more ...string) string {
	return q.address(path, []string{"regle", "structure", "vus"}, more...)
}

// firstValues keeps one value a field.
func firstValues(values url.Values) url.Values {
	for name, list := range values {
		values[name] = list[:1]
	}
	return values
}

func signalTable(found []signal.Found, places places, v desk.Visit) page.Table {
	t := page.Table{Caption: "Signaux, du plus récent au plus ancien", Hidden: true,
		Columns: []string{"Date et heure", "Règle", "Agent", "Mandat", "Structure", "Entrée", "État"}}
	for _, f := range found {
		rule, _ := signal.Find(f.Rule)
		index := strconv.FormatInt(f.Index, 10)
		state := page.Cell{Text: "Non vu"}
		if !f.SeenAt.IsZero() {
			state = page.Cell{Text: "Vu", Tag: "info"}
		}
		agent := actorCell(v, journal.Actor{Type: journal.ActorAidant, Ref: f.Aidant})
		t.Rows = append(t.Rows, []page.Cell{{Text: moment(f.At, v.Zone()), Href: signalPath(f), Number: true}, {Text: rule.Title, Href: "#regle-" + string(f.Rule)},
			agent, mandatCell(f.Mandat), {Text: orNone(places.names[f.Structure])}, {Text: index, Href: entries + index, Number: true}, state})
	}
	return t
}

func ruleOptions() []page.Option {
	options := []page.Option{{Label: "Toutes"}}
	for _, r := range signal.Rules() {
		options = append(options, page.Option{Value: string(r.Code), Label: r.Title})
	}
	return options
}

// places are the structures of a mission, by name.
type places struct {
	list  []organisation.Organisation
	names map[string]string
}

func (d *Desk) places(ctx context.Context, scope journal.Scope) (places, error) {
	all, err := d.Watch.Organisations(ctx)
	p := places{names: map[string]string{}}
	for _, o := range all {
		if scope.Covers(journal.Facets{Structure: o.ID, Departement: o.Departement()}) {
			p.list = append(p.list, o)
			p.names[o.ID] = o.Name
		}
	}
	return p, err
}

func (p places) options() []page.Option {
	options := []page.Option{{Label: "Toutes"}}
	for _, o := range p.list {
		options = append(options, page.Option{Value: o.ID, Label: o.Name})
	}
	return options
}
