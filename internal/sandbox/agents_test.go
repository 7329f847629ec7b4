package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (w *world) agentQuery(edit url.Values) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {w.cfg.ProConnect.ID}, "redirect_uri": {w.cfg.RelaisURL + "/connexion/retour"},
		"scope": {"openid given_name usual_name email uid siret idp_id organization_label phone"},
		"state": {strings.Repeat("s", 32)}, "nonce": {strings.Repeat("n", 32)},
	}
	for name, values := range edit {
		if values == nil {
			q.Del(name)
			continue
		}
		q[name] = values
	}
	return w.cfg.AgentsURL + "/api/v2/authorize?" + q.Encode()
}

const mfa = `{"id_token":{"amr":null,"acr":{"essential":true,"values":["eidas0-mfa","eidas1-mfa","eidas2","eidas3"]}}}`

func (w *world) agentToken(t *testing.T, code string, edit url.Values) (int, map[string]any) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {w.cfg.RelaisURL + "/connexion/retour"},
		"client_id": {w.cfg.ProConnect.ID}, "client_secret": {w.cfg.ProConnect.Secret}}
	for name, values := range edit {
		form[name] = values
	}
	return post(t, w.cfg.AgentsURL+"/api/v2/token", form)
}

// userinfo returns the claims of a signed answer, verified, and the status.
func userinfo(t *testing.T, base, clientID, access string, now time.Time) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, base+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		return resp.StatusCode, nil
	}
	p := &remote{issuer: base, http: http.DefaultClient}
	keys, err := p.keysFor(t.Context(), kidOf(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	claims, f := checkUserinfo(resp.Header.Get("Content-Type"), string(body), expectation{issuer: base, clientID: clientID, alg: jose.ES256, keys: keys, now: now})
	if f != nil {
		t.Fatal(f)
	}
	return 200, claims
}

func TestAgentLogin(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	b.open(w.agentQuery(url.Values{"claims": {mfa}, "login_hint": {"nadia.belkacem@ccas-valfictif.example"}, "prompt": {"login"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}))
	b.wants("Démonstration – service fictif", "Agent suggéré")
	b.click("agent-nadia")
	q := b.url.Query()
	if b.url.Path != "/connexion/retour" || q.Get("state") != strings.Repeat("s", 32) || q.Get("iss") != w.cfg.AgentsURL+"/api/v2" {
		t.Fatalf("back at %s", b.url)
	}
	status, answer := w.agentToken(t, q.Get("code"), url.Values{"code_verifier": {verifier}})
	if status != 200 || answer["expires_in"] != 3600.0 {
		t.Fatalf("token = %d %v", status, answer)
	}
	p := &remote{issuer: w.cfg.AgentsURL + "/api/v2", http: http.DefaultClient}
	keys, err := p.keysFor(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := expectation{alg: jose.ES256, keys: keys}
	claims, err := verifyJWS(answer["id_token"].(string), want)
	if err != nil {
		t.Fatal(err)
	}
	agent := Agents()[0]
	if claims["acr"] != "eidas1-mfa" || claims["sub"] != agent.Sub || claims["amr"] == nil || claims["auth_time"] == nil || claims["nonce"] != strings.Repeat("n", 32) {
		t.Errorf("id_token = %v", claims)
	}
	_, info := userinfo(t, w.cfg.AgentsURL+"/api/v2", w.cfg.ProConnect.ID, answer["access_token"].(string), w.clock.now())
	for name, value := range map[string]string{"usual_name": "Belkacem", "siret": agent.Siret, "phone_number": agent.Phone, "organization_label": agent.OrganizationLabel, "idp_id": agent.IDPID} {
		if info[name] != value {
			t.Errorf("userinfo %s = %v, want %s", name, info[name], value)
		}
	}
	if status, _ := w.agentToken(t, q.Get("code"), url.Values{"code_verifier": {verifier}}); status != 400 {
		t.Errorf("second redemption = %d", status)
	}
	if status, _ := userinfo(t, w.cfg.AgentsURL+"/api/v2", w.cfg.ProConnect.ID, answer["access_token"].(string), w.clock.now()); status != 401 {
		t.Errorf("userinfo after a replay = %d", status)
	}
}

func TestAgentAuthorizeRefusals(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		edit url.Values
		want string
	}{
		"unknown parameter":  {url.Values{"max_age": {"3"}}, "Y000400"},
		"repeated":           {url.Values{"scope": {"openid", "email"}}, "Y000400"},
		"no state":           {url.Values{"state": nil}, "Y000400"},
		"short state":        {url.Values{"state": {"court"}}, "Y000400"},
		"short nonce":        {url.Values{"nonce": {strings.Repeat("n", 31)}}, "Y000400"},
		"claims not JSON":    {url.Values{"claims": {"{"}}, "Y000400"},
		"plain PKCE":         {url.Values{"code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"plain"}}, "Y000400"},
		"redirect_uri slash": {url.Values{"redirect_uri": {w.cfg.RelaisURL + "/connexion/retour/"}}, "Y030031"},
		"unknown client":     {url.Values{"client_id": {"x"}}, "Y04EA6E"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t).open(w.agentQuery(tt.edit))
			if b.status != 400 {
				t.Errorf("status %d", b.status)
			}
			b.wants(`<code id="code-erreur">` + tt.want)
		})
	}
	for want, edit := range map[string]url.Values{
		"login_required": {"prompt": {"none"}}, "invalid_scope": {"scope": {"openid roles"}}, "unsupported_response_type": {"response_type": {"token"}},
	} {
		if b := newBrowser(t).open(w.agentQuery(edit)); b.url.Query().Get("error") != want {
			t.Errorf("%v: %s, want %s", edit, b.url, want)
		}
	}
	if b := newBrowser(t).open(w.cfg.AgentsURL + "/rien"); !strings.Contains(b.body, "Y000404") {
		t.Error("unknown route without Y000404")
	}
}

func TestAgentSessionAndLevels(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	if b.open(w.agentQuery(url.Values{"claims": {mfa}})).click("agent-lucie"); b.url.Query().Get("error") != "access_denied" {
		t.Errorf("an agent without second factor: %s", b.url)
	}
	b.open(w.agentQuery(url.Values{"prompt": {"login"}})).click("annuler")
	if b.url.Query().Get("error") != "access_denied" {
		t.Errorf("cancel: %s", b.url)
	}
	if b.open(w.agentQuery(url.Values{"prompt": {"none"}})); b.url.Query().Get("code") == "" {
		t.Errorf("silent login: %s", b.url)
	}
	if b.open(w.agentQuery(url.Values{"prompt": {"login"}})); b.url.Path == "/connexion/retour" {
		t.Error("prompt=login answered without a choice")
	}
	address := b.url.String()
	if other := newBrowser(t).open(address); !strings.Contains(other.body, "Y030110") {
		t.Error("another browser sees the choice")
	}
	b.click("agent-thomas")
	status, answer := w.agentToken(t, b.url.Query().Get("code"), nil)
	if status != 200 {
		t.Fatalf("token = %d %v", status, answer)
	}
	end := w.cfg.AgentsURL + "/api/v2/session/end?"
	q := url.Values{"state": {"fin"}, "post_logout_redirect_uri": {w.cfg.RelaisURL + "/deconnexion/retour"}, "id_token_hint": {answer["id_token"].(string)}}
	bad := url.Values{"state": {"fin"}, "post_logout_redirect_uri": {"https://ailleurs.example"}, "client_id": {w.cfg.ProConnect.ID}}
	b.open(end + bad.Encode()).wants("Y030111")
	b.open(end + "client_id=x").wants("Y000400")
	if b.open(end + q.Encode()); b.url.Path != "/deconnexion/retour" || b.url.Query().Get("state") != "fin" {
		t.Errorf("logout: %s", b.url)
	}
	if b.open(w.agentQuery(url.Values{"prompt": {"none"}})); b.url.Query().Get("error") != "login_required" {
		t.Errorf("after logout: %s", b.url)
	}
}

func TestAgentCode(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	fresh := func() string {
		b.open(w.agentQuery(url.Values{"prompt": {"login"}})).click("agent-julien")
		return b.url.Query().Get("code")
	}
	tests := map[string]struct {
		edit url.Values
		want int
	}{
		"wrong secret":       {url.Values{"client_secret": {"x"}}, 401},
		"wrong redirect_uri": {url.Values{"redirect_uri": {"x"}}, 400},
		"verifier unasked":   {url.Values{"code_verifier": {strings.Repeat("v", 43)}}, 400},
		"refresh":            {url.Values{"grant_type": {"refresh_token"}}, 400},
		"repeated":           {url.Values{"code": {"a", "b"}}, 400},
	}
	for name, tt := range tests {
		if status, _ := w.agentToken(t, fresh(), tt.edit); status != tt.want {
			t.Errorf("%s = %d, want %d", name, status, tt.want)
		}
	}
	late := fresh()
	w.clock.advance(time.Minute)
	if status, _ := w.agentToken(t, late, nil); status != 400 {
		t.Errorf("after 60 s = %d", status)
	}
	raced := fresh()
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if status, _ := w.agentToken(t, raced, nil); status == 200 {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("16 redemptions at once: %d succeeded", won.Load())
	}
}
