package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
	"relais/internal/web/desk"
)

// TestEntrustedScreen: while the screen is the usager's, no route of an agent
// answers, and each try leaves its entry.
func TestEntrustedScreen(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	id := w.draft(nadia, logement())
	nadia.Open(w.relais + "/mandats/" + id).Submit("/mandats/" + id + "/confier").MustBeAt("/tour")
	open := []desk.Access{desk.Public, desk.Protocol, desk.Usager, desk.Handover}
	w.harmless(func() {
		for _, rt := range w.d.web.Routes() {
			if slices.Contains(open, rt.Access) && !strings.HasSuffix(rt.Pattern, " /connexion") {
				continue
			}
			from := w.size()
			a := w.visit(nadia, rt.Pattern, g.id)
			if a.status != http.StatusForbidden || !strings.Contains(a.text(), "L’écran est confié à l’usager") {
				t.Errorf("%s: %d", rt.Pattern, a.status)
			}
			w.mustTrace(from, "access.refuse/ecran_confie", rt.Pattern)
		}
	})
	w.harmless(func() { // another login in the same browser does not free the screen
		nadia.Open(w.relais + "/connexion/retour?code=x&state=y").MustStatus(http.StatusBadRequest)
		nadia.Open(w.relais + "/mandats/" + g.id).MustStatus(http.StatusForbidden).MustNotSee("Perrin")
		nadia.Open(w.relais + "/").MustStatus(http.StatusForbidden)
		nadia.Open(w.relais + "/aide").MustStatus(http.StatusOK).MustNotSee("Belkacem")
	})
}

// visit asks one route, with what its address needs.
func (w *world) visit(v *visitor.Visitor, pattern, mandat string) answer {
	w.t.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	path = strings.NewReplacer("{$}", "", "{id}", mandat, "{demande}", "inconnue", "{mandat}", mandat, "{ref}", "inconnue", "{index}", "0").Replace(path)
	return w.send(v, method, path, "", nil)
}

func (w *world) mustTrace(from int64, trace, what string) {
	w.t.Helper()
	for _, e := range w.entriesSince(from) {
		if string(e.Action)+"/"+e.Reason == trace {
			return
		}
	}
	w.t.Errorf("%s left no trace %s", what, trace)
}

// TestOtherPeoplesRoutes: every route asks for its role on the server, and a
// try leaves its entry.
func TestOtherPeoplesRoutes(t *testing.T) {
	w := newWorld(t, config.SQLite)
	g := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	has := map[string]desk.Access{"nadia": desk.Aidant, "claire": desk.Referent, "thomas": desk.Auditeur, "sophie": desk.Administrateur}
	for who, own := range has {
		v := w.agent(who)
		w.harmless(func() {
			for _, rt := range w.d.web.Routes() {
				trace := "access.refuse/role"
				switch {
				case rt.Access == desk.Usager:
					trace = "access.refuse/ecran_non_confie"
				case rt.Access.Role() == "" || rt.Access == own:
					continue
				}
				from := w.size()
				if a := w.visit(v, rt.Pattern, g.id); a.status != http.StatusForbidden || strings.Contains(a.text(), "Perrin") {
					t.Errorf("%s at %s: %d", who, rt.Pattern, a.status)
				}
				w.mustTrace(from, trace, who+" at "+rt.Pattern)
			}
		})
	}
}

// TestOtherStructure: an aidant who names a mandat of another structure gets the
// page of a mandat that does not exist, and the try is in the journal.
func TestOtherStructure(t *testing.T) {
	w := newWorld(t, config.SQLite)
	g := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	monique := w.agent("monique")
	for _, rt := range w.d.web.Routes() {
		if rt.Access != desk.Aidant || !strings.Contains(rt.Pattern, "/mandats/{id}") {
			continue
		}
		w.harmless(func() {
			own, absent := w.visit(monique, rt.Pattern, g.id), w.visit(monique, rt.Pattern, "minconnu")
			if own.status != http.StatusNotFound || own.text() != absent.text() {
				t.Errorf("%s: %d, and %d for a mandat that does not exist", rt.Pattern, own.status, absent.status)
			}
		}, "access.refuse/introuvable")
	}
	w.harmless(func() { // her searches and lists do not know them either
		monique.Open(w.relais+"/mandats").MustNotSee("Perrin", g.number)
		monique.Open(w.relais+"/guichet").MustNotSee("Perrin").Fill("q", "perrin").Click("rechercher").MustNotSee("Simone")
	})
	claire := w.agent("claire")
	agents, err := w.d.store.Aidants(t.Context(), w.structureOf("monique"))
	if err != nil || len(agents) == 0 {
		t.Fatal(err)
	}
	w.harmless(func() { // a référente and an agent of another structure
		for _, rt := range w.d.web.Routes() {
			if rt.Access == desk.Referent && strings.Contains(rt.Pattern, "{id}") {
				if a := w.visit(claire, rt.Pattern, agents[0].ID); a.status < 400 || a.status >= 500 || strings.Contains(a.text(), "Monique") {
					t.Errorf("%s: %d", rt.Pattern, a.status)
				}
			}
		}
	}, "access.refuse/introuvable")
}

// TestCrossSite: a form that another site's page sends does nothing.
func TestCrossSite(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	for _, rt := range w.d.web.Routes() {
		if !strings.HasPrefix(rt.Pattern, "POST ") || rt.Access == desk.Protocol {
			continue
		}
		_, path, _ := strings.Cut(rt.Pattern, " ")
		path = strings.NewReplacer("{id}", g.id, "{demande}", "x", "{ref}", "x").Replace(path)
		w.harmless(func() {
			for _, header := range []http.Header{
				{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
				{"Sec-Fetch-Site": {}, "Origin": {"https://evil.example"}}, {"Sec-Fetch-Site": {}, "Origin": {"null"}},
			} {
				if a := w.send(nadia, http.MethodPost, path, "decision=oui", header); a.status != http.StatusForbidden || !strings.Contains(a.text(), "Cette demande ne vient pas de Relais") {
					t.Errorf("%s from %v: %d", rt.Pattern, header, a.status)
				}
			}
		})
	}
}

// TestOpenRedirect: a login leads to a path of this host, or to the desk.
func TestOpenRedirect(t *testing.T) {
	w := newWorld(t, config.SQLite)
	for _, to := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "https:evil.example", `\\evil.example`, "/\t/evil.example",
		"//evil.example/%2e%2e", "javascript:alert(1)", "/connexion/retour", "http://localhost@evil.example", "/%2f/../..//evil.example\n"} {
		v := visitor.New(t)
		v.Open(w.relais + "/connexion?" + url.Values{"retour": {to}}.Encode()).Submit("/connexion").Click("agent-nadia")
		if v.URL.Host != strings.TrimPrefix(w.relais, "http://") || v.Status != http.StatusOK || v.URL.Path != "/guichet" {
			t.Errorf("retour=%q leads to %s (%d)", to, v.URL, v.Status)
		}
	}
	v := visitor.New(t)
	v.Open(w.relais+"/connexion").Post(w.relais+"/connexion", url.Values{"retour": {"//evil.example"}}).Click("agent-nadia")
	v.MustBeAt("/guichet")
	v = visitor.New(t)
	v.Open(w.relais + "/mandats/nouveau").MustBeAt("/connexion").Submit("/connexion").Click("agent-nadia")
	v.MustBeAt("/mandats/nouveau")
}

// TestBadBodies sends every form of the house what is no form.
func TestBadBodies(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	draft := w.draft(nadia, logement())
	paths := []string{"/mandats", "/mandats/" + draft + "/modifier", "/mandats/" + g.id + "/revocation", "/mandats/" + g.id + "/renonciation", "/demarche/terminer", "/connexion"}
	for _, path := range paths {
		w.harmless(func() {
			for name, c := range map[string]struct {
				body, kind string
				want       []int
			}{
				"300 kB":          {"q=" + strings.Repeat("a", 300<<10), "", []int{413}},
				"JSON":            {`{"canal":"telephone"}`, "application/json", []int{400, 415}},
				"multipart":       {"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", []int{400, 415}},
				"no type":         {"canal=telephone", "-", []int{400, 415}},
				"a broken escape": {"canal=%zz", "", []int{400}},
				"not UTF-8":       {"canal=%ff", "", []int{400}},
				"a repeat":        {"canal=telephone&canal=courrier&retour=a&retour=b&duree=1&duree=2", "", []int{400}},
			} {
				header := http.Header{}
				switch c.kind {
				case "":
				case "-":
					header["Content-Type"] = nil
				default:
					header.Set("Content-Type", c.kind)
				}
				if a := w.send(nadia, http.MethodPost, path, c.body, header); !slices.Contains(c.want, a.status) {
					t.Errorf("%s, %s: %d", path, name, a.status)
				}
			}
		})
	}
	w.harmless(func() {
		for _, path := range []string{"/mandats?etat=" + strings.Repeat("a", 30<<10), "/mandats/" + strings.Repeat("a", 30<<10),
			"/" + strings.Repeat("../", 5000), "/mandats/%00", "/mandats/%2e%2e%2fcompte", "/%ff", "/controle?apres=" + strings.Repeat("9", 5000)} {
			if a := w.send(nadia, http.MethodGet, path, "", nil); a.status >= 500 {
				t.Errorf("GET %.40s…: %d", path, a.status)
			}
		}
		if a := w.send(nadia, http.MethodGet, "/"+strings.Repeat("a", 200<<10), "", nil); a.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("an address of 200 kB: %d", a.status)
		}
	})
}
