package guichet

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

func (d *Desk) open(w http.ResponseWriter, r *http.Request) error {
	form, err := page.ReadForm(r, formMax, "demarche", "aidant")
	if err != nil {
		return err
	}
	v, id := desk.Of(r), form.Get("jeton")
	if !tokenPattern.MatchString(id) {
		id = newToken()
		form.Set("jeton", id)
	}
	plan, err := d.readPlan(r.Context(), v, &form)
	if err != nil {
		return err
	}
	if form.Invalid() && !protected(plan) {
		return d.showPlan(w, r, http.StatusUnprocessableEntity, form, mandat.Mandat{})
	}
	m, err := d.draft(r.Context(), v, id, plan)
	if err != nil {
		return d.planRefused(w, r, plan, err)
	}
	return toMandat(w, r, m.ID)
}

// draft opens the draft, or finds the one that the same form opened before: then
// what differs is changed in it.
func (d *Desk) draft(ctx context.Context, v desk.Visit, id string, plan mandat.Plan) (mandat.Mandat, error) {
	m, err := d.Mandats.Mandat(ctx, v.Organisation.ID, id)
	if err == nil {
		return d.again(ctx, v, m, plan)
	}
	if !errors.Is(err, mandat.ErrNotFound) {
		return mandat.Mandat{}, err
	}
	m, err = d.Mandats.Draft(ctx, func() (mandat.Mandat, journal.Fact, error) {
		return mandat.Draft(id, mandat.NewNumber(), v.Organisation, plan, by(v), d.Now())
	})
	if err == nil || errors.Is(err, mandat.ErrProtected) || errors.Is(err, mandat.ErrInvalid) {
		return m, err
	}
	if m, again := d.Mandats.Mandat(ctx, v.Organisation.ID, id); again == nil {
		return m, nil // the same form, sent twice at once
	}
	return mandat.Mandat{}, err
}

func (d *Desk) again(ctx context.Context, v desk.Visit, m mandat.Mandat, plan mandat.Plan) (mandat.Mandat, error) {
	if same(m, plan) {
		return m, nil
	}
	return d.change(ctx, v, m.ID, plan)
}

func (d *Desk) change(ctx context.Context, v desk.Visit, id string, plan mandat.Plan) (mandat.Mandat, error) {
	return d.Mandats.ChangeMandat(ctx, v.Organisation.ID, id, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		if err := changeable(m); err != nil {
			return m, journal.Fact{}, err
		}
		return m.Redraft(v.Organisation, plan, by(v), d.Now())
	})
}

func same(m mandat.Mandat, p mandat.Plan) bool {
	return p.Capacity == mandat.CapacityFull && m.Colleagues == p.Colleagues && slices.Equal(m.Aidants, p.Aidants) &&
		m.Duration.Days == p.Duration.Days && m.Duration.LastDay.Equal(p.Duration.LastDay) &&
		slices.EqualFunc(m.Autorisations, p.Autorisations, func(a, b mandat.Autorisation) bool {
			return a.Domaine == b.Domaine && slices.Equal(a.Demarches, b.Demarches)
		})
}

func (d *Desk) redraft(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	if err := changeable(m); err != nil {
		return err
	}
	form, err := page.ReadForm(r, formMax, "demarche", "aidant")
	if err != nil {
		return err
	}
	v := desk.Of(r)
	plan, err := d.readPlan(r.Context(), v, &form)
	if err != nil {
		return err
	}
	if form.Invalid() && !protected(plan) {
		return d.showPlan(w, r, http.StatusUnprocessableEntity, form, m)
	}
	if same(m, plan) && m.Texte.IsZero() {
		return toMandat(w, r, m.ID)
	}
	if _, err := d.change(r.Context(), v, m.ID, plan); err != nil {
		return d.planRefused(w, r, plan, err)
	}
	d.say(w, "success", "Le brouillon est modifié.")
	return toMandat(w, r, m.ID)
}

type protectionPage struct {
	page.Layout
	Measure string
	Turn    []string
}

// planRefused shows where to turn when the usager declares a measure.
func (d *Desk) planRefused(w http.ResponseWriter, r *http.Request, plan mandat.Plan, err error) error {
	if !errors.Is(err, mandat.ErrProtected) {
		return err
	}
	p := protectionPage{Layout: desk.Of(r).Layout("Relais ne peut pas recueillir ce mandat", section),
		Measure: capacityLabels[plan.Capacity], Turn: turnTo[plan.Capacity]}
	return d.Pages.Render(w, http.StatusUnprocessableEntity, "guichet/protection", &p)
}

var turnTo = map[mandat.Capacity][]string{
	mandat.CapacityTutelle: {
		"Demandez à la personne qui est son tuteur. C’est le tuteur qui fait les démarches, ou qui peut vous les confier.",
		"Si le tuteur ne répond pas, la personne peut s’adresser au juge des contentieux de la protection, au tribunal judiciaire."},
	mandat.CapacityCuratelle: {
		"Demandez à la personne qui est son curateur, et appelez-le ensemble : il l’assiste pour les actes importants.",
		"En cas de désaccord avec le curateur, la personne peut s’adresser au juge des contentieux de la protection, au tribunal judiciaire."},
	mandat.CapacityHabilitation: {
		"Demandez quel proche est habilité : c’est lui qui fait les démarches, avec la décision du juge.",
		"Si ce proche ne peut plus agir, la personne peut s’adresser au juge des contentieux de la protection, au tribunal judiciaire."},
	mandat.CapacityFuture: {
		"Demandez qui est désigné dans le mandat de protection future : c’est cette personne qui agit.",
		"En cas de difficulté, adressez-vous au notaire qui a reçu le mandat, ou au juge des contentieux de la protection."},
}

func protected(p mandat.Plan) bool { return p.Capacity != "" && p.Capacity != mandat.CapacityFull }
