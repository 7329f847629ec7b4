package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"relais/internal/provider"
)

func TestGuard10Discovery(t *testing.T) {
	h := newHouse(t)
	resp := h.browser().get("/.well-known/openid-configuration")
	var doc map[string]any
	if err := json.Unmarshal([]byte(resp.body), &doc); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"issuer": h.url, "authorization_endpoint": h.url + "/authorize", "token_endpoint": h.url + "/token",
		"userinfo_endpoint": h.url + "/userinfo", "jwks_uri": h.url + "/jwks", "end_session_endpoint": h.url + "/session/end",
	} {
		if doc[name] != want {
			t.Errorf("%s = %v", name, doc[name])
		}
	}
	for name := range doc {
		for _, off := range []string{"backchannel", "frontchannel", "registration", "check_session", "device"} {
			if strings.Contains(name, off) {
				t.Errorf("announced but off: %s", name)
			}
		}
	}
	if doc["request_parameter_supported"] != false || doc["request_uri_parameter_supported"] != false {
		t.Error("request objects announced")
	}
	for _, path := range []string{"/register", "/authorize/x", "/logout"} {
		if got := h.browser().post(path, url.Values{}); got.status != http.StatusNotFound {
			t.Errorf("POST %s = %d", path, got.status)
		}
	}
}

// TestNobodyAsks: without a client that may ask them, the questions about tokens
// and mandats are not announced, and nobody gets an answer.
func TestNobodyAsks(t *testing.T) {
	h := newHouse(t, func(o *provider.Options) {
		o.Clients = slices.DeleteFunc(o.Clients, func(c provider.Client) bool { return len(c.Reads) > 0 || c.Asks })
		o.Inspector, o.Standing = nil, nil
	})
	for _, word := range []string{"introspect", "verification"} {
		if doc := h.browser().get("/.well-known/openid-configuration"); doc.status != 200 || strings.Contains(doc.body, word) {
			t.Errorf("%s announced: %s", word, doc.body)
		}
	}
	r := h.rp("suite-post")
	own := r.login(r.request())
	for _, path := range []string{"/introspect", "/mandat/verification"} {
		form := url.Values{"token": {own.Access}, "mandat": {"BCDF3467GHJK"}, "siret": {"12345678200010"}, "domaine": {"social"}}
		for who, c := range map[string]struct {
			id, secret string
			status     int
		}{
			"the token's client": {"suite-post", secret, 403}, "a hub": {"hub", secret, 403},
			"a wrong secret": {"suite-post", "faux", 401}, "an unknown client": {"ressource", secret, 401}, "nobody": {"", "", 401},
		} {
			resp := h.browser().post(path, with(form, "client_id", c.id, "client_secret", c.secret))
			if resp.status != c.status || !strings.Contains(resp.body, `"error":"`) || strings.Contains(resp.body, "active") || strings.Contains(resp.body, "allowed") {
				t.Errorf("%s by %s = %+v", path, who, resp)
			}
		}
		if resp := h.browser().get(path + "?" + form.Encode()); resp.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s = %d", path, resp.status)
		}
	}
	if len(h.asked) != 0 || h.l.count("Inspect") != 0 {
		t.Errorf("asked = %v", h.asked)
	}
}

// TestDiscoveryOfAReader: with such a client both are announced.
func TestDiscoveryOfAReader(t *testing.T) {
	h := newHouse(t)
	var doc map[string]any
	if err := json.Unmarshal([]byte(h.browser().get("/.well-known/openid-configuration").body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["introspection_endpoint"] != h.url+"/introspect" || doc["relais_mandat_verification_endpoint"] != h.url+"/mandat/verification" {
		t.Errorf("%v, %v", doc["introspection_endpoint"], doc["relais_mandat_verification_endpoint"])
	}
}

func TestGuard15PerClient(t *testing.T) {
	h := newHouse(t)
	h.fails(hubRequest("nonce", ""), "invalid_request")
	h.fails(hubRequest("state", ""), "invalid_request")
	h.fails(hubRequest("state", "a-b"), "invalid_request")
	h.fails(hubRequest("nonce", "é"), "invalid_request")
	h.fails(serviceRequest("code_challenge", "", "code_challenge_method", ""), "invalid_request")
	h.fails(serviceRequest("code_challenge_method", "plain"), "invalid_request")
	h.fails(serviceRequest("code_challenge_method", ""), "invalid_request")
	h.fails(serviceRequest("code_challenge", "court"), "invalid_request")
	h.fails(hubRequest("code_challenge_method", "S256"), "invalid_request")
	h.browser().begin(hubRequest())                                 // no PKCE for the hub
	h.browser().begin(serviceRequest("nonce", "", "state", ""))     // no nonce needed elsewhere
	h.browser().begin(serviceRequest("state", "a-b_c.d~ !\"'<>&=")) // any visible ASCII is echoed
	for _, verifier := range []string{"", strings.Repeat("a", 43), "court"} {
		code, _ := h.browser().code(serviceRequest())
		if tk, _ := h.token(with(serviceForm(code), "code_verifier", verifier), basic("service", url.QueryEscape(secret))); tk.Error != "invalid_grant" {
			t.Errorf("verifier %q = %+v", verifier, tk)
		}
	}
}

// TestGuard15HS256: two hubs with secrets of their own, neither published.
func TestGuard15HS256(t *testing.T) {
	h := newHouse(t)
	for _, c := range clients()[1:3] {
		code, _ := h.browser().code(hubRequest("client_id", c.ID))
		tk, resp := h.token(hubForm(code, "client_id", c.ID, "client_secret", c.Secret))
		if resp.status != 200 {
			t.Fatalf("%s: %+v", c.ID, resp)
		}
		if claims := signed(t, tk.IDToken, "HS256", []byte(c.Secret)); claims["aud"] != c.ID || claims["sub"] != pseudonym("sub", c.ID, "u1") {
			t.Errorf("%s: %v", c.ID, claims)
		}
		if claims := signed(t, h.userinfo(tk.Access).body, "HS256", []byte(c.Secret)); claims["family_name"] != "Le Goff" {
			t.Errorf("%s: %v", c.ID, claims)
		}
	}
	jwks := h.browser().get("/jwks").body
	for _, leak := range []string{`"oct"`, `"k":`, `"d":`, `"p":`, "HS256"} {
		if strings.Contains(jwks, leak) {
			t.Errorf("/jwks holds %s", leak)
		}
	}
	if keys := h.published(); len(keys.Keys) != 2 {
		t.Errorf("%d keys published", len(keys.Keys))
	}
}

func TestGuard17Claims(t *testing.T) {
	h := newHouse(t)
	for _, bad := range []string{"x", "null", "[]", `"a"`, "1", "{", `{"id_token":[]}`, `{"id_token":{"rep_scope":{"values":"Logement"}}}`,
		`{"id_token":{"rep_scope":{"values":[1]}}}`, `{"id_token":{"rep_scope":{"value":1}}}`, `{"id_token":{"rep_scope":true}}`,
		`{"id_token":{"rep_scope":{"essential":"yes"}}}`, `{"userinfo":"x"}`, `{} {}`, `{"id_token":{"a":{"value":"` + strings.Repeat("x", 5000) + `"}}}`} {
		h.fails(hubRequest("claims", bad), "invalid_request")
	}
	empty := hubRequest()
	empty.Set("claims", "")
	h.fails(empty, "invalid_request")
	for _, good := range []string{"{}", `{"id_token":null}`, `{"id_token":{"acr":null},"autre":1}`, ` {"userinfo":{"email":{"essential":true}}}`} {
		h.browser().begin(hubRequest("claims", good))
	}
	h.fails(hubRequest("claims", `{"id_token":{"acr":{"essential":true,"values":["eidas3"]}}}`), "unmet_authentication_requirements")
}

func TestGuard19Unknown(t *testing.T) {
	h := newHouse(t)
	for _, v := range []url.Values{
		hubRequest("acr_values", "eidas4 urn:x"), hubRequest("acr_values", "eidas2 eidas3"), hubRequest("scope", "openid phone address inconnu"),
		hubRequest("inconnu", "x"), hubRequest("display", "popup"), hubRequest("ui_locales", "de"), hubRequest("login_hint", "x"),
		hubRequest("id_token_hint", "x"), hubRequest("max_age", "1"), hubRequest("sp_id", "x"), hubRequest("prompt", "consent"),
	} {
		h.browser().begin(v)
	}
	h.fails(hubRequest("scope", "profile"), "invalid_scope")
	h.fails(hubRequest("scope", ""), "invalid_scope")
	h.fails(hubRequest("prompt", "none"), "login_required")
	h.fails(hubRequest("prompt", "none login"), "invalid_request")
	h.fails(hubRequest("max_age", "-1"), "invalid_request")
	h.fails(hubRequest("response_type", ""), "invalid_request")
	h.fails(hubRequest("response_type", "code id_token"), "unsupported_response_type")
	h.fails(hubRequest("response_type", "token"), "unsupported_response_type")
	h.fails(hubRequest("request", "e30."), "request_not_supported")
	h.fails(hubRequest("request_uri", "https://x.example/r"), "request_uri_not_supported")
	h.fails(hubRequest("registration", "{}"), "registration_not_supported")
}

func TestGuard23FormPost(t *testing.T) {
	h := newHouse(t)
	for _, mode := range []string{"form_post", "fragment", "query.jwt", "json", "x"} {
		h.fails(hubRequest("response_mode", mode), "invalid_request")
	}
	h.browser().begin(hubRequest("response_mode", "query"))
}

// TestErrorPage: what is told to people is French, names nothing of the request.
func TestErrorPage(t *testing.T) {
	var seen []string
	h := newHouse(t, func(o *provider.Options) {
		o.ErrorPage = func(w http.ResponseWriter, _ *http.Request, status int, title, text string) {
			seen = append(seen, title+" "+text)
			w.WriteHeader(status)
		}
	})
	h.browser().get("/authorize?client_id=%3Cscript%3E&redirect_uri=x")
	h.browser().get("/authorize?%zz")
	h.browser().get("/authorize?" + strings.Repeat("a", 40<<10))
	if len(seen) != 3 || slices.ContainsFunc(seen, func(s string) bool {
		return strings.Contains(s, "script") || !strings.Contains(s, "Relais") && !strings.Contains(s, "illisible")
	}) {
		t.Errorf("pages = %q", seen)
	}
}

func TestNewRefuses(t *testing.T) {
	h := newHouse(t)
	for name, change := range map[string]func(*provider.Options){
		"issuer with a slash": func(o *provider.Options) { o.Issuer += "/" },
		"issuer with a path":  func(o *provider.Options) { o.Issuer += "/op" },
		"no ledger":           func(o *provider.Options) { o.Ledger = nil },
		"same client twice":   func(o *provider.Options) { o.Clients = append(o.Clients, o.Clients[0]) },
		"short secret":        func(o *provider.Options) { o.Clients[0].Secret = "court" },
		"alg none":            func(o *provider.Options) { o.Clients[0].IDTokenAlg = "none" },
		"fragment":            func(o *provider.Options) { o.Clients[0].RedirectURIs = []string{"https://a.example/#x"} },
		"unknown profile":     func(o *provider.Options) { o.Clients[0].Profile = "" },
		"encrypted unsigned": func(o *provider.Options) {
			o.Clients[3].UserinfoKeyAlg, o.Clients[3].UserinfoEnc = "ECDH-ES", "A256GCM"
		},
		"private key, no keys": func(o *provider.Options) { o.Clients[0].AuthMethod = "private_key_jwt" },
	} {
		o := provider.Options{Issuer: h.url, Clients: clients(), Keys: testKeys, Ledger: h.l, Recorder: h.l, Sealer: newSealer(t),
			Pseudonym: pseudonym, ChoosePath: func(string) string { return "/" }}
		change(&o)
		_, err := provider.New(o)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s = %v", name, err)
		}
	}
}

// FuzzAuthorize: no query makes the gate panic or send the browser elsewhere.
func FuzzAuthorize(f *testing.F) {
	h := newHouse(f)
	for _, v := range []url.Values{hubRequest(), serviceRequest(), hubRequest("claims", "{"), hubRequest("prompt", "none"), {}} {
		f.Add(v.Encode())
	}
	f.Add("client_id=hub&redirect_uri=http://127.0.0.1:8082/api/v2/oidc-callback&response_type=code&scope=openid&state=\x00&nonce=;")
	handler := h.p.Handler()
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		to := w.Header().Get("Location")
		ok := w.Code == http.StatusBadRequest && to == "" || w.Code == http.StatusSeeOther &&
			(strings.HasPrefix(to, "/agir/") || strings.HasPrefix(to, "http://127.0.0.1:8082/api/v2/oidc-callback?") || strings.HasPrefix(to, "https://service.example/cb?"))
		if !ok {
			t.Errorf("%q = %d %s", query, w.Code, to)
		}
	})
}

// FuzzClaims: claims either stop the request or keep their perimeter.
func FuzzClaims(f *testing.F) {
	h := newHouse(f)
	for _, s := range []string{"{}", "null", `{"id_token":{"rep_scope":{"values":["Logement"]}}}`, `{"id_token":{"rep_scope":{"value":"social","values":null}}}`, `{"ID_TOKEN":{"rep_scope":{"values":[1]}}}`} {
		f.Add(s)
	}
	handler := h.p.Handler()
	f.Fuzz(func(t *testing.T, claims string) {
		r := httptest.NewRequest(http.MethodGet, "/authorize?"+hubRequest("claims", claims).Encode(), nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		id, begun := strings.CutPrefix(w.Header().Get("Location"), "/agir/")
		if !begun {
			return
		}
		next := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range w.Result().Cookies() {
			next.AddCookie(c)
		}
		req, err := h.p.Pending(next, id)
		if err != nil {
			t.Fatalf("%q: %v", claims, err)
		}
		var asked struct {
			IDToken map[string]struct{ Values []string } `json:"id_token"`
		}
		if claims != "" && json.Unmarshal([]byte(claims), &asked) != nil {
			t.Errorf("%q went on", claims)
		}
		if want := asked.IDToken["rep_scope"].Values; len(want) > 0 && len(req.RepScopes) < len(want) {
			t.Errorf("%q lost its perimeter: %v", claims, req.RepScopes)
		}
	})
}
