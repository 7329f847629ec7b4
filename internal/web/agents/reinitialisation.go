package agents

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Resets is what is asked of the store about resets. Rights are checked in the
// transaction that decides; facteur.ErrUnknown for what the visitor may not see.
type Resets interface {
	AskReset(ctx context.Context, aidantID, reason string, by journal.Actor) (facteur.Reinitialisation, error)
	ChangeReset(ctx context.Context, id string, by journal.Actor,
		decide func(facteur.Reinitialisation, facteur.Parties) (facteur.Reinitialisation, journal.Fact, error)) (facteur.Reinitialisation, error)
	IssueReset(ctx context.Context, id, code string, by journal.Actor) (facteur.Invitation, error)
	ResetsFor(ctx context.Context, viewer aidant.Aidant) ([]facteur.Request, error)
	ResetFor(ctx context.Context, id string, viewer aidant.Aidant) (facteur.Request, error)
}

func (d *Doors) reset(id string) string { return d.Home + "/reinitialisations/" + id }

type askPage struct {
	page.Layout
	Form   page.Form
	Name   string
	Action string
	Back   page.Link
}

// AskForm serves the form of a reset.
func (d *Doors) AskForm(w http.ResponseWriter, r *http.Request) error {
	a, err := d.mine(r)
	if err != nil {
		return err
	}
	return d.askForm(w, r, a, page.Form{}, http.StatusOK)
}

func (d *Doors) askForm(w http.ResponseWriter, r *http.Request, a aidant.Aidant, form page.Form, status int) error {
	v := desk.Of(r)
	door, err := d.Codes.Door(r.Context(), a.ID)
	if err != nil {
		return err
	}
	next := page.Link{Href: d.agent(a.ID), Text: "Revenir à la fiche"}
	switch {
	case !facteur.MayAsk(v.Aidant, a):
		return d.beyond(facteur.ErrBeyond, next)
	case !door.Enrolled():
		return d.beyond(facteur.ErrNoFactor, next)
	}
	p := &askPage{Layout: v.Layout("Demander une réinitialisation", d.Home), Form: form, Name: a.Name(), Action: r.URL.Path,
		Back: page.Link{Href: d.agent(a.ID), Text: a.Name()}}
	p.Invalid = form.Invalid()
	return d.Pages.Render(w, status, "agents/reinitialiser", p)
}

// Ask records the asking.
func (d *Doors) Ask(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	a, err := d.mine(r)
	if err != nil {
		return err
	}
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	reason := form.Lines("motif", facteur.ReasonMax, "Écrivez pourquoi l’agent ne peut plus s’identifier.")
	if reason != "" && facteur.CheckReason(reason) != nil {
		form.Fail("motif", "Écrivez le motif en "+strconv.Itoa(facteur.ReasonMin)+" caractères au moins : la seconde personne décide d’après lui.")
	}
	if form.Invalid() && facteur.MayAsk(v.Aidant, a) {
		return d.askForm(w, r, a, form, http.StatusUnprocessableEntity)
	}
	asked, err := d.Resets.AskReset(r.Context(), a.ID, reason, v.Aidant.Actor(v.Session.Auth))
	if err != nil {
		return d.beyond(err, page.Link{Href: d.agent(a.ID), Text: "Revenir à la fiche"})
	}
	d.Flash.Flash(w, "success", "La demande est enregistrée. Une seconde personne doit l’approuver : rien n’est encore retiré.")
	http.Redirect(w, r, d.reset(asked.ID), http.StatusSeeOther)
	return nil
}

type resetsPage struct {
	page.Layout
	Waiting page.Table // for the visitor's decision
	Others  page.Table
}

// WaitingWords says how many resets wait for the visitor's decision, "" for none.
func (d *Doors) WaitingWords(ctx context.Context, v desk.Visit) (string, error) {
	list, err := d.Resets.ResetsFor(ctx, v.Aidant)
	n := 0
	for _, q := range list {
		if q.MayApprove {
			n++
		}
	}
	switch n {
	case 0:
		return "", err
	case 1:
		return "Une demande de réinitialisation attend votre décision.", err
	}
	return strconv.Itoa(n) + " demandes de réinitialisation attendent votre décision.", err
}

// List serves the resets that the visitor may read.
func (d *Doors) List(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	list, err := d.Resets.ResetsFor(r.Context(), v.Aidant)
	if err != nil {
		return err
	}
	p := &resetsPage{Layout: v.Layout("Réinitialisations", d.Home)}
	p.Wide = true
	columns := []string{"Agent", "Structure", "Demandée par", "Demandée le", "État"}
	p.Waiting = page.Table{Caption: "Demandes qui attendent votre décision", Hidden: true, Columns: columns}
	p.Others = page.Table{Caption: "Autres demandes des trente derniers jours", Hidden: true, Columns: columns}
	for _, q := range list {
		row := []page.Cell{{Text: q.Agent, Href: d.reset(q.ID)}, {Text: q.Structure}, {Text: q.Asker},
			{Text: page.DateTime(q.AskedAt.In(v.Zone()))}, {Text: q.State(d.Now()).Label()}}
		if q.MayApprove {
			p.Waiting.Rows = append(p.Waiting.Rows, row)
			continue
		}
		p.Others.Rows = append(p.Others.Rows, row)
	}
	return d.Pages.Render(w, http.StatusOK, "agents/reinitialisations", p)
}

type resetPage struct {
	page.Layout
	facteur.Request
	Items   []page.Item
	Reason  string
	Address string
	Back    page.Link
}

// Reset serves one of them: who, which structure, why, and what the visitor may do.
func (d *Doors) Reset(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	q, err := d.Resets.ResetFor(r.Context(), r.PathValue("id"), v.Aidant)
	if err != nil {
		return err
	}
	p := &resetPage{Layout: v.Layout("Réinitialisation", d.Home), Request: q, Reason: q.Reason, Address: d.reset(q.ID),
		Back: page.Link{Href: d.Home + "/reinitialisations", Text: "Réinitialisations"}}
	when := func(by, of string) string { return by + ", " + of }
	p.Items = []page.Item{{Term: "Agent", Text: q.Agent}, {Term: "Structure", Text: q.Structure},
		{Term: "Demandée par", Text: when(q.Asker, q.AskerStructure)}, {Term: "Demandée le", Text: page.DateTime(q.AskedAt.In(v.Zone()))}}
	if q.Approver != "" {
		p.Items = append(p.Items, page.Item{Term: "Approuvée par", Text: when(q.Approver, q.ApproverStructure)},
			page.Item{Term: "Approuvée le", Text: page.DateTime(q.ApprovedAt.In(v.Zone()))})
	}
	p.Items = append(p.Items, page.Item{Term: "État", Text: q.State(d.Now()).Label()})
	if q.Running(d.Now()) {
		p.Items = append(p.Items, page.Item{Term: "Sans suite après le", Text: page.DateTime(q.ExpiresAt.In(v.Zone()))})
	}
	return d.Pages.Render(w, http.StatusOK, "agents/reinitialisation", p)
}

// Approve is the second person's word.
func (d *Doors) Approve(w http.ResponseWriter, r *http.Request) error {
	by := d.by(r)
	return d.change(w, r, "Vous avez approuvé. La personne qui a demandé peut maintenant remettre un code à l’agent, qui devra confirmer.",
		func(q facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error) {
			return q.Approve(p, by, d.Now())
		})
}

// Dismiss is the second person's refusal.
func (d *Doors) Dismiss(w http.ResponseWriter, r *http.Request) error {
	by := d.by(r)
	return d.change(w, r, "La demande est écartée : rien n’est retiré.",
		func(q facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error) {
			return q.Dismiss(p, by, d.Now())
		})
}

// Withdraw is the asker's second thought.
func (d *Doors) Withdraw(w http.ResponseWriter, r *http.Request) error {
	by := d.by(r)
	return d.change(w, r, "La demande est retirée : rien n’est modifié pour l’agent.",
		func(q facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error) {
			return q.Withdraw(p.Who, by, d.Now())
		})
}

func (d *Doors) by(r *http.Request) journal.Actor {
	v := desk.Of(r)
	return v.Aidant.Actor(v.Session.Auth)
}

func (d *Doors) change(w http.ResponseWriter, r *http.Request, said string,
	decide func(facteur.Reinitialisation, facteur.Parties) (facteur.Reinitialisation, journal.Fact, error)) error {
	q, err := d.Resets.ChangeReset(r.Context(), r.PathValue("id"), d.by(r), decide)
	if err != nil {
		return d.beyond(err, page.Link{Href: d.Home + "/reinitialisations", Text: "Revenir aux demandes"})
	}
	d.Flash.Flash(w, "success", said)
	// Who dismissed for a partner's agent does not see it any more.
	to := d.reset(q.ID)
	if _, err := d.Resets.ResetFor(r.Context(), q.ID, desk.Of(r).Aidant); errors.Is(err, facteur.ErrUnknown) {
		to = d.Home + "/reinitialisations"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// Issue makes the code that the asker hands to the agent.
func (d *Doors) Issue(w http.ResponseWriter, r *http.Request) error {
	code := facteur.NewCode()
	i, err := d.Resets.IssueReset(r.Context(), r.PathValue("id"), code, d.by(r))
	if err != nil {
		return d.beyond(err, page.Link{Href: d.reset(r.PathValue("id")), Text: "Revenir à la demande"})
	}
	return d.hand(w, r, sheet{Agent: i.AidantID, Code: code, Until: i.ExpiresAt, Kind: facteur.Resets})
}
