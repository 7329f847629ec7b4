// Package structure is the référent's desk: the team of their structure, who of
// it may act, and which mandats end soon.
//
// It guarantees that a référent sees and decides on agents of their own
// structure only, never on themselves, nor on an auditeur or an administrateur,
// who must not depend on those they watch. It names no usager: following the
// team needs none.
//
//	GET  /structure                          the team
//	GET  /structure/agents/{id}              one agent, and the decision to confirm
//	POST /structure/agents/{id}/suspendre    suspend
//	POST /structure/agents/{id}/retablir     reinstate
//	GET  /structure/agents/{id}/sessions     what ending their sessions would do
//	POST /structure/agents/{id}/sessions     end them
//	GET  /structure/sessions                 the same for the whole team
//	POST /structure/sessions                 end them
//	GET  /structure/inviter                  the form of a new agent; POST admits them
//
// and [agents.Doors]'s routes under /structure: codes, sheets and resets.
package structure

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/domaine"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/usager"
	"relais/internal/web/agents"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	home = "/structure"
	base = "/structure/agents/"
	// soon is how long before its end a mandat is worth a call to the usager.
	soon = 15 * 24 * time.Hour
	// A référent's page must not read a whole département: so many pages of so
	// many mandats, and the page says when there are more.
	pageSize, maxPages = 100, 10
)

// Team lists the agents of a structure.
type Team interface {
	Aidants(ctx context.Context, organisationID string) ([]aidant.Aidant, error)
}

// Mandats lists a structure's mandats, one in each File, newest first.
type Mandats interface {
	Mandats(ctx context.Context, organisationID string, f mandat.Filter) (files []usager.File, next string, err error)
}

// Notices tells which identities of a structure were revealed to auditeurs.
type Notices interface {
	Notices(ctx context.Context, f mission.NoticeFilter) ([]mission.Notice, error)
}

// Desk is the référent's desk.
type Desk struct {
	Pages   *page.Renderer
	Team    Team
	Mandats Mandats
	Notices Notices
	Agents  agents.Store
	Closer  agents.Closer
	Alarms  agents.Disowned
	Alive   func(aidant.Session) bool // tells a session that has not run out
	Codes   agents.Codes
	Resets  agents.Resets
	Cookies agents.Cookies
	Flash   agents.Flasher
	Site    string // public address of this Relais
	Now     func() time.Time
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	doors := d.doors()
	one := &agents.Decisions{Store: d.Agents, Pages: d.Pages, Flash: d.Flash, Now: d.Now, Base: base, Section: home, Doors: doors,
		Back:  func(aidant.Aidant) page.Link { return page.Link{Href: home, Text: "Équipe"} },
		Right: right,
		Why: func(aidant.Aidant) string {
			return "L’habilitation d’un auditeur ou d’un administrateur relève d’un administrateur de Relais."
		}}
	sessions := &agents.Closings{Decisions: one, Sessions: d.Closer, Alive: d.Alive}
	own := func(r *http.Request) agents.Team {
		o := desk.Of(r).Organisation
		return agents.Team{ID: o.ID, Name: o.Name, At: home + "/sessions", Back: home}
	}
	return append([]desk.Route{
		{Pattern: "GET /structure", Access: desk.Referent, Handle: d.team},
		{Pattern: "GET /structure/agents/{id}", Access: desk.Referent, Handle: one.Show},
		{Pattern: "POST /structure/agents/{id}/suspendre", Access: desk.Referent, Fresh: desk.FreshPost, Asks: "suspendre un agent", Handle: one.Suspend},
		{Pattern: "POST /structure/agents/{id}/retablir", Access: desk.Referent, Fresh: desk.FreshPost, Asks: "rétablir un agent", Handle: one.Reinstate},
		{Pattern: "GET /structure/agents/{id}/sessions", Access: desk.Referent, Fresh: desk.FreshGet, Handle: sessions.AskAgent},
		{Pattern: "POST /structure/agents/{id}/sessions", Access: desk.Referent, Fresh: desk.FreshPost, Asks: "fermer les sessions d’un agent", Handle: sessions.EndAgent},
		{Pattern: "GET /structure/sessions", Access: desk.Referent, Fresh: desk.FreshGet,
			Handle: func(w http.ResponseWriter, r *http.Request) error { return sessions.AskTeam(w, r, own(r)) }},
		{Pattern: "POST /structure/sessions", Access: desk.Referent, Fresh: desk.FreshPost, Asks: "fermer toutes les sessions de la structure",
			Handle: func(w http.ResponseWriter, r *http.Request) error { return sessions.EndTeam(w, r, own(r)) }},
		{Pattern: "GET /structure/inviter", Access: desk.Referent, Handle: doors.Form},
		{Pattern: "POST /structure/inviter", Access: desk.Referent, Fresh: desk.FreshPost, Asks: "inviter un agent", Handle: doors.Admit},
	}, doors.Routes(desk.Referent)...)
}

// doors is how agents of the visitor's structure get in.
func (d *Desk) doors() *agents.Doors {
	return &agents.Doors{Codes: d.Codes, Resets: d.Resets, Agents: d.Agents, Pages: d.Pages, Cookies: d.Cookies, Flash: d.Flash, Now: d.Now,
		Site: d.Site, Home: home, Roles: []aidant.Role{aidant.RoleAidant, aidant.RoleReferent}, Right: right,
		Structure: func(r *http.Request) (organisation.Organisation, page.Link, error) {
			return desk.Of(r).Organisation, page.Link{Href: home, Text: "Équipe"}, nil
		}}
}

func right(v desk.Visit, a aidant.Aidant) agents.Right {
	switch {
	case a.OrganisationID != v.Organisation.ID:
		return agents.None
	case a.Has(aidant.RoleAuditeur) || a.Has(aidant.RoleAdministrateur):
		return agents.Sees
	}
	return agents.Decides
}

type teamPage struct {
	page.Layout
	Structure string
	Siret     string
	Counts    string // how many agents, in words
	Mandats   string // how many mandats run, in words
	Team      page.Table
	Ending    page.Table // no rows: nothing ends soon
	Alarms    page.Table // logins that agents said were not theirs
	Notices   page.Table // identities revealed to auditeurs
	Pending   page.Table // invitations
	Waiting   string     // resets that wait for the visitor, in words; "" without any
}

func (d *Desk) team(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	list, err := d.Team.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	p := &teamPage{Layout: v.Layout("Équipe", home), Structure: v.Organisation.Name, Siret: v.Organisation.SIRET}
	p.Wide = true
	p.Team = agents.Table("Agents de la structure", base, list)
	p.Counts = agents.Words(list)
	active, more, err := d.active(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	p.Mandats = counted(len(active), more)
	p.Ending = d.ending(v, active, list)
	if p.Alarms, err = agents.Signaled(r.Context(), d.Alarms, v, v.Organisation.ID, list, d.Now()); err != nil {
		return err
	}
	if p.Notices, err = d.notices(r.Context(), v); err != nil {
		return err
	}
	doors := d.doors()
	if p.Pending, err = doors.Pending(r.Context(), v, v.Organisation.ID); err != nil {
		return err
	}
	if p.Waiting, err = doors.WaitingWords(r.Context(), v); err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "structure/equipe", p)
}

// active reads the structure's running mandats; more tells that it stopped early.
func (d *Desk) active(ctx context.Context, organisationID string) ([]mandat.Mandat, bool, error) {
	var running []mandat.Mandat
	after := ""
	for range maxPages {
		files, next, err := d.Mandats.Mandats(ctx, organisationID, mandat.Filter{Status: mandat.Actif, After: after, Limit: pageSize})
		if err != nil {
			return nil, false, err
		}
		for _, file := range files {
			for _, m := range file.Mandats {
				if m.Status(d.Now()) == mandat.Actif {
					running = append(running, m)
				}
			}
		}
		if next == "" {
			return running, false, nil
		}
		after = next
	}
	return running, true, nil
}

func counted(n int, more bool) string {
	switch {
	case more:
		return "Au moins " + strconv.Itoa(n) + " mandats en cours : les plus anciens n’ont pas été lus."
	case n == 0:
		return "Aucun mandat en cours."
	case n == 1:
		return "1 mandat en cours."
	}
	return strconv.Itoa(n) + " mandats en cours."
}

// ending is the table of what ends soon, the first to end first.
func (d *Desk) ending(v desk.Visit, running []mandat.Mandat, team []aidant.Aidant) page.Table {
	limit := d.Now().Add(soon)
	running = slices.DeleteFunc(slices.Clone(running), func(m mandat.Mandat) bool { return m.EndsAt.After(limit) })
	slices.SortFunc(running, func(a, b mandat.Mandat) int { return a.EndsAt.Compare(b.EndsAt) })
	names := map[string]string{}
	for _, a := range team {
		names[a.ID] = a.Name()
	}
	t := page.Table{Caption: "Mandats qui prennent fin dans les quinze jours", Columns: []string{"Mandat", "Fin", "Domaines", "Aidants nommés"}}
	for _, m := range running {
		number := page.Cell{Text: page.Number(m.Number), Number: true}
		if v.Aidant.Has(aidant.RoleAidant) {
			number.Href = "/mandats/" + m.ID
		}
		t.Rows = append(t.Rows, []page.Cell{number, {Text: page.Date(m.EndsAt.In(v.Zone()))}, {Text: d.domaines(m)}, {Text: named(m, names)}})
	}
	return t
}

func (d *Desk) domaines(m mandat.Mandat) string {
	catalogue := domaine.Current()
	var titles []string
	for _, a := range m.ActiveAutorisations(d.Now()) {
		title := a.Domaine
		if found, ok := catalogue.Find(a.Domaine); ok {
			title = found.Title
		}
		titles = append(titles, title)
	}
	return strings.Join(titles, " ; ")
}

func named(m mandat.Mandat, names map[string]string) string {
	var found []string
	for _, id := range m.Aidants {
		if name := names[id]; name != "" {
			found = append(found, name)
		}
	}
	if m.Colleagues {
		found = append(found, "tout aidant de la structure")
	}
	return strings.Join(found, ", ")
}
