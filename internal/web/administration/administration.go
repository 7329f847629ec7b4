// Package administration is the administrateur's desk: the structures that
// Relais knows, their agents, and the missions of auditeurs.
//
// It guarantees that an administrateur never decides on themselves, their own
// mission included. It does not admit structures (the operator does, at the command
// line), and it shows no usager, and of a mandat the number only, when
// an auditeur was shown who gave it.
//
//	GET  /administration                          structures
//	GET  /administration/structures/{id}          one structure and its agents
//	GET  /administration/agents/{id}              one agent, and the decision to confirm
//	POST /administration/agents/{id}/suspendre    suspend
//	POST /administration/agents/{id}/retablir     reinstate
//	GET  /administration/agents/{id}/sessions     what ending their sessions would do
//	POST /administration/agents/{id}/sessions     end them
//	GET  /administration/structures/{id}/sessions the same for a structure
//	POST /administration/structures/{id}/sessions end them
//	GET  /administration/structures/{id}/inviter  the form of a new agent; POST admits them
//	POST /administration/structures/{id}/partenaires           declare a partner structure
//	POST /administration/structures/{id}/partenaires/terminer  undo it
//	GET  /administration/missions                 missions
//	GET  /administration/missions/nouvelle        the form of a new one
//	POST /administration/missions                 check it, confirm it, open it
//	GET  /administration/missions/{id}            one mission, and what was revealed
//	POST /administration/missions/{id}/terminer   end it early
//
// and [agents.Doors]'s routes under /administration: codes, sheets and resets.
package administration

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/domaine"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/web/agents"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	home       = "/administration"
	structures = "/administration/structures/"
	base       = "/administration/agents/"
)

// Structures lists structures and their agents.
type Structures interface {
	Organisations(ctx context.Context) ([]organisation.Organisation, error)
	// Organisation is organisation.ErrNotFound for an unknown id.
	Organisation(ctx context.Context, id string) (organisation.Organisation, error)
	Aidants(ctx context.Context, organisationID string) ([]aidant.Aidant, error)
}

// Desk is the administrateur's desk.
type Desk struct {
	Pages      *page.Renderer
	Structures Structures
	Partners   Partners
	Agents     agents.Store
	Closer     agents.Closer
	Alarms     agents.Disowned
	Alive      func(aidant.Session) bool // tells a session that has not run out
	Codes      agents.Codes
	Resets     agents.Resets
	Cookies    agents.Cookies
	Missions   Missions
	Auditeurs  Auditeurs
	Flash      agents.Flasher
	Site       string // public address of this Relais
	Now        func() time.Time
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	doors := d.doors()
	one := &agents.Decisions{Store: d.Agents, Pages: d.Pages, Flash: d.Flash, Now: d.Now, Base: base, Section: home, Doors: doors,
		Back: func(a aidant.Aidant) page.Link {
			return page.Link{Href: structures + a.OrganisationID, Text: "La structure"}
		},
		Right: func(desk.Visit, aidant.Aidant) agents.Right { return agents.Decides },
		Why:   func(aidant.Aidant) string { return "" }}
	sessions := &agents.Closings{Decisions: one, Sessions: d.Closer, Alive: d.Alive}
	return append([]desk.Route{
		{Pattern: "GET /administration", Access: desk.Administrateur, Handle: d.list},
		{Pattern: "GET /administration/structures/{id}", Access: desk.Administrateur, Handle: d.structure},
		{Pattern: "GET /administration/agents/{id}", Access: desk.Administrateur, Handle: one.Show},
		{Pattern: "POST /administration/agents/{id}/suspendre", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "suspendre un agent", Handle: one.Suspend},
		{Pattern: "POST /administration/agents/{id}/retablir", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "rétablir un agent", Handle: one.Reinstate},
		{Pattern: "GET /administration/agents/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshGet, Handle: sessions.AskAgent},
		{Pattern: "POST /administration/agents/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "fermer les sessions d’un agent", Handle: sessions.EndAgent},
		{Pattern: "GET /administration/structures/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshGet, Handle: d.inTeam(sessions.AskTeam)},
		{Pattern: "POST /administration/structures/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "fermer toutes les sessions d’une structure", Handle: d.inTeam(sessions.EndTeam)},
		{Pattern: "GET /administration/missions", Access: desk.Administrateur, Handle: d.missionList},
		{Pattern: "GET /administration/missions/nouvelle", Access: desk.Administrateur, Fresh: desk.FreshGet, Handle: d.missionForm},
		{Pattern: "POST /administration/missions", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "ouvrir une mission", Handle: d.missionOpen},
		{Pattern: "GET /administration/missions/{id}", Access: desk.Administrateur, Handle: d.missionShow},
		{Pattern: "POST /administration/missions/{id}/terminer", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "terminer une mission", Handle: d.missionEnd},
		{Pattern: "GET /administration/structures/{id}/inviter", Access: desk.Administrateur, Handle: doors.Form},
		{Pattern: "POST /administration/structures/{id}/inviter", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "inviter un agent", Handle: doors.Admit},
		{Pattern: "POST /administration/structures/{id}/partenaires", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "associer une structure partenaire", Handle: d.associate},
		{Pattern: "POST /administration/structures/{id}/partenaires/terminer", Access: desk.Administrateur, Fresh: desk.FreshPost, Asks: "mettre fin à un partenariat", Handle: d.dissociate},
	}, doors.Routes(desk.Administrateur)...)
}

// doors is how agents of any structure get in.
func (d *Desk) doors() *agents.Doors {
	return &agents.Doors{Codes: d.Codes, Resets: d.Resets, Agents: d.Agents, Pages: d.Pages, Cookies: d.Cookies, Flash: d.Flash, Now: d.Now,
		Site: d.Site, Home: home, Right: func(desk.Visit, aidant.Aidant) agents.Right { return agents.Decides },
		Roles: []aidant.Role{aidant.RoleAidant, aidant.RoleReferent, aidant.RoleAuditeur, aidant.RoleAdministrateur},
		Structure: func(r *http.Request) (organisation.Organisation, page.Link, error) {
			o, err := d.Structures.Organisation(r.Context(), r.PathValue("id"))
			return o, page.Link{Href: structures + o.ID, Text: o.Name}, err
		}}
}

// inTeam serves a page about one structure's sessions.
func (d *Desk) inTeam(serve func(w http.ResponseWriter, r *http.Request, t agents.Team) error) desk.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		o, err := d.Structures.Organisation(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		at := structures + o.ID
		return serve(w, r, agents.Team{ID: o.ID, Name: o.Name, At: at + "/sessions", Back: at})
	}
}

type listPage struct {
	page.Layout
	Structures page.Table
	Notices    page.Table
	Waiting    string // resets that wait for the visitor, in words; "" without any
}

func (d *Desk) list(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	all, err := d.Structures.Organisations(r.Context())
	if err != nil {
		return err
	}
	p := &listPage{Layout: v.Layout("Habilitations", home)}
	p.Wide = true
	p.Structures = page.Table{Caption: "Structures habilitées", Columns: []string{"Structure", "Commune", "SIRET", "Agents", "Suspendus", "État"}}
	for _, o := range all {
		list, err := d.Structures.Aidants(r.Context(), o.ID)
		if err != nil {
			return err
		}
		admitted, suspended := agents.Count(list)
		p.Structures.Rows = append(p.Structures.Rows, []page.Cell{
			{Text: o.Name, Href: structures + o.ID}, {Text: o.City}, {Text: page.Siret(o.SIRET), Number: true},
			{Text: strconv.Itoa(admitted), Number: true}, {Text: strconv.Itoa(suspended), Number: true}, state(o)})
	}
	notices, err := d.Missions.Notices(r.Context(), mission.NoticeFilter{Limit: noticesShown})
	if err != nil {
		return err
	}
	p.Notices = noticeTable(notices, v, false)
	if p.Waiting, err = d.doors().WaitingWords(r.Context(), v); err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "administration/structures", p)
}

func state(o organisation.Organisation) page.Cell {
	if o.Suspended {
		return page.Cell{Text: "Suspendue", Tag: "warning"}
	}
	return page.Cell{Text: "Habilitée", Tag: "success"}
}

func domaines(o organisation.Organisation) string {
	if len(o.Domaines) == 0 {
		return "Tous"
	}
	var titles []string
	for _, known := range domaine.Current().Domaines {
		if o.May(known.Code) {
			titles = append(titles, known.Title)
		}
	}
	return strings.Join(titles, " ; ")
}
