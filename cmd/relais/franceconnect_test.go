package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
)

// The acceptance list of FranceConnect for Aidants Connect, TA01 to TA13 (there is
// no TA02), through the fictional hub, with Relais in the place of Aidants Connect.
// « Allocations » has registered the perimeters Famille-Scolarité, Social-Santé and
// Logement, « Démarches en ligne » none; it is the list's default service too.

// acceptance is a house with an aidant, and a mandat of the given démarches.
func acceptance(t *testing.T, demarches ...string) (*world, *visitor.Visitor, given) {
	t.Helper()
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	return w, nadia, w.give(nadia, "nadia", "perrin", plan{demarches: demarches, days: "31", capacity: "aucune"})
}

// through reaches a service with the mandat, up to the hub's last page.
func (w *world) through(v *visitor.Visitor, service string, g given, domaine string) {
	w.t.Helper()
	w.choose(v, w.arrive(v, service), g.id, domaine)
}

// mustEnter goes on from the hub's last page and holds that the service knows the usager.
func (w *world) mustEnter(v *visitor.Visitor) {
	w.t.Helper()
	v.MustSee("Continuer vers").Click("continuer").MustSee("Perrin", "1942-04-18")
}

// again asks for a second service in the same browser. Relais must not be asked.
func (w *world) again(v *visitor.Visitor, service string, g given) {
	w.t.Helper()
	before := w.uses(g)
	v.Open(w.services + "/" + service).Click("connexion-" + service)
	if after := w.uses(g); after != before {
		w.t.Errorf("the hub asked Relais again: %d uses, then %d", before, after)
	}
}

// uses counts the entries of a use of the mandat.
func (w *world) uses(g given) int {
	w.t.Helper()
	entries, err := w.d.store.MandatEntries(w.t.Context(), g.id)
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.Action == "delegation.use" {
			n++
		}
	}
	return n
}

// mustTell holds that the hub wrote one of its business events for the perimeter.
func (w *world) mustTell(event, scope string) {
	w.t.Helper()
	if !strings.Contains(w.logs.String(), `"msg":"`+event+`","rep_scope":"`+scope+`"`) {
		w.t.Errorf("the hub wrote no %s of %q", event, scope)
	}
}

// mustBeOutside holds that the hub stopped at the perimeter, with a way back to the service.
func (w *world) mustBeOutside(v *visitor.Visitor, onwards string) {
	w.t.Helper()
	v.MustStatus(http.StatusBadRequest)
	if code := v.TextOf("code-erreur"); code != "Y600020" || !v.Has(onwards) {
		w.t.Errorf("code %q, way onwards %v:\n%s", code, v.Has(onwards), v.Describe())
	}
}

// edited is what an aidant can do who edits addresses: the request to Relais loses
// the service's perimeter on its way through the browser.
func (w *world) edited(v *visitor.Visitor, service string, g given, domaine string) {
	w.t.Helper()
	v.Open(w.services + "/" + service).Click("connexion-" + service)
	to, err := url.Parse(w.away(v, "fi-relais"))
	if err != nil {
		w.t.Fatal(err)
	}
	q := to.Query()
	q.Set("claims", `{"id_token":{"rep_scope":{"essential":true,"values":[]}}}`)
	to.RawQuery = q.Encode()
	v.Open(to.String()).MustBeAt("/agir/")
	w.choose(v, strings.TrimPrefix(v.URL.Path, "/agir/"), g.id, domaine)
}

func TestTA01ServiceWithoutPerimeter(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl")
	w.through(nadia, "demarches", g, "logement")
	w.mustEnter(nadia)
}

func TestTA03OneDomaineOfTheMandat(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl")
	w.through(nadia, "allocations", g, "logement")
	w.mustEnter(nadia)
}

// TestTA04TwoDomainesOfTheMandat: the aidant says which one this is about, and the
// hub learns of that one alone.
func TestTA04TwoDomainesOfTheMandat(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl", "famille/allocations-familiales")
	w.through(nadia, "allocations", g, "famille")
	w.mustEnter(nadia)
	w.mustTell("FC_VALID_REP_SCOPE", "Famille-Scolarité")
}

// TestTA05NoDomaine: an identity without a domaine never leaves Relais, so that the
// hub has nothing to refuse.
func TestTA05NoDomaine(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl", "famille/allocations-familiales")
	request := w.arrive(nadia, "allocations")
	w.harmless(func() { w.choiceRefused(nadia, request, g.id, "", http.StatusUnprocessableEntity) })
	w.mustNeverTell()
	w.choose(nadia, request, g.id, "logement")
	w.mustEnter(nadia)
}

func (w *world) mustNeverTell() {
	w.t.Helper()
	if strings.Contains(w.logs.String(), "REP_SCOPE") {
		w.t.Error("the hub heard of a perimeter")
	}
}

// TestTA06AnotherDomaine: the page offers no domaine outside the perimeter and
// refuses one; an aidant who edits the address is stopped by the hub, which reads
// the domaine that was really chosen.
func TestTA06AnotherDomaine(t *testing.T) {
	w, nadia, g := acceptance(t, "etranger/titre-sejour", "logement/apl")
	request := w.arrive(nadia, "allocations")
	nadia.Open(w.relais + "/agir/" + request + "/mandats/" + g.id)
	if nadia.Has("domaine-etranger") || !nadia.Has("domaine-logement") {
		t.Errorf("the page offers the wrong domaines:\n%s", nadia.Describe())
	}
	w.harmless(func() { w.choiceRefused(nadia, request, g.id, "etranger", http.StatusForbidden) }, "delegation.deny/hors_perimetre")
	w.mustNeverTell()
	w.edited(nadia, "allocations", g, "etranger")
	w.mustBeOutside(nadia, "annuler")
}

func TestTA07SecondServiceWithoutPerimeter(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl")
	w.through(nadia, "allocations", g, "logement")
	w.mustEnter(nadia)
	w.again(nadia, "demarches", g)
	w.mustEnter(nadia)
}

func TestTA08SecondServiceWithinThePerimeter(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl")
	w.through(nadia, "demarches", g, "logement")
	w.mustEnter(nadia)
	w.again(nadia, "allocations", g)
	w.mustEnter(nadia)
}

func TestTA09SecondServiceOutsideThePerimeter(t *testing.T) {
	w, nadia, g := acceptance(t, "etranger/titre-sejour")
	w.through(nadia, "demarches", g, "etranger")
	w.mustEnter(nadia)
	w.again(nadia, "allocations", g)
	w.mustBeOutside(nadia, "autre-choix")
}

func TestTA10ValidIsTold(t *testing.T) {
	w, nadia, g := acceptance(t, "famille/allocations-familiales")
	w.through(nadia, "demarches", g, "famille")
	w.mustTell("FC_VALID_REP_SCOPE", "Famille-Scolarité")
}

func TestTA11InvalidIsTold(t *testing.T) {
	w, nadia, g := acceptance(t, "etranger/titre-sejour")
	w.edited(nadia, "allocations", g, "etranger")
	w.mustBeOutside(nadia, "annuler")
	w.mustTell("FC_INVALID_REP_SCOPE", "Etranger-Europe")
}

func TestTA12ValidIsToldAgain(t *testing.T) {
	w, nadia, g := acceptance(t, "famille/allocations-familiales")
	w.through(nadia, "demarches", g, "famille")
	w.mustEnter(nadia)
	w.logs.reset()
	w.again(nadia, "allocations", g)
	w.mustEnter(nadia)
	w.mustTell("FC_VALID_REP_SCOPE", "Famille-Scolarité")
}

func TestTA13InvalidIsToldAgain(t *testing.T) {
	w, nadia, g := acceptance(t, "etranger/titre-sejour")
	w.through(nadia, "demarches", g, "etranger")
	w.mustEnter(nadia)
	w.again(nadia, "allocations", g)
	w.mustBeOutside(nadia, "autre-choix")
	w.mustTell("FC_INVALID_REP_SCOPE", "Etranger-Europe")
}

// TestUseSaysWhatIsUnknown: of two services opened in the hub's session Relais knows
// one use and no service, and the auditeur's page of the entry says so.
func TestUseSaysWhatIsUnknown(t *testing.T) {
	w, nadia, g := acceptance(t, "logement/apl")
	w.through(nadia, "allocations", g, "logement")
	w.mustEnter(nadia)
	w.again(nadia, "demarches", g)
	w.mustEnter(nadia)
	entries, err := w.d.store.MandatEntries(t.Context(), g.id)
	if err != nil {
		t.Fatal(err)
	}
	thomas := w.agent("thomas")
	for _, e := range entries {
		thomas.Open(fmt.Sprintf("%s/controle/entrees/%d", w.relais, e.Index)).MustStatus(http.StatusOK)
		if told := thomas.Sees("ne sait pas quel service public s’est ouvert"); told != (e.Action == "delegation.use") {
			t.Errorf("entry %d, %s: what is unknown is told: %v", e.Index, e.Action, told)
		}
	}
}
