package administration

import (
	"context"
	"errors"
	"net/http"

	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/web/agents"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Partners keeps which structures' référents may be the second person for each
// other's agents.
type Partners interface {
	// Associate is organisation.ErrPartner, ErrSame, ErrNotFound.
	Associate(ctx context.Context, a, b string, by journal.Actor) error
	// Dissociate is organisation.ErrStranger.
	Dissociate(ctx context.Context, a, b string, by journal.Actor) error
	Partners(ctx context.Context, organisationID string) ([]organisation.Organisation, error)
}

type structurePage struct {
	page.Layout
	ID       string
	Name     string
	Items    []page.Item
	Agents   page.Table
	Alarms   page.Table // logins that agents said were not theirs
	Pending  page.Table // invitations
	Form     page.Form
	Partners []organisation.Organisation
	Others   []page.Option // structures that may become partners
}

func (d *Desk) structure(w http.ResponseWriter, r *http.Request) error {
	return d.showStructure(w, r, page.Form{}, http.StatusOK)
}

func (d *Desk) showStructure(w http.ResponseWriter, r *http.Request, form page.Form, status int) error {
	v := desk.Of(r)
	o, err := d.Structures.Organisation(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	list, err := d.Structures.Aidants(r.Context(), o.ID)
	if err != nil {
		return err
	}
	p := &structurePage{Layout: v.Layout(o.Name, home), ID: o.ID, Name: o.Name, Agents: agents.Table("Agents de la structure", base, list), Form: form}
	p.Wide, p.Invalid = true, form.Invalid()
	if p.Alarms, err = agents.Signaled(r.Context(), d.Alarms, v, o.ID, list, d.Now()); err != nil {
		return err
	}
	p.Items = []page.Item{{Term: "État", Text: state(o).Text}, {Term: "SIRET", Text: page.Siret(o.SIRET)},
		{Term: "Adresse", Text: o.PostalAddress()}, {Term: "Téléphone", Text: o.Telephone},
		{Term: "Fuseau horaire", Text: o.Timezone}, {Term: "Domaines", Text: domaines(o)}}
	if p.Pending, err = d.doors().Pending(r.Context(), v, o.ID); err != nil {
		return err
	}
	if err := d.partners(r.Context(), o, p); err != nil {
		return err
	}
	return d.Pages.Render(w, status, "administration/structure", p)
}

// partners fills in the structure's partners, and who may become one.
func (d *Desk) partners(ctx context.Context, o organisation.Organisation, p *structurePage) error {
	var err error
	if p.Partners, err = d.Partners.Partners(ctx, o.ID); err != nil {
		return err
	}
	all, err := d.Structures.Organisations(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{o.ID: true}
	for _, partner := range p.Partners {
		known[partner.ID] = true
	}
	p.Others = []page.Option{{Label: "Choisissez"}}
	for _, other := range all {
		if !known[other.ID] {
			p.Others = append(p.Others, page.Option{Value: other.ID, Label: other.Name + ", " + other.City})
		}
	}
	return nil
}

// associate declares another structure a partner of this one.
func (d *Desk) associate(w http.ResponseWriter, r *http.Request) error {
	return d.relate(w, r, d.Partners.Associate, "Les deux structures sont partenaires : leurs référents peuvent être la seconde personne d’une réinitialisation l’une pour l’autre.")
}

// dissociate undoes it.
func (d *Desk) dissociate(w http.ResponseWriter, r *http.Request) error {
	return d.relate(w, r, d.Partners.Dissociate, "Les deux structures ne sont plus partenaires.")
}

func (d *Desk) relate(w http.ResponseWriter, r *http.Request, change func(ctx context.Context, a, b string, by journal.Actor) error, said string) error {
	v := desk.Of(r)
	o, err := d.Structures.Organisation(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, 8<<10)
	if err != nil {
		return err
	}
	partner := form.Text("partenaire", 100, "Choisissez la structure partenaire.")
	if partner != "" {
		switch err = change(r.Context(), o.ID, partner, v.Aidant.Actor(v.Session.Auth)); {
		case errors.Is(err, organisation.ErrPartner), errors.Is(err, organisation.ErrStranger):
			form.Fail("partenaire", "Choisissez de nouveau : cela a déjà été décidé, dans une autre fenêtre ou par une autre personne.")
		case errors.Is(err, organisation.ErrSame), errors.Is(err, organisation.ErrNotFound):
			form.Fail("partenaire", "Choisissez une autre structure parmi celles de la liste.")
		case err != nil:
			return err
		}
	}
	if form.Invalid() {
		return d.showStructure(w, r, form, http.StatusUnprocessableEntity)
	}
	d.Flash.Flash(w, "success", said)
	http.Redirect(w, r, structures+o.ID, http.StatusSeeOther)
	return nil
}
