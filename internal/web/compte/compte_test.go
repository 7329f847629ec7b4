package compte_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/organisation"
	"relais/internal/session"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/compte"
	"relais/internal/web/desk"
)

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// house is the provider, the store, the sealer and the other desk at once.
type house struct {
	own
	agent    aidant.Aidant
	org      organisation.Organisation
	sessions map[string]aidant.Session
	asked    login.StartAgent
	answer   login.Agent
	finish   error
	start    error
	logout   error
	signIn   error
	facts    []journal.Fact
	keys     string
	uses     []string
	taken    string // the mandat whose screen was taken back
	flashes  int
	codes    codes
}

func (h *house) StartAgent(_ context.Context, ask login.StartAgent) (login.Start, error) {
	h.asked = ask
	return login.Start{URL: "https://agents.example/authorize", State: login.Pending{Purpose: "agent", State: "s", ReturnTo: ask.ReturnTo}}, h.start
}

func (h *house) FinishAgent(_ context.Context, _ login.Pending, _ url.Values) (login.Agent, error) {
	return h.answer, h.finish
}

func (h *house) LogoutAgentURL(_ context.Context, idToken, _ string) (string, error) {
	return "https://agents.example/session/end?id_token_hint=" + idToken, h.logout
}

func (h *house) AgentLogout(_ context.Context, token string) (login.Logout, error) {
	return login.Logout{ID: token}, h.finish
}

func (h *house) EndAtProvider(_ context.Context, _ aidant.Origin, proof string, _ time.Time) (int, error) {
	if proof == "rejoue" {
		return 0, aidant.ErrReplayed
	}
	return 0, nil
}

func (h *house) NewAppareils(context.Context, string, time.Time) ([]aidant.Appareil, error) {
	return []aidant.Appareil{{ID: "ap1", Device: "Edge <x>", FirstAt: now}}, nil
}

func (h *house) Disown(_ context.Context, _, id string, c aidant.Closing) error {
	if id != "ap1" {
		return aidant.ErrAppareil
	}
	fact, err := c.Decide(h.agent, len(h.sessions))
	h.facts = append(h.facts, fact)
	clear(h.sessions)
	return err
}

func (h *house) SignIn(_ context.Context, _ aidant.Login, fresh aidant.Session) (aidant.Aidant, error) {
	if h.signIn != nil {
		return aidant.Aidant{}, h.signIn
	}
	fresh.AidantID = h.agent.ID
	h.sessions[fresh.Ref] = fresh
	return h.agent, nil
}

func (h *house) SessionsOf(context.Context, string) ([]aidant.Session, error) {
	var list []aidant.Session
	for _, s := range h.sessions {
		list = append(list, s)
	}
	return list, nil
}

func (h *house) EndSession(_ context.Context, ref string, fact journal.Fact) error {
	if _, ok := h.sessions[ref]; !ok {
		return aidant.ErrSession
	}
	delete(h.sessions, ref)
	h.facts = append(h.facts, fact)
	return nil
}

func (h *house) Elevate(_ context.Context, oldRef string, renewed aidant.Session, fact journal.Fact) error {
	if _, ok := h.sessions[oldRef]; !ok {
		return aidant.ErrSession
	}
	delete(h.sessions, oldRef)
	h.sessions[renewed.Ref] = renewed
	h.facts = append(h.facts, fact)
	return nil
}

func (h *house) EndUses(_ context.Context, _ string, _ journal.Actor, reason string) error {
	h.uses = append(h.uses, reason)
	return nil
}

func (h *house) Append(_ context.Context, facts ...journal.Fact) error {
	h.facts = append(h.facts, facts...)
	return nil
}

func (h *house) CommitKeys(_ context.Context, issuer, digest string) error {
	h.keys = issuer + " " + digest
	return nil
}

func (h *house) TakeBack(w http.ResponseWriter, r *http.Request, p login.Pending, _ login.Agent) error {
	h.taken = p.MandatID + " " + desk.Of(r).Session.Entrusted
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (h *house) Flash(http.ResponseWriter, string, string) { h.flashes++ }

func (h *house) Session(_ context.Context, ref string) (aidant.Session, aidant.Aidant, organisation.Organisation, error) {
	s, ok := h.sessions[ref]
	if !ok {
		return aidant.Session{}, aidant.Aidant{}, organisation.Organisation{}, aidant.ErrSession
	}
	return s, h.agent, h.org, nil
}

func (h *house) SaveSession(_ context.Context, s aidant.Session) error {
	h.sessions[s.Ref] = s
	return nil
}

func (h *house) TouchSession(context.Context, string, time.Time) error { return nil }
func (h *house) SealShort(purpose string, plain []byte) (string, error) {
	return base64.RawURLEncoding.EncodeToString([]byte(purpose + "|" + string(plain))), nil
}

func (h *house) RevealShort(purpose, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	plain, ok := strings.CutPrefix(string(raw), purpose+"|")
	if err != nil || !ok {
		return nil, errors.New("sceau")
	}
	return []byte(plain), nil
}

type setting struct {
	*house
	manager *session.Manager
	routes  []desk.Route
	visit   desk.Visit
	id      string // of the session in the browser
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	h := &house{sessions: map[string]aidant.Session{}, org: organisation.Organisation{ID: "org", Name: "Mairie", Timezone: "Europe/Paris"},
		agent:  aidant.Aidant{ID: "camille", GivenName: "Camille", UsualName: "Durand", Roles: []aidant.Role{aidant.RoleAidant}},
		answer: login.Agent{Login: aidant.Login{ACR: "eidas1-mfa"}, IDToken: "jeton", AuthAt: now}}
	m := session.New(session.Options{Backend: h, Sealer: h, Now: func() time.Time { return now }})
	d := &compte.Desk{Pages: pagecheck.Pages(t), Sessions: m, Provider: h, Accounts: h, Elevations: h, Revocations: h, Browsers: h, Trace: h, Handover: h, Flash: h, Own: h, Room: h.room(t, m), Site: "localhost", Invitations: &h.codes, Resets: &h.codes, Now: func() time.Time { return now }}
	s, id := m.Fresh(httptest.NewRequest("GET", "/", nil))
	s.AidantID = h.agent.ID
	h.sessions[s.Ref] = s
	return &setting{house: h, manager: m, routes: d.Routes(), id: id, visit: desk.Visit{Aidant: h.agent, Organisation: h.org, Session: s}}
}

// back plays the callback in a browser with these cookies.
func (s *setting) back(t *testing.T, signedIn bool, pending *login.Pending) (*httptest.ResponseRecorder, error) {
	t.Helper()
	jar := httptest.NewRecorder()
	if pending != nil {
		if err := s.manager.Put(jar, "connexion", *pending, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if signedIn {
		s.manager.SetID(jar, s.id)
	}
	r := httptest.NewRequest("GET", "/connexion/retour?code=c&state=s", nil)
	for _, c := range jar.Result().Cookies() {
		r.AddCookie(c)
	}
	i := slices.IndexFunc(s.routes, func(rt desk.Route) bool { return rt.Pattern == "GET /connexion/retour" })
	w := httptest.NewRecorder()
	return w, s.routes[i].Handle(w, r)
}

func problem(t *testing.T, err error, status int, title string) {
	t.Helper()
	var p *desk.Problem
	if !errors.As(err, &p) || p.Status != status || !strings.Contains(p.Title, title) || len(p.Do) == 0 || p.Next.Href == "" {
		t.Errorf("got %v, want a page %d %q that says what to do", err, status, title)
	}
}

func TestEntrance(t *testing.T) {
	s := newSetting(t)
	var nobody desk.Visit
	body := pagecheck.Read(t, s.routes, nobody, "GET", "/connexion?retour=%2Fagir%2Fx%3Fq%3D1", nil, 200)
	pagecheck.MustShow(t, body, "S’identifier avec votre identité professionnelle", `value="/agir/x?q=1"`, "Un service public attend")
	w, err := pagecheck.Serve(t, s.routes, nobody, "POST", "/connexion", url.Values{"retour": {"/agir/x?q=1"}})
	if err != nil || w.Code != 200 || !strings.Contains(w.Body.String(), "https://agents.example/authorize") || s.asked.ReturnTo != "/agir/x?q=1" {
		t.Errorf("start: %d %v, asked %+v", w.Code, err, s.asked)
	}
	if !strings.Contains(w.Header().Get("Set-Cookie"), "relais_connexion=") {
		t.Error("the login’s state was not kept")
	}
	if _, err := pagecheck.Serve(t, s.routes, nobody, "POST", "/connexion", url.Values{"retour": {"/" + strings.Repeat("&", 999)}}); err != nil {
		t.Errorf("a path that does not fit into the cookie: %v", err)
	}
	s.start = login.ErrDown
	_, err = pagecheck.Serve(t, s.routes, nobody, "POST", "/connexion", nil)
	problem(t, err, http.StatusServiceUnavailable, "ne répond pas")
	w, err = pagecheck.Serve(t, s.routes, s.visit, "GET", "/connexion", nil)
	if err != nil || w.Header().Get("Location") != "/guichet" {
		t.Errorf("an agent who is in already: %v %v", w.Header(), err)
	}
}

func TestReturnStaysHere(t *testing.T) {
	s := newSetting(t)
	for _, bad := range []string{"//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\tb", "/a\r\nb", "/%2F..\x00", "/connexion",
		"/deconnexion/retour", "", "/" + strings.Repeat("a", 1500)} {
		w, err := s.back(t, false, &login.Pending{Purpose: "agent", ReturnTo: bad})
		if err != nil || w.Header().Get("Location") != "/guichet" {
			t.Errorf("%q leads to %q (%v)", bad, w.Header().Get("Location"), err)
		}
	}
}

func TestSignIn(t *testing.T) {
	s := newSetting(t)
	w, err := s.back(t, true, &login.Pending{Purpose: "agent", ReturnTo: "/mandats?suite=1"})
	if err != nil || w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/mandats?suite=1" {
		t.Fatalf("%d %v %v", w.Code, w.Header(), err)
	}
	if _, kept := s.sessions[s.visit.Session.Ref]; kept || len(s.sessions) != 1 {
		t.Error("the session of before was not replaced")
	}
	if len(s.uses) != 0 {
		t.Error("the same agent’s use was ended")
	}
	cookies := strings.Join(w.Header()["Set-Cookie"], "\n")
	for _, name := range []string{"relais_session=", "relais_connexion=;"} {
		if !strings.Contains(cookies, name) {
			t.Errorf("no cookie %s in %s", name, cookies)
		}
	}
	for _, kept := range s.sessions {
		if s.manager.Kept(kept, "id_token") != "jeton" || len(w.Result().Cookies()) != 3 {
			t.Errorf("the id_token is not in the session, or in a cookie: %s", cookies)
		}
	}
}

func TestRefusedLogins(t *testing.T) {
	for _, c := range []struct {
		signIn, finish error
		status         int
		title          string
		facts          int // of this desk: the store writes its own
	}{
		{aidant.ErrUnknown, nil, 403, "ne vous connaît pas", 0},
		{aidant.ErrSuspended, nil, 403, "suspendu", 0},
		{aidant.ErrWeak, nil, 403, "double authentification", 0},
		{nil, login.ErrWeak, 403, "double authentification", 1},
		{nil, login.ErrState, 400, "pas été commencée ici", 1},
		{nil, login.ErrExpired, 400, "trop de temps", 1},
		{nil, login.ErrToken, 403, "refusée", 1},
		{nil, login.ErrCancelled, 403, "abandonnée", 1},
		{nil, login.ErrKeysChanged, 503, "changer ses clés", 1},
		{nil, login.ErrRefused{Code: "invalid_scope"}, 403, "mal réglé", 1},
	} {
		s := newSetting(t)
		s.house.signIn, s.house.finish = c.signIn, c.finish
		w, err := s.back(t, true, &login.Pending{Purpose: "agent"})
		problem(t, err, c.status, c.title)
		if len(s.facts) != c.facts {
			t.Errorf("%s: %d facts, want %d", c.title, len(s.facts), c.facts)
		}
		for _, fact := range s.facts {
			if err := fact.Check(); err != nil || fact.Outcome() != journal.Denied {
				t.Errorf("%s: fact %v: %v", c.title, fact, err)
			}
		}
		if len(s.sessions) != 1 || strings.Contains(strings.Join(w.Header()["Set-Cookie"], ""), "relais_session") {
			t.Errorf("%s: a refused login changed the session", c.title)
		}
		if (s.keys != "") != errors.Is(c.finish, login.ErrKeysChanged) {
			t.Errorf("%s: keys committed %q", c.title, s.keys)
		}
	}
}

func TestAnotherBrowser(t *testing.T) {
	s := newSetting(t)
	_, err := s.back(t, false, nil)
	problem(t, err, 400, "dans une autre fenêtre")
	broken := errors.New("panne")
	s.finish = broken
	if _, err := s.back(t, false, &login.Pending{}); !errors.Is(err, broken) {
		t.Errorf("an unknown error: %v", err)
	}
}

func TestEntrustedScreen(t *testing.T) {
	s := newSetting(t)
	held := s.sessions[s.visit.Session.Ref]
	held.Entrusted = "m1"
	s.sessions[held.Ref] = held
	_, err := s.back(t, true, &login.Pending{Purpose: "agent"})
	problem(t, err, 400, "dans une autre fenêtre")
	if len(s.sessions) != 1 {
		t.Error("a plain login took an entrusted screen")
	}
	if _, err := s.back(t, true, &login.Pending{Purpose: "agent", MandatID: "m1"}); err != nil || s.taken != "m1 m1" {
		t.Errorf("taking back: %q %v", s.taken, err)
	}
	if _, err := s.back(t, false, &login.Pending{Purpose: "agent", MandatID: "m1"}); !errors.Is(err, aidant.ErrSession) {
		t.Errorf("taking back without a session: %v", err)
	}
	s.finish = login.ErrCancelled
	_, err = s.back(t, true, &login.Pending{Purpose: "agent", MandatID: "m1"})
	var p *desk.Problem
	if !errors.As(err, &p) || p.Next.Href != "/tour" {
		t.Errorf("a cancelled taking back leads to %v", err)
	}
}

func TestLeave(t *testing.T) {
	s := newSetting(t)
	if err := s.manager.Keep(t.Context(), s.visit.Session, "id_token", "jeton"); err != nil {
		t.Fatal(err)
	}
	s.visit.Session = s.sessions[s.visit.Session.Ref]
	w, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/deconnexion", nil)
	if err != nil || w.Code != 200 || !strings.Contains(w.Body.String(), "https://agents.example/session/end?id_token_hint=jeton") {
		t.Errorf("%d %v", w.Code, err)
	}
	if len(s.sessions) != 0 || len(s.uses) != 1 || len(s.facts) != 1 || s.facts[0].Reason() != "volontaire" {
		t.Errorf("sessions %v, uses %v, facts %v", s.sessions, s.uses, s.facts)
	}
	s.visit.Session.Auth = aidant.AuthPasskey // took a screen back by a passkey since
	w, err = pagecheck.Serve(t, s.routes, s.visit, "POST", "/deconnexion", nil)
	if err != nil || !strings.Contains(w.Body.String(), "id_token_hint=jeton") {
		t.Errorf("the session at the provider stays: %d %v %v", w.Code, w.Header(), err)
	}
	s.logout = login.ErrDown
	w, err = pagecheck.Serve(t, s.routes, s.visit, "POST", "/deconnexion", nil)
	if err != nil || w.Header().Get("Location") != "/deconnexion/retour" {
		t.Errorf("provider down: %v %v", w.Header(), err)
	}
	for _, state := range []string{"", "?state=autre"} {
		pagecheck.MustShow(t, pagecheck.Read(t, s.routes, desk.Visit{}, "GET", "/deconnexion/retour"+state, nil, 200), "Vous êtes déconnecté")
	}
}

func TestAccount(t *testing.T) {
	s := newSetting(t)
	body := pagecheck.Read(t, s.routes, s.visit, "GET", "/compte", nil, 200)
	pagecheck.MustShow(t, body, "Camille Durand", "Cette session", "pas d’autre session", "21 novembre 2026 à 22 h 00")
	other := aidant.Session{Ref: "autre", AidantID: "camille", CreatedAt: now.Add(-time.Hour), SeenAt: now.Add(-time.Minute), Device: "Firefox <x>"}
	old := aidant.Session{Ref: "vieille", AidantID: "camille", CreatedAt: now.Add(-time.Hour), SeenAt: now.Add(-time.Hour), Device: "Perdu"}
	s.sessions["autre"], s.sessions["vieille"] = other, old
	body = pagecheck.Read(t, s.routes, s.visit, "GET", "/compte", nil, 200)
	pagecheck.MustShow(t, body, "Firefox <x>", "/compte/sessions/autre/fermer", "Fermer toutes les autres")
	pagecheck.MustHide(t, body, "Perdu")
	for _, ref := range []string{"inconnue", "vieille"} {
		_, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/sessions/"+ref+"/fermer", nil)
		var p *desk.Problem
		if !errors.As(err, &p) || p.Status != http.StatusNotFound {
			t.Errorf("%s: %v", ref, err)
		}
	}
	w, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/sessions/autre/fermer", nil)
	if err != nil || w.Code != http.StatusSeeOther || len(s.facts) != 1 || s.facts[0].Action() != journal.SessionRevoke {
		t.Errorf("end one: %d %v %v", w.Code, err, s.facts)
	}
	s.sessions["autre"] = other
	if _, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/sessions/fermer-les-autres", nil); err != nil {
		t.Error(err)
	}
	if _, here := s.sessions[s.visit.Session.Ref]; !here || len(s.sessions) != 2 { // the old one ends by itself
		t.Errorf("left: %v", s.sessions)
	}
	if w, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/prolonger", nil); err != nil || w.Code != http.StatusNoContent {
		t.Errorf("prolong: %d %v", w.Code, err)
	}
}

func TestDisown(t *testing.T) {
	s := newSetting(t)
	body := pagecheck.Read(t, s.routes, s.visit, "GET", "/compte", nil, 200)
	pagecheck.MustShow(t, body, "Edge <x>", "Ce n’était pas moi", "/compte/appareils/ap1/signaler")
	_, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/appareils/autre/signaler", nil)
	var p *desk.Problem
	if !errors.As(err, &p) || p.Status != http.StatusNotFound || len(s.sessions) != 1 {
		t.Errorf("another's: %v", err)
	}
	w, err := pagecheck.Serve(t, s.routes, s.visit, "POST", "/compte/appareils/ap1/signaler", nil)
	if err != nil || w.Header().Get("Location") != "/connexion/signalee" || len(s.sessions) != 0 || len(s.facts) != 1 || s.facts[0].Action() != journal.SessionDisown {
		t.Errorf("%d %v %v %v", w.Code, w.Header(), s.facts, err)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, s.routes, desk.Visit{}, "GET", "/connexion/signalee", nil, 200), "Toutes vos sessions")
}
