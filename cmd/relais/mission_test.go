package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/testkit/visitor"
)

// missionOf is the mission in progress of a fictional auditeur.
func (w *world) missionOf(agent string) mission.Mission {
	w.t.Helper()
	list, err := w.d.store.RunningMissions(context.Background(), w.idOf(agent))
	if err != nil || len(list) == 0 {
		w.t.Fatalf("%s has no mission: %v", agent, err)
	}
	return list[len(list)-1]
}

// otherMission is the id of another mission of the same auditeur.
func (w *world) otherMission(m mission.Mission) string {
	w.t.Helper()
	list, err := w.d.store.MissionsOf(context.Background(), m.AuditeurID)
	for _, other := range list {
		if err == nil && other.ID != m.ID {
			return other.ID
		}
	}
	w.t.Fatalf("no other mission: %v", err)
	return ""
}

// endMissions ends all that a fictional auditeur has.
func (w *world) endMissions(agent string) {
	w.t.Helper()
	list, err := w.d.store.RunningMissions(context.Background(), w.idOf(agent))
	for _, m := range list {
		if err == nil {
			_, err = w.d.store.ChangeMission(context.Background(), m.ID, func(m mission.Mission) (mission.Mission, journal.Fact, error) {
				return m.End(mission.Done, operator(), time.Now())
			})
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// openMission fills the administrateur's form, confirms, and returns the mission.
func (w *world) openMission(v *visitor.Visitor, auditeur, kind, place string) mission.Mission {
	w.t.Helper()
	last := time.Now().AddDate(0, 0, 20)
	v.Open(w.relais+"/administration/missions/nouvelle").Choose("auditeur", w.idOf(auditeur)).
		Fill("objet", "Contrôle des mandats donnés le soir.").Fill("reference", "OM "+kind+" "+place).
		Choose("perimetre", kind).Fill("au-jour", fmt.Sprint(last.Day())).Fill("au-mois", fmt.Sprint(int(last.Month()))).Fill("au-annee", fmt.Sprint(last.Year()))
	if kind != mission.All {
		v.Choose(kind, place)
	}
	v.Submit("/administration/missions").MustStatus(http.StatusOK).MustSee("Confirmer la mission").Click("ouvrir").MustSee("En cours")
	m, err := w.d.store.Mission(context.Background(), strings.TrimPrefix(v.URL.Path, "/administration/missions/"))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// refusals counts what was refused for one reason.
func (w *world) refusals(reason string) int {
	w.t.Helper()
	all, err := w.d.store.Journal(context.Background(), journal.Filter{Action: journal.AccessRefuse, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, rec := range all {
		if rec.Reason == reason {
			n++
		}
	}
	return n
}

// TestMission is an auditeur's work under a mission over one structure: nothing
// without it, nothing beyond it, identities with a reason, and nothing after it.
func TestMission(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			ccas := w.give(w.agent("nadia"), "nadia", "perrin", logement())
			mairie := w.give(w.agent("monique"), "monique", "muller", logement())
			w.withoutMission()
			sophie := w.agent("sophie")
			w.openMission(sophie, "thomas", "structure", "ccas-valfictif")
			thomas := w.agent("thomas")
			w.withinScope(thomas, ccas, mairie)
			w.breakGlass(thomas, ccas)
			w.told(sophie, ccas)
			w.closing(sophie, thomas)
		})
	}
}

// withoutMission: every page of the journal is refused, each refusal once.
func (w *world) withoutMission() {
	w.t.Helper()
	w.endMissions("thomas")
	thomas := w.agent("thomas")
	before := w.refusals("sans_mission") // the sign-in leads to the journal
	for i, path := range []string{"/controle", "/controle/entrees/0", "/controle/mission", "/controle/revelation"} {
		thomas.Open(w.relais + path).MustStatus(http.StatusForbidden).MustSee("pas de mission en cours")
		if n := w.refusals("sans_mission"); n != before+i+1 {
			w.t.Errorf("%s: %d refusals recorded", path, n)
		}
	}
	thomas.Post(w.relais+"/controle/entrees/0/reveler", url.Values{}).MustStatus(http.StatusForbidden)
}

// withinScope: the other structure's entries are not in the list, and their pages
// look like pages that do not exist.
func (w *world) withinScope(thomas *visitor.Visitor, ccas, mairie given) {
	w.t.Helper()
	thomas.Open(w.relais + "/controle").MustStatus(http.StatusOK)
	if !strings.Contains(thomas.Body, "Contrôle des mandats donnés le soir") || !strings.Contains(thomas.Body, "<span>CCAS de Valfictif</span>") {
		w.t.Error("the page does not say under which mission it is read")
	}
	if !strings.Contains(thomas.Body, "/controle/mandats/"+ccas.id) || strings.Contains(thomas.Body, mairie.id) {
		w.t.Error("the list is not the scope's")
	}
	for _, name := range []string{"Nadia", "Belkacem", "Perrin", w.idOf("nadia")} {
		if strings.Contains(thomas.Body, name) {
			w.t.Errorf("the list shows %s", name)
		}
	}
	thomas.Open(w.relais + "/controle?mandat=" + mairie.number).MustSee("Aucune entrée ne répond")
	thomas.Open(w.relais + "/controle?mandat=" + ccas.number).MustSee("Mandat accepté et signé")
	thomas.Open(w.relais + "/controle/mandats/" + mairie.id).MustStatus(http.StatusNotFound)
	thomas.Open(w.relais + "/controle/mandats/" + ccas.id).MustStatus(http.StatusOK)
	entries, err := w.d.store.MandatEntries(context.Background(), mairie.id)
	if err != nil {
		w.t.Fatal(err)
	}
	path := fmt.Sprintf("%s/controle/entrees/%d", w.relais, entries[0].Index)
	before := w.refusals("hors_mission")
	thomas.Open(path).MustStatus(http.StatusNotFound)
	thomas.Open(path + "/reveler").MustStatus(http.StatusNotFound)
	thomas.Post(path+"/reveler", url.Values{"identite": {"usager"}, "motif": {strings.Repeat("motif ", 5)}, "confirmer": {"oui"}}).MustStatus(http.StatusNotFound)
	if n := w.refusals("hors_mission") - before; n != 3 {
		w.t.Errorf("%d refusals of 3 recorded", n)
	}
	m := w.missionOf("thomas")
	thomas.Open(w.relais + "/controle/agents/" + m.Label(w.idOf("monique"))).MustStatus(http.StatusNotFound)
	thomas.Open(w.relais+"/controle/agents/"+m.Label(w.idOf("nadia"))).MustStatus(http.StatusOK).MustSee("Totaux", "Mandat accepté et signé")
	thomas.Open(w.relais + "/controle/entrees/0").MustStatus(http.StatusOK)       // the admission of the CCAS
	thomas.Open(w.relais + "/controle/entrees/1").MustStatus(http.StatusNotFound) // of the mairie
}

// breakGlass reveals an usager and an agent.
func (w *world) breakGlass(thomas *visitor.Visitor, ccas given) {
	w.t.Helper()
	before := w.count(journal.MissionReveal)
	for kind, name := range map[string]string{"usager": "Perrin", "agent": "Nadia Belkacem"} {
		thomas.Open(w.relais + "/controle/mandats/" + ccas.id).Click("reveler").MustStatus(http.StatusOK)
		form := thomas.URL.String()
		thomas.Post(form, url.Values{"identite": {kind}, "confirmer": {"oui"}}).MustStatus(http.StatusUnprocessableEntity)
		thomas.Post(form, url.Values{"identite": {kind}, "motif": {"Deux signatures à la même minute."}, "confirmer": {"oui"}}).
			MustBeAt("/controle/revelation").MustSee(name)
		if thomas.URL.RawQuery != "" || strings.Contains(thomas.Body, "franceconnect") {
			w.t.Error("the page says more than the identity")
		}
		thomas.Open(w.relais + "/controle/revelation").MustStatus(http.StatusNotFound)
	}
	if n := w.count(journal.MissionReveal) - before; n != 2 {
		w.t.Errorf("%d entries for 2 identities", n)
	}
	entries, err := w.d.store.MandatEntries(context.Background(), ccas.id)
	if err != nil || entries[len(entries)-1].Action != journal.MissionReveal {
		w.t.Errorf("the mandat's stream ends with %+v %v", entries[len(entries)-1], err)
	}
	file := filepath.Join(w.t.TempDir(), "donnees")
	if code, out := w.verb("usager", "export", ccas.number, "--out", file); code != 0 {
		w.t.Errorf("export: %d %s", code, out)
	}
	if page, err := os.ReadFile(filepath.Join(file, "usager.html")); err != nil || !strings.Contains(string(page), "un auditeur, dans le cadre d’une mission") {
		w.t.Errorf("the usager is not told: %v", err)
	}
	for _, line := range []string{"Perrin", "Deux signatures"} {
		if strings.Contains(w.logs.String(), line) {
			w.t.Errorf("the log says %s", line)
		}
	}
}

// told: the référent of the structure and the administrateur see it, the reason
// the latter only; another structure's référent has nothing to see.
func (w *world) told(sophie *visitor.Visitor, ccas given) {
	w.t.Helper()
	claire := w.agent("claire").Open(w.relais+"/structure").MustSee("Identités révélées", "OM structure ccas-valfictif", "Nadia Belkacem")
	number := ccas.number[:4] + " " + ccas.number[4:8] + " " + ccas.number[8:]
	claire.MustSee(number)
	if strings.Contains(claire.Body, "Deux signatures") || strings.Contains(claire.Body, "Perrin") {
		w.t.Error("the référent reads the reason, or the usager's name")
	}
	sophie.Open(w.relais+"/administration").MustSee("Identités révélées", number)
	sophie.Open(w.relais + "/administration/missions/" + w.missionOf("thomas").ID).MustSee("Deux signatures à la même minute.")
	if strings.Contains(sophie.Body, "Perrin") {
		w.t.Error("the administrateur reads the usager's name")
	}
}

// closing: an ended mission closes at the next request, whatever page is open.
func (w *world) closing(sophie, thomas *visitor.Visitor) {
	w.t.Helper()
	thomas.Open(w.relais + "/controle").MustStatus(http.StatusOK)
	id := w.missionOf("thomas").ID
	sophie.Open(w.relais+"/administration/missions/"+id).Choose("motif", "retiree").Submit("/terminer").MustSee("Terminée")
	thomas.Open(w.relais + "/controle").MustStatus(http.StatusForbidden).MustSee("pas de mission en cours")

	short := mission.Mission{ID: mission.NewID(), AuditeurID: w.idOf("thomas"), Purpose: "Contrôle d’une seconde, pour voir.", Reference: "OM court",
		Salt: journal.NewSalt(), From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Second)}
	if _, err := w.d.store.OpenMission(context.Background(), short, operator()); err != nil {
		w.t.Fatal(err)
	}
	thomas.Open(w.relais + "/controle").MustStatus(http.StatusOK)
	time.Sleep(time.Until(short.To))
	thomas.Open(w.relais + "/controle").MustStatus(http.StatusForbidden)
}

// TestSeveralMissions: an auditeur with two chooses, and what they read is the
// chosen one's.
func TestSeveralMissions(t *testing.T) {
	w := newWorld(t, config.SQLite)
	ccas := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	w.endMissions("thomas")
	sophie := w.agent("sophie")
	one := w.openMission(sophie, "thomas", "structure", "ccas-valfictif")
	other := w.openMission(sophie, "thomas", "structure", "mairie-saint-exemple")
	thomas := w.agent("thomas")
	thomas.Open(w.relais+"/controle").MustBeAt("/controle/mission").MustSee(one.Reference, other.Reference)
	thomas.Open(w.relais + "/controle/mandats/" + ccas.id).MustBeAt("/controle/mission")
	thomas.Post(w.relais+"/controle/entrees/0/reveler", url.Values{}).MustStatus(http.StatusForbidden)
	thomas.Open(w.relais+"/controle/mission").Choose("mission", other.ID).Submit("/controle/mission").MustBeAt("/controle")
	if !strings.Contains(thomas.Body, "Mairie de Saint-Exemple") || strings.Contains(thomas.Body, ccas.id) {
		t.Error("the chosen mission is not the one in use")
	}
	thomas.Open(w.relais + "/controle/mandats/" + ccas.id).MustStatus(http.StatusNotFound)
	thomas.Open(w.relais+"/controle/mission").Choose("mission", one.ID).Submit("/controle/mission").MustBeAt("/controle")
	thomas.Open(w.relais + "/controle/mandats/" + ccas.id).MustStatus(http.StatusOK)
	w.endMissions("thomas")
	thomas.Open(w.relais + "/controle").MustStatus(http.StatusForbidden)
}
