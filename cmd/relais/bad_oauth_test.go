package main

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
)

// TestBadAuthorize alters the hub's request to Relais, by GET and by POST.
// error "" means a page and no redirect, since nobody may be told.
func TestBadAuthorize(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h := w.rawHub()
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	add := func(name, value string) func(url.Values) { return func(q url.Values) { q.Add(name, value) } }
	del := func(name string) func(url.Values) { return func(q url.Values) { q.Del(name) } }
	for name, c := range map[string]struct {
		change func(url.Values)
		want   string
	}{
		"no client":                 {del("client_id"), ""},
		"unknown client":            {set("client_id", "quelqu-un"), ""},
		"client twice":              {add("client_id", w.d.conf.HubAtRelais.ID), ""},
		"no redirect_uri":           {del("redirect_uri"), ""},
		"another redirect_uri":      {set("redirect_uri", "https://evil.example/cb"), ""},
		"redirect_uri with a slash": {set("redirect_uri", h.back()+"/"), ""},
		"redirect_uri in capitals":  {set("redirect_uri", strings.Replace(h.back(), "http:", "HTTP:", 1)), ""},
		"redirect_uri and fragment": {set("redirect_uri", h.back()+"#"), ""},
		"redirect_uri and query":    {set("redirect_uri", h.back()+"?a=b"), ""},
		"redirect_uri with user":    {set("redirect_uri", strings.Replace(h.back(), "http://", "http://a@", 1)), ""},
		"redirect_uri twice":        {add("redirect_uri", h.back()), ""},
		"scope twice":               {add("scope", "openid"), "invalid_request"},
		"state twice":               {add("state", h.state), "invalid_request"},
		"unknown twice":             {func(q url.Values) { q["inconnu"] = []string{"a", "b"} }, "invalid_request"},
		"no state":                  {del("state"), "invalid_request"},
		"empty state":               {set("state", ""), "invalid_request"},
		"no nonce":                  {del("nonce"), "invalid_request"},
		"nonce with markup":         {set("nonce", "<b>"), "invalid_request"},
		"nonce with a blank":        {set("nonce", "a b"), "invalid_request"},
		"a control character":       {set("ui_locales", "fr\x00"), "invalid_request"},
		"an override":               {set("display", "\u202e"), "invalid_request"},
		"no response_type":          {del("response_type"), "invalid_request"},
		"token":                     {set("response_type", "token"), "unsupported_response_type"},
		"hybrid":                    {set("response_type", "code id_token"), "unsupported_response_type"},
		"fragment mode":             {set("response_mode", "fragment"), "invalid_request"},
		"form_post mode":            {set("response_mode", "form_post"), "invalid_request"},
		"no scope":                  {del("scope"), "invalid_scope"},
		"scope without openid":      {set("scope", "profile email"), "invalid_scope"},
		"claims not JSON":           {set("claims", "{id_token"), "invalid_request"},
		"claims empty":              {set("claims", ""), "invalid_request"},
		"claims a list":             {set("claims", "[]"), "invalid_request"},
		"claims a word":             {set("claims", `"rep_scope"`), "invalid_request"},
		"claims of another type":    {set("claims", `{"id_token":{"rep_scope":{"values":[1]}}}`), "invalid_request"},
		"claims a string perimeter": {set("claims", `{"id_token":{"rep_scope":{"values":"Logement"}}}`), "invalid_request"},
		"claims a tail":             {set("claims", `{} {}`), "invalid_request"},
		"claims a higher level":     {set("claims", `{"id_token":{"acr":{"essential":true,"value":"eidas3"}}}`), "unmet_authentication_requirements"},
		"prompt none":               {set("prompt", "none"), "login_required"},
		"prompt none and login":     {set("prompt", "none login"), "invalid_request"},
		"max_age of words":          {set("max_age", "dix"), "invalid_request"},
		"plain challenge": {func(q url.Values) {
			q.Set("code_challenge", strings.Repeat("a", 43))
			q.Set("code_challenge_method", "plain")
		}, "invalid_request"},
		"challenge without method": {set("code_challenge", strings.Repeat("a", 43)), "invalid_request"},
		"request object":           {set("request", "e30."), "request_not_supported"},
		"request_uri":              {set("request_uri", "https://evil.example/r"), "request_uri_not_supported"},
		"registration":             {set("registration", "{}"), "registration_not_supported"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" "+method, func(t *testing.T) {
				w := w.in(t)
				q := h.query()
				c.change(q)
				w.harmless(func() { w.mustRefuseAuthorize(method, q, c.want) })
			})
		}
	}
}

func (w *world) mustRefuseAuthorize(method string, q url.Values, want string) {
	w.t.Helper()
	path, body := "/authorize?"+q.Encode(), ""
	if method == http.MethodPost {
		path, body = "/authorize", q.Encode()
	}
	a := w.send(nil, method, path, body, http.Header{"Sec-Fetch-Site": {"cross-site"}})
	to := a.header.Get("Location")
	if want == "" {
		if a.status != http.StatusBadRequest || to != "" || !strings.Contains(a.body, "Connexion impossible") {
			w.t.Errorf("status %d, Location %q", a.status, to)
		}
		return
	}
	u, err := url.Parse(to)
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(to, w.rawHub().back()+"?") {
		w.t.Fatalf("status %d, Location %q", a.status, to)
	}
	got := u.Query()
	if got.Get("error") != want || got.Get("iss") != w.relais || got.Has("code") {
		w.t.Errorf("error %q, iss %q", got.Get("error"), got.Get("iss"))
	}
	if sent := q["state"]; len(sent) == 1 && got.Get("state") != sent[0] {
		w.t.Errorf("state %q came back as %q", sent[0], got.Get("state"))
	}
}

// TestStrangeAuthorize is what a hub may send without harm: unknown parameters,
// scopes and levels are ignored (OpenID Connect Core §3.1.2.1); too much is not.
func TestStrangeAuthorize(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h := w.rawHub()
	nadia := w.agent("nadia")
	q := h.query()
	q.Set("inconnu", "x")
	q.Set("scope", "openid inconnu email birth profile")
	q.Set("acr_values", "niveau-inconnu")
	w.harmless(func() { nadia.Open(w.url("/authorize", q)).MustBeAt("/agir/").MustSee("Pour qui agissez-vous") })
	w.harmless(func() {
		nadia.Post(w.relais+"/authorize", h.query()).MustBeAt("/agir/").MustSee("Pour qui agissez-vous")
	})
	for name, a := range map[string]answer{
		"a long address":  w.send(nil, http.MethodGet, "/authorize?"+q.Encode()+"&long="+strings.Repeat("a", 40<<10), "", nil),
		"a longer one":    w.send(nil, http.MethodGet, "/authorize?long="+strings.Repeat("a", 100<<10), "", nil),
		"a long body":     w.send(nil, http.MethodPost, "/authorize", q.Encode()+"&long="+strings.Repeat("a", 300<<10), nil),
		"JSON":            w.send(nil, http.MethodPost, "/authorize", "{}", http.Header{"Content-Type": {"application/json"}}),
		"a broken escape": w.send(nil, http.MethodGet, "/authorize?client_id=%zz", "", nil),
	} {
		if a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	long := h.query()
	long.Set("state", strings.Repeat("5", 5000))
	a := w.send(nil, http.MethodGet, "/authorize?"+long.Encode(), "", nil)
	if to := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.Contains(to, "error=invalid_request") {
		t.Errorf("a state too long to be kept: %d %.80s", a.status, to)
	}
}

// TestBadToken alters the redemption of a good code, which stays good until a
// right client spends it.
func TestBadToken(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	basic := func(id, secret string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}}
	}
	id := w.d.conf.HubAtRelais.ID
	for name, c := range map[string]struct {
		change func(url.Values)
		header http.Header
		status int
		want   string
	}{
		"no secret":             {func(f url.Values) { f.Del("client_secret") }, nil, 401, "invalid_client"},
		"wrong secret":          {func(f url.Values) { f.Set("client_secret", "x"+f.Get("client_secret")[1:]) }, nil, 401, "invalid_client"},
		"longer secret":         {func(f url.Values) { f.Set("client_secret", f.Get("client_secret")+"x") }, nil, 401, "invalid_client"},
		"unknown client":        {func(f url.Values) { f.Set("client_id", "autre") }, nil, 401, "invalid_client"},
		"no client":             {func(f url.Values) { f.Del("client_id"); f.Del("client_secret") }, nil, 401, "invalid_client"},
		"Basic, wrong secret":   {func(f url.Values) { f.Del("client_secret") }, basic(id, "faux"), 401, "invalid_client"},
		"both methods":          {func(url.Values) {}, basic(id, w.d.conf.HubAtRelais.Secret), 400, "invalid_request"},
		"no grant_type":         {func(f url.Values) { f.Del("grant_type") }, nil, 400, "invalid_request"},
		"password grant":        {func(f url.Values) { f.Set("grant_type", "password") }, nil, 400, "unsupported_grant_type"},
		"refresh grant":         {func(f url.Values) { f.Set("grant_type", "refresh_token") }, nil, 400, "unsupported_grant_type"},
		"client credentials":    {func(f url.Values) { f.Set("grant_type", "client_credentials") }, nil, 400, "unsupported_grant_type"},
		"no code":               {func(f url.Values) { f.Del("code") }, nil, 400, "invalid_request"},
		"unknown code":          {func(f url.Values) { f.Set("code", "inconnu") }, nil, 400, "invalid_grant"},
		"code twice":            {func(f url.Values) { f.Add("code", f.Get("code")) }, nil, 400, "invalid_request"},
		"secret twice":          {func(f url.Values) { f.Add("client_secret", "x") }, nil, 400, "invalid_request"},
		"a body that is JSON":   {func(url.Values) {}, http.Header{"Content-Type": {"application/json"}}, 400, "invalid_request"},
		"a code of 10 kB":       {func(f url.Values) { f.Set("code", strings.Repeat("a", 10<<10)) }, nil, 400, "invalid_grant"},
		"a body of 300 kB":      {func(f url.Values) { f.Set("x", strings.Repeat("a", 300<<10)) }, nil, 400, "invalid_request"},
		"a code with a newline": {func(f url.Values) { f.Set("code", "a\r\nb") }, nil, 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			form := h.form("x")
			c.change(form)
			w.harmless(func() {
				w.mustRefuse(w.send(nil, http.MethodPost, "/token", form.Encode(), c.header), c.status, c.want)
			})
		})
	}
	if a := w.send(nil, http.MethodGet, "/token?"+h.form("x").Encode(), "", nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /token: %d", a.status)
	}
	// With a real code: a client that does not prove itself takes nothing away.
	code := h.code(nadia, g.id, "logement")
	form := h.form(code)
	form.Set("client_secret", "faux")
	w.harmless(func() { w.mustRefuse(h.token(form), 401, "invalid_client") }, "delegation.deny/client_non_authentifie")
	access := h.access(code)
	if a := h.userinfo(access); a.status != http.StatusOK {
		t.Errorf("userinfo: %d", a.status)
	}
	// The right client with another redirect_uri, or a verifier that was never
	// announced, ends what the code belongs to (RFC 9700 §2.1.1, §4.8.2).
	for name, change := range map[string]func(url.Values){
		"another redirect_uri": func(f url.Values) { f.Set("redirect_uri", "https://evil.example/cb") },
		"no redirect_uri":      func(f url.Values) { f.Del("redirect_uri") },
		"an idle verifier":     func(f url.Values) { f.Set("code_verifier", strings.Repeat("a", 43)) },
	} {
		code := h.code(nadia, g.id, "logement")
		form := h.form(code)
		change(form)
		if a := h.token(form); a.status != http.StatusBadRequest || a.field("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, a.status, a.field("error"))
		}
		w.checkJournal()
	}
}

func (w *world) mustRefuse(a answer, status int, code string) {
	w.t.Helper()
	if a.status != status || a.field("error") != code {
		w.t.Errorf("%d %s, want %d %s", a.status, a.field("error"), status, code)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.field("access_token") != "" || a.field("id_token") != "" {
		w.t.Errorf("an error that may be kept, or with a token: %v", a.header)
	}
}

// TestBadUserinfo asks for an identity without a good token.
func TestBadUserinfo(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	code := h.code(nadia, g.id, "logement")
	access := h.access(code)
	bearer := func(s string) http.Header { return http.Header{"Authorization": {s}} }
	for name, c := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
	}{
		"no token":           {"GET", "/userinfo", "", nil, 401},
		"another scheme":     {"GET", "/userinfo", "", bearer("Basic " + access), 401},
		"a code":             {"GET", "/userinfo", "", bearer("Bearer " + code), 401},
		"an unknown token":   {"GET", "/userinfo", "", bearer("Bearer " + strings.Repeat("A", 26)), 401},
		"a cut token":        {"GET", "/userinfo", "", bearer("Bearer " + access[1:]), 401},
		"a token of 10 kB":   {"GET", "/userinfo", "", bearer("Bearer " + strings.Repeat("A", 10<<10)), 401},
		"in the address":     {"GET", "/userinfo?access_token=" + access, "", nil, 401},
		"twice":              {"POST", "/userinfo", "access_token=" + access, bearer("Bearer " + access), 400},
		"twice in the body":  {"POST", "/userinfo", "access_token=" + access + "&access_token=" + access, nil, 400},
		"two in one header":  {"GET", "/userinfo", "", bearer("Bearer " + access + ", Bearer " + access), 401},
		"a body that breaks": {"POST", "/userinfo", "access_token=%zz", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.harmless(func() {
				a := w.send(nil, c.method, c.path, c.body, c.header)
				if a.status != c.status || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") || strings.Contains(a.body, ".") {
					t.Errorf("%d %v %s", a.status, a.header, a.body)
				}
			})
		})
	}
	if a := h.userinfo(access); a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwt" {
		t.Errorf("the good token: %d %s", a.status, a.header.Get("Content-Type"))
	}
}
