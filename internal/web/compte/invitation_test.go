package compte_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
)

// codes is a store with one code, and a reset perhaps.
type codes struct {
	kind    facteur.Kind
	err     error
	used    []string
	refused []string
	reset   facteur.Request
}

func (c *codes) Invitee(context.Context, string) (facteur.Invitee, error) {
	i := facteur.Invitee{Invitation: facteur.Invitation{Kind: c.kind}, Reset: facteur.Request{Asker: "Claire Chef", AskerStructure: "Mairie", Approver: "Monique Autre", ApproverStructure: "CCAS <b>",
		Reinitialisation: facteur.Reinitialisation{Reason: "Téléphone perdu.", AskedAt: now, ApprovedAt: now}}}
	i.Aidant = aidant.Aidant{ID: "lea", GivenName: "Léa", UsualName: "<b>"}
	i.Structure = organisation.Organisation{Name: "Mairie de Valfictif", City: "Valfictif", Timezone: "Europe/Paris"}
	return i, c.err
}

func (c *codes) RedeemInvitation(_ context.Context, typed string, fresh aidant.Session) (aidant.Aidant, error) {
	c.used = append(c.used, typed+" "+fresh.Auth)
	return aidant.Aidant{}, c.err
}

func (c *codes) RefuseByCode(_ context.Context, typed string) error {
	c.refused = append(c.refused, typed)
	return c.err
}

func (c *codes) ResetOf(context.Context, string) (facteur.Request, bool, error) {
	return c.reset, c.reset.ID != "", nil
}

func (c *codes) ChangeReset(_ context.Context, _ string, _ journal.Actor,
	decide func(facteur.Reinitialisation, facteur.Parties) (facteur.Reinitialisation, journal.Fact, error)) (facteur.Reinitialisation, error) {
	r, _, err := decide(c.reset.Reinitialisation, facteur.Parties{Who: aidant.Aidant{ID: c.reset.AidantID}})
	if err == nil {
		c.reset = facteur.Request{}
	}
	return r, err
}

const someCode = "0123-4567-89AB-CDEF"

// with sends a request with the cookies that an answer left.
func (s *setting) with(t *testing.T, before *httptest.ResponseRecorder, method, path string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(""))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range before.Result().Cookies() {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	for _, rt := range s.routes {
		if rt.Pattern == method+" "+path {
			return w, rt.Handle(w, r.WithContext(desk.WithVisit(r.Context(), desk.Visit{})))
		}
	}
	t.Fatal(path)
	return nil, nil
}

func TestInvitationCode(t *testing.T) {
	s := newSetting(t)
	nobody := desk.Visit{}
	pagecheck.MustShow(t, pagecheck.Read(t, s.routes, nobody, "GET", "/invitation", nil, 200), "Saisir un code", "ProConnect")
	pagecheck.MustShow(t, pagecheck.Read(t, s.routes, s.visit, "GET", "/invitation", nil, 200), "Camille Durand", "Quitter cette session")
	pagecheck.MustShow(t, pagecheck.Read(t, s.routes, nobody, "POST", "/invitation", url.Values{}, 422), "Saisissez le code")
	for err, text := range map[error]string{facteur.ErrCode: "Vérifiez le code", facteur.ErrExpired: "Demandez un nouveau code", facteur.ErrClosed: "suspendue", facteur.ErrAlready: "comme d’habitude"} {
		s.codes.err = err
		pagecheck.MustShow(t, pagecheck.Read(t, s.routes, nobody, "POST", "/invitation", url.Values{"code": {"abc"}}, 422), text, "abc")
	}
	s.codes.err = nil
	var problem *desk.Problem
	if _, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/invitation", url.Values{"code": {someCode}}); !errors.As(err, &problem) || problem.Status != http.StatusConflict {
		t.Errorf("with somebody signed in = %v", err)
	}
	for _, path := range []string{"GET /invitation/vous", "POST /invitation/oui", "POST /invitation/non"} {
		method, target, _ := strings.Cut(path, " ")
		if _, err := pagecheck.Serve(t, s.routes, nobody, method, target, nil); !errors.As(err, &problem) || problem.Status != http.StatusConflict {
			t.Errorf("%s without a code = %v", path, err)
		}
	}
	for _, kind := range []facteur.Kind{facteur.Invites, facteur.Resets} {
		s.codes = codes{kind: kind}
		typed, err := pagecheck.Serve(t, s.routes, nobody, "POST", "/invitation", url.Values{"code": {someCode}})
		if err != nil || typed.Header().Get("Location") != "/invitation/vous" {
			t.Fatalf("typed: %v", err)
		}
		w, err := s.with(t, typed, "GET", "/invitation/vous")
		if err != nil {
			t.Fatal(err)
		}
		pagecheck.Check(t, "/invitation/vous", w.Body.String())
		pagecheck.MustShow(t, w.Body.String(), "Est-ce bien vous", "Mairie de Valfictif")
		if kind == facteur.Resets {
			pagecheck.MustShow(t, w.Body.String(), "Claire Chef, Mairie", "Monique Autre", "Téléphone perdu.", "Oui, j’ai demandé cette réinitialisation")
		}
		if w, err = s.with(t, typed, "POST", "/invitation/non"); err != nil || (len(s.codes.refused) == 1) != (kind == facteur.Resets) {
			t.Errorf("%s refused: %v %v", kind, s.codes.refused, err)
		}
		pagecheck.Check(t, "/invitation/non", w.Body.String())
		w, err = s.with(t, typed, "POST", "/invitation/oui")
		if err != nil || w.Header().Get("Location") != desk.EnrolmentHome || len(s.codes.used) != 1 || s.codes.used[0] != someCode+" relais:invitation" {
			t.Errorf("%s used: %v, %v", kind, s.codes.used, err)
		}
		s.codes.err = facteur.ErrCode
		if _, err := s.with(t, typed, "POST", "/invitation/oui"); !errors.As(err, &problem) || problem.Status != http.StatusConflict {
			t.Errorf("used twice = %v", err)
		}
	}
}

func TestResetNotice(t *testing.T) {
	s := newSetting(t)
	s.codes.reset = facteur.Request{Asker: "Claire Chef", AskerStructure: "Mairie", Approver: "Monique", ApproverStructure: "CCAS",
		Reinitialisation: facteur.Reinitialisation{ID: "ri1", AidantID: "camille", AskedAt: now, ExpiresAt: now.Add(1), Reason: "Téléphone perdu."}}
	pagecheck.MustShow(t, pagecheck.Read(t, s.routes, s.visit, "GET", "/compte", nil, 200), "Claire Chef, Mairie", "Je n’ai rien demandé")
	if _, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/reinitialisation/refuser", nil); err != nil || s.codes.reset.ID != "" {
		t.Errorf("refused = %v", err)
	}
	var problem *desk.Problem
	if _, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/reinitialisation/refuser", nil); !errors.As(err, &problem) || problem.Status != http.StatusConflict {
		t.Errorf("refused twice = %v", err)
	}
}
