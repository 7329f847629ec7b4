package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/testkit/visitor"
)

// TestServeRefuses: an unsafe configuration does not start, and everything that
// is wrong is said at once.
func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "ouvert")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{
		"RELAIS_PUBLIC_URL": "https://relais.example", "RELAIS_DATABASE_URL": "sqlite:" + filepath.Join(dir, "data", "relais.db"),
		"RELAIS_DATA": filepath.Join(dir, "data"), "RELAIS_PROCONNECT_ISSUER": "https://agents.example/api/v2",
		"RELAIS_PROCONNECT_CLIENT_ID": "relais", "RELAIS_PROCONNECT_CLIENT_SECRET": strings.Repeat("s", 40),
		"RELAIS_FRANCECONNECT_ISSUER": "https://hub.example/api/v2", "RELAIS_FRANCECONNECT_CLIENT_ID": "relais",
		"RELAIS_FRANCECONNECT_CLIENT_SECRET": strings.Repeat("t", 40), "RELAIS_FRANCECONNECT_IDP_ID": "relais-idp",
	}
	for name, c := range map[string]struct {
		change map[string]string
		says   []string
	}{
		"nothing":               {nil, []string{"RELAIS_PUBLIC_URL", "RELAIS_DATABASE_URL", "RELAIS_DATA", "RELAIS_PROCONNECT_ISSUER", "RELAIS_PROCONNECT_CLIENT_SECRET", "RELAIS_FRANCECONNECT_IDP_ID"}},
		"http, short secret":    {map[string]string{"RELAIS_PUBLIC_URL": "http://relais.example", "RELAIS_PROCONNECT_CLIENT_SECRET": "court"}, []string{"RELAIS_PUBLIC_URL", "RELAIS_PROCONNECT_CLIENT_SECRET"}},
		"neither proxy nor TLS": {map[string]string{"RELAIS_LISTEN": "0.0.0.0:8080"}, []string{"RELAIS_TRUSTED_PROXIES"}},
		"an issuer over http":   {map[string]string{"RELAIS_FRANCECONNECT_ISSUER": "http://hub.example", "RELAIS_COURRIEL_ABSENT": "pas une adresse"}, []string{"RELAIS_FRANCECONNECT_ISSUER", "RELAIS_COURRIEL_ABSENT"}},
		"an open folder":        {map[string]string{"RELAIS_DATA": open}, []string{"RELAIS_DATA"}},
		"a word mistyped":       {map[string]string{"RELAIS_PUBLIC_ULR": "https://relais.example"}, []string{"RELAIS_PUBLIC_ULR"}},
		"our own provider":      {map[string]string{"RELAIS_FRANCECONNECT_ISSUER": "https://relais.example"}, []string{"RELAIS_FRANCECONNECT_ISSUER"}},
		"everybody a proxy":     {map[string]string{"RELAIS_TRUSTED_PROXIES": "0.0.0.0/0"}, []string{"RELAIS_TRUSTED_PROXIES"}},
	} {
		t.Run(name, func(t *testing.T) {
			environ := []string{}
			if c.change != nil {
				for k, v := range good {
					if _, changed := c.change[k]; !changed {
						environ = append(environ, k+"="+v)
					}
				}
			}
			for k, v := range c.change {
				environ = append(environ, k+"="+v)
			}
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			defer stop()
			var out strings.Builder
			if code := run(ctx, []string{"serve"}, environ, &out, &out); code != 1 {
				t.Errorf("exit %d", code)
			}
			for _, word := range c.says {
				if !strings.Contains(out.String(), word) {
					t.Errorf("%s is not named:\n%s", word, out.String())
				}
			}
			if !strings.Contains(out.String(), "À faire") || strings.Contains(out.String(), strings.Repeat("s", 40)) {
				t.Errorf("no way out, or a secret:\n%s", out.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
				t.Error("a refused start made files")
			}
		})
	}
}

// silent are the POSTs that change nothing worth an entry.
var silent = map[string]string{
	"POST /compte/prolonger":         "it only notes that the agent is there",
	"POST /connexion":                "it only leads to the identity provider, whose answer is written",
	"POST /connexion/confirmer":      "the same",
	"POST /connexion/cle/defi":       "it only asks for a passkey, whose answer is written",
	"POST /connexion/confirmer/defi": "the same",
	"POST /compte/facteurs/cle/defi": "the same",
	"POST /tour/reprise/defi":        "the same",
	"POST /tour/identification":      "the same, for the usager; keys are written when they are new",
	"POST /tour/reprendre":           "the same, to take the screen back",
	"POST /mandats/recherche":        "it only remembers the words: the search itself is written by the page that shows it",
	"POST /agir/{demande}/recherche": "the same",
	"POST /controle/mission":         "it only remembers which of their missions an auditeur works under; what they read is written",
}

// TestEveryMutationIsWritten plays every route that changes something and holds
// that an entry of the journal came of that very request.
func TestEveryMutationIsWritten(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia, claire, sophie := w.agent("nadia"), w.agent("claire"), w.agent("sophie")
	w.agent("nadia") // two more sessions of hers, to be ended
	w.agent("nadia")
	post := func(v *visitor.Visitor, path string, form map[string][]string) {
		if a := w.postForm(v, path, form); a.status != 303 && a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.text())
		}
	}
	w.give(nadia, "nadia", "perrin", logement())
	draft := w.draft(nadia, logement())
	nadia.Open(w.relais+"/mandats/"+draft+"/modifier").Choose("demarche", "argent/declaration-revenus").Choose("duree", "1").Choose("capacite", "aucune").Submit("/modifier")
	post(nadia, "/mandats/"+draft+"/abandonner", nil)
	next := w.draft(nadia, logement())
	w.identify(nadia, next, "perrin")
	nadia.Click("oui").Click("remplacer").Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer").Click("oui").Click("donner")
	w.takeBack(nadia, "nadia")
	nadia.Submit("/acceptation")
	h := w.rawHub()
	post(nadia, "/agir/"+h.request(nadia)+"/refuser", nil)
	access := h.access(h.code(nadia, next, "logement"))
	h.userinfo(access)
	post(nil, "/revoke", map[string][]string{"token": {access}, "client_id": {w.d.conf.HubAtRelais.ID}, "client_secret": {w.d.conf.HubAtRelais.Secret}})
	for _, path := range []string{"/par", "/introspect", "/mandat/verification", backChannel} { // what they change is no state; that somebody failed to prove who they are is written
		w.postForm(nil, path, map[string][]string{"client_id": {w.d.conf.HubAtRelais.ID}, "client_secret": {"faux"}})
	}
	post(nadia, "/demarche/terminer", nil)
	w.revoke(nadia, next, "")
	last := w.give(nadia, "nadia", "perrin", logement())
	post(nadia, "/mandats/"+last.id+"/renonciation", map[string][]string{"motif": {mandat.RenounceReasons()[0][0]}})
	julien := w.aidantID("julien")
	for _, path := range []string{"/structure/agents/" + julien + "/suspendre", "/structure/agents/" + julien + "/retablir"} {
		post(claire, path, nil)
	}
	monique := w.aidantID("monique")
	for _, path := range []string{"/administration/agents/" + monique + "/suspendre", "/administration/agents/" + monique + "/retablir"} {
		post(sophie, path, nil)
	}
	for _, path := range []string{"/administration/agents/" + monique + "/sessions", "/administration/structures/mairie-saint-exemple/sessions"} {
		post(sophie, path, map[string][]string{"motif": {"depart"}})
	}
	post(claire, "/structure/agents/"+julien+"/sessions", map[string][]string{"motif": {"depart"}})
	w.playDoors(claire, sophie)
	thomas := w.agent("thomas")
	thomas.Open(w.relais + "/controle/mandats/" + last.id).Click("reveler")
	post(thomas, thomas.URL.Path, map[string][]string{"identite": {"usager"}, "motif": {"Une identité nécessaire au contrôle."}, "confirmer": {"oui"}})
	w.playRevue(thomas)
	w.derive()
	thomas.Open(w.relais + "/controle/signaux?regle=lecture_rapide")
	post(thomas, thomas.Match(`"(/controle/signaux/[0-9]+/lecture_rapide)"`), map[string][]string{"note": {"Lu ensemble."}})
	mi := w.openMission(sophie, "thomas", "structure", "ccas-valfictif")
	post(sophie, "/administration/missions/"+mi.ID+"/terminer", map[string][]string{"motif": {"achevee"}})
	post(thomas, "/controle/exporter?mandat="+last.id, map[string][]string{"format": {"csv"}})
	nadia.Open(w.relais + "/compte").Click("fermer-1").MustBeAt("/compte").Click("fermer-les-autres").MustBeAt("/compte")
	stranger := w.agent("nadia")
	stranger.Open(w.relais + "/compte").Click("signaler-0").MustBeAt("/connexion/signalee")
	nadia = w.agent("nadia")
	post(nadia, "/deconnexion", nil)
	post(claire, "/structure/sessions", map[string][]string{"motif": {"incident"}})
	w.playFactors()
	written := w.writtenRoutes()
	for _, rt := range w.d.web.Routes() {
		_, excused := silent[rt.Pattern]
		if strings.HasPrefix(rt.Pattern, "POST ") && !excused && !strings.Contains(rt.Pattern, "/authorize") &&
			!slices.Contains([]string{"POST /userinfo", "POST /session/end"}, rt.Pattern) && !written[rt.Pattern] {
			t.Errorf("%s was not played, or wrote nothing", rt.Pattern)
		}
	}
	if !written["GET /userinfo"] {
		t.Error("GET /userinfo wrote nothing")
	}
}

// writtenRoutes joins the log, which says which request asked for which route,
// with the journal, which says which request wrote.
func (w *world) writtenRoutes() map[string]bool {
	w.t.Helper()
	wrote := map[string]bool{}
	for before := int64(0); ; {
		page, err := w.d.store.Journal(w.t.Context(), journal.Filter{Limit: 1000, Before: before})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page {
			wrote[e.RequestID] = true
		}
		if len(page) < 1000 {
			break
		}
		before = page[len(page)-1].Index
	}
	routes := map[string]bool{}
	for line := range strings.Lines(w.logs.String()) {
		var said struct{ Route, Request string }
		if json.Unmarshal([]byte(line), &said) == nil && wrote[said.Request] {
			routes[said.Route] = true
		}
	}
	return routes
}
