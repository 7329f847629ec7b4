package controle_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/signal"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
)

func (h *house) Signals(_ context.Context, f signal.Filter) ([]signal.Found, error) {
	h.watched = f
	return h.found[:min(len(h.found), f.Limit)], nil
}

func (h *house) Releve(_ context.Context, p signal.Period) (signal.Releve, error) {
	h.period = p
	return h.counted, nil
}

func (h *house) Organisations(context.Context) ([]organisation.Organisation, error) {
	return []organisation.Organisation{{ID: "ccas", Name: "CCAS " + pagecheck.Uhoh, Postcode: "22000"}, {ID: "mairie", Name: "Mairie", Postcode: "97400"}}, nil
}

func (h *house) Signal(_ context.Context, index int64, rule signal.Code) (signal.Found, signal.Seen, error) {
	for _, f := range h.found {
		if f.Index == index && f.Rule == rule {
			return f, h.seen, nil
		}
	}
	return signal.Found{}, signal.Seen{}, signal.ErrNotFound
}

func (h *house) SeeSignal(_ context.Context, index int64, rule signal.Code, see func(signal.Found) (signal.Seen, journal.Fact, error)) error {
	for i, f := range h.found {
		if f.Index != index || f.Rule != rule {
			continue
		}
		seen, fact, err := see(f)
		if err == nil {
			h.seen, h.found[i].SeenAt, h.facts = seen, seen.At, append(h.facts, fact)
		}
		return err
	}
	return signal.ErrNotFound
}

// TestSeen: a mark is one POST, one entry without the note, and stays.
func TestSeen(t *testing.T) {
	h, routes, v := newDesk(t)
	h.found = []signal.Found{{Rule: signal.Burst, Index: 7, At: at, Mandat: "mandat-un", Aidant: agentID, Structure: "ccas", Departement: "22"}}
	const path = "/controle/signaux/7/rafale"
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), "plus de 6 fois", "Marquer ce signal comme vu", "Agent "+order.Label(agentID))
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", path, url.Values{"note": {"a\u202eb"}}, http.StatusUnprocessableEntity), "1 réponse à corriger")
	if w, err := pagecheck.Serve(t, routes, v, "POST", path, url.Values{"note": {"Atelier du lundi"}}); err != nil || w.Code != http.StatusSeeOther || w.Header().Get("Location") != path {
		t.Fatalf("%v %d", err, w.Code)
	}
	fact := h.facts[len(h.facts)-1]
	if fact.Action() != journal.SignalSee || fact.Object().ID != "7.rafale" || fact.Detail("engagement") != h.seen.Commitment(h.found[0]) || fact.Check() != nil {
		t.Errorf("fact %+v", fact)
	}
	body := pagecheck.Read(t, routes, v, "GET", path, nil, 200)
	pagecheck.MustShow(t, body, "Atelier du lundi", "Auditeur "+order.Label("audit"))
	pagecheck.MustHide(t, body, "Marquer ce signal")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/signaux?vus=non", nil, 200), "Vu")
	if !h.watched.Unseen {
		t.Error("the unseen ones are not asked for")
	}
	h.seen.Note, h.seen.Salt = "", nil
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), "Effacée avec les données")
	mustRefuse := func(method, path string, status int) {
		t.Helper()
		_, err := pagecheck.Serve(t, routes, v, method, path, nil)
		var p *desk.Problem
		if !errors.As(err, &p) || p.Status != status {
			t.Errorf("%s %s: %v", method, path, err)
		}
	}
	mustRefuse("POST", path, http.StatusConflict)
	for _, absent := range []string{"/controle/signaux/8/rafale", "/controle/signaux/7/horaires", "/controle/signaux/x/rafale"} {
		mustRefuse("GET", absent, http.StatusNotFound)
	}
	bounded := order
	bounded.Scope = journal.Scope{Structure: "mairie"}
	v.Mission = &bounded
	before := len(h.facts)
	mustRefuse("GET", path, http.StatusNotFound)
	mustRefuse("POST", path, http.StatusNotFound)
	if len(h.facts) != before+2 || h.facts[before].Action() != journal.AccessRefuse {
		t.Error("a signal beyond the mission was refused without a trace")
	}
}

func TestSignals(t *testing.T) {
	h, routes, v := newDesk(t)
	body := pagecheck.Read(t, routes, v, "GET", "/controle/signaux", nil, 200)
	pagecheck.MustShow(t, body, "Aucun signal pour l’instant", "n’est pas un soupçon", "300 mots par minute", "du lundi au vendredi de 7 h à 20 h", "jours fériés")
	for _, r := range signal.Rules() {
		pagecheck.MustShow(t, body, r.Title, r.Statement, r.Innocent)
	}
	for n := range 60 {
		h.found = append(h.found, signal.Found{Rule: signal.Rules()[n%8].Code, Index: int64(100 - n), At: at, Mandat: "mandat-un", Aidant: "agent-0123456789", Structure: "ccas"})
	}
	body = pagecheck.Read(t, routes, v, "GET", "/controle/signaux", nil, 200)
	pagecheck.MustShow(t, body, "21 novembre 2026 à 10:05:07", "/controle/entrees/100", "Agent "+order.Label(agentID), "/controle/mandats/mandat-un", "CCAS", "avant=71.lecture_rapide")
	if len(body) > 38<<10 {
		t.Errorf("a page of signals weighs %d bytes", len(body))
	}
	body = pagecheck.Read(t, routes, v, "GET", "/controle/signaux?regle=rafale&structure=ccas&avant=51.usage_immediat&du-jour=1&du-mois=11&du-annee=2026", nil, 200)
	pagecheck.MustShow(t, body, "Plus récent", "Effacer les critères", "Signaux : Usages en rafale")
	if f := h.watched; f.Rule != signal.Burst || f.Structure != "ccas" || f.After.Index != 51 || f.After.Rule != signal.ImmediateUse || f.From.IsZero() {
		t.Errorf("filter %+v", f)
	}
	if len(h.facts) != 3 || h.facts[2].Action() != journal.JournalSearch || h.facts[2].Detail("filtres") != "signaux,du,structure,regle" {
		t.Errorf("traces %+v", h.facts)
	}
	for _, query := range []string{"regle=autre", "structure=inconnue", "du-jour=31&du-mois=2&du-annee=2026"} {
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/signaux?"+query, nil, http.StatusUnprocessableEntity), "1 réponse à corriger")
	}
	pagecheck.Read(t, routes, v, "GET", "/controle/signaux?avant=n%27importe", nil, 200)
}

func TestActivity(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/activite", nil, 200), "Rien n’est compté", "du 25 octobre 2026 au 21 novembre 2026")
	if h.period != (signal.Period{From: "2026-10-25", To: "2026-11-21"}) {
		t.Errorf("period %+v", h.period)
	}
	h.counted = signal.Releve{Upto: 1234, Days: []signal.Day{{Day: "2026-11-20", Uses: 3, Signatures: 1, Refusals: 2}, {Day: "2026-11-21", Uses: 1}},
		Counts: []signal.Count{{Action: journal.DelegationUse, Outcome: journal.OK, Domaine: "logement", N: 3}, {Action: journal.DelegationUse, Outcome: journal.OK, Domaine: "social", N: 1},
			{Action: journal.MandatSign, Outcome: journal.OK, N: 1}, {Action: journal.SessionRefuse, Outcome: journal.Denied, N: 2}, {Action: journal.Heartbeat, Outcome: journal.OK, N: 9999}}}
	body := pagecheck.Read(t, routes, v, "GET", "/controle/activite?structure=ccas", nil, 200)
	pagecheck.MustShow(t, body, "4 usages et 1 signature", "2 refus et 0 échec", "Usages par domaine", "Logement : 3", "Connexion refusée : 2", "1\u202f234 entrées",
		"/controle?action=delegation.use&au=2026-11-20&du=2026-11-20&issue=ok&structure=ccas", "domaine=logement", "Le plus : 3 usages, 20 novembre 2026.")
	pagecheck.MustHide(t, body, "9\u202f999", "style=")
	if n := strings.Count(body, `role="img"`); n != 4 {
		t.Errorf("%d charts", n)
	}
	body = pagecheck.Read(t, routes, v, "GET", "/controle/activite?du-jour=1&du-mois=1&du-annee=2026&au-jour=31&au-mois=12&au-annee=2026", nil, 200)
	pagecheck.MustShow(t, body, "janvier 2026", "décembre 2026", "Par mois, du 1er janvier 2026 au 31 décembre 2026.", "au=2026-11-30&du=2026-11-01")
	body = pagecheck.Read(t, routes, v, "GET", "/controle/activite?du=2026-10-01&au=2026-11-21", nil, 200)
	pagecheck.MustShow(t, body, "Semaine du 1er octobre 2026", "Semaine du 5 octobre 2026", "Semaine du 16 novembre 2026", "au=2026-11-21&du=2026-11-16")
	for _, query := range []string{"du-jour=1&du-mois=1&du-annee=2026&au-jour=2&au-mois=1&au-annee=2027", "structure=inconnue", "du-jour=2&du-mois=1&du-annee=2030", "au-jour=x&au-mois=1&au-annee=2026"} {
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/activite?"+query, nil, http.StatusUnprocessableEntity), "1 réponse à corriger")
	}
	if len(h.facts) != 4 || h.facts[1].Detail("filtres") != "activite,structure" {
		t.Errorf("traces %+v", h.facts)
	}
}

// TestWatchWithinTheMission: both pages ask for the mission's scope and offer its
// structures only.
func TestWatchWithinTheMission(t *testing.T) {
	h, routes, v := newDesk(t)
	bounded := order
	bounded.Scope = journal.Scope{Departement: "974"}
	v.Mission = &bounded
	for _, path := range []string{"/controle/signaux", "/controle/activite"} {
		body := pagecheck.Read(t, routes, v, "GET", path, nil, 200)
		pagecheck.MustShow(t, body, "Mairie")
		pagecheck.MustHide(t, body, "CCAS")
		pagecheck.Read(t, routes, v, "GET", path+"?structure=ccas", nil, http.StatusUnprocessableEntity)
	}
	if h.watched.Scope != bounded.Scope || h.period.Scope != bounded.Scope {
		t.Errorf("asked within %+v and %+v", h.watched.Scope, h.period.Scope)
	}
	v.Mission = nil
	h.watched, h.period = signal.Filter{}, signal.Period{}
	pagecheck.Read(t, routes, v, "GET", "/controle/signaux", nil, 200)
	pagecheck.Read(t, routes, v, "GET", "/controle/activite", nil, 200)
	if everything := (journal.Scope{}); h.watched.Scope == everything || h.period.Scope == everything {
		t.Error("without a mission everything is asked for")
	}
}

// TestManyActions: what is rare is drawn together.
func TestManyActions(t *testing.T) {
	h, routes, v := newDesk(t)
	h.counted.Days = []signal.Day{{Day: at.Format(time.DateOnly), Uses: 1}}
	for i, a := range journal.Actions() {
		h.counted.Counts = append(h.counted.Counts, signal.Count{Action: a, Outcome: journal.OK, N: int64(i + 1)})
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/activite", nil, 200), "Autres actions : ")
}

// TestActivityIsLight: the heaviest period, a month with much of each kind to count
// each day, in every domaine, of one structure. With the house's styles and script,
// about 9 KB, it is a first view of at most 50 KB.
func TestActivityIsLight(t *testing.T) {
	h, routes, v := newDesk(t)
	for day := at.AddDate(0, 0, -30); !day.After(at); day = day.AddDate(0, 0, 1) {
		h.counted.Days = append(h.counted.Days, signal.Day{Day: day.Format(time.DateOnly), Uses: 123_456, Signatures: 23_456, Refusals: 12_345, Failures: 10_234})
	}
	for i, a := range journal.Actions() {
		for j, d := range domaine.Current().Domaines {
			h.counted.Counts = append(h.counted.Counts, signal.Count{Action: a, Outcome: journal.OK, Domaine: d.Code, N: int64(1_000_000 + 1000*i + j)})
		}
	}
	h.counted.Upto = 123_456_789
	for _, query := range []string{"?du=2026-10-22", "?du=2026-10-22&structure=ccas"} {
		body := pagecheck.Read(t, routes, v, "GET", "/controle/activite"+query, nil, 200)
		pagecheck.MustShow(t, body, `"/controle?au=2026-11-20&du=2026-11-20`, "123\u202f456")
		if len(body) > 41<<10 {

			t.Errorf("%s: a month weighs %d bytes", query, len(body))
		}
	}
}
