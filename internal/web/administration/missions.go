package administration

import (
	"context"
	"errors"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const missions = "/administration/missions"

// noticesShown is how many revealed identities a page lists.
const noticesShown = 50

// Missions opens and ends missions, and tells what was revealed under them.
type Missions interface {
	Missions(ctx context.Context) ([]mission.Mission, error)
	// Mission is mission.ErrNotFound for an unknown id.
	Mission(ctx context.Context, id string) (mission.Mission, error)
	OpenMission(ctx context.Context, m mission.Mission, by journal.Actor) (mission.Mission, error)
	ChangeMission(ctx context.Context, id string, t func(mission.Mission) (mission.Mission, journal.Fact, error)) (mission.Mission, error)
	Notices(ctx context.Context, f mission.NoticeFilter) ([]mission.Notice, error)
}

// Auditeurs lists those to whom a mission may be given.
type Auditeurs interface {
	Auditeurs(ctx context.Context) ([]aidant.Aidant, error)
}

type missionsPage struct {
	page.Layout
	Missions page.Table
	New      string
}

func (d *Desk) missionList(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	list, err := d.Missions.Missions(r.Context())
	if err != nil {
		return err
	}
	names, err := d.auditeurs(r.Context())
	if err != nil {
		return err
	}
	places, err := d.places(r.Context())
	if err != nil {
		return err
	}
	p := &missionsPage{Layout: v.Layout("Missions des auditeurs", home), New: missions + "/nouvelle"}
	p.Wide = true
	p.Missions = page.Table{Caption: "Missions, de la dernière ouverte à la première", Hidden: true, Columns: []string{"Référence", "Auditeur", "Périmètre", "Début", "Dernier jour", "État"}}
	for _, m := range list {
		p.Missions.Rows = append(p.Missions.Rows, []page.Cell{{Text: m.Reference, Href: missions + "/" + m.ID}, {Text: names[m.AuditeurID]},
			{Text: mission.ScopeLabel(m.Scope, places[m.Scope.Structure])}, {Text: page.Date(m.From.In(v.Zone()))}, {Text: page.Date(m.LastDay(v.Zone()))},
			missionState(m, d.Now())})
	}
	return d.Pages.Render(w, http.StatusOK, "administration/missions", p)
}

func missionState(m mission.Mission, at time.Time) page.Cell {
	s := m.State(at)
	return page.Cell{Text: s.Label(), Tag: map[mission.State]string{mission.Upcoming: "info", mission.Running: "success", mission.Over: "neutral"}[s]}
}

// auditeurs names those who hold the role, by identifier.
func (d *Desk) auditeurs(ctx context.Context) (map[string]string, error) {
	list, err := d.Auditeurs.Auditeurs(ctx)
	names := map[string]string{}
	for _, a := range list {
		names[a.ID] = a.Name()
	}
	return names, err
}

// places names the structures, by identifier.
func (d *Desk) places(ctx context.Context) (map[string]string, error) {
	list, err := d.Structures.Organisations(ctx)
	names := map[string]string{}
	for _, o := range list {
		names[o.ID] = o.Name
	}
	return names, err
}

type missionPage struct {
	page.Layout
	Form    page.Form
	Heading string
	Items   []page.Item
	Purpose string
	Notices page.Table
	EndForm string // where it is ended, "" when it is over or not the visitor's to end
	Motifs  []page.Option
}

func (d *Desk) missionShow(w http.ResponseWriter, r *http.Request) error {
	return d.showMission(w, r, page.Form{}, http.StatusOK)
}

func (d *Desk) showMission(w http.ResponseWriter, r *http.Request, form page.Form, status int) error {
	v := desk.Of(r)
	m, err := d.Missions.Mission(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	names, err := d.auditeurs(r.Context())
	if err != nil {
		return err
	}
	place := organisation.Organisation{}
	if m.Scope.Structure != "" {
		if place, err = d.Structures.Organisation(r.Context(), m.Scope.Structure); err != nil {
			return err
		}
	}
	notices, err := d.Missions.Notices(r.Context(), mission.NoticeFilter{MissionID: m.ID, Reasons: true, Limit: noticesShown})
	if err != nil {
		return err
	}
	p := &missionPage{Layout: v.Layout("Mission "+m.Reference, home), Form: form, Heading: "Mission " + m.Reference, Purpose: m.Purpose}
	p.Wide, p.Invalid = true, form.Invalid()
	p.Items = []page.Item{{Term: "Auditeur", Text: names[m.AuditeurID]}, {Term: "Périmètre", Text: mission.ScopeLabel(m.Scope, place.Name)},
		{Term: "Début", Text: page.Date(m.From.In(v.Zone()))}, {Term: "Dernier jour", Text: page.Date(m.LastDay(v.Zone()))},
		{Term: "État", Text: m.State(d.Now()).Label()}, {Term: "Ouverte le", Text: page.DateTime(m.OpenedAt.In(v.Zone()))}}
	if !m.EndedAt.IsZero() {
		p.Items = append(p.Items, page.Item{Term: "Fin anticipée", Text: page.DateTime(m.EndedAt.In(v.Zone())) + " – " + m.EndReason.Label()})
	}
	if m.State(d.Now()) != mission.Over && m.AuditeurID != v.Aidant.ID {
		p.EndForm = missions + "/" + m.ID + "/terminer"
		for _, motif := range mission.Motifs() {
			p.Motifs = append(p.Motifs, page.Option{Value: string(motif), Label: motif.Label()})
		}
	}
	p.Notices = noticeTable(notices, v, true)
	return d.Pages.Render(w, status, "administration/mission", p)
}

// noticeTable lists revealed identities. Reasons are the administrateur's to read:
// somebody has to be able to judge them.
func noticeTable(list []mission.Notice, v desk.Visit, reasons bool) page.Table {
	t := page.Table{Caption: "Identités révélées, de la dernière à la première", Hidden: true, Columns: []string{"Date et heure", "Mission", "Identité"}}
	if reasons {
		t.Columns = append(t.Columns, "Motif")
	}
	for _, n := range list {
		who := "Agent " + n.Agent
		if n.Kind == mission.Usager {
			who = "Usager du mandat " + page.Number(n.Number)
		}
		row := []page.Cell{{Text: page.DateTime(n.At.In(v.Zone())), Number: true}, {Text: n.Reference, Href: missions + "/" + n.MissionID}, {Text: who}}
		if reasons {
			reason := n.Reason
			if reason == "" {
				reason = "Effacé avec les données de l’usager"
			}
			row = append(row, page.Cell{Text: reason})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// missionEnd ends a mission early: the auditeur's next request is refused.
func (d *Desk) missionEnd(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, 4<<10)
	if err != nil {
		return err
	}
	var codes []string
	for _, motif := range mission.Motifs() {
		codes = append(codes, string(motif))
	}
	why := mission.Motif(form.OneOf("motif", "Choisissez pourquoi la mission prend fin.", codes...))
	if form.Invalid() {
		return d.showMission(w, r, form, http.StatusUnprocessableEntity)
	}
	id := r.PathValue("id")
	_, err = d.Missions.ChangeMission(r.Context(), id, func(m mission.Mission) (mission.Mission, journal.Fact, error) {
		return m.End(why, v.Aidant.Actor(v.Session.Auth), d.Now())
	})
	if errors.Is(err, mission.ErrState) {
		return &desk.Problem{Status: http.StatusConflict, Title: "Cette mission est déjà terminée",
			Text: "Une autre personne, une autre fenêtre ou un second clic est passé avant. Cette demande n’a rien modifié.",
			Next: page.Link{Href: missions + "/" + id, Text: "Ouvrir la mission"}, Cause: err}
	}
	if err != nil {
		return refusedMission(err)
	}
	d.Flash.Flash(w, "success", "La mission est terminée : la prochaine page demandée par l’auditeur lui sera refusée.")
	http.Redirect(w, r, missions+"/"+id, http.StatusSeeOther)
	return nil
}

// refusedMission gives the refusals of a decision pages that say what to do.
func refusedMission(err error) error {
	next := page.Link{Href: missions, Text: "Revenir aux missions"}
	switch {
	case errors.Is(err, mission.ErrSelf):
		return &desk.Problem{Status: http.StatusForbidden, Title: "On ne décide pas de sa propre mission",
			Text: "Vous êtes l’auditeur de cette mission. Rien n’a été modifié.",
			Do:   []string{"Demandez à un autre administrateur, ou à l’exploitant de Relais."}, Next: next, Cause: err}
	case errors.Is(err, mission.ErrConflict):
		return &desk.Problem{Status: http.StatusForbidden, Title: "Cet auditeur ne peut pas contrôler ce périmètre",
			Text: "Il travaille comme aidant ou référent dans une structure de ce périmètre : on ne contrôle pas son propre travail. Rien n’a été modifié.",
			Do:   []string{"Choisissez un autre auditeur, ou un périmètre qui ne comprend pas sa structure. « Tout le journal » la comprend toujours."}, Next: next, Cause: err}
	}
	return err
}
