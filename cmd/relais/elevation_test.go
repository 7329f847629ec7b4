package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
	"relais/internal/web/desk"
)

// aged dates the last identification of an agent's sessions.
func (w *world) aged(agent string, age time.Duration) {
	w.t.Helper()
	for _, s := range w.sessionsOf(agent) {
		s.AuthAt = time.Now().Add(-age)
		if err := w.d.store.SaveSession(context.Background(), s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// sessionsOf are the sessions of one of the fictional agents.
func (w *world) sessionsOf(agent string) []aidant.Session {
	w.t.Helper()
	list, err := w.d.store.SessionsOf(context.Background(), w.idOf(agent))
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

const (
	confirmPath = "/connexion/confirmer"
	resumePath  = "/connexion/reprise"
)

// TestStepUp: an export asks who is there. Another person is refused, the same
// one comes back to it under a new identifier, and the session lasts no longer.
func TestStepUp(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine)
			m := w.give(w.agent("nadia"), "nadia", "perrin", logement())
			export := "/controle/exporter?mandat=" + m.id
			v := w.agent("thomas")
			v.Open(w.relais + export).MustBeAt("/controle/exporter")
			for _, age := range []time.Duration{6 * time.Minute, -2 * time.Minute} { // too old, and of a clock set back since
				w.aged("thomas", age)
				v.Open(w.relais + export).MustBeAt(confirmPath).MustSee("Rien n’a encore été fait")
			}
			before := w.sessionsOf("thomas")[0]
			w.harmless(func() {
				v.Click("confirmer").Click("annuler").MustStatus(http.StatusForbidden)
				v.Open(w.relais + export).Click("confirmer").Click("agent-sophie").MustStatus(http.StatusForbidden).MustSee("Une autre personne s’est identifiée")
				v.Open(w.relais + export).MustBeAt(confirmPath)
			}, "session.elevate/autre_agent", "session.refuse/abandon")
			old := v.Client.Jar.Cookies(v.URL)
			v.Click("confirmer").Click("agent-thomas").MustStatus(http.StatusOK).MustBeAt("/controle/exporter").MustSee("Un mandat au fil du temps")
			after := w.sessionsOf("thomas")
			if len(after) != 1 || after[0].Ref == before.Ref || !after[0].CreatedAt.Equal(before.CreatedAt) || time.Since(after[0].AuthAt) > time.Minute {
				t.Errorf("session before %+v, after %+v", before, after)
			}
			if n := w.count(journal.SessionElevate); n != 2 {
				t.Errorf("%d entries, want the refusal and the confirmation", n)
			}
			thief := visitor.New(t)
			thief.Client.Jar.SetCookies(v.URL, old)
			thief.Open(w.relais + "/compte").MustBeAt("/connexion")
			v.Choose("format", "csv").Click("exporter").MustStatus(http.StatusOK)
		})
	}
}

// TestStepUpKeepsTheForm: a form that comes too late does nothing, and is there
// again once its sender has confirmed who they are.
func TestStepUpKeepsTheForm(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := w.agent("sophie")
	v.Open(w.relais+"/administration/missions/nouvelle").Fill("objet", "Contrôle annuel des mandats de la structure,\r\nsur pièces.").Fill("reference", "OM-2026-41 &c")
	w.aged("sophie", 16*time.Minute)
	w.harmless(func() {
		v.Submit("/administration/missions").MustBeAt(confirmPath).MustSee("Ce que vous avez saisi est gardé").MustSee("La demande qui attend : ouvrir une mission")
		if v.URL.Query().Get("retour") != resumePath {
			t.Errorf("typed values in an address: %s", v.URL)
		}
		v.Open(w.relais + resumePath) // looking at what waits does not send it
		v.MustSee("pas encore été envoyée").MustSee("ouvrir une mission").MustSee("Si elle n’est pas de vous")
		v.Submit("/administration/missions").MustBeAt(confirmPath) // nor does sending it unconfirmed
	}, "access.refuse/identification_ancienne")
	v.Click("confirmer").Click("agent-sophie").MustBeAt(resumePath)
	v.Click("reprendre").MustStatus(http.StatusUnprocessableEntity).MustBeAt("/administration/missions")
	if _, form := v.FormOf("reference"); form.Get("objet") != "Contrôle annuel des mandats de la structure, sur pièces." || form.Get("reference") != "OM-2026-41 &c" {
		t.Errorf("given back: %q", form)
	}
	v.Open(w.relais + resumePath).MustStatus(http.StatusNotFound)
	w.aged("sophie", 14*time.Minute)
	v.Post(w.relais+"/administration/missions", url.Values{}).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/administration/missions/nouvelle").MustBeAt(confirmPath)
}

// TestStepUpOfAnotherSession: what a confirmation proves serves the session that
// asked for it, and leads nowhere else.
func TestStepUpOfAnotherSession(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := w.agent("thomas")
	v.Open(w.relais + confirmPath + "?retour=" + url.QueryEscape("https://evil.example/")).Click("confirmer")
	v.Click("agent-thomas").MustBeAt("/controle")
	v.Open(w.relais + confirmPath).Click("confirmer")
	back := w.away(v, "agent-thomas")
	other := w.agent("thomas")
	here, err := url.Parse(w.relais)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range other.Client.Jar.Cookies(here) {
		if c.Name == w.d.sessions.Name() { // the browser has another session meanwhile
			v.Client.Jar.SetCookies(here, []*http.Cookie{c})
		}
	}
	w.aged("thomas", time.Hour)
	v.Open(back).MustStatus(http.StatusBadRequest)
	v.Open(w.relais + "/controle/exporter?mandat=x").MustBeAt(confirmPath)
}

// TestStepUpRoutes: each route that exports, reveals or decides on rights sends
// who identified an hour ago to do it again, whatever their role, and does nothing.
func TestStepUpRoutes(t *testing.T) {
	w := newWorld(t, config.SQLite)
	mandat := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	fresh := 0
	for _, rt := range w.d.web.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if rt.Fresh == 0 {
			if (rt.Access == desk.Referent || rt.Access == desk.Administrateur) && method == http.MethodPost {
				t.Errorf("%s asks for no fresh login", rt.Pattern)
			}
			continue
		}
		fresh++
		if (rt.Asks != "") != (method == http.MethodPost) {
			t.Errorf("%s asks %q", rt.Pattern, rt.Asks)
		}
		agent := map[desk.Access]string{desk.Auditeur: "thomas", desk.Referent: "claire", desk.Administrateur: "sophie", desk.Agent: "nadia", desk.Enrolment: "nadia"}[rt.Access]
		v := w.agent(agent)
		w.aged(agent, time.Hour)
		path = strings.NewReplacer("{id}", w.objectOf(path, mandat.id), "{index}", "0", "{ref}", "inconnue").Replace(path)
		w.harmless(func() {
			if answer := w.ask(v.Client.Jar.(*cookiejar.Jar), method, path); answer != "303→/connexion" {
				t.Errorf("%s: %s", rt.Pattern, answer)
			}
		})
	}
	if fresh < 13 {
		t.Errorf("only %d routes ask for a fresh login", fresh)
	}
}

// TestHeldFormIsForgotten: a form that waited too long leaves the session at the next
// page that looks, and only a form makes one wait.
func TestHeldFormIsForgotten(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := w.agent("thomas")
	held := func() string { return w.d.sessions.Kept(w.sessionsOf("thomas")[0], desk.HeldName) }
	hold := func(age time.Duration) {
		t.Helper()
		kept, err := json.Marshal(desk.Held{To: "/controle/exporter?mandat=x", Form: url.Values{"format": {"csv"}}, At: time.Now().Add(-age)})
		if err == nil {
			err = w.d.sessions.Keep(t.Context(), w.sessionsOf("thomas")[0], desk.HeldName, string(kept))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{resumePath, "/controle/exporter?mandat=x"} {
		for _, age := range []time.Duration{31 * time.Minute, -2 * time.Minute} { // too old, and of a clock set back since
			hold(age)
			if v.Open(w.relais + path).MustStatus(http.StatusNotFound); held() != "" {
				t.Errorf("%s: still held after %v", path, age)
			}
		}
	}
	hold(29 * time.Minute)
	v.Open(w.relais + resumePath).MustStatus(http.StatusOK)
	v.Open(w.relais + "/controle/exporter?mandat=x").MustStatus(http.StatusNotFound)
	if before := held(); before == "" {
		t.Error("forgotten too early")
	}
	w.aged("thomas", time.Hour)
	before, size := held(), w.size()
	if answer := w.ask(v.Client.Jar.(*cookiejar.Jar), http.MethodHead, "/controle/exporter"); answer != "303→/connexion" || held() != before || w.size() != size {
		t.Errorf("HEAD: %s, held %q before, %q after, %d entries more", answer, before, held(), w.size()-size)
	}
}

// TestStepUpKeepsNoPhrase: a new pass phrase needs a fresh login too, and is the one
// form that is not kept meanwhile.
func TestStepUpKeepsNoPhrase(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := w.agent("nadia")
	w.aged("nadia", 16*time.Minute)
	w.harmless(func() {
		v.Post(w.relais+"/compte/facteurs/application", url.Values{"phrase": {"quatre mots sans aucun rapport"}, "code": {"123456"}}).MustBeAt(confirmPath)
	})
	if kept := w.d.sessions.Kept(w.sessionsOf("nadia")[0], desk.HeldName); kept != "" {
		t.Errorf("kept: %s", kept)
	}
}
