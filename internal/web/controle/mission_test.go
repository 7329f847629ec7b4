package controle_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
)

func (h *house) Reveal(_ context.Context, _ string, t mission.Target,
	decide func(mission.Mission, mission.Target, int) (mission.Revelation, journal.Fact, error)) (mission.Revelation, error) {
	t.Found, t.Erased, t.OrganisationID = true, h.erased, "ccas"
	r, fact, err := decide(order, t, h.recent)
	if !fact.IsZero() {
		h.facts = append(h.facts, fact)
	}
	return r, err
}

func (h *house) Revealed(_ context.Context, id, auditeur string) (mission.Shown, error) {
	if id == "" || auditeur != "audit" {
		return mission.Shown{}, mission.ErrNotFound
	}
	return mission.Shown{Revelation: mission.Revelation{Kind: mission.Usager, MissionID: h.revealedIn(), MandatID: "mandat-un"}, Name: "Élise " + pagecheck.Uhoh, Birthdate: "1948-03-00", Erased: h.erased}, nil
}

// revealedIn is the mission under which the identity was revealed.
func (h *house) revealedIn() string { return cmp.Or(h.revealed, order.ID) }

func (h *house) Put(_ http.ResponseWriter, name string, v any, _ time.Duration) error {
	h.cookies[name] = v
	return nil
}

func (h *house) Take(_ http.ResponseWriter, _ *http.Request, name string, v any) error {
	value, ok := h.cookies[name].(string)
	if !ok {
		return http.ErrNoCookie
	}
	delete(h.cookies, name)
	*v.(*string) = value
	return nil
}

// outside makes the visitor's mission one over another structure.
func outside(v desk.Visit) desk.Visit {
	elsewhere := order
	elsewhere.Scope.Structure = "mairie"
	v.Mission = &elsewhere
	return v
}

// TestOutsideTheMission: an entry of another structure looks like one that does
// not exist, everywhere, and the refusal is recorded once.
func TestOutsideTheMission(t *testing.T) {
	h, routes, v := newDesk(t)
	h.add(t, 1)
	h.facets.Structure = "ccas"
	for _, path := range []string{"/controle/entrees/0", "/controle/mandats/mandat-un", "/controle/entrees/0/reveler"} {
		h.facts = nil
		_, err := pagecheck.Serve(t, routes, outside(v), "GET", path, nil)
		var p *desk.Problem
		if !errors.As(err, &p) || p.Status != http.StatusNotFound {
			t.Errorf("%s: %v", path, err)
		}
		if len(h.facts) != 1 || h.facts[0].Action() != journal.AccessRefuse || h.facts[0].Reason() != "hors_mission" || h.facts[0].Check() != nil {
			t.Errorf("%s: trace %+v", path, h.facts)
		}
	}
	_, err := pagecheck.Serve(t, routes, outside(v), "GET", "/controle", nil)
	if err != nil || h.asked.Scope.Structure != "mairie" {
		t.Errorf("the journal was asked for %+v: %v", h.asked.Scope, err)
	}
	v.Mission = nil
	if v.Scope().Covers(journal.Facets{}) || v.Scope().Covers(journal.Facets{Structure: "ccas"}) {
		t.Error("no mission covers something")
	}
}

func TestAgent(t *testing.T) {
	h, routes, v := newDesk(t)
	label := order.Label(agentID)
	pages := func() string { return pagecheck.Read(t, routes, v, "GET", "/controle/agents/"+label, nil, 200) }
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/agents/"+label, nil); err == nil {
		t.Error("an agent without entries has a page")
	}
	for seq := range int64(60) {
		h.add(t, seq+1)
	}
	h.facts = nil
	body := pages()
	pagecheck.MustShow(t, body, label, "Totaux", "60", "Mandat imprimé", "?avant=10")
	pagecheck.MustHide(t, body, agentID)
	if h.asked.Actor != agentID || len(h.facts) != 1 || h.facts[0].Action() != journal.JournalSearch {
		t.Errorf("asked %+v, trace %+v", h.asked, h.facts)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/agents/"+label+"?avant=10", nil, 200), "Plus récent")
	for _, ref := range []string{"A-BBBBBBB", agentID, "x"} {
		var p *desk.Problem
		if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/agents/"+ref, nil); !errors.As(err, &p) || p.Status != http.StatusNotFound {
			t.Errorf("%s: %v", ref, err)
		}
	}
	pagecheck.Read(t, routes, v, "GET", "/controle?acteur="+label, nil, 200)
	if h.asked.Actor != agentID {
		t.Errorf("the label searched for %q", h.asked.Actor)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle?acteur=A-BBBBBBB", nil, 200), "Aucune entrée ne répond")
	body = pagecheck.Read(t, routes, v, "GET", "/controle/entrees/0", nil, 200)
	pagecheck.MustShow(t, body, "Agent "+label, "/controle/agents/"+label, "/controle/entrees/0/reveler")
}

func TestChooseMission(t *testing.T) {
	h, routes, v := newDesk(t)
	body := pagecheck.Read(t, routes, v, "GET", "/controle/mission", nil, 200)
	pagecheck.MustShow(t, body, order.Purpose, "OM 17", "21 décembre 2026")
	pagecheck.MustHide(t, body, "Travailler sous cette mission")
	other := order
	other.ID, other.Purpose, other.Reference = "mi2", "Autre objet "+pagecheck.Uhoh, "OM 18"
	v.Missions = append(v.Missions, other)
	v.Mission = nil
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/mission", nil, 200), "OM 17", "OM 18", "Choisissez celle")
	pagecheck.Read(t, routes, v, "POST", "/controle/mission", url.Values{"mission": {"mi3"}}, 422)
	w, err := pagecheck.Serve(t, routes, v, "POST", "/controle/mission", url.Values{"mission": {"mi2"}})
	if err != nil || w.Code != http.StatusSeeOther || h.cookies[desk.MissionCookie] != "mi2" {
		t.Errorf("chosen: %v %d %v", err, w.Code, h.cookies)
	}
}

func TestReveal(t *testing.T) {
	h, routes, v := newDesk(t)
	h.add(t, 1)
	const path = "/controle/entrees/0/reveler"
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), order.Label(agentID), "L’usager du mandat", "20 identités")
	h.facts = nil
	good := url.Values{"identite": {"usager"}, "motif": {"Signature plus rapide que la lecture."}, "confirmer": {"oui"}}
	for field, value := range map[string]string{"identite": "tout", "motif": "court", "confirmer": ""} {
		form := url.Values{}
		for k, values := range good {
			form[k] = values
		}
		form.Set(field, value)
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", path, form, 422), "1 réponse à corriger")
	}
	good.Set("motif", strings.Repeat("é", mission.TextMax+1))
	pagecheck.Read(t, routes, v, "POST", path, good, 422)
	if len(h.facts) != 0 {
		t.Errorf("a refused form revealed: %+v", h.facts)
	}
	good.Set("motif", "Signature plus rapide que la lecture.\r\nDeux fois de suite.")
	w, err := pagecheck.Serve(t, routes, v, "POST", path, good)
	if err != nil || w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/controle/revelation" {
		t.Fatalf("reveal: %v %d", err, w.Code)
	}
	if len(h.facts) != 1 || h.facts[0].Action() != journal.MissionReveal || h.facts[0].Stream() != "mandat-un" || h.facts[0].Check() != nil {
		t.Errorf("trace %+v", h.facts)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/revelation", nil, 200), "Élise", "mars 1948")
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/revelation", nil); err == nil {
		t.Error("shown twice")
	}
	h.recent = mission.RevealMax
	wantProblem(t, routes, v, path, good, http.StatusForbidden)
	h.recent, h.erased = 0, true
	wantProblem(t, routes, v, path, good, http.StatusConflict)
	h.cookies["revelation"], h.revealed = "re1", "mi2"
	var p *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/revelation", nil); !errors.As(err, &p) || p.Status != http.StatusNotFound {
		t.Errorf("an identity revealed under another mission: %v", err)
	}
	h.cookies["revelation"], h.revealed = "re1", ""
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/revelation", nil, 200), "viennent d’être effacées")
}

func wantProblem(t *testing.T, routes []desk.Route, v desk.Visit, path string, form url.Values, status int) {
	t.Helper()
	var p *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "POST", path, form); !errors.As(err, &p) || p.Status != status {
		t.Errorf("%s: %v, want %d", path, err, status)
	}
}
