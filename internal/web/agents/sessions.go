package agents

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Closer is what ending other people's sessions asks of the store.
type Closer interface {
	Aidants(ctx context.Context, organisationID string) ([]aidant.Aidant, error)
	SessionsOf(ctx context.Context, aidantID string) ([]aidant.Session, error)
	SessionsIn(ctx context.Context, organisationID string) ([]aidant.Session, error)
	// EndSessionsOf and EndSessionsIn end them in one transaction with their facts,
	// and say how many were open.
	EndSessionsOf(ctx context.Context, id string, c aidant.Closing) (int, error)
	EndSessionsIn(ctx context.Context, organisationID string, c aidant.Closing, told func(sessions, agents int) journal.Fact) (sessions, agents int, err error)
}

// Closings ends sessions, of one agent or of a structure, without suspending
// anybody. The visitor's own session stays.
type Closings struct {
	*Decisions
	Sessions Closer
	Alive    func(aidant.Session) bool // tells a session that has not run out
}

type closingPage struct {
	page.Layout
	Form    page.Form
	Heading string
	Back    page.Link
	Action  string
	Whose   string // of whom, in a sentence
	Count   string // how many, in words
	Spared  string // who is left out, "" for nobody
	Motifs  []page.Option
}

func count(n int, one, several string) string {
	if n < 2 {
		return strconv.Itoa(n) + " " + one
	}
	return strconv.Itoa(n) + " " + several
}

func (c *Closings) show(w http.ResponseWriter, r *http.Request, x closingPage, form page.Form, status int) error {
	x.Layout = desk.Of(r).Layout(x.Heading, c.Section)
	x.Invalid = form.Invalid()
	x.Form = form
	for _, reason := range aidant.ClosingReasons() {
		x.Motifs = append(x.Motifs, page.Option{Value: reason[0], Label: reason[1]})
	}
	return c.Pages.Render(w, status, "agents/sessions", &x)
}

// motif reads why; an invalid form says what is missing.
func motif(r *http.Request) (page.Form, string, error) {
	form, err := page.ReadForm(r, 4<<10)
	if err != nil {
		return form, "", err
	}
	var codes []string
	for _, reason := range aidant.ClosingReasons() {
		codes = append(codes, reason[0])
	}
	return form, form.OneOf("motif", "Choisissez pourquoi ces sessions sont fermées.", codes...), nil
}

// ofAgent says what would be ended of one agent.
func (c *Closings) ofAgent(r *http.Request) (closingPage, error) {
	v := desk.Of(r)
	a, err := c.Store.Aidant(r.Context(), r.PathValue("id"))
	if err != nil {
		return closingPage{}, err
	}
	if c.Right(v, a) == None {
		return closingPage{}, aidant.ErrNotFound
	}
	list, err := c.Sessions.SessionsOf(r.Context(), a.ID)
	if err != nil {
		return closingPage{}, err
	}
	at := c.Base + a.ID
	return closingPage{Heading: "Fermer les sessions de " + a.Name(), Back: page.Link{Href: at, Text: "La fiche de l’agent"},
		Action: at + "/sessions", Whose: a.Name(),
		Count: count(c.living(list, ""), "session est ouverte", "sessions sont ouvertes")}, nil
}

func (c *Closings) living(list []aidant.Session, spare string) (n int) {
	for _, s := range list {
		if s.Ref != spare && c.Alive(s) {
			n++
		}
	}
	return n
}

// AskAgent shows what ending all sessions of an agent would do.
func (c *Closings) AskAgent(w http.ResponseWriter, r *http.Request) error {
	x, err := c.ofAgent(r)
	if err != nil {
		return err
	}
	return c.show(w, r, x, page.Form{}, http.StatusOK)
}

// EndAgent ends all sessions of an agent.
func (c *Closings) EndAgent(w http.ResponseWriter, r *http.Request) error {
	x, err := c.ofAgent(r)
	if err != nil {
		return err
	}
	form, why, err := motif(r)
	if err != nil {
		return err
	}
	if form.Invalid() {
		return c.show(w, r, x, form, http.StatusUnprocessableEntity)
	}
	v, id := desk.Of(r), r.PathValue("id")
	by := v.Aidant.Actor(v.Session.Auth)
	n, err := c.Sessions.EndSessionsOf(r.Context(), id, aidant.Closing{Spare: v.Session.Ref, Alive: c.Alive,
		Decide: func(a aidant.Aidant, open int) (journal.Fact, error) {
			switch {
			case c.Right(v, a) == None:
				return journal.Fact{}, aidant.ErrNotFound
			case c.Right(v, a) == Sees:
				return aidant.Refused(by, strings.TrimSuffix(c.Base, "/"), "hors_pouvoir"), errBeyond
			case a.ID == v.Aidant.ID: // who ends their own does it from their account
				return aidant.Refused(by, strings.TrimSuffix(c.Base, "/"), "soi_meme"), habilitation.ErrSelf
			}
			return a.SessionsRevoked(by, open, why), nil
		}})
	if err != nil {
		return explained(err, c.Base+id)
	}
	c.Flash.Flash(w, "success", count(n, "session fermée.", "sessions fermées.")+" L’agent devra s’identifier de nouveau.")
	http.Redirect(w, r, c.Base+id, http.StatusSeeOther)
	return nil
}

// Team is one structure as a desk shows it.
type Team struct{ ID, Name, At, Back string } // At is the page's address, Back the one before

// inTeam says what would be ended of a structure.
func (c *Closings) inTeam(r *http.Request, t Team) (closingPage, error) {
	v := desk.Of(r)
	list, err := c.Sessions.SessionsIn(r.Context(), t.ID)
	if err != nil {
		return closingPage{}, err
	}
	team, err := c.Sessions.Aidants(r.Context(), t.ID)
	if err != nil {
		return closingPage{}, err
	}
	sessions, concerned, spared := 0, 0, false
	for _, a := range team {
		var own []aidant.Session
		for _, s := range list {
			if s.AidantID == a.ID {
				own = append(own, s)
			}
		}
		n := c.living(own, v.Session.Ref)
		if c.Right(v, a) != Decides {
			spared = true
			continue
		}
		if sessions += n; n > 0 {
			concerned++
		}
	}
	x := closingPage{Heading: "Fermer toutes les sessions de la structure", Back: page.Link{Href: t.Back, Text: "La structure"}, Action: t.At, Whose: t.Name,
		Count: count(sessions, "session est ouverte", "sessions sont ouvertes") + ", de " + count(concerned, "agent", "agents")}
	if spared {
		x.Spared = "Les auditeurs et les administrateurs gardent les leurs : elles relèvent d’un administrateur de Relais."
	}
	return x, nil
}

// AskTeam shows what ending all sessions of a structure would do.
func (c *Closings) AskTeam(w http.ResponseWriter, r *http.Request, t Team) error {
	x, err := c.inTeam(r, t)
	if err != nil {
		return err
	}
	return c.show(w, r, x, page.Form{}, http.StatusOK)
}

// EndTeam ends all sessions of a structure.
func (c *Closings) EndTeam(w http.ResponseWriter, r *http.Request, t Team) error {
	x, err := c.inTeam(r, t)
	if err != nil {
		return err
	}
	form, why, err := motif(r)
	if err != nil {
		return err
	}
	if form.Invalid() {
		return c.show(w, r, x, form, http.StatusUnprocessableEntity)
	}
	v := desk.Of(r)
	by := v.Aidant.Actor(v.Session.Auth)
	sessions, agents, err := c.Sessions.EndSessionsIn(r.Context(), t.ID, aidant.Closing{Spare: v.Session.Ref, Alive: c.Alive,
		Decide: func(a aidant.Aidant, open int) (journal.Fact, error) {
			if c.Right(v, a) != Decides {
				return journal.Fact{}, aidant.ErrSession // left alone
			}
			return a.SessionsRevoked(by, open, why), nil
		}}, func(sessions, agents int) journal.Fact {
		return aidant.SessionsRevokedIn(t.ID, by, sessions, agents, why)
	})
	if errors.Is(err, aidant.ErrNotFound) {
		return &desk.Problem{Status: http.StatusConflict, Title: "L’équipe vient de changer", Text: "Rien n’a été modifié.",
			Do: []string{"Recommencez."}, Next: x.Back, Cause: err}
	}
	if err != nil {
		return err
	}
	c.Flash.Flash(w, "success", count(sessions, "session fermée", "sessions fermées")+", de "+count(agents, "agent.", "agents.")+" La vôtre reste ouverte.")
	http.Redirect(w, r, t.Back, http.StatusSeeOther)
	return nil
}
