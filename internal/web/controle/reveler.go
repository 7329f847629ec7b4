package controle

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Revelations shows identities, each with its entry.
type Revelations interface {
	// Reveal runs decide in one transaction with its fact. See store.Store.Reveal.
	Reveal(ctx context.Context, missionID string, target mission.Target,
		decide func(m mission.Mission, t mission.Target, recent int) (mission.Revelation, journal.Fact, error)) (mission.Revelation, error)
	// Revealed is mission.ErrNotFound for another auditeur, or too late.
	Revealed(ctx context.Context, id, auditeurID string) (mission.Shown, error)
}

// revelationCookie holds the id of a revelation, never who it shows.
const revelationCookie = "revelation"

func revealPath(index int64) string { return entries + strconv.FormatInt(index, 10) + "/reveler" }

type revealPage struct {
	page.Layout
	Form  page.Form
	Index int64
	Kinds []page.Option
	Max   int
}

// askIdentity shows the form of the break-glass for one entry.
func (d *Desk) askIdentity(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	row, rec, err := d.revealable(r, v)
	if err != nil {
		return err
	}
	return d.showReveal(w, v, row.Index, kinds(v, rec), page.Form{}, http.StatusOK)
}

func (d *Desk) showReveal(w http.ResponseWriter, v desk.Visit, index int64, kinds []page.Option, form page.Form, status int) error {
	p := &revealPage{Layout: v.Layout("Révéler une identité", home), Form: form, Index: index, Kinds: kinds, Max: mission.RevealMax}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "controle/reveler", p)
}

// revealable reads an entry of the scope behind which there is somebody to name.
func (d *Desk) revealable(r *http.Request, v desk.Visit) (journal.Row, journal.Record, error) {
	row, err := d.one(r, v)
	if err != nil {
		return row, journal.Record{}, err
	}
	rec, _ := sound(row)
	if err := d.openActor(r.Context(), &rec); err != nil {
		return row, rec, err
	}
	if len(kinds(v, rec)) == 0 {
		return row, rec, explained(mission.ErrNobody, row.Index)
	}
	return row, rec, nil
}

// kinds lists whose identity an entry leads to.
func kinds(v desk.Visit, rec journal.Record) []page.Option {
	var out []page.Option
	if rec.Actor.Type == journal.ActorAidant && rec.Actor.Ref != "" && !journal.Hidden(rec.Actor.Ref) {
		out = append(out, page.Option{Value: string(mission.Agent), Label: "L’agent qui a agi : " + v.Mission.Label(rec.Actor.Ref),
			Hint: "Son nom et sa structure."})
	}
	if rec.Mandat != "" {
		out = append(out, page.Option{Value: string(mission.Usager), Label: "L’usager du mandat " + short(rec.Mandat),
			Hint: "Ses noms et sa date de naissance, rien d’autre. Il le verra s’il demande ses données."})
	}
	return out
}

// reveal writes the entry of the revelation, and only then leads to the identity.
func (d *Desk) reveal(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	row, rec, err := d.revealable(r, v)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, 16<<10)
	if err != nil {
		return err
	}
	options := kinds(v, rec)
	allowed := make([]string, len(options))
	for i, o := range options {
		allowed[i] = o.Value
	}
	kind := mission.Kind(form.OneOf("identite", "Choisissez l’identité à révéler.", allowed...))
	reason := form.Lines("motif", mission.TextMax, "Écrivez pourquoi cette identité est nécessaire à votre mission.")
	if reason != "" && mission.CheckText(reason) != nil {
		form.Fail("motif", "Écrivez le motif en "+strconv.Itoa(mission.TextMin)+" caractères au moins.")
	}
	form.OneOf("confirmer", "Cochez la case pour confirmer.", "oui")
	if form.Invalid() {
		return d.showReveal(w, v, row.Index, options, form, http.StatusUnprocessableEntity)
	}
	facets, err := d.Facets.Facets(r.Context(), row.Index)
	if err != nil {
		return err
	}
	target := mission.Target{Kind: kind, AidantID: rec.Actor.Ref, MandatID: rec.Mandat, Entry: row.Index, Facets: facets}
	shown, err := d.Revelations.Reveal(r.Context(), v.Mission.ID, target, d.decision(v, reason))
	if err != nil {
		return explained(err, row.Index)
	}
	if err := d.Cookies.Put(w, revelationCookie, shown.ID, mission.Visible); err != nil {
		return err
	}
	http.Redirect(w, r, "/controle/revelation", http.StatusSeeOther)
	return nil
}

func (d *Desk) decision(v desk.Visit, reason string) func(mission.Mission, mission.Target, int) (mission.Revelation, journal.Fact, error) {
	return func(m mission.Mission, t mission.Target, recent int) (mission.Revelation, journal.Fact, error) {
		return m.Reveal(t, reason, recent, v.Aidant.Actor(v.Session.Auth), d.Now())
	}
}

// explained gives the refusals of a revelation pages that say what to do.
func explained(err error, index int64) error {
	p := &desk.Problem{Next: page.Link{Href: entries + strconv.FormatInt(index, 10), Text: "Revenir à l’entrée"}, Cause: err}
	switch {
	case errors.Is(err, mission.ErrNobody):
		p.Status, p.Title = http.StatusConflict, "Il n’y a personne à révéler"
		p.Text = "Aucun agent ne peut être nommé derrière cette entrée, et aucun usager n’est rattaché à son mandat, ou plus aucun."
	case errors.Is(err, mission.ErrErased):
		p.Status, p.Title = http.StatusConflict, "Les données de cette personne sont effacées"
		p.Text = "Relais ne sait plus qui elle est, et personne ne peut le retrouver. Les preuves du journal tiennent toujours."
	case errors.Is(err, mission.ErrTooMany):
		p.Status, p.Title = http.StatusForbidden, "Trop d’identités révélées aujourd’hui"
		p.Text = "Une mission révèle au plus " + strconv.Itoa(mission.RevealMax) + " identités en 24 heures. Rien n’a été montré."
		p.Do = []string{"Reprenez demain.", "Si votre mission en demande davantage, parlez-en à l’administrateur qui l’a ouverte."}
	case errors.Is(err, mission.ErrOver):
		p.Status, p.Title = http.StatusForbidden, "Votre mission n’est plus en cours"
		p.Text, p.Next = "Rien n’a été montré.", page.Link{Href: "/compte", Text: "Ouvrir mon compte"}
	case errors.Is(err, mission.ErrScope):
		return noEntry()
	case errors.Is(err, mission.ErrState):
		p.Status, p.Title = http.StatusConflict, "Deux demandes se sont croisées"
		p.Text, p.Do = "Une autre fenêtre est passée avant. Rien n’a été montré.", []string{"Recommencez."}
	default:
		return err
	}
	return p
}

type revealedPage struct {
	page.Layout
	Erased bool
	Items  []page.Item
	Entry  string
}

// revealed shows the identity once, to the browser that asked for it.
func (d *Desk) revealed(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	var id string
	if err := d.Cookies.Take(w, r, revelationCookie, &id); err != nil {
		return gone(err)
	}
	shown, err := d.Revelations.Revealed(r.Context(), id, v.Aidant.ID)
	if errors.Is(err, mission.ErrNotFound) {
		return gone(err)
	}
	if err != nil {
		return err
	}
	if shown.MissionID != v.Mission.ID { // the visitor works under another one by now
		return gone(mission.ErrNotFound)
	}
	p := &revealedPage{Layout: v.Layout("Identité révélée", home), Erased: shown.Erased, Entry: entries + strconv.FormatInt(shown.Entry, 10)}
	p.Items = []page.Item{{Term: "Nom", Text: shown.Name}}
	if shown.Kind == mission.Agent {
		p.Items = append(p.Items, page.Item{Term: "Structure", Text: shown.Structure}, page.Item{Term: "Pseudonyme dans cette mission", Text: v.Mission.Label(shown.AidantID)})
	} else {
		p.Items = append(p.Items, page.Item{Term: "Naissance", Text: page.Birthdate(shown.Birthdate)}, page.Item{Term: "Mandat", Text: short(shown.MandatID)})
	}
	w.Header().Set("Cache-Control", "no-store")
	return d.Pages.Render(w, http.StatusOK, "controle/revelation", p)
}

func gone(cause error) error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Il n’y a plus rien à montrer",
		Text: "Une identité révélée n’est montrée qu’une fois, dans les minutes qui suivent. La révélation reste inscrite au journal.",
		Do:   []string{"Pour la revoir, demandez-la de nouveau depuis l’entrée, avec un motif."},
		Next: page.Link{Href: home, Text: "Ouvrir le journal"}, Cause: cause}
}
