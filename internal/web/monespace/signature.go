package monespace

import (
	"errors"
	"net/http"
	"slices"

	"relais/internal/acte"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

const formMax = 16 << 10

// attested is who identified for the draft.
func (d *Desk) attested(r *http.Request, m mandat.Mandat) (acte.Attested, error) {
	dossier, err := d.Evidence.DraftDossier(r.Context(), m.OrganisationID, m.ID)
	if err != nil {
		return acte.Attested{}, err
	}
	return dossier.Verify()
}

type identityPage struct {
	page.Layout
	Form            page.Form
	Name, Birthdate string
	Courriel        []page.Option // empty when FranceConnect gave no address
}

func (d *Desk) showIdentity(w http.ResponseWriter, r *http.Request) error {
	m, ok, err := d.at(w, r, stepIdentity)
	if err != nil || !ok {
		return err
	}
	return d.identity(w, r, m, http.StatusOK, page.Form{})
}

func (d *Desk) identity(w http.ResponseWriter, r *http.Request, m mandat.Mandat, status int, form page.Form) error {
	who, err := d.attested(r, m)
	if err != nil {
		return err
	}
	p := identityPage{Layout: desk.Of(r).UsagerLayout("Est-ce bien vous ?"), Form: form,
		Name: who.Pivot.Display(), Birthdate: page.Birthdate(string(who.Pivot.Birthdate))}
	p.Invalid = form.Invalid()
	if who.Email != "" {
		p.Courriel = []page.Option{{Value: "oui", Label: "Je suis seul(e) à lire cette adresse : " + who.Email,
			Hint: "Si d’autres la lisent, ne cochez pas : elle ne sera donnée à aucun service."}}
	}
	return d.Pages.Render(w, status, "monespace/identite", &p)
}

// confirm is « Oui, c'est bien moi » or « Non ».
func (d *Desk) confirm(w http.ResponseWriter, r *http.Request) error {
	m, err := d.current(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, formMax)
	if err != nil {
		return err
	}
	if at := step(m); at != stepIdentity {
		return seeOther(w, r, at) // a second click, or an old page
	}
	switch form.OneOf("decision", "Dites si c’est bien vous.", "oui", "non") {
	case "oui":
		err = d.change(r, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			if !m.Signature.ConfirmedAt.IsZero() {
				return m, journal.Fact{}, mandat.ErrState
			}
			return m.Confirm(form.Get("courriel_sur") == "oui", d.Now())
		})
	case "non":
		if err = d.forget(r, "pas_moi"); err == nil {
			d.say(w, "info", "Ce n’était pas vous : Relais a oublié cette identité. Vous pouvez vous identifier de nouveau.")
		}
	default:
		return d.identity(w, r, m, http.StatusUnprocessableEntity, form)
	}
	return d.next(w, r, err)
}

// next leads to the step that the store knows now. That a transition found its
// work done already is no error here.
func (d *Desk) next(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil && !errors.Is(err, mandat.ErrState) {
		return err
	}
	m, err := d.current(r)
	if err != nil {
		return err
	}
	return seeOther(w, r, step(m))
}

// overlaps lists the running autorisations that the text does not replace yet,
// and all of them.
func (d *Desk) overlaps(r *http.Request, m mandat.Mandat) (open, all []mandat.Replacement, err error) {
	who, err := d.attested(r, m)
	if err != nil {
		return nil, nil, err
	}
	codes := make([]string, 0, len(m.Autorisations))
	for _, a := range m.Autorisations {
		codes = append(codes, a.Domaine)
	}
	if all, err = d.Mandats.Overlaps(r.Context(), m.OrganisationID, who.Sub, codes, d.Now()); err != nil {
		return nil, nil, err
	}
	open = slices.DeleteFunc(slices.Clone(all), func(o mandat.Replacement) bool {
		return slices.ContainsFunc(m.Replaces, func(x mandat.Replacement) bool { return x.MandatID == o.MandatID && x.Domaine == o.Domaine })
	})
	return open, all, nil
}

type overlapPage struct {
	page.Layout
	Structure string
	Old       []oldMandat
}

type oldMandat struct{ Number, Domaine, Until string }

func (d *Desk) showOverlap(w http.ResponseWriter, r *http.Request) error {
	m, ok, err := d.at(w, r, stepText)
	if err != nil || !ok {
		return err
	}
	open, all, err := d.overlaps(r, m)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return seeOther(w, r, stepText)
	}
	v := desk.Of(r)
	p := overlapPage{Layout: v.UsagerLayout("Vous avez déjà un mandat en cours"), Structure: v.Organisation.Name}
	for _, o := range all {
		old, err := d.Mandats.Mandat(r.Context(), v.Organisation.ID, o.MandatID)
		if err != nil {
			return err
		}
		p.Old = append(p.Old, oldMandat{page.Number(o.Number), redaction.Title(o.Domaine), page.Date(old.EndsAt.In(v.Zone()))})
	}
	return d.Pages.Render(w, http.StatusOK, "monespace/remplacer", &p)
}

// replace writes into a new text that it takes the place of older mandats, or
// keeps those.
func (d *Desk) replace(w http.ResponseWriter, r *http.Request) error {
	m, err := d.current(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, formMax)
	if err != nil {
		return err
	}
	if at := step(m); at != stepText {
		return seeOther(w, r, at)
	}
	switch form.Get("decision") {
	case "garder":
		return d.decline(w, r)
	case "remplacer":
		return d.recompose(w, r, m)
	}
	return seeOther(w, r, stepOverlap)
}

func (d *Desk) recompose(w http.ResponseWriter, r *http.Request, m mandat.Mandat) error {
	open, all, err := d.overlaps(r, m)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return seeOther(w, r, stepText)
	}
	v, now := desk.Of(r), d.Now()
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	text, ends, err := redaction.Compose(d.Recueil, v.Organisation, agents, m, all, now)
	if errors.Is(err, redaction.ErrTeam) || errors.Is(err, mandat.ErrInvalid) {
		return &desk.Problem{Status: http.StatusConflict, Title: "L’aidant doit revoir ce mandat", Cause: err,
			Text: "Le nouveau texte ne peut pas être écrit : un aidant nommé ne peut plus agir, ou la date de fin est passée. Rien n’est signé.",
			Do:   []string{"Rendez l’écran à l’aidant : il modifiera le brouillon."}, Next: page.Link{Href: stepEnd, Text: "Rendre l’écran"}}
	}
	if err != nil {
		return err
	}
	_, err = d.Mandats.EntrustScreen(r.Context(), v.Session.Ref, v.Organisation.ID, m.ID, func(fresh mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		if !fresh.Signature.GivenAt.IsZero() || fresh.Texte.Nonce() != m.Texte.Nonce() {
			return fresh, journal.Fact{}, mandat.ErrState
		}
		return fresh.Entrust(text, all, ends, usagerActor(), now)
	})
	return d.next(w, r, err)
}

type textPage struct {
	page.Layout
	Form                     page.Form
	Name, Structure, Aidants string
	Number, Until, Phone     string
	Domaines                 []string
	Replaced                 []acte.Replaced
	Blocks                   []acte.Block
	Digest                   string
}

func (d *Desk) showText(w http.ResponseWriter, r *http.Request) error {
	m, ok, err := d.at(w, r, stepText)
	if err != nil || !ok {
		return err
	}
	open, _, err := d.overlaps(r, m)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		return seeOther(w, r, stepOverlap)
	}
	return d.text(w, r, m, http.StatusOK, page.Form{})
}

func (d *Desk) text(w http.ResponseWriter, r *http.Request, m mandat.Mandat, status int, form page.Form) error {
	v := desk.Of(r)
	who, err := d.attested(r, m)
	if err != nil {
		return err
	}
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	p := textPage{Layout: v.UsagerLayout("Donnez-vous ce mandat ?"), Form: form, Name: who.Pivot.Display(),
		Structure: v.Organisation.Name, Aidants: redaction.Actors(agents, m), Number: page.Number(m.Number),
		Until: page.Date(m.EndsAt.In(v.Zone())), Phone: v.Organisation.Telephone,
		Domaines: redaction.Titles(m), Blocks: m.Texte.Blocks(), Digest: m.Texte.Nonce()}
	p.Invalid = form.Invalid()
	for _, old := range m.Replaces {
		p.Replaced = append(p.Replaced, acte.Replaced{Number: page.Number(old.Number), Domaine: redaction.Title(old.Domaine)})
	}
	return d.Pages.Render(w, status, "monespace/mandat", &p)
}

// decide is « Je donne mandat » or « Je préfère réfléchir ».
func (d *Desk) decide(w http.ResponseWriter, r *http.Request) error {
	m, err := d.current(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, formMax)
	if err != nil {
		return err
	}
	if at := step(m); at != stepText {
		return seeOther(w, r, at)
	}
	switch form.OneOf("decision", "Choisissez de donner le mandat, ou de réfléchir.", "donner", "reflechir") {
	case "donner":
		return d.give(w, r, m, form.Get("empreinte"))
	case "reflechir":
		return d.decline(w, r)
	}
	return d.text(w, r, m, http.StatusUnprocessableEntity, form)
}

// give records the usager's act, for the very text that was on the screen.
func (d *Desk) give(w http.ResponseWriter, r *http.Request, m mandat.Mandat, digest string) error {
	open, _, err := d.overlaps(r, m)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		return seeOther(w, r, stepOverlap)
	}
	return d.next(w, r, d.change(r, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		if m.Texte.Nonce() != digest {
			return m, journal.Fact{}, mandat.ErrState
		}
		return m.Give(d.Now())
	}))
}

func (d *Desk) decline(w http.ResponseWriter, r *http.Request) error {
	return d.next(w, r, d.change(r, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Decline(d.Now()) }))
}
