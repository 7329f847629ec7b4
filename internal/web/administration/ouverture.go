package administration

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type openPage struct {
	page.Layout
	Form         page.Form
	Auditeurs    []page.Option
	Scopes       []page.Option
	Structures   []page.Option
	Departements []page.Option
}

// choices are what the form offers.
type choices struct {
	auditeurs  []aidant.Aidant
	structures []organisation.Organisation
}

func (d *Desk) choices(ctx context.Context, v desk.Visit) (choices, error) {
	all, err := d.Auditeurs.Auditeurs(ctx)
	if err != nil {
		return choices{}, err
	}
	c := choices{}
	for _, a := range all {
		if !a.Suspended() && a.ID != v.Aidant.ID {
			c.auditeurs = append(c.auditeurs, a)
		}
	}
	slices.SortFunc(c.auditeurs, func(a, b aidant.Aidant) int { return cmp.Compare(a.Name(), b.Name()) })
	c.structures, err = d.Structures.Organisations(ctx)
	return c, err
}

func (c choices) departements() []string {
	var out []string
	for _, o := range c.structures {
		if code := o.Departement(); code != "" {
			out = append(out, code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *Desk) missionForm(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	c, err := d.choices(r.Context(), v)
	if err != nil {
		return err
	}
	form := page.Form{}
	today := d.Now().In(v.Zone())
	form.Set("du-jour", strconv.Itoa(today.Day()))
	form.Set("du-mois", strconv.Itoa(int(today.Month())))
	form.Set("du-annee", strconv.Itoa(today.Year()))
	return d.showForm(w, v, c, form, http.StatusOK)
}

func (d *Desk) showForm(w http.ResponseWriter, v desk.Visit, c choices, form page.Form, status int) error {
	p := &openPage{Layout: v.Layout("Ouvrir une mission", home), Form: form}
	p.Invalid = form.Invalid()
	p.Auditeurs = []page.Option{{Label: "Choisissez"}}
	for _, a := range c.auditeurs {
		p.Auditeurs = append(p.Auditeurs, page.Option{Value: a.ID, Label: a.Name() + " – " + a.Email})
	}
	p.Scopes = []page.Option{{Value: "structure", Label: "Une structure"}, {Value: "departement", Label: "Un département"},
		{Value: mission.All, Label: "Tout le journal", Hint: "Y compris ce qui ne tient à aucune structure : exploitation, réglages, clés."}}
	p.Structures = []page.Option{{Label: "Choisissez"}}
	for _, o := range c.structures {
		p.Structures = append(p.Structures, page.Option{Value: o.ID, Label: o.Name + ", " + o.City})
	}
	p.Departements = []page.Option{{Label: "Choisissez"}}
	for _, code := range c.departements() {
		p.Departements = append(p.Departements, page.Option{Value: code, Label: code})
	}
	return d.Pages.Render(w, status, "administration/ouverture", p)
}

// readMission reads the form into a mission, with its errors noted.
func readMission(form *page.Form, c choices, zone *time.Location) mission.Mission {
	m := mission.Mission{ID: mission.NewID(), Salt: journal.NewSalt()}
	var auditeurs, structures []string
	for _, a := range c.auditeurs {
		auditeurs = append(auditeurs, a.ID)
	}
	for _, o := range c.structures {
		structures = append(structures, o.ID)
	}
	m.AuditeurID = form.OneOf("auditeur", "Choisissez l’auditeur à qui la mission est confiée.", auditeurs...)
	m.Purpose = form.Lines("objet", mission.TextMax, "Écrivez l’objet de la mission, tel que l’ordre le dit.")
	if m.Purpose != "" && mission.CheckText(m.Purpose) != nil {
		form.Fail("objet", "Écrivez l’objet en "+strconv.Itoa(mission.TextMin)+" caractères au moins.")
	}
	m.Reference = form.Text("reference", mission.ReferenceMax, "Saisissez la référence de l’ordre de mission ou de la lettre.")
	switch form.OneOf("perimetre", "Choisissez un périmètre.", "structure", "departement", mission.All) {
	case "structure":
		m.Scope.Structure = form.OneOf("structure", "Choisissez la structure.", structures...)
	case "departement":
		m.Scope.Departement = form.OneOf("departement", "Choisissez le département.", c.departements()...)
	}
	m.From, m.To = day(form, "du", zone), day(form, "au", zone)
	if !m.From.IsZero() && !m.To.IsZero() {
		m.To = m.To.AddDate(0, 0, 1)
		switch {
		case !m.To.After(m.From):
			form.Fail("au", "Choisissez un dernier jour qui n’est pas avant le premier.")
		case m.To.After(m.From.AddDate(1, 0, 0)):
			form.Fail("au", "Choisissez un dernier jour moins d’un an après le premier : une mission dure un an au plus.")
		}
	}
	return m
}

func day(form *page.Form, field string, zone *time.Location) time.Time {
	at, err := time.ParseInLocation(time.DateOnly, form.Date(field, false), zone)
	if err != nil {
		return time.Time{} // Form.Date has noted the error under the field
	}
	return at
}

type confirmPage struct {
	page.Layout
	Items   []page.Item
	Purpose string
	Hidden  []page.Link // name and value of what was typed
}

// missionOpen checks the form, shows what would be decided, and decides once that
// was confirmed.
func (d *Desk) missionOpen(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, 16<<10)
	if err != nil {
		return err
	}
	c, err := d.choices(r.Context(), v)
	if err != nil {
		return err
	}
	m := readMission(&form, c, v.Zone())
	if !form.Invalid() && !d.Now().Before(m.To) {
		form.Fail("au", "Choisissez un dernier jour qui n’est pas passé.")
	}
	if form.Invalid() || form.Get("etape") == "corriger" {
		status := http.StatusOK
		if form.Invalid() {
			status = http.StatusUnprocessableEntity
		}
		return d.showForm(w, v, c, form, status)
	}
	if form.Get("etape") != "ouvrir" {
		return d.confirmMission(w, v, c, form, m)
	}
	m, err = d.Missions.OpenMission(r.Context(), m, v.Aidant.Actor(v.Session.Auth))
	if errors.Is(err, mission.ErrInvalid) {
		form.Fail("auditeur", "Vérifiez cette mission : elle ne peut pas être ouverte ainsi.")
		return d.showForm(w, v, c, form, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return refusedMission(err)
	}
	d.Flash.Flash(w, "success", "La mission est ouverte et inscrite au journal. L’auditeur la trouvera à sa prochaine page.")
	http.Redirect(w, r, missions+"/"+m.ID, http.StatusSeeOther)
	return nil
}

// kept are the fields that travel from the confirmation to the decision.
var kept = []string{"auditeur", "objet", "reference", "perimetre", "structure", "departement",
	"du-jour", "du-mois", "du-annee", "au-jour", "au-mois", "au-annee"}

func (d *Desk) confirmMission(w http.ResponseWriter, v desk.Visit, c choices, form page.Form, m mission.Mission) error {
	p := &confirmPage{Layout: v.Layout("Confirmer la mission", home), Purpose: m.Purpose}
	place, name := "", ""
	for _, o := range c.structures {
		if o.ID == m.Scope.Structure {
			place = o.Name
		}
	}
	for _, a := range c.auditeurs {
		if a.ID == m.AuditeurID {
			name = a.Name()
		}
	}
	p.Items = []page.Item{{Term: "Auditeur", Text: name}, {Term: "Référence", Text: m.Reference},
		{Term: "Périmètre", Text: mission.ScopeLabel(m.Scope, place)},
		{Term: "Premier jour", Text: page.Date(m.From)}, {Term: "Dernier jour", Text: page.Date(m.LastDay(v.Zone()))}}
	for _, field := range kept {
		p.Hidden = append(p.Hidden, page.Link{Href: field, Text: strings.ReplaceAll(form.Get(field), "\r\n", "\n")})
	}
	return d.Pages.Render(w, http.StatusOK, "administration/confirmation", p)
}
