package guichet

import (
	"context"
	"slices"
	"strconv"
	"time"

	"relais/internal/domaine"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

// readPlan reads screen 1; what is wrong is noted in the form.
func (d *Desk) readPlan(ctx context.Context, v desk.Visit, form *page.Form) (mandat.Plan, error) {
	agents, err := d.People.Aidants(ctx, v.Organisation.ID)
	if err != nil {
		return mandat.Plan{}, err
	}
	p := mandat.Plan{Colleagues: form.Chosen("collegues", "oui"), Aidants: []string{v.Aidant.ID}}
	p.Autorisations = readDemarches(form, v.Organisation)
	for _, a := range redaction.Team(agents) {
		if a.ID != v.Aidant.ID && form.Chosen("aidant", a.ID) {
			p.Aidants = append(p.Aidants, a.ID)
		}
	}
	for _, id := range form.All("aidant") {
		if !slices.Contains(p.Aidants, id) {
			form.Fail("aidant", "Choisissez les aidants dans la liste : l’un d’eux ne peut plus agir.")
			break
		}
	}
	p.Duration = readDuration(form, v.Zone(), d.Now())
	codes := make([]string, 0, len(capacityLabels))
	for _, c := range mandat.Capacities() {
		codes = append(codes, string(c))
	}
	p.Capacity = mandat.Capacity(form.OneOf("capacite", "Posez la question à l’usager, puis choisissez sa réponse.", codes...))
	return p, nil
}

// readDemarches keeps the order of the catalogue.
func readDemarches(form *page.Form, o organisation.Organisation) []mandat.Autorisation {
	var all []mandat.Autorisation
	known := 0
	for _, dom := range domaine.Current().Domaines {
		if !o.May(dom.Code) {
			continue
		}
		a := mandat.Autorisation{Domaine: dom.Code}
		for _, x := range dom.Demarches {
			if form.Chosen("demarche", dom.Code+"/"+x.Code) {
				a.Demarches = append(a.Demarches, x.Code)
			}
		}
		if known += len(a.Demarches); len(a.Demarches) > 0 {
			all = append(all, a)
		}
	}
	sent := slices.Clone(form.All("demarche"))
	slices.Sort(sent)
	if len(slices.Compact(sent)) != known {
		form.Fail("demarche", "Choisissez les démarches dans la liste : l’une d’elles n’est pas ouverte à votre structure.")
	} else if known == 0 {
		form.Fail("demarche", "Choisissez au moins une démarche.")
	}
	return all
}

func readDuration(form *page.Form, zone *time.Location, now time.Time) mandat.Duration {
	switch value := form.OneOf("duree", "Choisissez une durée.", "1", "31", "182", "365", "date"); value {
	case "":
		return mandat.Duration{}
	case "date":
		day := form.Date("fin", false)
		if day == "" {
			return mandat.Duration{}
		}
		last, err := time.ParseInLocation(time.DateOnly, day, zone)
		duration := mandat.Duration{LastDay: last}
		if err == nil {
			_, err = duration.End(now, zone)
		}
		if err != nil {
			form.Fail("fin", "Choisissez une date entre aujourd’hui et dans un an.")
		}
		return duration
	default:
		days, _ := strconv.Atoi(value) // one of the four above
		return mandat.Duration{Days: days}
	}
}
