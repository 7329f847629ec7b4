package login_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"relais/internal/acte"
	"relais/internal/login"
	"relais/internal/sandbox"
)

// peers runs the fictional ProConnect and FranceConnect, which check with code
// of their own and refuse what the real ones refuse.
func peers(t *testing.T) *login.Login {
	t.Helper()
	var s *sandbox.Sandbox
	agents := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Agents().ServeHTTP(w, r) }))
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Hub().ServeHTTP(w, r) }))
	t.Cleanup(agents.Close)
	t.Cleanup(hub.Close)
	cfg := sandbox.DefaultConfig()
	cfg.RelaisURL, cfg.AgentsURL, cfg.HubURL = relaisURL, agents.URL, hub.URL
	var err error
	if s, err = sandbox.New(cfg); err != nil {
		t.Fatal(err)
	}
	return login.New(login.Options{
		ProConnect:    login.Provider{Issuer: agents.URL + "/api/v2", ClientID: cfg.ProConnect.ID, ClientSecret: cfg.ProConnect.Secret},
		FranceConnect: login.Provider{Issuer: hub.URL + "/api/v2", ClientID: cfg.FranceConnect.ID, ClientSecret: cfg.FranceConnect.Secret},
		PublicURL:     relaisURL, OwnIDP: ownIDP,
	})
}

// visitor is a browser that stops at Relais's door.
type visitor struct {
	t      *testing.T
	client *http.Client
	at     *url.URL
	page   string
	door   url.Values // query of the callback, once there
}

func newVisitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, client: &http.Client{Jar: jar}}
	v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), relaisURL) {
			v.door = r.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}
	return v
}

func (v *visitor) show(resp *http.Response, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.at, v.page = resp.Request.URL, string(body)
	if resp.StatusCode >= http.StatusBadRequest {
		v.t.Fatalf("%s: %d\n%s", v.at, resp.StatusCode, body)
	}
}

func (v *visitor) open(address string) { v.t.Helper(); v.show(v.client.Get(address)) }

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

func (v *visitor) press(name, value string) {
	v.t.Helper()
	m := formAction.FindStringSubmatch(v.page)
	if m == nil {
		v.t.Fatalf("no form on %s:\n%s", v.at, v.page)
	}
	to, err := v.at.Parse(m[1])
	if err != nil {
		v.t.Fatal(err)
	}
	v.show(v.client.PostForm(to.String(), url.Values{name: {value}}))
}

func TestTheSandboxAndTheLoginUnderstandEachOther(t *testing.T) {
	l := peers(t)
	v := newVisitor(t)
	a, err := l.StartAgent(t.Context(), login.StartAgent{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	v.open(a.URL)
	v.press("agent", sandbox.Agents()[0].ID)
	agent, err := l.FinishAgent(t.Context(), a.State, v.door)
	if err != nil || agent.Login.Email == "" || len(agent.Login.SIRET) != 14 || !strings.HasSuffix(agent.Login.ACR, "mfa") {
		t.Fatalf("agent = %+v, %v", agent.Login, err)
	}
	if _, err := l.FinishAgent(t.Context(), a.State, v.door); !errors.Is(err, login.ErrRefused{Code: "invalid_grant"}) {
		t.Errorf("replay = %v", err)
	}
	text := acte.Texte{Version: "v", Body: "Je donne mandat\n", Salt: acte.NewSalt()}
	u := startUsager(t, l, text.Nonce())
	u.State.Salt = text.Salt
	v.open(u.URL)
	v.press("fi", "impots")
	v.press("usager", sandbox.Usagers()[0].ID)
	v.press("continuer", "1")
	usager, err := l.FinishUsager(t.Context(), u.State, v.door)
	if err != nil || usager.Circle() {
		t.Fatalf("usager: %v, circle %v", err, usager.Circle())
	}
	if err := usager.Identified.Pivot.Check(); err != nil {
		t.Error(err)
	}
	d := acte.Dossier{Texte: text, Usager: usager.Proof, Userinfo: usager.Userinfo}
	if got, err := d.Verify(); err != nil || got != usager.Attested {
		t.Errorf("evidence: %v", err)
	}
	out, err := l.LogoutUsagerURL(t.Context(), usager.LogoutHint, "etat-de-sortie")
	if err != nil {
		t.Fatal(err)
	}
	v.open(out)
	if v.door.Get("state") != "etat-de-sortie" {
		t.Errorf("after logout: %v", v.door)
	}
	if out, err = l.LogoutAgentURL(t.Context(), agent.IDToken, "etat-agent"); err != nil {
		t.Fatal(err)
	}
	v.open(out)
	if v.door.Get("state") != "etat-agent" {
		t.Errorf("after logout: %v", v.door)
	}
}

func TestTheSandboxCancels(t *testing.T) {
	l := peers(t)
	v := newVisitor(t)
	u := startUsager(t, l, digest)
	v.open(u.URL)
	v.press("fi", "ameli")
	v.press("annuler", "1")
	if _, err := l.FinishUsager(t.Context(), u.State, v.door); !errors.Is(err, login.ErrCancelled) {
		t.Errorf("err = %v", err)
	}
}
