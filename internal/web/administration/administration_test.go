package administration_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/administration"
	"relais/internal/web/desk"
)

type house struct {
	missions   []mission.Mission
	notices    []mission.Notice
	facts      []journal.Fact
	structures []organisation.Organisation
	agent      aidant.Aidant
}

func (h *house) Organisations(context.Context) ([]organisation.Organisation, error) {
	return h.structures, nil
}

func (h *house) Organisation(_ context.Context, id string) (organisation.Organisation, error) {
	for _, o := range h.structures {
		if o.ID == id {
			return o, nil
		}
	}
	return organisation.Organisation{}, organisation.ErrNotFound
}

func (h *house) Aidants(_ context.Context, org string) ([]aidant.Aidant, error) {
	if h.agent.OrganisationID != org {
		return nil, nil
	}
	return []aidant.Aidant{h.agent}, nil
}

func (h *house) Aidant(context.Context, string) (aidant.Aidant, error) { return h.agent, nil }

func (h *house) ChangeAidant(_ context.Context, _ string, t func(aidant.Aidant) (aidant.Aidant, journal.Fact, error)) (aidant.Aidant, error) {
	next, _, err := t(h.agent)
	if err == nil {
		h.agent = next
	}
	return next, err
}

func (h *house) Flash(http.ResponseWriter, string, string) {}

func TestAdministration(t *testing.T) {
	h := &house{}
	d := &administration.Desk{Pages: pagecheck.Pages(t), Structures: h, Agents: h, Alarms: h, Missions: h, Auditeurs: h, Flash: h, Now: func() time.Time { return at }}
	v := desk.Visit{Aidant: aidant.Aidant{ID: "admin", GivenName: "Anne", UsualName: "Admin", Roles: []aidant.Role{aidant.RoleAdministrateur}},
		Organisation: organisation.Organisation{ID: "siege", Timezone: "Europe/Paris"}}
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "GET", "/administration", nil, 200), "Aucune structure")
	h.structures = []organisation.Organisation{{ID: "o1", Name: "Mairie <b>", SIRET: "13002526500013", City: "Lyon", Timezone: "Europe/Paris", Domaines: []string{"famille"}},
		{ID: "o2", Name: "CCAS", Suspended: true}}
	h.agent = aidant.Aidant{ID: "camille", OrganisationID: "o1", GivenName: "Camille", UsualName: "Durand", Roles: []aidant.Role{aidant.RoleAidant}}
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "GET", "/administration", nil, 200), "Mairie <b>", "130 025 265 00013", "Suspendue")
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "GET", "/administration/structures/o1", nil, 200), "Camille Durand", "/administration/agents/camille")
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "GET", "/administration/structures/o2", nil, 200), "pas encore d’agent")
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "GET", "/administration/agents/camille", nil, 200), "Suspendre Camille Durand")
	if _, err := pagecheck.Serve(t, d.Routes(), v, "GET", "/administration/structures/rien", nil); !errors.Is(err, organisation.ErrNotFound) {
		t.Errorf("unknown structure: %v", err)
	}
	if _, err := pagecheck.Serve(t, d.Routes(), v, "POST", "/administration/agents/camille/suspendre", nil); err != nil || !h.agent.Suspended() {
		t.Errorf("suspend: %v", err)
	}
	h.agent.ID = "admin"
	if _, err := pagecheck.Serve(t, d.Routes(), v, "POST", "/administration/agents/admin/retablir", nil); !errors.Is(err, habilitation.ErrSelf) {
		t.Errorf("oneself: %v", err)
	}
}

func (h *house) Disowned(context.Context, string, time.Time) ([]aidant.Appareil, error) {
	return []aidant.Appareil{{AidantID: "camille", Device: "Edge sur Windows"}}, nil
}
