// The guards of the conformance page (OpenID Connect: "what must be built round
// the library"), each a demonstrated fault of go-oidc or of its use:
//
//	 1 atomic code consumption                    TestGuard01CodeOnce
//	 2 redirect_uri compared as a string          TestGuard02RedirectURI
//	 3 repeated parameters refused                TestGuard03Repeated
//	 4 client_secret_basic percent-decoded        TestGuard04Basic
//	 5 WWW-Authenticate at /userinfo              TestGuard05Bearer
//	 6 pending login bound to the browser         TestGuard06Browser
//	 7 client assertions once                     TestGuard07And23Assertion
//	 8 third use of a code is invalid_grant       TestGuard08ThirdUse
//	 9 no code or token in clear, no refresh      TestGuard09Clear
//	10 no back-channel logout announced           TestGuard10Discovery
//	11 auth_time, acr and claims are ours         TestGuard11Choice, TestHubLogin
//	12 a failed redemption revokes                TestGuard12Failed
//	13 one store call, before the answer          TestGuard13Unit
//	14 the first key of an algorithm signs        TestGuard14Rotation
//	15 PKCE, nonce, HS256 per client              TestGuard15PerClient, TestGuard15HS256
//	16 a strict client beside the others          TestGuard16Strict
//	17 claims that do not parse                   TestGuard17Claims
//	18 end_session of our own                     TestGuard18EndSession
//	19 unknown levels and scopes dropped          TestGuard19Unknown
//	20 clients' keys resolved by us               TestGuard20ClientKeys
//	21 revoked between code and userinfo          TestGuard21Revoked
//	22 ends are on our clock                      TestGuard22Expiry
//	23 jti by client, no form_post                TestGuard07And23Assertion, TestGuard23FormPost
package provider_test

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/delegation"
	"relais/internal/mandat"
	"relais/internal/provider"
)

func TestGuard01CodeOnce(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	for range 200 {
		code, _ := b.code(hubRequest())
		var good atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				resp, err := http.PostForm(h.url+"/token", hubForm(code))
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = resp.Body.Close() }()
				if resp.StatusCode == http.StatusOK {
					good.Add(1)
				} else if resp.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d", resp.StatusCode)
				}
			})
		}
		wg.Wait()
		if good.Load() != 1 {
			t.Fatalf("%d redemptions of one code", good.Load())
		}
	}
}

// TestGuard01Replay: the second use takes the token of the first with it.
func TestGuard01Replay(t *testing.T) {
	h := newHouse(t)
	code, _ := h.browser().code(hubRequest())
	tk, _ := h.token(hubForm(code))
	if again, resp := h.token(hubForm(code)); resp.status != 400 || again.Error != "invalid_grant" {
		t.Errorf("replay = %+v", resp)
	}
	if got := h.userinfo(tk.Access); got.status != 401 {
		t.Errorf("token after replay = %+v", got)
	}
	if !strings.Contains(h.l.reasons(), "delegation.revoke:code_rejoue") {
		t.Errorf("journal = %s", h.l.reasons())
	}
}

func TestGuard02RedirectURI(t *testing.T) {
	h := newHouse(t)
	good := "http://127.0.0.1:8082/api/v2/oidc-callback"
	for _, uri := range []string{"", "HTTP://127.0.0.1:8082/api/v2/oidc-callback", good + "#", good + "/", good + "?", good + "?a=b",
		"http://127.0.0.1:8082/api/v2/%6fidc-callback", "http://127.0.0.1:8082/api/v2/../v2/oidc-callback", "http://evil.example/", "//127.0.0.1:8082/api/v2/oidc-callback",
		"http://user@127.0.0.1:8082/api/v2/oidc-callback", "javascript:alert(1)", good + " ", "http://127.0.0.1:8083/api/v2/oidc-callback"} {
		resp := h.browser().get("/authorize?" + hubRequest("redirect_uri", uri).Encode())
		if resp.status != http.StatusBadRequest || resp.header.Get("Location") != "" {
			t.Errorf("redirect_uri %q = %d %s", uri, resp.status, resp.header.Get("Location"))
		}
	}
	for _, id := range []string{"", "inconnu", "HUB"} {
		if resp := h.browser().get("/authorize?" + hubRequest("client_id", id).Encode()); resp.status != 400 || resp.header.Get("Location") != "" {
			t.Errorf("client_id %q = %+v", id, resp)
		}
	}
	code, _ := h.browser().code(hubRequest())
	if tk, _ := h.token(hubForm(code, "redirect_uri", good+"#")); tk.Error != "invalid_grant" {
		t.Errorf("token with another redirect_uri = %+v", tk)
	}
}

// fails expects an OAuth error on the registered redirect_uri.
func (h *house) fails(v url.Values, want string) {
	h.t.Helper()
	resp := h.browser().get("/authorize?" + v.Encode())
	u, err := url.Parse(resp.header.Get("Location"))
	if err != nil || resp.status != http.StatusSeeOther || u.Query().Get("error") != want || u.Query().Get("iss") != h.url {
		h.t.Errorf("%v:\n got %d %s, want %s", v, resp.status, resp.header.Get("Location"), want)
	}
	if want != "" && u.Query().Has("code") {
		h.t.Errorf("a code with an error")
	}
}

func TestGuard03Repeated(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"client_id", "redirect_uri"} {
		v := hubRequest()
		v[name] = append(v[name], v[name][0])
		if resp := h.browser().get("/authorize?" + v.Encode()); resp.status != 400 || resp.header.Get("Location") != "" {
			t.Errorf("%s twice = %+v", name, resp)
		}
	}
	for _, name := range []string{"state", "nonce", "scope", "prompt", "claims", "inconnu"} {
		v := hubRequest()
		v[name] = []string{v.Get(name), v.Get(name)}
		h.fails(v, "invalid_request")
	}
	code, _ := h.browser().code(hubRequest())
	for _, name := range []string{"code", "client_id", "client_secret", "grant_type", "redirect_uri"} {
		v := hubForm(code)
		v[name] = append(v[name], v[name][0])
		if tk, _ := h.token(v); tk.Error != "invalid_request" {
			t.Errorf("token with %s twice = %+v", name, tk)
		}
	}
	if _, resp := h.token(hubForm(code)); resp.status != 200 {
		t.Errorf("the code was lost: %+v", resp)
	}
}

func serviceForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://service.example/cb?x=1"}, "code_verifier": {verifier}}
}

func basic(id, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(id, secret) }
}

func TestGuard04Basic(t *testing.T) {
	h := newHouse(t)
	code, _ := h.browser().code(serviceRequest())
	for _, wrong := range []string{secret, "wrong", "%zz", ""} { // the secret holds a % and a +: unencoded it is another one
		if tk, resp := h.token(serviceForm(code), basic("service", wrong)); resp.status != 401 || tk.Error != "invalid_client" || !strings.HasPrefix(resp.header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("secret %q = %+v", wrong, resp)
		}
	}
	both := serviceForm(code)
	both.Set("client_secret", secret)
	if tk, _ := h.token(both, basic("service", url.QueryEscape(secret))); tk.Error != "invalid_request" {
		t.Errorf("two authentications = %+v", tk)
	}
	if _, resp := h.token(serviceForm(code), basic("service", url.QueryEscape(secret))); resp.status != 200 {
		t.Errorf("encoded secret = %+v", resp)
	}
	if tk, _ := h.token(hubForm("x", "client_secret", ""), basic("hub", url.QueryEscape(secret))); tk.Error != "invalid_client" {
		t.Errorf("another method than the registered one = %+v", tk)
	}
	if n := strings.Count(h.l.reasons(), "client_non_authentifie"); n == 0 {
		t.Error("no trace of failed client authentications")
	}
}

func TestGuard05Bearer(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	code, _ := b.code(hubRequest())
	tk, _ := h.token(hubForm(code))
	auth := func(v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Authorization", v) } }
	form := url.Values{"access_token": {tk.Access}}
	for _, c := range []struct {
		name   string
		resp   response
		status int
		want   string
	}{
		{"nothing", b.get("/userinfo"), 401, `Bearer realm="relais"`},
		{"query", b.get("/userinfo?access_token=" + tk.Access), 401, `Bearer realm="relais"`},
		{"basic", b.post("/userinfo", nil, basic("a", "b")), 401, `Bearer realm="relais"`},
		{"unknown", h.userinfo("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 401, `Bearer realm="relais", error="invalid_token"`},
		{"odd", h.userinfo("a.b.c"), 401, `Bearer realm="relais", error="invalid_token"`},
		{"twice", b.post("/userinfo", form, auth("Bearer "+tk.Access)), 400, `Bearer realm="relais", error="invalid_request"`},
		{"header", b.post("/userinfo", nil, auth("bearer "+tk.Access)), 200, ""},
		{"body", b.post("/userinfo", form), 200, ""},
	} {
		if c.resp.status != c.status || c.resp.header.Get("WWW-Authenticate") != c.want {
			t.Errorf("%s = %d %q", c.name, c.resp.status, c.resp.header.Get("WWW-Authenticate"))
		}
	}
}

func TestGuard06Browser(t *testing.T) {
	h := newHouse(t)
	victim, thief := h.browser(), h.browser()
	id, other := victim.begin(hubRequest()), thief.begin(hubRequest())
	if resp := thief.get("/agir/" + id); resp.status != 404 {
		t.Errorf("another browser sees the request: %+v", resp)
	}
	if resp := thief.post("/agir/"+id, nil); resp.status == 200 || !strings.Contains(resp.body, provider.ErrNoRequest.Error()) {
		t.Errorf("another browser finished the login: %+v", resp)
	}
	if resp := thief.get("/authorize/" + id); resp.status != 404 {
		t.Errorf("the library's own route is served: %+v", resp)
	}
	u, _ := url.Parse(h.url)
	for _, c := range thief.c.Jar.Cookies(u) { // a cookie under another request's name
		thief.c.Jar.SetCookies(u, []*http.Cookie{{Name: "relais_demande_" + id, Value: c.Value, Path: "/"}})
	}
	if resp := thief.get("/agir/" + id); resp.status != 404 {
		t.Errorf("a sealed cookie changed its name: %+v", resp)
	}
	for range 7 {
		thief.begin(hubRequest())
	}
	if n := len(thief.c.Jar.Cookies(u)); n != 5 {
		t.Errorf("%d pending requests in one browser, want 5", n)
	}
	if resp := thief.get("/agir/" + other); resp.status == 200 && len(thief.c.Jar.Cookies(u)) > 5 {
		t.Error("the oldest stayed")
	}
	h.later(10 * time.Minute)
	if resp := victim.get("/agir/" + id); resp.status != 404 {
		t.Errorf("after ten minutes: %+v", resp)
	}
}

func TestGuard06Cookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, func(o *provider.Options) { o.Secure = secure })
		resp := h.browser().get("/authorize?" + hubRequest().Encode())
		c, err := http.ParseSetCookie(resp.header.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.Name, "__Host-relais_demande_") != secure || c.Secure != secure || !c.HttpOnly || c.Path != "/" ||
			c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 || c.Domain != "" || len(c.Name)+len(c.Value) > 3800 {
			t.Errorf("cookie = %v", c)
		}
	}
	h := newHouse(t)
	h.fails(serviceRequest("nonce", strings.Repeat("n", 4000)), "invalid_request")
}

func TestGuard08ThirdUse(t *testing.T) {
	h := newHouse(t)
	code, _ := h.browser().code(hubRequest())
	h.token(hubForm(code))
	for i := range 3 {
		if tk, resp := h.token(hubForm(code)); resp.status != 400 || tk.Error != "invalid_grant" {
			t.Errorf("use %d = %+v", i+2, resp)
		}
	}
	if n := h.l.count("Stop"); n != 1 {
		t.Errorf("%d revocations written, want 1", n)
	}
}

func TestGuard09Clear(t *testing.T) {
	h := newHouse(t)
	code, q := h.browser().code(hubRequest())
	tk, _ := h.token(hubForm(code))
	for id, login := range h.l.logins {
		text := string(login.Protocol) + login.CodeHash + login.TokenHash
		// Not "1941" alone: digests, the sub and the seconds of a date may hold those four.
		for _, clear := range []string{code, tk.Access, q.Get("state"), secret, "Le Goff", "Jeanne", "1941-00", string(h.choice.Usager.Identite.Birthdate),
			"19410000", `"1941"`, "1941/", "/1941", "2A004", "jeanne@"} {
			if strings.Contains(text, clear) {
				t.Errorf("login %s holds %q", id, clear)
			}
		}
	}
	if tk.Refresh != "" {
		t.Error("a refresh token")
	}
	if tk, _ := h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"hub"}, "client_secret": {secret}}); tk.Error != "unsupported_grant_type" {
		t.Errorf("refresh = %+v", tk)
	}
}

func TestGuard11Choice(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	id := b.begin(hubRequest())
	h.later(3 * time.Minute) // the aidant takes their time: auth_time is the choice
	before := h.now().Unix()
	u, _ := url.Parse(b.post("/agir/"+id, nil).body)
	tk, _ := h.token(hubForm(u.Query().Get("code")))
	claims := signed(t, tk.IDToken, "ES256", h.published())
	at, _ := claims["auth_time"].(float64)
	if int64(at) < before || int64(at) > before+2 || claims["acr"] != "eidas1" {
		t.Errorf("id_token = %v", claims)
	}
}

func TestGuard12Failed(t *testing.T) {
	for name, form := range map[string]func(code string) url.Values{
		"another redirect_uri": func(c string) url.Values { return hubForm(c, "redirect_uri", "http://127.0.0.1:8082/other") },
		"another client": func(c string) url.Values {
			return hubForm(c, "client_id", "hub-hs2", "client_secret", clients()[2].Secret)
		},
		"a verifier out of thin": func(c string) url.Values { return hubForm(c, "code_verifier", verifier) },
	} {
		h := newHouse(t)
		code, _ := h.browser().code(hubRequest())
		if tk, _ := h.token(form(code)); tk.Error != "invalid_grant" {
			t.Errorf("%s = %+v", name, tk)
		}
		if tk, _ := h.token(hubForm(code)); tk.Error != "invalid_grant" {
			t.Errorf("%s, then right = %+v", name, tk)
		}
		if !strings.Contains(h.l.reasons(), "delegation.revoke:echange_refuse") {
			t.Errorf("%s: journal = %s", name, h.l.reasons())
		}
	}
}

// TestGuard13Unit: one writing call a request, and nothing leaves if it fails.
func TestGuard13Unit(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	broken := errors.New("disk full")
	id := b.begin(hubRequest())
	h.l.fail(broken)
	if resp := b.post("/agir/"+id, nil); resp.status == 200 || strings.Contains(resp.body, "code=") {
		t.Errorf("choice on a broken store = %+v", resp)
	}
	h.l.fail(nil)
	u, _ := url.Parse(b.post("/agir/"+id, nil).body) // the request is still there
	code := u.Query().Get("code")
	h.l.fail(broken)
	tk, resp := h.token(hubForm(code))
	if resp.status != 500 || tk.Access != "" || tk.IDToken != "" || tk.Error != "server_error" || strings.Contains(resp.body, "disk") {
		t.Errorf("token on a broken store = %+v", resp)
	}
	h.l.fail(nil)
	tk, _ = h.token(hubForm(code))
	h.l.fail(broken)
	if resp := h.userinfo(tk.Access); resp.status != 500 || strings.Contains(resp.body, "disk") {
		t.Errorf("userinfo on a broken store = %+v", resp)
	}
	h.l.fail(nil)
	h.l.calls = map[string]int{}
	code, _ = b.code(hubRequest())
	tk, _ = h.token(hubForm(code))
	h.userinfo(tk.Access)
	if want := map[string]int{"Use": 1, "ByCode": 1, "Redeem": 1, "Show": 1}; !reflect.DeepEqual(h.l.calls, want) {
		t.Errorf("calls of one login = %v, want %v", h.l.calls, want)
	}
}

// TestGuard21Revoked: stopping takes effect at once, at each step.
func TestGuard21Revoked(t *testing.T) {
	h := newHouse(t)
	stop := func() {
		for id := range h.l.logins {
			_ = h.l.Stop(t.Context(), id, delegation.Client("hub"), "revocation", false)
		}
	}
	code, _ := h.browser().code(hubRequest())
	stop()
	if tk, _ := h.token(hubForm(code)); tk.Error != "invalid_grant" {
		t.Errorf("revoked before the token = %+v", tk)
	}
	code, _ = h.browser().code(hubRequest())
	tk, _ := h.token(hubForm(code))
	stop()
	if resp := h.userinfo(tk.Access); resp.status != 401 {
		t.Errorf("revoked before userinfo = %+v", resp)
	}
	code, _ = h.browser().code(hubRequest())
	tk, _ = h.token(hubForm(code))
	for id, c := range h.l.choices {
		c.Mandat.State = mandat.Termine
		h.l.choices[id] = c
	}
	if resp := h.userinfo(tk.Access); resp.status != 401 || !strings.Contains(h.l.reasons(), "delegation.userinfo:mandat_termine") {
		t.Errorf("mandat ended before userinfo = %+v", resp)
	}
}

func TestGuard22Expiry(t *testing.T) {
	h := newHouse(t)
	code, _ := h.browser().code(hubRequest())
	h.later(59 * time.Second)
	tk, resp := h.token(hubForm(code))
	if resp.status != 200 {
		t.Fatalf("code at 59 s = %+v", resp)
	}
	h.later(61 * time.Second)
	if resp := h.userinfo(tk.Access); resp.status != 401 {
		t.Errorf("token at 61 s = %+v", resp)
	}
	code, _ = h.browser().code(hubRequest())
	h.later(time.Minute)
	if tk, _ := h.token(hubForm(code)); tk.Error != "invalid_grant" || !strings.Contains(h.l.reasons(), "delegation.revoke:code_expire") {
		t.Errorf("code at 60 s = %+v, %s", tk, h.l.reasons())
	}
	code, _ = h.browser().code(serviceRequest())
	tk, _ = h.token(serviceForm(code), basic("service", url.QueryEscape(secret)))
	h.later(4 * time.Minute)
	if resp := h.userinfo(tk.Access); tk.ExpiresIn != 300 || resp.status != 200 {
		t.Errorf("standard token at 4 min = %+v", resp)
	}
}
