package controle

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/signal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	usualDays  = 28  // shown when no period is asked for
	longest    = 366 // days
	dailyUntil = 31  // days; a longer period is shown by weeks,
	weekly     = 182 // and one longer than that by months
	barsMost   = 12  // actions drawn one by one
	linksMost  = 40  // numbers of one table that are links, each with its own criteria
)

type activityPage struct {
	page.Layout
	Form       page.Form
	Structures []page.Option
	Period     string
	Charts     []page.Chart
	Filtered   bool
	Upto       string
}

// span is the days that are shown, each at midnight UTC: only their dates count.
type span struct{ from, to time.Time }

func (s span) days() int { return int(s.to.Sub(s.from).Hours()/24) + 1 }

func (s span) words() string {
	if s.from.Equal(s.to) {
		return "le " + page.Date(s.from)
	}
	return "du " + page.Date(s.from) + " au " + page.Date(s.to)
}

// activity draws what the journal counts. Looking at it is a search.
func (d *Desk) activity(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	places, err := d.places(r.Context(), v.Scope())
	if err != nil {
		return err
	}
	q := query{form: page.Form{Values: firstValues(r.URL.Query())}}
	days := q.span(d.Now().In(v.Zone()))
	structure := q.structure(places)
	p := &activityPage{Layout: v.Layout("Activité", home), Form: q.form, Structures: places.options(), Filtered: len(q.names) > 0}
	p.Wide = true
	if q.form.Invalid() {
		p.Invalid = true
		return d.Pages.Render(w, http.StatusUnprocessableEntity, "controle/graphiques", p)
	}
	counted, err := d.Watch.Releve(r.Context(), signal.Period{Scope: v.Scope(), Structure: structure,
		From: days.from.Format(time.DateOnly), To: days.to.Format(time.DateOnly)})
	if err != nil {
		return err
	}
	if err := d.trace(r.Context(), v, append([]string{"activite"}, q.names...)); err != nil {
		return err
	}
	p.Period = days.words()
	p.Upto = page.Count(counted.Upto)
	p.Charts = charts{days, structure, counted}.all()
	return d.Pages.Render(w, http.StatusOK, "controle/graphiques", p)
}

// span reads the period: four weeks to today unless the form says otherwise.
func (q *query) span(now time.Time) span {
	q.period(time.UTC)
	s := span{from: q.filter.From, to: q.filter.To}
	if s.to.IsZero() {
		s.to = time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)
	}
	s.to = s.to.AddDate(0, 0, -1)
	if s.from.IsZero() {
		s.from = s.to.AddDate(0, 0, 1-usualDays)
	}
	switch {
	case q.form.Invalid():
	case s.from.After(s.to):
		q.form.Fail("du", "Choisissez une date de début qui n’est pas dans l’avenir.")
	case s.days() > longest:
		q.form.Fail("du", "Choisissez une période d’un an au plus.")
	}
	return s
}

// charts draws a relevé.
type charts struct {
	span
	structure string
	counted   signal.Releve
}

func (c charts) all() []page.Chart {
	if len(c.counted.Counts) == 0 {
		return nil
	}
	all := []page.Chart{c.uses(), c.refusals()}
	if domaines := c.domaines(); len(domaines) > 0 {
		all = append(all, page.Bars(page.ChartWords{ID: "domaines", Title: "Usages par domaine", Label: "Domaine",
			Desc: "Usages aboutis " + c.words() + ". En tête : " + domaines[0].Label + ".", Series: []string{"Usages"}}, domaines))
	}
	actions := c.actions()
	return append(all, page.Bars(page.ChartWords{ID: "actions", Title: "Entrées par action", Label: "Action",
		Desc: "Entrées du journal " + c.words() + ", quelle que soit leur issue. En tête : " + actions[0].Label + ".", Series: []string{"Entrées"}}, actions))
}

// uses draws uses and signatures through time.
func (c charts) uses() page.Chart {
	points := c.points(func(d signal.Day) []int64 { return []int64{d.Uses, d.Signatures} },
		url.Values{"action": {string(journal.DelegationUse)}, "issue": {"ok"}}, url.Values{"action": {string(journal.MandatSign)}, "issue": {"ok"}})
	title := counted(points, 0, "usage") + " et " + counted(points, 1, "signature")
	return page.Columns(page.ChartWords{ID: "usages", Title: title, Desc: c.through(points, "usages"), Label: c.unit(),
		Series: []string{"Usages", "Signatures"}}, points)
}

func (c charts) refusals() page.Chart {
	points := c.points(func(d signal.Day) []int64 { return []int64{d.Refusals, d.Failures} },
		url.Values{"issue": {string(journal.Denied)}}, url.Values{"issue": {string(journal.Failed)}})
	title := counted(points, 0, "refus") + " et " + counted(points, 1, "échec")
	return page.Columns(page.ChartWords{ID: "refus", Title: title, Desc: c.through(points, "refus"), Label: c.unit(),
		Series: []string{"Refus", "Échecs"}}, points)
}

// unit is what one point of a chart in time stands for.
func (c charts) unit() string {
	switch {
	case c.days() <= dailyUntil:
		return "Jour"
	case c.days() <= weekly:
		return "Semaine"
	}
	return "Mois"
}

// last is the last day of the point that begins on a day; weeks begin on Monday.
func (c charts) last(first time.Time) time.Time {
	last := first
	switch c.unit() {
	case "Semaine":
		last = first.AddDate(0, 0, (7-int(first.Weekday()))%7)
	case "Mois":
		last = time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	}
	if last.After(c.to) {
		return c.to
	}
	return last
}

// points sums days, weeks or months over the whole period: those on which
// nothing was counted are there too.
func (c charts) points(values func(signal.Day) []int64, links ...url.Values) []page.Point {
	byDay := map[string]signal.Day{}
	for _, d := range c.counted.Days {
		byDay[d.Day] = d
	}
	var points []page.Point
	for first := c.from; !first.After(c.to); {
		s := span{first, c.last(first)}
		points = append(points, c.point(s, byDay, values, links))
		first = s.to.AddDate(0, 0, 1)
	}
	c.lighten(points)
	return points
}

// lighten gives each point one link for all its numbers where there are many, so that
// a busy month stays a page of a reasonable weight.
func (c charts) lighten(points []page.Point) {
	counted := 0
	for _, p := range points {
		for _, n := range p.Values {
			counted += int(min(n, 1))
		}
	}
	if counted <= linksMost {
		return
	}
	for i, day := 0, c.from; i < len(points); i++ {
		s := span{day, c.last(day)}
		points[i].Href, points[i].Hrefs = c.link(s, nil), nil
		day = s.to.AddDate(0, 0, 1)
	}
}

func (c charts) point(s span, byDay map[string]signal.Day, values func(signal.Day) []int64, links []url.Values) page.Point {
	p := page.Point{Label: page.Date(s.from), Short: page.DayMonth(s.from), Values: make([]int64, len(links))}
	switch c.unit() {
	case "Semaine":
		p.Label = "Semaine du " + p.Label
	case "Mois":
		p.Label = page.Month(s.from)
		p.Short = p.Label
	}
	for day := s.from; !day.After(s.to); day = day.AddDate(0, 0, 1) {
		for i, n := range values(byDay[day.Format(time.DateOnly)]) {
			p.Values[i] += n
		}
	}
	for _, link := range links {
		p.Hrefs = append(p.Hrefs, c.link(s, link))
	}
	return p
}

// unfold lets an address give a date in one word, as the links of charts do:
// du=2026-11-21.
func (q *query) unfold(field string) {
	word := q.form.Get(field)
	if word == "" {
		return
	}
	parts := strings.SplitN(word+"--", "-", 4)
	for i, part := range []string{"-annee", "-mois", "-jour"} {
		q.form.Values.Set(field+part, parts[i])
	}
	q.form.Values.Del(field)
}

// link leads to the entries that were counted.
func (c charts) link(s span, criteria url.Values) string {
	values := url.Values{}
	for key, list := range criteria {
		values[key] = list
	}
	values.Set("du", s.from.Format(time.DateOnly))
	values.Set("au", s.to.Format(time.DateOnly))
	if c.structure != "" {
		values.Set("structure", c.structure)
	}
	return home + "?" + values.Encode()
}

func counted(points []page.Point, series int, noun string) string {
	var sum int64
	for _, p := range points {
		sum += p.Values[series]
	}
	if sum > 1 && noun[len(noun)-1] != 's' {
		noun += "s"
	}
	return page.Count(sum) + " " + noun
}

// through tells a chart in time in words.
func (c charts) through(points []page.Point, what string) string {
	top := slices.MaxFunc(points, func(a, b page.Point) int { return cmp.Compare(a.Values[0], b.Values[0]) })
	text := "Par " + strings.ToLower(c.unit()) + ", " + c.words() + "."
	if top.Values[0] > 0 {
		text += " Le plus : " + page.Count(top.Values[0]) + " " + what + ", " + top.Label + "."
	}
	return text
}

// domaines sums the uses of each domaine, the most used first.
func (c charts) domaines() []page.Point {
	by := map[string]int64{}
	for _, n := range c.counted.Counts {
		if n.Action == journal.DelegationUse && n.Outcome == journal.OK {
			by[n.Domaine] += n.N
		}
	}
	return c.ranked(by, func(code string) (string, url.Values) {
		title := code
		if found, ok := domaine.Current().Find(code); ok {
			title = found.Title
		}
		return title, url.Values{"action": {string(journal.DelegationUse)}, "issue": {"ok"}, "domaine": {code}}
	})
}

// actions sums what each action counts, the most frequent first. The heartbeat
// says nothing of people, and would dwarf them.
func (c charts) actions() []page.Point {
	by := map[string]int64{}
	for _, n := range c.counted.Counts {
		if n.Action != journal.Heartbeat || len(c.counted.Counts) == 1 {
			by[string(n.Action)] += n.N
		}
	}
	points := c.ranked(by, func(code string) (string, url.Values) {
		return journal.Action(code).Label(), url.Values{"action": {code}}
	})
	if len(points) <= barsMost {
		return points
	}
	others := page.Point{Label: "Autres actions", Values: []int64{0}}
	for _, p := range points[barsMost-1:] {
		others.Values[0] += p.Values[0]
	}
	return append(points[:barsMost-1], others)
}

func (c charts) ranked(by map[string]int64, of func(code string) (string, url.Values)) []page.Point {
	var points []page.Point
	for code, n := range by {
		label, link := of(code)
		points = append(points, page.Point{Label: label, Values: []int64{n}, Hrefs: []string{c.link(c.span, link)}})
	}
	slices.SortFunc(points, func(a, b page.Point) int {
		return cmp.Or(cmp.Compare(b.Values[0], a.Values[0]), cmp.Compare(a.Label, b.Label))
	})
	return points
}
