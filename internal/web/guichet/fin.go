package guichet

import (
	"net/http"
	"slices"

	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

// endPage is the form of a révocation or of a renonciation.
type endPage struct {
	page.Layout
	ID, Number, Name string
	Form             page.Form
	Portees          []page.Option // empty with a single domaine
	Domaines         []page.Option
	Only             string // the single domaine
	Canaux           []page.Option
	Motifs           []choice // not a component: one code is "erreur", which ends a component's error id
}

func (d *Desk) revocation(w http.ResponseWriter, r *http.Request) error {
	return d.endForm(w, r, "guichet/revocation", "Arrêter le mandat à la demande de l’usager")
}

func (d *Desk) renonciation(w http.ResponseWriter, r *http.Request) error {
	return d.endForm(w, r, "guichet/renonciation", "Renoncer au mandat")
}

func (d *Desk) endForm(w http.ResponseWriter, r *http.Request, name, title string) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	if m.State == mandat.Brouillon || len(running(m)) == 0 {
		return toMandat(w, r, m.ID)
	}
	return d.showEnd(w, r, http.StatusOK, name, title, m, page.Form{})
}

func (d *Desk) showEnd(w http.ResponseWriter, r *http.Request, status int, name, title string, m mandat.Mandat, form page.Form) error {
	usager, err := d.nameOf(r, m)
	if err != nil {
		return err
	}
	p := endPage{Layout: desk.Of(r).Layout(title, section), ID: m.ID, Number: page.Number(m.Number), Name: usager, Form: form}
	p.Invalid = form.Invalid()
	for _, code := range running(m) {
		p.Only = redaction.Title(code)
		p.Domaines = append(p.Domaines, page.Option{Value: code, Label: redaction.Title(code)})
	}
	if len(p.Domaines) > 1 {
		p.Only = ""
		p.Portees = []page.Option{{Value: "tout", Label: "Tout le mandat", Checked: true}, {Value: "partie", Label: "Seulement certains domaines", Hint: "À cocher ci-dessous."}}
	}
	for _, c := range mandat.Channels() {
		p.Canaux = append(p.Canaux, page.Option{Value: string(c), Label: c.Label(), Checked: c == mandat.AtCounter})
	}
	for _, reason := range mandat.RenounceReasons() {
		p.Motifs = append(p.Motifs, choice{ID: "motif-" + reason[0], Value: reason[0], Label: reason[1], Checked: form.Chosen("motif", reason[0])})
	}
	return d.Pages.Render(w, status, name, &p)
}

// running lists what a mandat has not ended yet, suspended or not.
func running(m mandat.Mandat) []string {
	var codes []string
	for _, a := range m.Autorisations {
		if a.EndedAt.IsZero() {
			codes = append(codes, a.Domaine)
		}
	}
	return codes
}

func (d *Desk) revoke(w http.ResponseWriter, r *http.Request) error {
	m, form, err := d.endPost(r)
	if err != nil {
		return err
	}
	domaines := readPart(&form, m)
	canal := form.OneOf("canal", "Choisissez comment l’usager vous l’a dit.", codes(mandat.Channels())...)
	if form.Invalid() {
		return d.showEnd(w, r, http.StatusUnprocessableEntity, "guichet/revocation", "Arrêter le mandat à la demande de l’usager", m, form)
	}
	v := desk.Of(r)
	return d.finish(w, r, m, domaines, "Le mandat est arrêté à la demande de l’usager. Remettez-lui le reçu.", func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Revoke(domaines, mandat.Channel(canal), by(v), d.Now())
	})
}

func (d *Desk) renounce(w http.ResponseWriter, r *http.Request) error {
	m, form, err := d.endPost(r)
	if err != nil {
		return err
	}
	domaines := readPart(&form, m)
	var motifs []string
	for _, reason := range mandat.RenounceReasons() {
		motifs = append(motifs, reason[0])
	}
	motif := form.OneOf("motif", "Choisissez pourquoi la structure renonce.", motifs...)
	if form.Invalid() {
		return d.showEnd(w, r, http.StatusUnprocessableEntity, "guichet/renonciation", "Renoncer au mandat", m, form)
	}
	v := desk.Of(r)
	return d.finish(w, r, m, domaines, "La structure a renoncé. Vous devez prévenir l’usager : imprimez l’avis, puis remettez-le-lui ou postez-le.", func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Renounce(domaines, motif, by(v), d.Now())
	})
}

func (d *Desk) endPost(r *http.Request) (mandat.Mandat, page.Form, error) {
	m, err := d.mandat(r)
	if err != nil {
		return mandat.Mandat{}, page.Form{}, err
	}
	form, err := page.ReadForm(r, formMax, "domaine")
	return m, form, err
}

// readPart reads what ends: nothing named for the whole mandat, whose form asks
// nothing when it has one domaine. A word that the form does not have ends nothing.
func readPart(form *page.Form, m mandat.Mandat) []string {
	if form.Get("portee") == "" {
		return nil
	}
	if form.OneOf("portee", "Choisissez tout le mandat, ou certains domaines.", "tout", "partie") != "partie" {
		return nil
	}
	chosen := form.All("domaine")
	if len(chosen) == 0 {
		form.Fail("domaine", "Cochez au moins un domaine, ou choisissez tout le mandat.")
	}
	for _, code := range chosen {
		if !m.Covers(code) {
			form.Fail("domaine", "Choisissez les domaines dans la liste.")
			return nil
		}
	}
	return chosen
}

// finish ends what is asked for. A second identical form finds it done and gives
// the same page.
func (d *Desk) finish(w http.ResponseWriter, r *http.Request, m mandat.Mandat, domaines []string, said string, t Change) error {
	if m.State == mandat.Brouillon || m.State == mandat.SansSuite {
		return mandat.ErrState
	}
	_, err := d.Mandats.ChangeMandat(r.Context(), desk.Of(r).Organisation.ID, m.ID, t)
	if done(err) && d.over(r, m.ID, domaines) {
		d.say(w, "info", "C’était déjà arrêté : rien n’a été modifié.")
		return toMandat(w, r, m.ID)
	}
	if err != nil {
		return err
	}
	d.say(w, "success", said)
	return toMandat(w, r, m.ID)
}

// over tells whether nothing of what was asked to end still runs.
func (d *Desk) over(r *http.Request, id string, domaines []string) bool {
	m, err := d.Mandats.Mandat(r.Context(), desk.Of(r).Organisation.ID, id)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(m.ActiveAutorisations(d.Now()), func(a mandat.Autorisation) bool {
		return len(domaines) == 0 || slices.Contains(domaines, a.Domaine)
	})
}

// codes turns typed codes into text.
func codes[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, c := range list {
		out = append(out, string(c))
	}
	return out
}
