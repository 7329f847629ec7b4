package guichet

import (
	"net/http"
	"strconv"
	"strings"

	"relais/internal/aidant"
	"relais/internal/domaine"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

const formMax = 64 << 10

// planPage is screen 1 of 3.
type planPage struct {
	page.Layout
	Form       page.Form
	Action     string // where the form goes
	Jeton      string // future id of a new draft, "" when one is changed
	Back       page.Link
	Groups     []group
	Self       string
	Team       []choice
	Colleagues bool
	Durees     []page.Option
	Capacites  []page.Option
	Submit     string
}

// group is one domaine with its démarches.
type group struct {
	Title, Examples string
	Sensitive, Open bool
	Demarches       []choice
}

type choice struct {
	ID, Value, Label, Hint string
	Checked                bool
}

func (d *Desk) newPlan(w http.ResponseWriter, r *http.Request) error {
	return d.showPlan(w, r, http.StatusOK, page.Form{}, mandat.Mandat{})
}

func (d *Desk) editPlan(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	if err := changeable(m); err != nil {
		return err
	}
	return d.showPlan(w, r, http.StatusOK, planForm(m, desk.Of(r)), m)
}

// changeable refuses to touch a draft that the usager has given: they agreed to
// this text and to no other.
func changeable(m mandat.Mandat) error {
	if m.State != mandat.Brouillon || !m.Signature.GivenAt.IsZero() {
		return mandat.ErrState
	}
	return nil
}

// planForm writes a draft back into the form. What was declared of the usager's
// capacity is asked again.
func planForm(m mandat.Mandat, v desk.Visit) page.Form {
	var f page.Form
	var demarches []string
	for _, a := range m.Autorisations {
		for _, code := range a.Demarches {
			demarches = append(demarches, a.Domaine+"/"+code)
		}
	}
	f.Set("demarche", demarches...)
	f.Set("aidant", m.Aidants...)
	if m.Colleagues {
		f.Set("collegues", "oui")
	}
	f.Set("duree", strconv.Itoa(m.Duration.Days))
	if m.Duration.Days == 0 {
		last := m.Duration.LastDay.In(v.Zone())
		f.Set("duree", "date")
		f.Set("fin-jour", strconv.Itoa(last.Day()))
		f.Set("fin-mois", strconv.Itoa(int(last.Month())))
		f.Set("fin-annee", strconv.Itoa(last.Year()))
	}
	return f
}

func (d *Desk) showPlan(w http.ResponseWriter, r *http.Request, status int, form page.Form, m mandat.Mandat) error {
	v := desk.Of(r)
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	p := planPage{
		Layout: v.Layout("Préparer un mandat", section), Form: form,
		Action: "/mandats", Jeton: form.Get("jeton"), Back: page.Link{Href: "/guichet", Text: "Guichet"},
		Groups: groups(v.Organisation, form), Self: v.Aidant.Name(), Team: colleagues(redaction.Team(agents), v.Aidant.ID, form),
		Colleagues: form.Chosen("collegues", "oui"), Durees: durations(), Capacites: capacities(),
		Submit: "Enregistrer et continuer",
	}
	if m.ID != "" {
		p.Title, p.Submit = "Modifier le brouillon", "Enregistrer les changements"
		p.Action, p.Back = "/mandats/"+m.ID+"/modifier", page.Link{Href: "/mandats/" + m.ID, Text: "Brouillon " + page.Number(m.Number)}
	} else if !tokenPattern.MatchString(p.Jeton) {
		p.Jeton = newToken()
	}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "guichet/ecran", &p)
}

func groups(o organisation.Organisation, form page.Form) []group {
	var all []group
	for _, dom := range domaine.Current().Domaines {
		if !o.May(dom.Code) {
			continue
		}
		g := group{Title: dom.Title, Examples: dom.Examples, Sensitive: dom.Sensitive}
		for _, x := range dom.Demarches {
			value := dom.Code + "/" + x.Code
			c := choice{ID: "demarche-" + dom.Code + "-" + x.Code, Value: value, Label: x.Title,
				Hint: "Possible " + strings.Join(x.Channels, ", "), Checked: form.Chosen("demarche", value)}
			g.Open = g.Open || c.Checked
			g.Demarches = append(g.Demarches, c)
		}
		all = append(all, g)
	}
	return all
}

func colleagues(team []aidant.Aidant, self string, form page.Form) []choice {
	var all []choice
	for _, a := range team {
		if a.ID != self {
			all = append(all, choice{ID: "aidant-" + a.ID, Value: a.ID, Label: a.Name(), Checked: form.Chosen("aidant", a.ID)})
		}
	}
	return all
}

func durations() []page.Option {
	labels := map[int]string{1: "1 jour : jusqu’à demain soir", 31: "31 jours", 182: "6 mois (182 jours)", 365: "1 an (365 jours)"}
	var options []page.Option
	for i, days := range mandat.Days() {
		options = append(options, page.Option{Value: strconv.Itoa(days), Label: labels[days], Checked: i == 0})
	}
	return append(options, page.Option{Value: "date", Label: "Jusqu’à une date précise", Hint: "À saisir ci-dessous, dans un an au plus."})
}

var capacityLabels = map[mandat.Capacity]string{
	mandat.CapacityFull:         "Aucune mesure de protection",
	mandat.CapacityTutelle:      "Sous tutelle",
	mandat.CapacityCuratelle:    "Sous curatelle",
	mandat.CapacityHabilitation: "Sous habilitation familiale",
	mandat.CapacityFuture:       "Un mandat de protection future en cours",
}

func capacities() []page.Option {
	var options []page.Option
	for _, c := range mandat.Capacities() {
		options = append(options, page.Option{Value: string(c), Label: capacityLabels[c]})
	}
	return options
}
