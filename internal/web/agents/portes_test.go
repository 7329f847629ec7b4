package agents_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/agents"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// house keeps one agent, what was asked of it, and what the next page will read.
type house struct {
	agent    aidant.Aidant
	door     facteur.Door
	request  facteur.Request
	admitted aidant.Aidant
	code     string
	err      error
	cookie   any
	flashes  []string
}

func (h *house) Aidant(_ context.Context, id string) (aidant.Aidant, error) {
	if id != h.agent.ID {
		return aidant.Aidant{}, aidant.ErrNotFound
	}
	return h.agent, nil
}

func (h *house) ChangeAidant(context.Context, string, func(aidant.Aidant) (aidant.Aidant, journal.Fact, error)) (aidant.Aidant, error) {
	return h.agent, h.err
}

func (h *house) AdmitInvited(_ context.Context, a aidant.Aidant, code string, _ journal.Actor) (facteur.Invitation, error) {
	h.admitted, h.code = a, code
	return facteur.Invitation{AidantID: a.ID, ExpiresAt: now.Add(facteur.InvitationLife)}, h.err
}

func (h *house) Invite(_ context.Context, id, code string, _ journal.Actor) (facteur.Invitation, error) {
	h.code = code
	return facteur.Invitation{AidantID: id, ExpiresAt: now.Add(facteur.InvitationLife)}, h.err
}

func (h *house) CancelInvitation(context.Context, string, journal.Actor) error { return h.err }

func (h *house) Invitations(context.Context, string) ([]facteur.Pending, error) {
	return []facteur.Pending{{Name: "Léa", Invitation: facteur.Invitation{AidantID: "lea", ExpiresAt: now.Add(time.Hour)}}, {Name: "Luc"}}, nil
}

func (h *house) Door(context.Context, string) (facteur.Door, error) { return h.door, nil }

func (h *house) AskReset(context.Context, string, string, journal.Actor) (facteur.Reinitialisation, error) {
	return h.request.Reinitialisation, h.err
}

func (h *house) ChangeReset(_ context.Context, _ string, _ journal.Actor,
	decide func(facteur.Reinitialisation, facteur.Parties) (facteur.Reinitialisation, journal.Fact, error)) (facteur.Reinitialisation, error) {
	p := facteur.Parties{Agent: facteur.Standing{Aidant: h.agent, Factors: 1}, Who: chef}
	r, _, err := decide(h.request.Reinitialisation, p)
	return r, errors.Join(err, h.err)
}

func (h *house) IssueReset(_ context.Context, _, code string, _ journal.Actor) (facteur.Invitation, error) {
	h.code = code
	return facteur.Invitation{AidantID: h.agent.ID, Kind: facteur.Resets, ExpiresAt: now}, h.err
}

func (h *house) ResetsFor(context.Context, aidant.Aidant) ([]facteur.Request, error) {
	other := h.request
	other.MayApprove = false
	return []facteur.Request{h.request, other}, nil
}

func (h *house) ResetFor(context.Context, string, aidant.Aidant) (facteur.Request, error) {
	return h.request, h.err
}

func (h *house) Flash(_ http.ResponseWriter, _, text string) { h.flashes = append(h.flashes, text) }

func (h *house) Put(_ http.ResponseWriter, _ string, v any, _ time.Duration) error {
	h.cookie = v
	return nil
}

func (h *house) Take(_ http.ResponseWriter, _ *http.Request, _ string, v any) error {
	if h.cookie == nil {
		return http.ErrNoCookie
	}
	kept, err := json.Marshal(h.cookie)
	if err != nil {
		return err
	}
	h.cookie = nil
	return json.Unmarshal(kept, v)
}

var chef = aidant.Aidant{ID: "chef", OrganisationID: "org", GivenName: "Claire", UsualName: "Chef", Roles: []aidant.Role{aidant.RoleReferent}}

func newHouse(t *testing.T) (*house, []desk.Route, desk.Visit) {
	t.Helper()
	h := &house{agent: aidant.Aidant{ID: "lea", OrganisationID: "org", GivenName: "Léa", UsualName: "<b>", Roles: []aidant.Role{aidant.RoleAidant}}}
	h.door.Aidant = h.agent
	d := &agents.Doors{Codes: h, Resets: h, Agents: h, Pages: pagecheck.Pages(t), Cookies: h, Flash: h, Now: func() time.Time { return now }, Site: "https://relais.example",
		Home: "/structure", Roles: []aidant.Role{aidant.RoleAidant, aidant.RoleReferent},
		Right: func(v desk.Visit, a aidant.Aidant) agents.Right {
			if a.OrganisationID != v.Organisation.ID {
				return agents.None
			}
			return agents.Decides
		},
		Structure: func(r *http.Request) (organisation.Organisation, page.Link, error) {
			return desk.Of(r).Organisation, page.Link{Href: "/structure", Text: "Équipe"}, nil
		}}
	one := &agents.Decisions{Store: h, Pages: d.Pages, Flash: h, Now: d.Now, Base: "/structure/agents/", Section: "/structure", Doors: d,
		Back: func(aidant.Aidant) page.Link { return page.Link{Href: "/structure", Text: "Équipe"} }, Right: d.Right, Why: func(aidant.Aidant) string { return "" }}
	routes := append(d.Routes(desk.Referent), desk.Route{Pattern: "GET /structure/agents/{id}", Handle: one.Show},
		desk.Route{Pattern: "GET /structure/inviter", Handle: d.Form}, desk.Route{Pattern: "POST /structure/inviter", Handle: d.Admit})
	return h, routes, desk.Visit{Aidant: chef, Organisation: organisation.Organisation{ID: "org", Name: "Mairie", SIRET: "21999902600012", Timezone: "Europe/Paris"}}
}

func TestInvite(t *testing.T) {
	h, routes, v := newHouse(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/inviter", nil, 200), "Aidant", "Référent", "ProConnect")
	typed := url.Values{"prenom": {"Léa"}, "nom": {""}, "courriel": {"lea@"}, "roles": {"aidant", "administrateur"}}
	body := pagecheck.Read(t, routes, v, "POST", "/structure/inviter", typed, 422)
	pagecheck.MustShow(t, body, "Saisissez le nom", "Saisissez une adresse complète", "vous ne pouvez pas donner celui-là", "Choisissez comment", "lea@", `value="Léa"`)
	typed = url.Values{"prenom": {"Léa"}, "nom": {"Neuve"}, "courriel": {"Lea@Mairie.example"}, "roles": {"aidant", "referent"}, "acces": {"code"}}
	h.err = habilitation.ErrTaken
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/structure/inviter", typed, 422), "un agent est déjà habilité", "Lea@Mairie.example")
	h.err = nil
	w, err := pagecheck.Serve(t, routes, v, "POST", "/structure/inviter", typed)
	if err != nil || w.Header().Get("Location") != "/structure/fiche" {
		t.Fatalf("invited: %v, to %q", err, w.Header().Get("Location"))
	}
	if a := h.admitted; a.Email != "lea@mairie.example" || a.OrganisationID != "org" || a.SIRET != "21999902600012" || !slices.Equal(a.Roles, []aidant.Role{"aidant", "referent"}) {
		t.Errorf("admitted %+v", a)
	}
	typed.Set("acces", "proconnect")
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/inviter", typed); err != nil || h.code != "" {
		t.Errorf("by ProConnect: %v, code %q", err, h.code)
	}
}

func TestSheet(t *testing.T) {
	h, routes, v := newHouse(t)
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/lea/inviter", nil); err != nil {
		t.Fatal(err)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/fiche", nil, 200), h.code, "https://relais.example/invitation", "29 novembre 2026")
	var problem *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/structure/fiche", nil); !errors.As(err, &problem) || problem.Status != 404 {
		t.Errorf("shown twice = %v", err)
	}
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/reinitialisations/ri1/code", nil); err != nil {
		t.Fatal(err)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/fiche", nil, 200), h.code, "Retrouver l’accès")
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/lea/inviter", nil); err != nil {
		t.Fatal(err)
	}
	v.Aidant.ID = "collegue" // the next to sit down at the same machine
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/structure/fiche", nil); !errors.As(err, &problem) || problem.Status != 404 {
		t.Errorf("shown to a colleague = %v", err)
	}
}

func TestDoorOfAnAgent(t *testing.T) {
	h, routes, v := newHouse(t)
	show := func(texts ...string) {
		t.Helper()
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/agents/lea", nil, 200), texts...)
	}
	show("n’est pas encore venu", "Faire un code")
	h.door.Invitation = facteur.Invitation{ID: "in1", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	show("n’a pas encore servi", "Faire un nouveau code", "Annuler l’invitation")
	h.door.Invitation.ExpiresAt = now
	show("périmé")
	h.door.Factors = 1
	show("Demander une réinitialisation")
	h.door.Reset.ID = "ri1"
	show("Voir la réinitialisation en cours")
	h.agent.Sub = "s"
	h.door = facteur.Door{Standing: facteur.Standing{Aidant: h.agent}}
	show("aucun code n’est nécessaire", "Demander une réinitialisation")
	h.door = facteur.Door{Standing: facteur.Standing{Aidant: aidant.Aidant{ID: "lea"}, Removed: true}}
	h.agent.Sub = ""
	show("quinze minutes sont passées")
	for _, path := range []string{"/inviter", "/inviter/annuler", "/reinitialiser"} {
		for err, status := range map[error]int{facteur.ErrBeyond: 403, facteur.ErrAlready: 409, facteur.ErrClosed: 409, facteur.ErrState: 409, facteur.ErrNoFactor: 409} {
			h.err = err
			var problem *desk.Problem
			_, got := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/lea"+path, url.Values{"motif": {reason}})
			if !errors.As(got, &problem) || problem.Status != status {
				t.Errorf("%s on %v = %v", path, err, got)
			}
		}
	}
	h.err, h.agent.OrganisationID = nil, "ailleurs"
	for _, path := range []string{"POST /structure/agents/lea/inviter", "POST /structure/agents/lea/inviter/annuler", "GET /structure/agents/lea/reinitialiser", "POST /structure/agents/lea/reinitialiser"} {
		method, target, _ := strings.Cut(path, " ")
		if _, err := pagecheck.Serve(t, routes, v, method, target, url.Values{"motif": {reason}}); !errors.Is(err, aidant.ErrNotFound) {
			t.Errorf("%s of another structure = %v", path, err)
		}
	}
}

const reason = "Téléphone perdu hier, codes introuvables."

func TestReset(t *testing.T) {
	h, routes, v := newHouse(t)
	h.door.Factors = 1
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/agents/lea/reinitialiser", nil, 200), "Une seconde personne approuve")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/structure/agents/lea/reinitialiser", url.Values{"motif": {"perdu"}}, 422), "20 caractères", "perdu")
	h.request = facteur.Request{Agent: "Léa <b>", Structure: "Mairie", Asker: "Claire", AskerStructure: "Mairie", MayApprove: true,
		Reinitialisation: facteur.Reinitialisation{ID: "ri1", AidantID: "lea", OrganisationID: "org", AskedBy: "yann", Reason: reason, AskedAt: now, ExpiresAt: now.Add(time.Hour)}}
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/agents/lea/reinitialiser", url.Values{"motif": {reason}}); err != nil {
		t.Error(err)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/reinitialisations", nil, 200), "Léa", "Attend une seconde personne")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/reinitialisations/ri1", nil, 200), reason, "Approuver la réinitialisation")
	for _, path := range []string{"approuver", "ecarter"} {
		if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/reinitialisations/ri1/"+path, nil); err != nil {
			t.Errorf("%s = %v", path, err)
		}
	}
	h.request.AskedBy, h.request.MayApprove, h.request.MayIssue, h.request.MayCancel = "chef", false, true, true
	h.request.Approver, h.request.ApproverStructure, h.request.ApprovedAt = "Yann", "Agglo", now
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/structure/reinitialisations/ri1", nil, 200), "Yann, Agglo", "Faire le code", "Retirer la demande")
	var problem *desk.Problem
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/reinitialisations/ri1/approuver", nil); !errors.As(err, &problem) || problem.Status != 403 {
		t.Errorf("the asker approves = %v", err)
	}
	if _, err := pagecheck.Serve(t, routes, v, "POST", "/structure/reinitialisations/ri1/retirer", nil); err != nil {
		t.Errorf("withdrawn = %v", err)
	}
}
