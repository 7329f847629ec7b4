package web

import (
	"errors"
	"net/http"
	"slices"

	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// underMission puts the auditeur's mission into the visit, or refuses: without
// one nothing of the journal is open to anyone. It is asked at every request, so
// that a mission that ends closes at the next one. gone tells that the visitor
// was sent to choose among several.
func (s *Server) underMission(rt desk.Route, v *desk.Visit, w http.ResponseWriter, r *http.Request) (gone bool, err error) {
	all, err := s.Missions.RunningMissions(r.Context(), v.Aidant.ID)
	if err != nil {
		return false, err
	}
	for _, m := range all {
		if m.AuditeurID == v.Aidant.ID && m.State(s.Now()) == mission.Running && !mission.Conflict(v.Aidant, v.Organisation, m.Scope) {
			v.Missions = append(v.Missions, m)
		}
	}
	if len(v.Missions) == 0 {
		return false, s.refuse(rt, *v, r, "sans_mission", noMission(len(all) > 0))
	}
	if v.Mission = s.chosen(*v, r); v.Mission == nil {
		if rt.AnyMission {
			return false, nil
		}
		if r.Method != http.MethodGet {
			return false, s.refuse(rt, *v, r, "mission_non_choisie", chooseFirst())
		}
		http.Redirect(w, r, "/controle/mission", http.StatusSeeOther)
		return true, nil
	}
	v.Within, err = s.within(r, *v.Mission)
	return false, err
}

// chosen is the mission that the auditeur chose in this browser, or their only
// one.
func (s *Server) chosen(v desk.Visit, r *http.Request) *mission.Mission {
	if len(v.Missions) == 1 {
		return &v.Missions[0]
	}
	var id string
	if err := s.Sessions.Peek(r, desk.MissionCookie, &id); err != nil {
		return nil // none chosen, or a cookie that is not ours: choose again
	}
	i := slices.IndexFunc(v.Missions, func(m mission.Mission) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &v.Missions[i]
}

// within is the mission's scope in words.
func (s *Server) within(r *http.Request, m mission.Mission) (string, error) {
	if m.Scope.Structure == "" {
		return mission.ScopeLabel(m.Scope, ""), nil
	}
	o, err := s.Missions.Organisation(r.Context(), m.Scope.Structure)
	if err != nil && !errors.Is(err, organisation.ErrNotFound) {
		return "", err
	}
	return mission.ScopeLabel(m.Scope, o.Name), nil
}

func noMission(conflict bool) error {
	p := &desk.Problem{Status: http.StatusForbidden, Title: "Vous n’avez pas de mission en cours",
		Text: "Le journal ne s’ouvre que dans le cadre d’une mission écrite : un objet, un périmètre, un début et une fin. Aucune ne court pour vous aujourd’hui.",
		Do: []string{"Demandez à un administrateur de Relais d’ouvrir la mission qui vous a été confiée, avec la référence de l’ordre de mission.",
			"Si votre mission vient de prendre fin, ce que vous aviez exporté reste vérifiable sans Relais."},
		Next: page.Link{Href: "/compte", Text: "Ouvrir mon compte"}, Cause: mission.ErrOver}
	if conflict {
		p.Title = "Votre mission ne peut pas s’exercer"
		p.Text = "Elle porte sur une structure dans laquelle vous travaillez aussi comme aidant ou référent. On ne contrôle pas son propre travail."
		p.Do = []string{"Demandez à un administrateur de confier cette mission à un autre auditeur."}
	}
	return p
}

func chooseFirst() error {
	return &desk.Problem{Status: http.StatusForbidden, Title: "Choisissez d’abord votre mission",
		Text: "Plusieurs missions courent pour vous. Rien n’a été modifié.",
		Next: page.Link{Href: "/controle/mission", Text: "Choisir la mission"}, Cause: mission.ErrOver}
}
