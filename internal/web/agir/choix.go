package agir

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"relais/internal/delegation"
	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/provider"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// maxForm bounds this desk's forms, in bytes.
const maxForm = 64 << 10

type choicePage struct {
	page.Layout
	Form                      page.Form
	Action, Demande           string
	Back                      page.Link
	Asker, Name, Born, Number string
	Hub                       bool // a hub asks, for a service that it does not name
	MandatID, Until           string
	Single                    string // the only domaine's title, "" when there is a choice
	Options                   []page.Option
	Demarches                 []demarches
	Blocked                   string // for whom a use is open, when it is somebody else
}

// demarches are what the text lists in one domaine.
type demarches struct {
	Domaine string
	Titles  []string
}

// subject is one mandat under one request: everything a choice needs.
type subject struct {
	req    provider.Request
	mandat mandat.Mandat
	usager usager.Usager
	codes  []string // domaines that can be chosen
}

// load reads the mandat and its usager, within the visitor's structure.
func (d *Desk) load(r *http.Request, req provider.Request, mandatID string) (subject, error) {
	v := desk.Of(r)
	file, err := d.Mandats.MandatFile(r.Context(), v.Organisation.ID, mandatID)
	if err != nil {
		return subject{}, err
	}
	m := file.Mandats[0]
	if m.UsagerID == "" {
		return subject{}, mandat.ErrNotFound // a draft: nobody has signed it
	}
	return subject{req: req, mandat: m, usager: file.Usager, codes: usableDomaines(m, v, req, d.Now())}, nil
}

// why is the reason for which the mandat cannot serve here, nil when it can.
func (s subject) why(v desk.Visit, at time.Time) error {
	switch {
	case len(s.codes) > 0:
		return nil
	case !s.mandat.Names(v.Aidant.ID):
		return mandat.ErrNotNamed
	case s.mandat.Status(at) != mandat.Actif:
		return mandat.ErrEnded
	}
	return mandat.ErrScope
}

// turnedAway leaves the trace of a mandat that could not be used, and its page.
func (d *Desk) turnedAway(r *http.Request, req provider.Request, err error) error {
	v := desk.Of(r)
	reason := ""
	switch {
	case errors.Is(err, mandat.ErrNotFound), errors.Is(err, usager.ErrNotFound):
		reason = "mandat_inconnu"
	case errors.Is(err, mandat.ErrNotNamed):
		reason = "aidant_non_nomme"
	case errors.Is(err, mandat.ErrEnded):
		reason = "mandat_termine"
	case errors.Is(err, mandat.ErrScope):
		reason = "hors_perimetre"
	default:
		return err
	}
	denied := delegation.Denied(v.Aidant.Actor(v.Session.Auth), req.ClientID, reason)
	if err := d.Trace.Append(r.Context(), denied); err != nil {
		return err
	}
	return explained(err, req.ID, req.ClientName)
}

// confirm shows for whom the aidant is about to act, and asks in which domaine.
func (d *Desk) confirm(w http.ResponseWriter, r *http.Request) error {
	req, err := d.pending(r)
	if err != nil {
		return err
	}
	s, err := d.load(r, req, r.PathValue("mandat"))
	if err == nil {
		err = s.why(desk.Of(r), d.Now())
	}
	if err != nil {
		return d.turnedAway(r, req, err)
	}
	return d.Pages.Render(w, http.StatusOK, "agir/choix", d.choicePage(desk.Of(r), s))
}

func (d *Desk) choicePage(v desk.Visit, s subject) *choicePage {
	p := &choicePage{Layout: v.Layout("Vérifiez avant d’agir", section), Action: path(s.req.ID), Demande: s.req.ID,
		Back:  page.Link{Href: path(s.req.ID), Text: "Choisir une autre personne"},
		Asker: asker(s.req), Hub: s.req.Profile == provider.ProfileFranceConnect, Name: s.usager.Identite.Display(), Born: born(s.usager.Identite),
		Number: s.mandat.Number, MandatID: s.mandat.ID, Until: page.Date(s.mandat.EndsAt.In(v.Zone()))}
	catalogue := domaine.Current()
	for _, code := range s.codes {
		known, _ := catalogue.Find(code) // usableDomaines walks the catalogue
		p.Options = append(p.Options, page.Option{Value: code, Label: known.Title, Hint: known.Examples, Checked: len(s.codes) == 1})
		a, _ := s.mandat.Active(code, d.Now())
		list := demarches{Domaine: known.Title}
		for _, one := range a.Demarches {
			if found, ok := known.Demarche(one); ok {
				list.Titles = append(list.Titles, found.Title)
			}
		}
		p.Demarches = append(p.Demarches, list)
	}
	if len(s.codes) == 1 {
		p.Single = p.Options[0].Label
	}
	if v.Use != nil && v.Use.Login.UsagerID != s.usager.ID {
		p.Blocked = v.Use.Usager.Identite.Display()
	}
	return p
}

// choose records the choice and sends the browser to the service. Whether the
// mandat allows it is not asked here: its own transition decides, and leaves the
// trace of a refusal in the mandat's stream.
func (d *Desk) choose(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	req, err := d.pending(r)
	if err != nil {
		return err
	}
	s, err := d.load(r, req, form.Get("mandat"))
	if err != nil {
		return d.turnedAway(r, req, err)
	}
	code := form.Get("domaine")
	if _, known := domaine.Current().Find(code); !known {
		form.Fail("domaine", "Choisissez le domaine de la démarche.")
		if err := s.why(v, d.Now()); err != nil {
			return d.turnedAway(r, req, err)
		}
		return d.again(w, v, s, form)
	}
	choice := provider.Choice{MandatID: s.mandat.ID, Domaine: code, Usager: s.usager, Aidant: v.Aidant,
		Session: v.Session, Organisation: v.Organisation, Mandat: s.mandat}
	to, err := d.Provider.Choose(w, r, req.ID, choice, d.record(v, req, code))
	if err != nil {
		return explained(err, req.ID, req.ClientName)
	}
	return d.Pages.Leave(w, to, "Vous rejoignez "+req.ClientName, "Continuer vers "+req.ClientName)
}

// again shows the page once more with its error.
func (d *Desk) again(w http.ResponseWriter, v desk.Visit, s subject, form page.Form) error {
	p := d.choicePage(v, s)
	p.Form, p.Invalid = form, true
	return d.Pages.Render(w, http.StatusUnprocessableEntity, "agir/choix", p)
}

// record is what makes the choice count: the mandat decides again, and its fact
// and the login are written together.
func (d *Desk) record(v desk.Visit, req provider.Request, code string) func(context.Context, delegation.Login) error {
	return func(ctx context.Context, l delegation.Login) error {
		return d.Uses.UseMandat(ctx, l, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Use(code, slices.Clone(req.Within), v.Organisation.ID, req.ClientID, l.ID, v.Aidant.Actor(v.Session.Auth), d.Now())
		})
	}
}

// refuse sends the browser back to the service with nothing.
func (d *Desk) refuse(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	req, err := d.pending(r)
	if err != nil {
		return err
	}
	denied := delegation.Denied(v.Aidant.Actor(v.Session.Auth), req.ClientID, "refus_aidant")
	if err := d.Trace.Append(r.Context(), denied); err != nil {
		return err
	}
	to, err := d.Provider.Refuse(w, r, req.ID, "access_denied", "refus de l'aidant")
	if err != nil {
		return explained(err, req.ID, req.ClientName)
	}
	return d.Pages.Leave(w, to, "Vous revenez à "+req.ClientName, "Revenir à "+req.ClientName)
}
