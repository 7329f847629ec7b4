package controle

import (
	"errors"
	"net/http"
	"strconv"

	"relais/internal/journal"
	"relais/internal/signal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type signalPage struct {
	page.Layout
	Form   page.Form
	Action string
	Rule   signal.Rule
	Items  []page.Item
	Seen   bool
	Mark   []page.Item
	Max    int
}

func signalPath(f signal.Found) string {
	return signaux + "/" + strconv.FormatInt(f.Index, 10) + "/" + string(f.Rule)
}

// signal shows one signal beside its rule, and the mark on it.
func (d *Desk) signal(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	found, seen, err := d.oneSignal(r, v)
	if err != nil {
		return err
	}
	if err := d.trace(r.Context(), v, []string{"signal"}); err != nil {
		return err
	}
	return d.showSignal(w, r, v, found, seen, page.Form{}, http.StatusOK)
}

// oneSignal reads the signal of the address; one outside the mission looks like
// one that is not there, and the refusal is recorded.
func (d *Desk) oneSignal(r *http.Request, v desk.Visit) (signal.Found, signal.Seen, error) {
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil || index < 0 {
		return signal.Found{}, signal.Seen{}, noSignal()
	}
	found, seen, err := d.Watch.Signal(r.Context(), index, signal.Code(r.PathValue("regle")))
	if errors.Is(err, signal.ErrNotFound) {
		return found, seen, noSignal()
	}
	if err != nil {
		return found, seen, err
	}
	if !v.Scope().Covers(journal.Facets{Structure: found.Structure, Departement: found.Departement}) {
		if err := d.refuse(r, v, "hors_mission"); err != nil {
			return found, seen, err
		}
		return found, seen, noSignal()
	}
	return found, seen, nil
}

func noSignal() error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Ce signal est introuvable",
		Text: "Il n’existe pas, ou il n’est pas dans le périmètre de votre mission.",
		Next: page.Link{Href: signaux, Text: "Voir les signaux"}, Cause: signal.ErrNotFound}
}

func (d *Desk) showSignal(w http.ResponseWriter, r *http.Request, v desk.Visit, f signal.Found, seen signal.Seen, form page.Form, status int) error {
	places, err := d.places(r.Context(), v.Scope())
	if err != nil {
		return err
	}
	rule, _ := signal.Find(f.Rule)
	index := strconv.FormatInt(f.Index, 10)
	p := &signalPage{Layout: v.Layout(rule.Title, home), Form: form, Action: signalPath(f), Rule: rule, Seen: !f.SeenAt.IsZero(), Max: signal.NoteMax}
	p.Invalid = form.Invalid()
	p.Items = []page.Item{{Term: "Date et heure", Text: moment(f.At, v.Zone())}, {Term: "Entrée", Text: "Entrée " + index, Href: entries + index},
		actorItem(v, journal.Actor{Type: journal.ActorAidant, Ref: f.Aidant}), {Term: "Mandat", Text: short(f.Mandat), Href: mandats + f.Mandat},
		{Term: "Structure", Text: orNone(places.names[f.Structure])}}
	if p.Seen {
		note := seen.Note
		switch {
		case len(seen.Salt) == 0:
			note = "Effacée avec les données de l’usager."
		case note == "":
			note = "Sans note."
		}
		p.Mark = []page.Item{{Term: "Vu le", Text: moment(seen.At, v.Zone())}, {Term: "Par", Text: "Auditeur " + v.Mission.Label(seen.By)}, {Term: "Note", Text: note}}
	}
	return d.Pages.Render(w, status, "controle/signal", p)
}

// seeSignal marks a signal as seen. It changes nothing else.
func (d *Desk) seeSignal(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	found, seen, err := d.oneSignal(r, v)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, 16<<10)
	if err != nil {
		return err
	}
	note := ""
	if form.Get("note") != "" {
		note = form.Lines("note", signal.NoteMax, "")
	}
	if form.Invalid() {
		return d.showSignal(w, r, v, found, seen, form, http.StatusUnprocessableEntity)
	}
	err = d.Watch.SeeSignal(r.Context(), found.Index, found.Rule, func(f signal.Found) (signal.Seen, journal.Fact, error) {
		return f.See(note, v.Aidant.Actor(v.Session.Auth), d.Now())
	})
	if errors.Is(err, signal.ErrInvalid) {
		form.Fail("note", "Écrivez la note avec des lettres, des chiffres et de la ponctuation ordinaires.")
		return d.showSignal(w, r, v, found, seen, form, http.StatusUnprocessableEntity)
	}
	if errors.Is(err, signal.ErrSeen) {
		return &desk.Problem{Status: http.StatusConflict, Title: "Ce signal est déjà marqué comme vu",
			Text: "Une marque ne se change pas : un autre auditeur, ou vous dans une autre fenêtre, l’a posée. Votre note n’a pas été enregistrée.",
			Next: page.Link{Href: signalPath(found), Text: "Revoir ce signal"}, Cause: err}
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, signalPath(found), http.StatusSeeOther)
	return nil
}
