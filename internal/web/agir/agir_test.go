package agir_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/provider"
	"relais/internal/testkit/pagecheck"
	"relais/internal/usager"
	"relais/internal/web/agir"
	"relais/internal/web/desk"
)

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

type house struct {
	cookie  []byte
	request provider.Request
	mandat  mandat.Mandat
	usager  usager.Usager
	choice  provider.Choice
	record  error // what UseMandat answers when the transition allows
	choose  error // what the provider answers before record
	facts   []journal.Fact
	ended   int
	refused string
}

func (h *house) Pending(_ *http.Request, id string) (provider.Request, error) {
	if id != h.request.ID {
		return provider.Request{}, provider.ErrNoRequest
	}
	return h.request, nil
}

func (h *house) Choose(_ http.ResponseWriter, r *http.Request, id string, c provider.Choice, record func(context.Context, delegation.Login) error) (string, error) {
	h.choice = c
	if h.choose != nil {
		return "", h.choose
	}
	if err := record(r.Context(), delegation.Login{ID: id, MandatID: c.MandatID}); err != nil {
		return "", err
	}
	return "https://hub.example/retour?code=c", nil
}

func (h *house) Refuse(_ http.ResponseWriter, _ *http.Request, _, code, _ string) (string, error) {
	h.refused = code
	return "https://hub.example/retour?error=" + code, nil
}

func (h *house) SearchUsagers(_ context.Context, _ string, q identite.Query, _ int) ([]usager.File, error) {
	if !q.Matches(h.usager.Identite) {
		return nil, nil
	}
	return []usager.File{{Usager: h.usager, Mandats: []mandat.Mandat{h.mandat}}}, nil
}

func (h *house) MandatFile(_ context.Context, org, id string) (usager.File, error) {
	if id != h.mandat.ID || org != h.mandat.OrganisationID {
		return usager.File{}, mandat.ErrNotFound
	}
	return usager.File{Usager: h.usager, Mandats: []mandat.Mandat{h.mandat}}, nil
}

func (h *house) UseMandat(_ context.Context, _ delegation.Login, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) error {
	_, fact, err := t(h.mandat)
	if !fact.IsZero() {
		h.facts = append(h.facts, fact)
	}
	if err != nil {
		return err
	}
	return h.record
}

func (h *house) EndUses(context.Context, string, journal.Actor, string) error { h.ended++; return nil }

func (h *house) Append(_ context.Context, facts ...journal.Fact) error {
	h.facts = append(h.facts, facts...)
	return nil
}

// Put and Peek keep one sealed cookie, as JSON.
func (h *house) Put(_ http.ResponseWriter, _ string, v any, _ time.Duration) error {
	var err error
	h.cookie, err = json.Marshal(v)
	return err
}

func (h *house) Peek(_ *http.Request, _ string, v any) error {
	if h.cookie == nil {
		return http.ErrNoCookie
	}
	return json.Unmarshal(h.cookie, v)
}

// look searches as the page's form does and reads the page it leads to.
func look(t *testing.T, routes []desk.Route, v desk.Visit, q string) string {
	t.Helper()
	w, err := pagecheck.Serve(t, routes, v, "POST", "/agir/demande1/recherche", url.Values{"q": {q}})
	if err != nil || w.Code != http.StatusSeeOther || strings.Contains(w.Header().Get("Location"), "?") {
		t.Fatalf("searching: %d %q %v", w.Code, w.Header().Get("Location"), err)
	}
	return pagecheck.Read(t, routes, v, "GET", w.Header().Get("Location"), nil, 200)
}

func newDesk(t *testing.T) (*house, []desk.Route, desk.Visit) {
	t.Helper()
	h := &house{
		request: provider.Request{ID: "demande1", ClientID: "hub", ClientName: "Caisse <em>", Within: []string{"famille", "social"}},
		usager: usager.Usager{ID: "u1", Identite: identite.Pivot{FamilyName: "MARTIN", GivenName: "Jeanne", Gender: "female",
			Birthdate: "1948-03-12"}},
		mandat: mandat.Mandat{ID: "m1", Number: "346789BCDFGH", OrganisationID: "org", UsagerID: "u1", State: mandat.Actif,
			Aidants: []string{"camille"}, EndsAt: now.AddDate(0, 1, 0),
			Autorisations: []mandat.Autorisation{{Domaine: "famille"}, {Domaine: "argent"}}},
	}
	v := desk.Visit{Aidant: aidant.Aidant{ID: "camille", GivenName: "Camille", UsualName: "Durand", Roles: []aidant.Role{aidant.RoleAidant}},
		Session: aidant.Session{Auth: "proconnect:eidas1-mfa"}, Organisation: organisation.Organisation{ID: "org", Timezone: "Europe/Paris"}}
	d := &agir.Desk{Pages: pagecheck.Pages(t), Provider: h, Mandats: h, Uses: h, Trace: h, Sessions: h, Now: func() time.Time { return now }}
	return h, d.Routes(), v
}

func TestSearch(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/agir/demande1", nil, 200), "Caisse <em>", "Famille")
	if len(h.facts) != 0 {
		t.Error("opening the page was written as a search")
	}
	body := look(t, routes, v, "MARTIN 12/03/1948")
	pagecheck.MustShow(t, body, "Jeanne MARTIN, née le 12 mars 1948", "/agir/demande1/mandats/m1", "jusqu’au 21 décembre 2026", "1 mandat peut servir")
	if len(h.facts) != 1 || h.facts[0].Action() != journal.MandatSearch {
		t.Errorf("trace = %v", h.facts)
	}
	nobody := "Personne à proposer"
	pagecheck.MustShow(t, look(t, routes, v, "dupont"), nobody)
	for name, change := range map[string]func(){
		"not named":         func() { h.mandat.Aidants = nil },
		"outside perimeter": func() { h.request.Within = []string{"loisirs"} },
		"ended":             func() { h.mandat.State = mandat.Termine },
		"past":              func() { h.mandat.EndsAt = now },
		"other structure":   func() { h.mandat.OrganisationID = "autre" },
	} {
		before := *h
		change()
		body := look(t, routes, v, "martin")
		if !strings.Contains(body, nobody) || strings.Contains(body, "Jeanne") {
			t.Errorf("%s: the usager is shown", name)
		}
		*h = before
	}
	for _, q := range []string{"\x00", "\u202e", strings.Repeat("a", 7<<10), "...", " "} {
		pagecheck.Read(t, routes, v, "POST", "/agir/demande1/recherche", url.Values{"q": {q}}, http.StatusUnprocessableEntity)
	}
}

func TestPartialBirthdate(t *testing.T) {
	h, routes, v := newDesk(t)
	h.usager.Identite.Birthdate, h.usager.Identite.Gender = "1948-03-00", "unspecified"
	pagecheck.MustShow(t, look(t, routes, v, "martin"), "né(e) en mars 1948")
}

// TestHub: a hub does not say which service it asks for, and neither do we.
func TestHub(t *testing.T) {
	h, routes, v := newDesk(t)
	h.request.Profile, h.request.ClientName = provider.ProfileFranceConnect, "FranceConnect fictif"
	for _, path := range []string{"/agir/demande1", "/agir/demande1/mandats/m1"} {
		body := pagecheck.Read(t, routes, v, "GET", path, nil, 200)
		pagecheck.MustShow(t, body, "Un service public, par FranceConnect fictif, demande")
		pagecheck.MustHide(t, body, "e service FranceConnect")
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/agir/demande1/mandats/m1", nil, 200), "ne dit pas à Relais de quel service")
}

func TestChoice(t *testing.T) {
	h, routes, v := newDesk(t)
	body := pagecheck.Read(t, routes, v, "GET", "/agir/demande1/mandats/m1", nil, 200)
	pagecheck.MustShow(t, body, "Vous allez agir pour <strong>Jeanne MARTIN</strong> née le 12 mars 1948, domaine", "Le service Caisse <em> demande cette identité", "le service, le domaine, vous-même", `id="domaine-famille" name="domaine" value="famille" checked`)
	pagecheck.MustHide(t, body, "domaine-argent") // outside the perimeter
	body = pagecheck.Read(t, routes, v, "POST", "/agir/demande1", url.Values{"mandat": {"m1"}}, http.StatusUnprocessableEntity)
	pagecheck.MustShow(t, body, "Choisissez le domaine", "Erreur : Vérifiez avant d’agir")
	body = pagecheck.Read(t, routes, v, "POST", "/agir/demande1", url.Values{"mandat": {"m1"}, "domaine": {"famille"}}, 200)
	pagecheck.MustShow(t, body, "Vous rejoignez Caisse <em>", "https://hub.example/retour?code=c")
	if h.choice.Domaine != "famille" || h.choice.Usager.ID != "u1" || h.choice.MandatID != "m1" || h.choice.Aidant.ID != "camille" {
		t.Errorf("choice = %+v", h.choice)
	}
	if len(h.facts) != 1 || h.facts[0].Action() != journal.DelegationUse || h.facts[0].Outcome() != journal.OK {
		t.Errorf("facts = %v", h.facts)
	}
}

func TestRefusedChoices(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*house)
		mandat  string
		domaine string
		status  int
		err     error
		trace   string
	}{
		"ended":           {func(h *house) { h.mandat.State = mandat.Termine }, "m1", "famille", 403, mandat.ErrEnded, "mandat_termine"},
		"not named":       {func(h *house) { h.mandat.Aidants = nil }, "m1", "famille", 403, mandat.ErrNotNamed, "aidant_non_nomme"},
		"no such domaine": {func(*house) {}, "m1", "social", 403, mandat.ErrScope, "hors_perimetre"},
		"outside":         {func(*house) {}, "m1", "argent", 403, mandat.ErrScope, "hors_perimetre"},
		"unknown mandat":  {func(*house) {}, "m2", "famille", 404, mandat.ErrNotFound, "mandat_inconnu"},
		"other structure": {func(h *house) { h.mandat.OrganisationID = "autre" }, "m1", "famille", 404, mandat.ErrNotFound, "mandat_inconnu"},
		"draft":           {func(h *house) { h.mandat.UsagerID = "" }, "m1", "famille", 404, mandat.ErrNotFound, "mandat_inconnu"},
		"twice":           {func(h *house) { h.record = delegation.ErrMade }, "m1", "famille", 409, delegation.ErrMade, ""},
		"another open":    {func(h *house) { h.record = delegation.ErrOpen }, "m1", "famille", 409, delegation.ErrOpen, ""},
		"no e-mail":       {func(h *house) { h.choose = provider.ErrNoEmail }, "m1", "famille", 403, provider.ErrNoEmail, ""},
		"other usager":    {func(h *house) { h.choose = provider.ErrOtherUsager }, "m1", "famille", 403, provider.ErrOtherUsager, ""},
		"no request":      {func(h *house) { h.request.ID = "autre" }, "m1", "famille", 409, provider.ErrNoRequest, ""},
	} {
		h, routes, v := newDesk(t)
		c.change(h)
		_, err := pagecheck.Serve(t, routes, v, "POST", "/agir/demande1", url.Values{"mandat": {c.mandat}, "domaine": {c.domaine}})
		var p *desk.Problem
		if !errors.Is(err, c.err) || !errors.As(err, &p) || p.Status != c.status || len(p.Do) == 0 {
			t.Errorf("%s: %v, want %v with %d", name, err, c.err, c.status)
		}
		reason := ""
		for _, fact := range h.facts {
			if fact.Outcome() == journal.Denied {
				reason = fact.Reason()
			}
		}
		if reason != c.trace {
			t.Errorf("%s: trace %q, want %q", name, reason, c.trace)
		}
	}
}

func TestOpenUse(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/demarche", nil, 200), "Aucune démarche en cours")
	v.Use = &delegation.Open{Login: delegation.Login{UsagerID: "u1", Domaine: "famille", ChosenAt: now}, Usager: h.usager, Mandat: h.mandat}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/demarche", nil, 200), "Jeanne MARTIN, née le 12 mars 1948", "/mandats/m1", "30 minutes")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/agir/demande1", nil, 200), "Continuer pour Jeanne MARTIN", "Terminer la démarche en cours")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/agir/demande1/mandats/m1", nil, 200), `id="continuer"`)
	v.Use.Login.UsagerID = "u2"
	pagecheck.MustHide(t, pagecheck.Read(t, routes, v, "GET", "/agir/demande1/mandats/m1", nil, 200), `id="continuer"`)
	w, err := pagecheck.Serve(t, routes, v, "POST", "/demarche/terminer", url.Values{"demande": {"demande1"}})
	if err != nil || w.Header().Get("Location") != "/demarche/terminee?demande=demande1" || h.ended != 1 {
		t.Errorf("finish: %v %v", w.Header(), err)
	}
	w, err = pagecheck.Serve(t, routes, v, "POST", "/demarche/terminer", url.Values{"demande": {"//evil.example"}})
	if err != nil || w.Header().Get("Location") != "/demarche/terminee" {
		t.Errorf("finish with a foreign address: %v %v", w.Header(), err)
	}
	v.Use = nil
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/demarche/terminee?demande=demande1", nil, 200), "/agir/demande1", "30 minutes")
	pagecheck.MustHide(t, pagecheck.Read(t, routes, v, "GET", "/demarche/terminee", nil, 200), "/agir/")
}

func TestRefuse(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/agir/demande1/refuser", nil, 200), "https://hub.example/retour?error=access_denied")
	if len(h.facts) != 1 || h.facts[0].Action() != journal.DelegationDeny || h.facts[0].Reason() != "refus_aidant" {
		t.Errorf("facts = %v", h.facts)
	}
}
