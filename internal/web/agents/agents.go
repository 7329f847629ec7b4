// Package agents is what the référent's and the administrateur's desks share:
// the page of one agent, the decision to suspend or reinstate them, and how they get
// in without ProConnect ([Doors]): invitations, and resets of their factors.
//
// It guarantees that nobody decides on themselves, and that whether the visitor
// may see and decide is checked again inside the transaction that writes. A code is
// shown once, on its sheet, and nobody but the agent sets or sees a factor. Each desk
// mounts [Decisions] and [Doors] under its own access.
package agents

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Store is what a decision asks of the store.
type Store interface {
	// Aidant is aidant.ErrNotFound for an unknown id.
	Aidant(ctx context.Context, id string) (aidant.Aidant, error)
	// ChangeAidant runs a transition in one transaction with its fact; it ends
	// the sessions of an agent who is suspended.
	ChangeAidant(ctx context.Context, id string, t func(aidant.Aidant) (aidant.Aidant, journal.Fact, error)) (aidant.Aidant, error)
}

// Flasher says on the next page what has just happened.
type Flasher interface {
	Flash(w http.ResponseWriter, kind, text string)
}

// Right is what a visitor may do with an agent.
type Right int

// The rights, each including the one before.
const (
	None    Right = iota // the agent does not exist for the visitor
	Sees                 // the page opens, nothing can be decided
	Decides              // suspend and reinstate
)

// Decisions serves one agent's page for one desk.
type Decisions struct {
	Store   Store
	Pages   *page.Renderer
	Flash   Flasher
	Now     func() time.Time
	Base    string                                    // path of an agent's page without the id: "/structure/agents/"
	Section string                                    // href of the menu's section
	Back    func(a aidant.Aidant) page.Link           // the list the visitor came from
	Right   func(v desk.Visit, a aidant.Aidant) Right // may be asked twice: by the page and inside the transaction
	Why     func(a aidant.Aidant) string              // why an agent who is seen is not decided on
	Doors   *Doors                                    // how the agent gets in
}

type agentPage struct {
	page.Layout
	Name     string
	Back     page.Link
	Items    []page.Item
	Action   string // address of the form, "" when there is nothing to decide
	Suspends bool   // the form suspends; it reinstates otherwise
	Why      string // why there is no form
	Sessions string // the page that ends their sessions, "" without
	Door     *doorBox
}

// Show serves the agent's page, which is also where a decision is confirmed.
func (d *Decisions) Show(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	a, err := d.Store.Aidant(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	right := d.Right(v, a)
	if right == None {
		return aidant.ErrNotFound
	}
	p := &agentPage{Layout: v.Layout(a.Name(), d.Section), Name: a.Name(), Back: d.Back(a), Items: facts(a, v.Zone())}
	switch {
	case a.ID == v.Aidant.ID:
		p.Why = "C’est votre propre compte : une autre personne doit décider de votre habilitation."
	case right == Sees:
		p.Why = d.Why(a)
	case a.Suspended():
		p.Action = d.Base + a.ID + "/retablir"
	default:
		p.Action, p.Suspends, p.Sessions = d.Base+a.ID+"/suspendre", true, d.Base+a.ID+"/sessions"
	}
	if p.Door, err = d.Doors.box(r.Context(), v, a); err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "agents/agent", p)
}

// Suspend keeps the agent out from the next request on.
func (d *Decisions) Suspend(w http.ResponseWriter, r *http.Request) error {
	return d.decide(w, r, "L’agent est suspendu : il ne peut plus ouvrir Relais et ses sessions sont fermées.",
		func(a aidant.Aidant, by journal.Actor) (aidant.Aidant, journal.Fact, error) {
			return habilitation.Suspend(a, by, d.Now())
		})
}

// Reinstate lets the agent in again.
func (d *Decisions) Reinstate(w http.ResponseWriter, r *http.Request) error {
	return d.decide(w, r, "L’agent est rétabli : il peut de nouveau ouvrir Relais.", habilitation.Reinstate)
}

func (d *Decisions) decide(w http.ResponseWriter, r *http.Request, said string, t func(aidant.Aidant, journal.Actor) (aidant.Aidant, journal.Fact, error)) error {
	v := desk.Of(r)
	a, err := d.Store.ChangeAidant(r.Context(), r.PathValue("id"), func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
		switch d.Right(v, a) {
		case None:
			return a, journal.Fact{}, aidant.ErrNotFound
		case Sees:
			return a, aidant.Refused(v.Aidant.Actor(v.Session.Auth), strings.TrimSuffix(d.Base, "/"), "hors_pouvoir"), errBeyond
		}
		return t(a, v.Aidant.Actor(v.Session.Auth))
	})
	if err != nil {
		return explained(err, d.Base+r.PathValue("id"))
	}
	d.Flash.Flash(w, "success", said)
	http.Redirect(w, r, d.Base+a.ID, http.StatusSeeOther)
	return nil
}

// errBeyond is a decision about an agent whom the visitor only sees.
var errBeyond = errors.New("décision hors du pouvoir du visiteur")

// explained gives the refusals of a decision a page that says what to do.
func explained(err error, back string) error {
	next := page.Link{Href: back, Text: "Revenir à la fiche"}
	switch {
	case errors.Is(err, habilitation.ErrSelf):
		return &desk.Problem{Status: http.StatusForbidden, Title: "Vous ne pouvez pas décider pour vous-même",
			Text: "Une autre personne doit décider de votre habilitation. Rien n’a été modifié.",
			Do:   []string{"Demandez à un autre référent ou à un administrateur."}, Next: next, Cause: err}
	case errors.Is(err, errBeyond):
		return &desk.Problem{Status: http.StatusForbidden, Title: "Cette décision ne vous appartient pas",
			Text: "L’habilitation de cet agent relève d’un administrateur. Rien n’a été modifié.",
			Do:   []string{"Demandez à un administrateur de Relais."}, Next: next, Cause: err}
	case errors.Is(err, habilitation.ErrState):
		return &desk.Problem{Status: http.StatusConflict, Title: "Cette décision a déjà été prise",
			Text: "Une autre personne, une autre fenêtre ou un second clic est passé avant. Cette demande n’a rien modifié.",
			Do:   []string{"Ouvrez la fiche de l’agent pour voir son état."}, Next: next, Cause: err}
	}
	return err
}

// facts describes an agent.
func facts(a aidant.Aidant, zone *time.Location) []page.Item {
	items := []page.Item{{Term: "Rôle", Text: Roles(a)}, {Term: "Adresse professionnelle", Text: a.Email},
		{Term: "SIRET de connexion", Text: page.Siret(a.SIRET)}}
	state := "Habilité"
	if a.Suspended() {
		state = "Suspendu depuis le " + page.DateTime(a.SuspendedAt.In(zone))
	}
	items = append(items, page.Item{Term: "État", Text: state})
	if a.Sub == "" {
		items = append(items, page.Item{Term: "Première connexion", Text: "Pas encore faite"})
	}
	return items
}

// Roles lists an agent's roles in words.
func Roles(a aidant.Aidant) string {
	words := make([]string, len(a.Roles))
	for i, role := range a.Roles {
		words[i] = role.Label()
	}
	return strings.Join(words, ", ")
}

// Table lists agents, each leading to their page below base.
func Table(caption, base string, list []aidant.Aidant) page.Table {
	t := page.Table{Caption: caption, Columns: []string{"Agent", "Rôle", "État"}}
	for _, a := range list {
		state := page.Cell{Text: "Habilité", Tag: "success"}
		if a.Suspended() {
			state = page.Cell{Text: "Suspendu", Tag: "warning"}
		}
		t.Rows = append(t.Rows, []page.Cell{{Text: a.Name(), Href: base + a.ID}, {Text: Roles(a)}, state})
	}
	return t
}

// Count tells how many agents are let in, and how many are kept out.
func Count(list []aidant.Aidant) (admitted, suspended int) {
	for _, a := range list {
		if a.Suspended() {
			suspended++
		}
	}
	return len(list) - suspended, suspended
}

// Words is the count as a sentence.
func Words(list []aidant.Aidant) string {
	admitted, suspended := Count(list)
	text := strconv.Itoa(admitted) + " agents peuvent ouvrir Relais"
	if admitted < 2 {
		text = strconv.Itoa(admitted) + " agent peut ouvrir Relais"
	}
	switch suspended {
	case 0:
		return text + "."
	case 1:
		return text + ", 1 est suspendu."
	}
	return text + ", " + strconv.Itoa(suspended) + " sont suspendus."
}
