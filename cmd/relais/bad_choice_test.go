package main

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
)

// TestBadChoice names what the aidant may not use: every refusal has its page
// and its entry, and leaves the request open for a right choice.
func TestBadChoice(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	draft := w.draft(nadia, logement())
	julien, monique := w.agent("julien"), w.agent("monique")
	for name, c := range map[string]struct {
		who             *visitor.Visitor
		mandat, domaine string
		status          int
		trace           string
	}{
		"a domaine that the mandat lacks":   {nadia, g.id, "argent", 403, "delegation.use/hors_perimetre"},
		"a domaine that does not exist":     {nadia, g.id, "tout", 422, ""},
		"no domaine":                        {nadia, g.id, "", 422, ""},
		"a mandat that does not exist":      {nadia, "minconnu", "logement", 404, "delegation.deny/mandat_inconnu"},
		"no mandat":                         {nadia, "", "logement", 404, "delegation.deny/mandat_inconnu"},
		"a draft":                           {nadia, draft, "logement", 404, "delegation.deny/mandat_inconnu"},
		"a mandat that names somebody else": {julien, g.id, "logement", 403, "delegation.use/aidant_non_nomme"},
		"a mandat of another structure":     {monique, g.id, "logement", 404, "delegation.deny/mandat_inconnu"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			var traces []string
			if c.trace != "" {
				traces = []string{c.trace}
			}
			w.harmless(func() { h.w = w; w.chooseRefused(h, c.who, c.mandat, c.domaine, c.status) }, traces...)
		})
	}
	h.w = w
	// Outside the service's perimeter: claims says « Argent » only.
	w.harmless(func() {
		q := h.query()
		q.Set("claims", `{"id_token":{"rep_scope":{"essential":true,"values":["Argent-Impots-Consommation"]}}}`)
		nadia.Open(w.url("/authorize", q)).MustBeAt("/agir/")
		w.choiceRefused(nadia, last(nadia.URL.Path), g.id, "logement", http.StatusForbidden)
	}, "delegation.deny/hors_perimetre")
	w.harmless(func() { // a perimeter of unknown words lets nothing through
		q := h.query()
		q.Set("claims", `{"id_token":{"rep_scope":{"essential":true,"values":["Inconnu"]}}}`)
		nadia.Open(w.url("/authorize", q)).MustBeAt("/agir/")
		w.choiceRefused(nadia, last(nadia.URL.Path), g.id, "logement", http.StatusForbidden)
	}, "delegation.deny/hors_perimetre")
	w.harmless(func() { // a page of another structure's mandat, and of a colleague's
		monique.Open(w.relais + "/agir/" + h.request(monique) + "/mandats/" + g.id).MustStatus(http.StatusNotFound)
		julien.Open(w.relais + "/agir/" + h.request(julien) + "/mandats/" + g.id).MustStatus(http.StatusForbidden).MustSee("Ce mandat ne vous désigne pas")
	}, "delegation.deny/mandat_inconnu", "delegation.deny/aidant_non_nomme")
}

func last(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// TestAnotherBrowserFinishes: a request belongs to the browser that began it.
func TestAnotherBrowserFinishes(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	request := h.request(nadia)
	other := w.agent("nadia") // the same aidant, at another browser
	w.harmless(func() {
		other.Open(w.relais + "/agir/" + request).MustStatus(http.StatusConflict)
		w.choiceRefused(other, request, g.id, "logement", http.StatusConflict)
		if a := w.postForm(other, "/agir/"+request+"/refuser", nil); a.status != http.StatusConflict {
			t.Errorf("refusal from another browser: %d", a.status)
		}
	})
	w.harmless(func() { // the cookie of one request under the name of another
		second := h.request(nadia)
		base, err := url.Parse(w.relais)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range nadia.Client.Jar.Cookies(base) {
			if c.Name == "relais_demande_"+second {
				other.Client.Jar.SetCookies(base, []*http.Cookie{{Name: "relais_demande_" + request, Value: c.Value, Path: "/"}})
			}
		}
		w.choiceRefused(other, request, g.id, "logement", http.StatusConflict)
	})
	if h.access(h.code(nadia, g.id, "logement")) == "" {
		t.Error("the right browser cannot finish")
	}
}

// TestChoiceTwice: two clicks, two tabs, the back button: one choice counts.
func TestChoiceTwice(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	request := h.request(nadia)
	base, err := url.Parse(w.relais)
	if err != nil {
		t.Fatal(err)
	}
	kept := nadia.Client.Jar.Cookies(base) // what a second tab has already sent
	form := url.Values{"mandat": {g.id}, "domaine": {"logement"}}
	if a := w.postForm(nadia, "/agir/"+request, form); a.status != http.StatusOK {
		t.Fatalf("the first choice: %d", a.status)
	}
	w.harmless(func() {
		w.choiceRefused(nadia, request, g.id, "logement", http.StatusConflict)
		nadia.Open(w.relais + "/agir/" + request).MustStatus(http.StatusConflict).MustSee("n’est plus en attente")
	})
	w.harmless(func() {
		for _, c := range kept {
			c.Path = "/"
		}
		nadia.Client.Jar.SetCookies(base, kept)
		w.choiceRefused(nadia, request, g.id, "logement", http.StatusConflict)
	})
	// Through the hub: the back button after the service was reached.
	nadia2 := w.agent("nadia")
	request = w.arrive(nadia2, "allocations")
	w.choose(nadia2, request, g.id, "logement")
	if nadia2.Has("continuer") {
		nadia2.Click("continuer")
	}
	nadia2.MustSee("1942-04-18")
	w.harmless(func() {
		nadia2.Open(w.relais + "/agir/" + request + "/mandats/" + g.id).MustStatus(http.StatusConflict)
	})
	nadia2.Open(w.relais + "/guichet").MustStatus(http.StatusOK).MustSee("Vous agissez pour")
}

// TestOneUsagerAtATime: while a use is open, none opens for another usager.
func TestOneUsagerAtATime(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	first, second := w.give(nadia, "nadia", "perrin", logement()), w.give(nadia, "nadia", "petit", logement())
	h.access(h.code(nadia, first.id, "logement"))
	w.harmless(func() { w.chooseRefused(h, nadia, second.id, "logement", http.StatusConflict) }, "delegation.deny/demarche_ouverte")
	nadia.Open(w.relais + "/demarche").MustSee("Perrin").Submit("/demarche/terminer").MustSee("terminée")
	w.checkJournal()
	h.access(h.code(nadia, second.id, "logement"))
}

// TestOverdueMandat: what has passed its end serves nothing, nowhere.
func TestOverdueMandat(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			h, nadia := w.rawHub(), w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			code, access := h.code(nadia, g.id, "logement"), h.access(h.code(nadia, g.id, "logement"))
			w.passEnd(g.id)
			w.harmless(func() {
				if a := h.userinfo(access); a.status != http.StatusUnauthorized {
					t.Errorf("userinfo past the end: %d", a.status)
				}
			}, "delegation.userinfo/mandat_termine")
			w.harmless(func() { w.chooseRefused(h, nadia, g.id, "logement", http.StatusForbidden) }, "delegation.use/mandat_termine")
			if a := h.token(h.form(code)); a.status == http.StatusOK {
				if a := h.userinfo(a.field("access_token")); a.status != http.StatusUnauthorized {
					t.Errorf("userinfo past the end, with a code from before: %d", a.status)
				}
			}
			nadia.Open(w.relais + "/mandats/" + g.id).MustSee("Terminé")
			// The domaine is free again: a new mandat closes the old one.
			again := w.give(nadia, "nadia", "perrin", logement())
			w.checkJournal()
			if old := w.mandatOf("nadia", g.id); string(old.EndReason) != "echeance" {
				t.Errorf("the old mandat ended for %q", old.EndReason)
			}
			h.access(h.code(nadia, again.id, "logement"))
		})
	}
}

// passEnd moves a mandat's end into the past, which no transition can do: the
// guard that wants an entry with every change is put aside for it.
func (w *world) passEnd(id string) {
	w.t.Helper()
	db := w.raw()
	defer db.Close()
	past := time.Now().Add(-time.Minute).UTC()
	statements := []string{"ALTER TABLE mandat DISABLE TRIGGER ALL",
		"UPDATE mandat SET ends_at = '" + past.Format("2006-01-02T15:04:05.000000Z") + "' WHERE id = '" + id + "'",
		"ALTER TABLE mandat ENABLE TRIGGER ALL"}
	if w.d.cfg.Database.Engine == config.SQLite {
		var trigger string
		if err := db.QueryRowContext(w.t.Context(), "SELECT sql FROM sqlite_master WHERE name = 'mandat_update'").Scan(&trigger); err != nil {
			w.t.Fatal(err)
		}
		statements[0], statements[2] = "DROP TRIGGER mandat_update", trigger
	}
	for _, s := range statements {
		if _, err := db.ExecContext(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
	}
}
