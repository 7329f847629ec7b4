package agents

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type invitePage struct {
	page.Layout
	Form      page.Form
	Action    string
	Back      page.Link
	Structure string
	Roles     []page.Option
	Ways      []page.Option
}

// Form serves the form of a new agent.
func (d *Doors) Form(w http.ResponseWriter, r *http.Request) error {
	return d.form(w, r, page.Form{}, http.StatusOK)
}

func (d *Doors) form(w http.ResponseWriter, r *http.Request, form page.Form, status int) error {
	o, back, err := d.Structure(r)
	if err != nil {
		return err
	}
	p := &invitePage{Layout: desk.Of(r).Layout("Inviter un agent", d.Home), Form: form, Action: r.URL.Path, Back: back, Structure: o.Name}
	p.Invalid = form.Invalid()
	hints := map[aidant.Role]string{
		aidant.RoleAidant:         "Recueille des mandats et agit pour les usagers.",
		aidant.RoleReferent:       "Suit l’équipe de la structure, invite et suspend ses agents.",
		aidant.RoleAuditeur:       "Lit le journal dans le cadre d’une mission écrite.",
		aidant.RoleAdministrateur: "Habilite les structures et leurs agents, ouvre les missions.",
	}
	for _, role := range d.Roles {
		p.Roles = append(p.Roles, page.Option{Value: string(role), Label: role.Label(), Hint: hints[role]})
	}
	p.Ways = []page.Option{
		{Value: "code", Label: "Avec un code que je lui remets", Hint: "Vous imprimez une feuille. L’agent y trouve un code, et enregistre seul sa clé d’accès ou son application."},
		{Value: "proconnect", Label: "Avec ProConnect", Hint: "Aucun code n’est nécessaire : l’agent s’identifie avec cette adresse et le SIRET de la structure."},
	}
	return d.Pages.Render(w, status, "agents/inviter", p)
}

// Admit admits the agent of the form, and makes their code.
func (d *Doors) Admit(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	o, _, err := d.Structure(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, maxForm, "roles")
	if err != nil {
		return err
	}
	a, way := d.read(&form, o)
	if form.Invalid() {
		return d.form(w, r, form, http.StatusUnprocessableEntity)
	}
	code := ""
	if way == "code" {
		code = facteur.NewCode()
	}
	i, err := d.Codes.AdmitInvited(r.Context(), a, code, v.Aidant.Actor(v.Session.Auth))
	switch {
	case errors.Is(err, habilitation.ErrTaken):
		form.Fail("courriel", "Vérifiez cette adresse : un agent est déjà habilité avec elle.")
	case errors.Is(err, habilitation.ErrInvalid):
		form.Fail("courriel", "Vérifiez les noms et l’adresse : l’un d’eux ne peut pas être enregistré.")
	case err != nil:
		return d.beyond(err, page.Link{Href: d.Home, Text: "Revenir à l’équipe"})
	}
	if form.Invalid() {
		return d.form(w, r, form, http.StatusUnprocessableEntity)
	}
	if code == "" {
		d.Flash.Flash(w, "success", "L’agent est habilité. Il s’identifie avec ProConnect : aucun code n’est nécessaire.")
		http.Redirect(w, r, d.agent(a.ID), http.StatusSeeOther)
		return nil
	}
	return d.hand(w, r, sheet{Agent: a.ID, Code: code, Until: i.ExpiresAt, Kind: facteur.Invites})
}

// read is the agent of the form; its errors are noted under their fields.
func (d *Doors) read(form *page.Form, o organisation.Organisation) (a aidant.Aidant, way string) {
	a = aidant.Aidant{ID: "a" + strings.ToLower(rand.Text()[:15]), OrganisationID: o.ID, SIRET: o.SIRET}
	a.GivenName = form.Text("prenom", nameMax, "Saisissez le prénom de l’agent.")
	a.UsualName = form.Text("nom", nameMax, "Saisissez le nom de l’agent.")
	a.Email = strings.ToLower(form.Text("courriel", emailMax, "Saisissez l’adresse professionnelle de l’agent."))
	local, host, _ := strings.Cut(a.Email, "@")
	if a.Email != "" && (local == "" || !strings.Contains(host, ".") || strings.ContainsAny(a.Email, " ,;<>") || strings.Contains(host, "@")) {
		form.Fail("courriel", "Saisissez une adresse complète, comme prenom.nom@commune.example.")
	}
	for _, role := range form.All("roles") {
		if !slices.Contains(d.Roles, aidant.Role(role)) {
			form.Fail("roles", "Choisissez parmi les rôles proposés : vous ne pouvez pas donner celui-là.")
			break
		}
		if !slices.Contains(a.Roles, aidant.Role(role)) {
			a.Roles = append(a.Roles, aidant.Role(role))
		}
	}
	if len(form.All("roles")) == 0 {
		form.Fail("roles", "Choisissez au moins un rôle.")
	}
	return a, form.OneOf("acces", "Choisissez comment l’agent s’identifiera.", "code", "proconnect")
}
