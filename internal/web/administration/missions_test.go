package administration_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/administration"
	"relais/internal/web/desk"
)

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func (h *house) Missions(context.Context) ([]mission.Mission, error) { return h.missions, nil }

func (h *house) Mission(_ context.Context, id string) (mission.Mission, error) {
	for _, m := range h.missions {
		if m.ID == id {
			return m, nil
		}
	}
	return mission.Mission{}, mission.ErrNotFound
}

func (h *house) OpenMission(_ context.Context, m mission.Mission, by journal.Actor) (mission.Mission, error) {
	for _, a := range must(h.Auditeurs(context.Background())) {
		if a.ID == m.AuditeurID {
			opened, fact, err := mission.Open(m, a, organisation.Organisation{ID: a.OrganisationID, Postcode: "99001"}, by, at)
			h.facts = append(h.facts, fact)
			if err == nil {
				h.missions = append(h.missions, opened)
			}
			return opened, err
		}
	}
	return m, aidant.ErrNotFound
}

func must[T any](v T, _ error) T { return v }

func (h *house) ChangeMission(_ context.Context, id string, t func(mission.Mission) (mission.Mission, journal.Fact, error)) (mission.Mission, error) {
	for i, m := range h.missions {
		if m.ID == id {
			next, fact, err := t(m)
			h.facts = append(h.facts, fact)
			if err == nil {
				h.missions[i] = next
			}
			return next, err
		}
	}
	return mission.Mission{}, mission.ErrNotFound
}

func (h *house) Notices(_ context.Context, f mission.NoticeFilter) ([]mission.Notice, error) {
	return h.notices, nil
}

func (h *house) Auditeurs(context.Context) ([]aidant.Aidant, error) {
	auditeur := []aidant.Role{aidant.RoleAuditeur}
	return []aidant.Aidant{{ID: "thomas", OrganisationID: "o1", GivenName: "Thomas", UsualName: pagecheck.Uhoh, Roles: auditeur},
		{ID: "double", OrganisationID: "o1", GivenName: "Aude", UsualName: "Double", Roles: append(auditeur, aidant.RoleAidant)},
		{ID: "admin", OrganisationID: "siege", GivenName: "Anne", UsualName: "Admin", Roles: append(auditeur, aidant.RoleAdministrateur)},
		{ID: "parti", GivenName: "Paul", UsualName: "Parti", Roles: auditeur, SuspendedAt: at}}, nil
}

func missionDesk(t *testing.T) (*house, []desk.Route, desk.Visit) {
	t.Helper()
	h := &house{structures: []organisation.Organisation{{ID: "o1", Name: "Mairie <b>", City: "Lyon", Postcode: "69001"}, {ID: "o2", Name: "CCAS", Postcode: "97400"}}}
	d := &administration.Desk{Pages: pagecheck.Pages(t), Structures: h, Agents: h, Codes: doors{}, Resets: doors{}, Partners: doors{}, Missions: h, Auditeurs: h, Flash: h, Now: func() time.Time { return at }}
	return h, d.Routes(), desk.Visit{Aidant: aidant.Aidant{ID: "admin", GivenName: "Anne", UsualName: "Admin", Roles: []aidant.Role{aidant.RoleAdministrateur, aidant.RoleAuditeur}},
		Organisation: organisation.Organisation{ID: "siege", Timezone: "Europe/Paris"}}
}

func filled() url.Values {
	return url.Values{"auditeur": {"thomas"}, "objet": {"Contrôle des usages de nuit.\r\nDeuxième ligne."}, "reference": {"OM 17"}, "perimetre": {"departement"}, "departement": {"69"},
		"du-jour": {"22"}, "du-mois": {"11"}, "du-annee": {"2026"}, "au-jour": {"31"}, "au-mois": {"12"}, "au-annee": {"2026"}}
}

func TestOpenMission(t *testing.T) {
	h, routes, v := missionDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/administration/missions", nil, 200), "Aucune mission n’a encore")
	body := pagecheck.Read(t, routes, v, "GET", "/administration/missions/nouvelle", nil, 200)
	pagecheck.MustShow(t, body, "Aude Double", "974", "69")
	pagecheck.MustHide(t, body, "Paul Parti", `value="admin"`)
	for name, change := range map[string]url.Values{
		"nothing":          {"auditeur": {""}, "objet": {""}, "reference": {""}, "perimetre": {""}},
		"themselves":       {"auditeur": {"admin"}},
		"short":            {"objet": {"Contrôle"}},
		"no structure":     {"perimetre": {"structure"}},
		"unknown place":    {"departement": {"75"}},
		"end before start": {"au-annee": {"2025"}},
		"too long":         {"au-annee": {"2027"}, "au-mois": {"11"}, "au-jour": {"22"}},
		"passed":           {"du-annee": {"2025"}, "au-jour": {"20"}, "au-mois": {"11"}},
	} {
		form := filled()
		maps.Copy(form, change)
		form.Set("etape", "ouvrir")
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/administration/missions", form, 422), "à corriger")
		if len(h.missions) != 0 {
			t.Fatalf("%s: opened", name)
		}
	}
	body = pagecheck.Read(t, routes, v, "POST", "/administration/missions", filled(), 200)
	pagecheck.MustShow(t, body, "Confirmer la mission", "Département 69", "31 décembre 2026", "OM 17")
	form := filled()
	form.Set("etape", "corriger")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/administration/missions", form, 200), "Deuxième ligne", "Relire avant")
	if len(h.missions) != 0 || len(h.facts) != 0 {
		t.Error("opened before it was confirmed")
	}
	form.Set("etape", "ouvrir")
	w, err := pagecheck.Serve(t, routes, v, "POST", "/administration/missions", form)
	if err != nil || w.Code != http.StatusSeeOther || len(h.missions) != 1 || h.missions[0].Scope.Departement != "69" || strings.Contains(h.missions[0].Purpose, "\r") {
		t.Fatalf("opened %+v %v", h.missions, err)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", w.Header().Get("Location"), nil, 200), "OM 17", "En cours", "Deuxième ligne", "Mettre fin")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/administration/missions", nil, 200), "OM 17", "Département 69", "En cours")
}

func TestMissionRefused(t *testing.T) {
	h, routes, v := missionDesk(t)
	form := filled()
	form.Set("etape", "ouvrir")
	form.Set("auditeur", "double")
	form.Set("perimetre", mission.All)
	var p *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/administration/missions", form); !errors.As(err, &p) || p.Status != http.StatusForbidden || !errors.Is(err, mission.ErrConflict) {
		t.Errorf("conflict: %v", err)
	}
	if len(h.facts) != 1 || h.facts[0].Outcome() != journal.Denied {
		t.Errorf("trace %+v", h.facts)
	}
}

func TestEndMission(t *testing.T) {
	h, routes, v := missionDesk(t)
	h.missions = []mission.Mission{{ID: "mi1", AuditeurID: "thomas", Purpose: "Objet " + pagecheck.Uhoh, Reference: "OM 17", Scope: journal.Scope{Structure: "o1"}, From: at, To: at.AddDate(0, 1, 0)},
		{ID: "mi2", AuditeurID: "admin", Reference: "OM 18", From: at, To: at.AddDate(0, 1, 0)}}
	const end = "/administration/missions/mi1/terminer"
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/administration/missions/mi1", nil, 200), "Mairie <b>", "Aucune identité n’a été révélée")
	pagecheck.Read(t, routes, v, "POST", end, url.Values{"motif": {"humeur"}}, 422)
	w, err := pagecheck.Serve(t, routes, v, "POST", end, url.Values{"motif": {"retiree"}})
	if err != nil || w.Code != http.StatusSeeOther || h.missions[0].EndedAt.IsZero() {
		t.Fatalf("ended: %v", err)
	}
	body := pagecheck.Read(t, routes, v, "GET", "/administration/missions/mi1", nil, 200)
	pagecheck.MustShow(t, body, "Terminée", "L’ordre de mission est retiré")
	pagecheck.MustHide(t, body, "Mettre fin")
	var p *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "POST", end, url.Values{"motif": {"retiree"}}); !errors.As(err, &p) || p.Status != http.StatusConflict {
		t.Errorf("twice: %v", err)
	}
	pagecheck.MustHide(t, pagecheck.Read(t, routes, v, "GET", "/administration/missions/mi2", nil, 200), "Mettre fin")
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/administration/missions/mi2/terminer", url.Values{"motif": {"achevee"}}); !errors.As(err, &p) || p.Status != http.StatusForbidden {
		t.Errorf("their own: %v", err)
	}
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/administration/missions/rien", nil); !errors.Is(err, mission.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestNotices(t *testing.T) {
	h, routes, v := missionDesk(t)
	h.missions = []mission.Mission{{ID: "mi1", AuditeurID: "thomas", Reference: "OM 17", From: at, To: at.AddDate(0, 1, 0)}}
	h.notices = []mission.Notice{
		{Revelation: mission.Revelation{MissionID: "mi1", Kind: mission.Agent, Reason: "Signature " + pagecheck.Uhoh, At: at}, Reference: "OM 17", Agent: "Nadia " + pagecheck.Uhoh},
		{Revelation: mission.Revelation{MissionID: "mi1", Kind: mission.Usager, At: at}, Reference: "OM 17", Number: "BCDFGHJKLMNP"}}
	body := pagecheck.Read(t, routes, v, "GET", "/administration", nil, 200)
	pagecheck.MustShow(t, body, "Agent Nadia", "Usager du mandat BCDF GHJK LMNP", "22 novembre 2026 à 10 h 00")
	pagecheck.MustHide(t, body, "Signature")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/administration/missions/mi1", nil, 200), "Signature", "Effacé avec les données")
}
