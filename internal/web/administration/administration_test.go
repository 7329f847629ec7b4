package administration_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/administration"
	"relais/internal/web/agents"
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

// doors is a house where nobody is invited, and nothing is reset.
type doors struct {
	agents.Codes
	agents.Resets
}

func (doors) Invitations(context.Context, string) ([]facteur.Pending, error) { return nil, nil }

func (doors) Door(context.Context, string) (facteur.Door, error) { return facteur.Door{}, nil }

func (doors) ResetsFor(context.Context, aidant.Aidant) ([]facteur.Request, error) { return nil, nil }

func (doors) Partners(context.Context, string) ([]organisation.Organisation, error) {
	return []organisation.Organisation{{ID: "o2", Name: "CCAS"}}, nil
}

func (doors) Associate(_ context.Context, a, b string, _ journal.Actor) error {
	if b == a {
		return organisation.ErrSame
	}
	return nil
}

func (doors) Dissociate(context.Context, string, string, journal.Actor) error {
	return organisation.ErrStranger
}

func TestAdministration(t *testing.T) {
	h := &house{}
	d := &administration.Desk{Pages: pagecheck.Pages(t), Structures: h, Agents: h, Alarms: h, Codes: doors{}, Resets: doors{}, Partners: doors{}, Missions: h, Auditeurs: h, Flash: h, Now: func() time.Time { return at }}
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

func TestPartners(t *testing.T) {
	h := &house{structures: []organisation.Organisation{{ID: "o1", Name: "Mairie"}, {ID: "o2", Name: "CCAS"}, {ID: "o3", Name: "Agglo"}}}
	d := &administration.Desk{Pages: pagecheck.Pages(t), Structures: h, Partners: doors{}, Agents: h, Alarms: h, Codes: doors{}, Resets: doors{}, Missions: h, Auditeurs: h, Flash: h, Now: func() time.Time { return at }}
	v := desk.Visit{Aidant: aidant.Aidant{ID: "admin", Roles: []aidant.Role{aidant.RoleAdministrateur}}}
	body := pagecheck.Read(t, d.Routes(), v, "GET", "/administration/structures/o1", nil, 200)
	pagecheck.MustShow(t, body, "Mettre fin au partenariat", "Agglo, ")
	const path = "/administration/structures/o1/partenaires"
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "POST", path, url.Values{}, 422), "Choisissez la structure partenaire.")
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "POST", path, url.Values{"partenaire": {"o1"}}, 422), "Choisissez une autre structure")
	pagecheck.MustShow(t, pagecheck.Read(t, d.Routes(), v, "POST", path+"/terminer", url.Values{"partenaire": {"o3"}}, 422), "déjà été décidé")
	if _, err := pagecheck.Serve(t, d.Routes(), v, "POST", path, url.Values{"partenaire": {"o3"}}); err != nil {
		t.Errorf("declared = %v", err)
	}
}
