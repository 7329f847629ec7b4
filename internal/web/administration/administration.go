// Package administration is the administrateur's desk: the structures that
// Relais knows, their agents, and the missions of auditeurs.
//
// It guarantees that an administrateur never decides on themselves, their own
// mission included. It neither admits structures nor agents (the operator does, at
// the command line), and it shows no usager, and of a mandat the number only, when
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
//	GET  /administration/missions                 missions
//	GET  /administration/missions/nouvelle        the form of a new one
//	POST /administration/missions                 check it, confirm it, open it
//	GET  /administration/missions/{id}            one mission, and what was revealed
//	POST /administration/missions/{id}/terminer   end it early
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
	Agents     agents.Store
	Closer     agents.Closer
	Alarms     agents.Disowned
	Alive      func(aidant.Session) bool // tells a session that has not run out
	Missions   Missions
	Auditeurs  Auditeurs
	Flash      agents.Flasher
	Now        func() time.Time
}

// Routes lists the desk's routes.
func (d *Desk) Routes() []desk.Route {
	one := &agents.Decisions{Store: d.Agents, Pages: d.Pages, Flash: d.Flash, Now: d.Now, Base: base, Section: home,
		Back: func(a aidant.Aidant) page.Link {
			return page.Link{Href: structures + a.OrganisationID, Text: "La structure"}
		},
		Right: func(desk.Visit, aidant.Aidant) agents.Right { return agents.Decides },
		Why:   func(aidant.Aidant) string { return "" }}
	sessions := &agents.Closings{Decisions: one, Sessions: d.Closer, Alive: d.Alive}
	return []desk.Route{
		{Pattern: "GET /administration", Access: desk.Administrateur, Handle: d.list},
		{Pattern: "GET /administration/structures/{id}", Access: desk.Administrateur, Handle: d.structure},
		{Pattern: "GET /administration/agents/{id}", Access: desk.Administrateur, Handle: one.Show},
		{Pattern: "POST /administration/agents/{id}/suspendre", Access: desk.Administrateur, Fresh: desk.FreshPost, Handle: one.Suspend},
		{Pattern: "POST /administration/agents/{id}/retablir", Access: desk.Administrateur, Fresh: desk.FreshPost, Handle: one.Reinstate},
		{Pattern: "GET /administration/agents/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshGet, Handle: sessions.AskAgent},
		{Pattern: "POST /administration/agents/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshPost, Handle: sessions.EndAgent},
		{Pattern: "GET /administration/structures/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshGet, Handle: d.inTeam(sessions.AskTeam)},
		{Pattern: "POST /administration/structures/{id}/sessions", Access: desk.Administrateur, Fresh: desk.FreshPost, Handle: d.inTeam(sessions.EndTeam)},
		{Pattern: "GET /administration/missions", Access: desk.Administrateur, Handle: d.missionList},
		{Pattern: "GET /administration/missions/nouvelle", Access: desk.Administrateur, Fresh: desk.FreshGet, Handle: d.missionForm},
		{Pattern: "POST /administration/missions", Access: desk.Administrateur, Fresh: desk.FreshPost, Handle: d.missionOpen},
		{Pattern: "GET /administration/missions/{id}", Access: desk.Administrateur, Handle: d.missionShow},
		{Pattern: "POST /administration/missions/{id}/terminer", Access: desk.Administrateur, Fresh: desk.FreshPost, Handle: d.missionEnd},
	}
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
	return d.Pages.Render(w, http.StatusOK, "administration/structures", p)
}

func state(o organisation.Organisation) page.Cell {
	if o.Suspended {
		return page.Cell{Text: "Suspendue", Tag: "warning"}
	}
	return page.Cell{Text: "Habilitée", Tag: "success"}
}

type structurePage struct {
	page.Layout
	ID     string
	Name   string
	Items  []page.Item
	Agents page.Table
	Alarms page.Table // logins that agents said were not theirs
}

func (d *Desk) structure(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	o, err := d.Structures.Organisation(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	list, err := d.Structures.Aidants(r.Context(), o.ID)
	if err != nil {
		return err
	}
	p := &structurePage{Layout: v.Layout(o.Name, home), ID: o.ID, Name: o.Name, Agents: agents.Table("Agents de la structure", base, list)}
	p.Wide = true
	if p.Alarms, err = agents.Signaled(r.Context(), d.Alarms, v, o.ID, list, d.Now()); err != nil {
		return err
	}
	p.Items = []page.Item{{Term: "État", Text: state(o).Text}, {Term: "SIRET", Text: page.Siret(o.SIRET)},
		{Term: "Adresse", Text: o.PostalAddress()}, {Term: "Téléphone", Text: o.Telephone},
		{Term: "Fuseau horaire", Text: o.Timezone}, {Term: "Domaines", Text: domaines(o)}}
	return d.Pages.Render(w, http.StatusOK, "administration/structure", p)
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
