package structure_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/usager"
	"relais/internal/web/agents"
	"relais/internal/web/desk"
	"relais/internal/web/structure"
)

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

type house struct {
	agents  []aidant.Aidant
	mandats []mandat.Mandat
	facts   []journal.Fact
	flashes []string
	notices []mission.Notice
	asked   mission.NoticeFilter
}

func (h *house) Notices(_ context.Context, f mission.NoticeFilter) ([]mission.Notice, error) {
	h.asked = f
	return h.notices, nil
}

func (h *house) Aidants(_ context.Context, org string) ([]aidant.Aidant, error) {
	var out []aidant.Aidant
	for _, a := range h.agents {
		if a.OrganisationID == org {
			out = append(out, a)
		}
	}
	return out, nil
}

func (h *house) Aidant(_ context.Context, id string) (aidant.Aidant, error) {
	for _, a := range h.agents {
		if a.ID == id {
			return a, nil
		}
	}
	return aidant.Aidant{}, aidant.ErrNotFound
}

func (h *house) ChangeAidant(ctx context.Context, id string, t func(aidant.Aidant) (aidant.Aidant, journal.Fact, error)) (aidant.Aidant, error) {
	a, err := h.Aidant(ctx, id)
	if err != nil {
		return a, err
	}
	next, fact, err := t(a)
	if !fact.IsZero() {
		h.facts = append(h.facts, fact)
	}
	if err != nil {
		return aidant.Aidant{}, err
	}
	for i := range h.agents {
		if h.agents[i].ID == id {
			h.agents[i] = next
		}
	}
	return next, nil
}

func (h *house) Mandats(context.Context, string, mandat.Filter) ([]usager.File, string, error) {
	var out []usager.File
	for _, m := range h.mandats {
		out = append(out, usager.File{Mandats: []mandat.Mandat{m}})
	}
	return out, "", nil
}

func (h *house) Flash(_ http.ResponseWriter, _, text string) { h.flashes = append(h.flashes, text) }

// doors is a house where nobody is invited, and nothing is reset.
type doors struct {
	agents.Codes
	agents.Resets
}

func (doors) Invitations(context.Context, string) ([]facteur.Pending, error) { return nil, nil }

func (doors) Door(context.Context, string) (facteur.Door, error) { return facteur.Door{}, nil }

func (doors) ResetsFor(context.Context, aidant.Aidant) ([]facteur.Request, error) { return nil, nil }

func agent(id, org string, roles ...aidant.Role) aidant.Aidant {
	return aidant.Aidant{ID: id, OrganisationID: org, GivenName: "Prénom", UsualName: id, Email: id + "@exemple.test", Roles: roles}
}

func newDesk(t *testing.T) (*house, []desk.Route, desk.Visit) {
	t.Helper()
	h := &house{agents: []aidant.Aidant{agent("chef", "org", aidant.RoleReferent), agent("camille", "org", aidant.RoleAidant),
		agent("audit", "org", aidant.RoleAuditeur), agent("ailleurs", "autre", aidant.RoleAidant)}}
	d := &structure.Desk{Pages: pagecheck.Pages(t), Team: h, Mandats: h, Notices: h, Agents: h, Alarms: h, Codes: doors{}, Resets: doors{}, Flash: h, Now: func() time.Time { return now }}
	v := desk.Visit{Aidant: h.agents[0], Organisation: organisation.Organisation{ID: "org", Name: "Mairie", Timezone: "Europe/Paris"}}
	return h, d.Routes(), v
}

func TestTeam(t *testing.T) {
	h, routes, v := newDesk(t)
	body := pagecheck.Read(t, routes, v, "GET", "/structure", nil, 200)
	pagecheck.MustShow(t, body, "Prénom camille", "3 agents peuvent ouvrir Relais.", "Aucun mandat ne prend fin")
	pagecheck.MustHide(t, body, "ailleurs")
	soon := mandat.Mandat{ID: "m1", Number: "346789BCDFGH", State: mandat.Actif, EndsAt: now.AddDate(0, 0, 3), Aidants: []string{"camille"},
		Autorisations: []mandat.Autorisation{{Domaine: "famille"}}}
	late := soon
	late.ID, late.Number, late.EndsAt = "m2", "XXXXXXXXXXXX", now.AddDate(0, 3, 0)
	h.mandats = []mandat.Mandat{late, soon}
	body = pagecheck.Read(t, routes, v, "GET", "/structure", nil, 200)
	pagecheck.MustShow(t, body, "3467 89BC DFGH", "24 novembre 2026", "2 mandats en cours.")
	pagecheck.MustHide(t, body, "XXXX XXXX", "/mandats/m1") // a référent who is no aidant cannot open it
}

func TestAgentPage(t *testing.T) {
	_, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/agents/camille", nil, 200), "Suspendre Prénom camille")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/agents/chef", nil, 200), "votre propre compte")
	body := pagecheck.Read(t, routes, v, "GET", "/structure/agents/audit", nil, 200)
	pagecheck.MustShow(t, body, "relève d’un administrateur")
	pagecheck.MustHide(t, body, `id="suspendre"`)
	for _, id := range []string{"ailleurs", "inconnu"} {
		if _, err := pagecheck.Serve(t, routes, v, "GET", "/structure/agents/"+id, nil); !errors.Is(err, aidant.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", id, err)
		}
	}
}

func TestDecisions(t *testing.T) {
	h, routes, v := newDesk(t)
	w, err := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/camille/suspendre", nil)
	if err != nil || w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/structure/agents/camille" {
		t.Fatalf("suspend: %d %v", w.Code, err)
	}
	if len(h.facts) != 1 || h.facts[0].Action() != journal.AidantSuspend || h.facts[0].Actor().Ref != "chef" {
		t.Errorf("facts = %v", h.facts)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/agents/camille", nil, 200), "Rétablir Prénom camille", "Suspendu depuis le 21 novembre 2026 à 10 h 00")
	for _, refused := range []struct {
		path   string
		err    error
		status int
	}{
		{"camille/suspendre", habilitation.ErrState, http.StatusConflict},
		{"chef/suspendre", habilitation.ErrSelf, http.StatusForbidden},
		{"audit/suspendre", nil, http.StatusForbidden},
		{"ailleurs/suspendre", aidant.ErrNotFound, 0},
		{"ailleurs/retablir", aidant.ErrNotFound, 0},
	} {
		_, err := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/"+refused.path, nil)
		var problem *desk.Problem
		if refused.err != nil && !errors.Is(err, refused.err) {
			t.Errorf("%s: %v, want %v", refused.path, err, refused.err)
		}
		if refused.status != 0 && (!errors.As(err, &problem) || problem.Status != refused.status) {
			t.Errorf("%s: %v, want a problem %d", refused.path, err, refused.status)
		}
	}
	if h.agents[2].Suspended() || h.agents[3].Suspended() {
		t.Error("a refused decision changed an agent")
	}
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/camille/retablir", nil); err != nil || h.agents[1].Suspended() {
		t.Errorf("reinstate: %v", err)
	}
}

// TestNotices: a référent learns whose identity was shown, of their structure, and
// never the reason.
func TestNotices(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure", nil, 200), "Aucune identité de votre structure")
	if h.asked.OrganisationID != v.Organisation.ID || h.asked.Reasons {
		t.Errorf("asked %+v", h.asked)
	}
	h.notices = []mission.Notice{{Revelation: mission.Revelation{Kind: mission.Agent, At: now, Reason: "Raison secrète"}, Reference: "OM 17", Agent: "Nadia " + pagecheck.Uhoh},
		{Revelation: mission.Revelation{Kind: mission.Usager, At: now}, Reference: "OM 17", Number: "BCDFGHJKLMNP"}}
	body := pagecheck.Read(t, routes, v, "GET", "/structure", nil, 200)
	pagecheck.MustShow(t, body, "OM 17", "Agent Nadia", "Usager du mandat BCDF GHJK LMNP")
	pagecheck.MustHide(t, body, "Raison secrète")
}

func (h *house) Disowned(context.Context, string, time.Time) ([]aidant.Appareil, error) {
	return []aidant.Appareil{{AidantID: "camille", Device: "Edge sur Windows"}}, nil
}
