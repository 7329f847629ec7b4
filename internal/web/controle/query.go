package controle

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// perSearch is how many entries a page of the journal shows: with its form, a
// first view stays below 50 KB.
const perSearch = 40

// maxField bounds each criterion, in runes.
const maxField = 200

// query is a search as the address says it.
type query struct {
	form    page.Form
	filter  journal.Filter
	names   []string    // the criteria in use, for the trace
	nothing bool        // a criterion that no entry can meet: one of unknown
	unknown []page.Item // what was typed and is unknown in this mission
}

// read turns the address into a filter. What cannot be read is an error of the
// form; only the lookup of a mandat's number can fail otherwise.
func (d *Desk) read(r *http.Request, zone *time.Location, places places) (query, error) {
	q := query{form: page.Form{Values: firstValues(r.URL.Query())}, filter: journal.Filter{Limit: perSearch}}
	q.period(zone)
	q.filter.Actor = q.text("acteur")
	q.filter.Structure = q.structure(places)
	q.filter.Usager, q.filter.Service = q.text("usager"), q.text("service")
	q.choices()
	q.domaine()
	q.before()
	given := q.text("mandat")
	if given == "" || q.form.Invalid() {
		return q, nil
	}
	id, err := d.mandatID(r.Context(), given, places)
	if errors.Is(err, mandat.ErrNotFound) {
		q.nothing, q.unknown = true, append(q.unknown, unknownItem("Mandat", given))
		return q, nil
	}
	q.filter.Mandat = id
	return q, err
}

// mandatID reads an identifier, or a number with or without its blanks. A number
// of a structure outside the mission is as unknown as one that was never given.
func (d *Desk) mandatID(ctx context.Context, given string, places places) (string, error) {
	number := strings.ToUpper(strings.ReplaceAll(given, " ", ""))
	if len(number) != mandat.NumberLength {
		return given, nil
	}
	m, err := d.Numbers.MandatByNumber(ctx, number)
	if _, inside := places.names[m.OrganisationID]; err == nil && !inside {
		err = mandat.ErrNotFound
	}
	return m.ID, err
}

func (q *query) text(field string) string {
	if strings.TrimSpace(q.form.Get(field)) == "" {
		return ""
	}
	text := q.form.Text(field, maxField, "")
	if text != "" {
		q.names = append(q.names, field)
	}
	return text
}

// period reads the two dates: from the first day's midnight to the last day's.
func (q *query) period(zone *time.Location) {
	q.filter.From = q.day("du", zone)
	if to := q.day("au", zone); !to.IsZero() {
		q.filter.To = to.AddDate(0, 0, 1)
	}
	if !q.filter.From.IsZero() && !q.filter.To.IsZero() && !q.filter.From.Before(q.filter.To) {
		q.form.Fail("au", "Choisissez une date de fin qui n’est pas avant la date de début.")
	}
}

func (q *query) day(field string, zone *time.Location) time.Time {
	q.unfold(field)
	typed := q.form.Get(field+"-jour") + q.form.Get(field+"-mois") + q.form.Get(field+"-annee")
	if strings.TrimSpace(typed) == "" {
		return time.Time{}
	}
	text := q.form.Date(field, false)
	day, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return time.Time{} // Form.Date has noted the error under the field
	}
	q.names = append(q.names, field)
	return day
}

func (q *query) choices() {
	if action := journal.Action(q.form.Get("action")); action != "" {
		if !slices.Contains(journal.Actions(), action) {
			q.form.Fail("action", "Choisissez une action de la liste.")
		}
		q.filter.Action, q.names = action, append(q.names, "action")
	}
	if outcome := journal.Outcome(q.form.Get("issue")); outcome != "" {
		if !slices.Contains([]journal.Outcome{journal.OK, journal.Denied, journal.Failed}, outcome) {
			q.form.Fail("issue", "Choisissez une issue de la liste.")
		}
		q.filter.Outcome, q.names = outcome, append(q.names, "issue")
	}
}

// domaine reads which one was chosen.
func (q *query) domaine() {
	code := q.form.Get("domaine")
	if code == "" {
		return
	}
	if _, ok := domaine.Current().Find(code); !ok {
		q.form.Fail("domaine", "Choisissez un domaine de la liste.")
	}
	q.filter.Domaine, q.names = code, append(q.names, "domaine")
}

// before reads the keyset's cursor; a cursor that is none shows the first page.
func (q *query) before() {
	n, err := strconv.ParseInt(q.form.Get("avant"), 10, 64)
	if err == nil && n > 0 {
		q.filter.Before = n
	}
}

// link is the same search below an index, 0 for its first page.
func (q *query) link(before int64) string {
	var more []string
	if before > 0 {
		more = []string{"avant", strconv.FormatInt(before, 10)}
	}
	return q.address(home, []string{"acteur", "action", "mandat", "issue", "structure", "usager", "domaine", "service"}, more...)
}

// address is a page with the period and the criteria that were asked for, and
// more, as pairs.
func (q *query) address(path string, fields []string, more ...string) string {
	values := url.Values{}
	for _, field := range append([]string{"du-jour", "du-mois", "du-annee", "au-jour", "au-mois", "au-annee"}, fields...) {
		if value := q.form.Get(field); value != "" {
			values.Set(field, value)
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// around lists what an entry can be found by beside itself, each leading to the
// other entries that have it too.
func (d *Desk) around(ctx context.Context, v desk.Visit, index int64) ([]page.Item, error) {
	f, err := d.Facets.Facets(ctx, index)
	if err != nil {
		return nil, err
	}
	places, err := d.places(ctx, v.Scope())
	if err != nil {
		return nil, err
	}
	var items []page.Item
	add := func(term, field, value, text string) {
		if value != "" {
			items = append(items, page.Item{Term: term, Text: cmp.Or(text, value), Href: home + "?" + field + "=" + url.QueryEscape(value)})
		}
	}
	field, _ := domaine.Current().Find(f.Domaine)
	add("Structure", "structure", f.Structure, places.names[f.Structure])
	add("Usager", "usager", f.Usager, "")
	add("Domaine", "domaine", f.Domaine, field.Title)
	add("Service", "service", f.Service, "")
	return items, nil
}

func actionOptions() []page.Option {
	options := []page.Option{{Value: "", Label: "Toutes les actions"}}
	for _, action := range journal.Actions() {
		options = append(options, page.Option{Value: string(action), Label: action.Label()})
	}
	return options
}

func outcomeOptions() []page.Option {
	return []page.Option{{Value: "", Label: "Toutes les issues"},
		{Value: string(journal.OK), Label: "Fait"}, {Value: string(journal.Denied), Label: "Refusé"}, {Value: string(journal.Failed), Label: "Échec"}}
}

func domaineOptions() []page.Option {
	options := []page.Option{{Label: "Tous les domaines"}}
	for _, d := range domaine.Current().Domaines {
		options = append(options, page.Option{Value: d.Code, Label: d.Title})
	}
	return options
}
