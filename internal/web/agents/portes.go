package agents

import (
	"context"
	"errors"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Codes opens the way in for agents who never came. The rights of who acts are
// checked in the same transaction: facteur.ErrBeyond.
type Codes interface {
	// AdmitInvited admits an agent, with an invitation unless code is empty:
	// habilitation.ErrTaken, ErrInvalid.
	AdmitInvited(ctx context.Context, a aidant.Aidant, code string, by journal.Actor) (facteur.Invitation, error)
	// Invite is facteur.ErrAlready, ErrClosed.
	Invite(ctx context.Context, aidantID, code string, by journal.Actor) (facteur.Invitation, error)
	// CancelInvitation is facteur.ErrState when no code is open.
	CancelInvitation(ctx context.Context, aidantID string, by journal.Actor) error
	Invitations(ctx context.Context, organisationID string) ([]facteur.Pending, error)
	Door(ctx context.Context, aidantID string) (facteur.Door, error)
}

// Cookies keeps a code from its making to its sheet.
type Cookies interface {
	Put(w http.ResponseWriter, name string, v any, life time.Duration) error
	Take(w http.ResponseWriter, r *http.Request, name string, v any) error
}

// Doors serves how agents get in, for one desk: invitations, and resets of what they
// identify themselves with.
type Doors struct {
	Codes   Codes
	Resets  Resets
	Agents  Store
	Pages   *page.Renderer
	Cookies Cookies
	Flash   Flasher
	Now     func() time.Time
	Site    string        // public address of this Relais, printed on sheets
	Home    string        // "/structure": the menu's section, and what its addresses begin with
	Roles   []aidant.Role // that may be given
	Right   func(v desk.Visit, a aidant.Aidant) Right
	// Structure is the one that a new agent joins, and the page before the form.
	Structure func(r *http.Request) (organisation.Organisation, page.Link, error)
}

const (
	cookieSheet = "fiche"
	sheetLife   = 10 * time.Minute
	maxForm     = 8 << 10
	nameMax     = 100
	emailMax    = 200
)

// sheet is what the cookie keeps of a code: no name.
type sheet struct {
	By    string       `json:"par"` // who made it: a colleague at the same browser does not see it
	Agent string       `json:"agent"`
	Code  string       `json:"code"`
	Until time.Time    `json:"until"`
	Kind  facteur.Kind `json:"kind"`
}

func (d *Doors) agent(id string) string { return d.Home + "/agents/" + id }

// hand shows the sheet of a code on the next page, once.
func (d *Doors) hand(w http.ResponseWriter, r *http.Request, s sheet) error {
	s.By = desk.Of(r).Aidant.ID
	if err := d.Cookies.Put(w, cookieSheet, s, sheetLife); err != nil {
		return err
	}
	http.Redirect(w, r, d.Home+"/fiche", http.StatusSeeOther)
	return nil
}

type sheetPage struct {
	page.Layout
	Name, Code, Site string
	Items            []page.Item
	Reset            bool
	Back             page.Link
}

// Sheet is the paper that is handed to the agent. It shows its code once.
func (d *Doors) Sheet(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	var s sheet
	if err := d.Cookies.Take(w, r, cookieSheet, &s); err != nil || s.By != v.Aidant.ID {
		return &desk.Problem{Status: http.StatusNotFound, Title: "Ce code n’est plus affiché", Cause: err,
			Text: "Un code n’est montré qu’une fois, à la personne qui l’a demandé. S’il a été imprimé, la feuille reste valable.",
			Do:   []string{"Si la feuille est perdue, faites un nouveau code depuis la fiche de l’agent : l’ancien ne servira plus."},
			Next: page.Link{Href: d.Home, Text: "Revenir à la liste"}}
	}
	a, err := d.Agents.Aidant(r.Context(), s.Agent)
	if err != nil {
		return err
	}
	if d.Right(v, a) == None {
		return aidant.ErrNotFound
	}
	p := &sheetPage{Layout: v.Layout("Accès de "+a.Name(), d.Home), Name: a.Name(), Code: s.Code, Site: d.Site, Reset: s.Kind == facteur.Resets,
		Back: page.Link{Href: d.agent(a.ID), Text: "Fiche de l’agent"}}
	p.Print = true
	p.Items = []page.Item{{Term: "Agent", Text: a.Name()}, {Term: "Utilisable jusqu’au", Text: page.DateTime(s.Until.In(v.Zone()))},
		{Term: "Remis par", Text: v.Aidant.Name() + ", " + v.Organisation.Name}}
	return d.Pages.Render(w, http.StatusOK, "agents/fiche", p)
}

// mine is the agent of the path, if the visitor decides on them.
func (d *Doors) mine(r *http.Request) (aidant.Aidant, error) {
	a, err := d.Agents.Aidant(r.Context(), r.PathValue("id"))
	if err == nil && d.Right(desk.Of(r), a) == None {
		err = aidant.ErrNotFound
	}
	return a, err
}

// Invite makes a new code for an agent who never came in; an older one dies.
func (d *Doors) Invite(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	a, err := d.mine(r)
	if err != nil {
		return err
	}
	code := facteur.NewCode()
	i, err := d.Codes.Invite(r.Context(), a.ID, code, v.Aidant.Actor(v.Session.Auth))
	if err != nil {
		return d.beyond(err, page.Link{Href: d.agent(a.ID), Text: "Revenir à la fiche"})
	}
	return d.hand(w, r, sheet{Agent: a.ID, Code: code, Until: i.ExpiresAt, Kind: facteur.Invites})
}

// Cancel ends an agent's invitation.
func (d *Doors) Cancel(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	a, err := d.mine(r)
	if err != nil {
		return err
	}
	if err := d.Codes.CancelInvitation(r.Context(), a.ID, v.Aidant.Actor(v.Session.Auth)); err != nil {
		return d.beyond(err, page.Link{Href: d.agent(a.ID), Text: "Revenir à la fiche"})
	}
	d.Flash.Flash(w, "success", "L’invitation est annulée : son code ne sert plus.")
	http.Redirect(w, r, d.agent(a.ID), http.StatusSeeOther)
	return nil
}

// Pending is the table of a structure's open invitations; no rows without any.
func (d *Doors) Pending(ctx context.Context, v desk.Visit, organisationID string) (page.Table, error) {
	list, err := d.Codes.Invitations(ctx, organisationID)
	t := page.Table{Caption: "Invitations en attente", Hidden: true, Columns: []string{"Agent", "Remise le", "Utilisable jusqu’au", "État"}}
	for _, i := range list {
		state := page.Cell{Text: "En attente", Tag: "info"}
		if !i.Open(d.Now()) {
			state = page.Cell{Text: "Périmée", Tag: "warning"}
		}
		t.Rows = append(t.Rows, []page.Cell{{Text: i.Name, Href: d.agent(i.AidantID)}, {Text: page.DateTime(i.CreatedAt.In(v.Zone()))},
			{Text: page.DateTime(i.ExpiresAt.In(v.Zone()))}, state})
	}
	return t, err
}

// doorBox is what an agent's page says of how they get in.
type doorBox struct {
	Text           string
	Invite, Cancel string // addresses of forms, "" where there is nothing to decide
	Again          bool   // a code was made before
	Reset          page.Link
}

// box describes an agent's way in, with what the visitor may do about it.
func (d *Doors) box(ctx context.Context, v desk.Visit, a aidant.Aidant) (*doorBox, error) {
	door, err := d.Codes.Door(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	decides := facteur.MayAsk(v.Aidant, a) && !door.Closed()
	b := &doorBox{}
	switch open := door.Invitation; {
	case door.Enrolled():
		b.Text = enrolledBy(door)
		switch {
		case door.Reset.ID != "":
			b.Reset = page.Link{Href: d.Home + "/reinitialisations/" + door.Reset.ID, Text: "Voir la réinitialisation en cours"}
		case decides:
			b.Reset = page.Link{Href: d.agent(a.ID) + "/reinitialiser", Text: "Demander une réinitialisation"}
		}
	case open.ID == "":
		b.Text = "Cet agent n’est pas encore venu. S’il a ProConnect, il peut s’identifier dès maintenant, sans code. Sinon, remettez-lui un code en main propre."
		b.Invite = d.agent(a.ID) + "/inviter"
	default:
		b.Again, b.Invite, b.Cancel = true, d.agent(a.ID)+"/inviter", d.agent(a.ID)+"/inviter/annuler"
		b.Text = "Un code lui a été fait le " + page.DateTime(open.CreatedAt.In(v.Zone())) + ", utilisable jusqu’au " + page.DateTime(open.ExpiresAt.In(v.Zone())) + ". Il n’a pas encore servi."
		if !open.Open(d.Now()) {
			b.Text = "Le code de cet agent est périmé depuis le " + page.DateTime(open.ExpiresAt.In(v.Zone())) + ", sans avoir servi."
		}
	}
	if !decides {
		b.Invite, b.Cancel = "", ""
	}
	return b, nil
}

// enrolledBy says how an agent who came before comes again.
func enrolledBy(door facteur.Door) string {
	switch {
	case door.Factors > 0:
		return "Cet agent s’identifie avec un facteur qu’il a enregistré lui-même."
	case door.Aidant.Sub != "":
		return "Cet agent s’identifie avec ProConnect : aucun code n’est nécessaire. Il peut ajouter un facteur depuis son compte. S’il n’a plus ProConnect, une réinitialisation lui permet d’enregistrer un facteur."
	}
	return "Les facteurs de cet agent ont été retirés, et il n’en a pas encore enregistré d’autre. Si ses quinze minutes sont passées, il faut une nouvelle réinitialisation."
}

// beyond gives the refusals of doors a page that says what to do.
func (d *Doors) beyond(err error, next page.Link) error {
	p := &desk.Problem{Next: next, Cause: err}
	switch {
	case errors.Is(err, facteur.ErrBeyond):
		p.Status, p.Title = http.StatusForbidden, "Cette décision ne vous appartient pas"
		p.Text = "Elle revient à une autre personne, et jamais à celle qu’elle concerne. Rien n’a été modifié."
		p.Do = []string{"Demandez à un autre référent ou à un administrateur de Relais."}
	case errors.Is(err, facteur.ErrAlready):
		p.Status, p.Title = http.StatusConflict, "Cet agent sait déjà s’identifier"
		p.Text = "Un nouveau code permettrait à quelqu’un d’autre de prendre son compte. Rien n’a été modifié."
		p.Do = []string{"S’il a perdu ce qui lui sert à s’identifier, demandez une réinitialisation depuis sa fiche : une seconde personne l’approuve."}
	case errors.Is(err, facteur.ErrNoFactor):
		p.Status, p.Title = http.StatusConflict, "Cet agent n’est pas encore venu"
		p.Text = "Il n’a rien à réinitialiser : une invitation suffit. Rien n’a été modifié."
		p.Do = []string{"Faites un code depuis sa fiche, et remettez-le en main propre."}
	case errors.Is(err, facteur.ErrClosed):
		p.Status, p.Title = http.StatusConflict, "Cet agent ou sa structure est suspendu"
		p.Text = "Aucun code ne peut lui servir tant qu’il l’est. Rien n’a été modifié."
		p.Do = []string{"Rétablissez d’abord l’agent, si c’est ce qui convient."}
	case errors.Is(err, facteur.ErrState):
		p.Status, p.Title = http.StatusConflict, "Cette demande n’est plus dans cet état"
		p.Text = "Une autre personne, une autre fenêtre ou un second clic est passé avant, ou le délai est écoulé. Cette demande n’a rien modifié."
		p.Do = []string{"Rouvrez la page pour voir où elle en est."}
	default:
		return err
	}
	return p
}
