package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// rp is a relying party as the conformance suite plays it: no PKCE, RS256, plain
// userinfo, in one browser, with its aidant at hand.
type rp struct {
	*house
	b  browser
	id string
}

func (h *house) rp(id string) rp { return rp{h, h.browser(), id} }

const suiteBack = "https://suite.example/cb"

// request is the suite's plainest authorization request.
func (r rp) request(change ...string) url.Values {
	return with(url.Values{
		"client_id": {r.id}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {suiteBack},
		"state": {"st-_~ 1"}, "nonce": {"nonce-1"},
	}, change...)
}

// send sends the browser to /authorize and returns the way back to the client,
// nil when the aidant is asked instead, with the request's id.
func (r rp) send(v url.Values) (back url.Values, id string) {
	r.t.Helper()
	return r.arrived(r.b.get("/authorize?" + v.Encode()))
}

func (r rp) arrived(resp response) (back url.Values, id string) {
	r.t.Helper()
	to := resp.header.Get("Location")
	if resp.status != http.StatusSeeOther {
		r.t.Fatalf("authorize = %d %s", resp.status, resp.body)
	}
	if id, ok := strings.CutPrefix(to, "/agir/"); ok {
		return nil, id
	}
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, suiteBack+"?") {
		r.t.Fatalf("authorize leads to %s", to)
	}
	return u.Query(), ""
}

// choose lets the aidant choose, and returns the way back.
func (r rp) choose(id string) url.Values {
	r.t.Helper()
	resp := r.b.post("/agir/"+id, nil)
	u, err := url.Parse(resp.body)
	if resp.status != http.StatusOK || err != nil {
		r.t.Fatalf("choose = %d %s", resp.status, resp.body)
	}
	return u.Query()
}

// redeem authenticates the client by its registered method.
func (r rp) redeem(code string) (tokens, response) {
	r.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {suiteBack}}
	if r.id == "suite-post" {
		return r.token(with(form, "client_id", r.id, "client_secret", secret))
	}
	return r.token(form, basic(r.id, url.QueryEscape(secret)))
}

// session is one completed login.
type login struct {
	tokens
	code   string
	claims map[string]any // of the id_token, verified by another library
	info   map[string]any
	asked  bool // the aidant was asked
}

// login runs the whole flow, with the page of the choice where there is one.
func (r rp) login(v url.Values) login {
	r.t.Helper()
	back, id := r.send(v)
	return r.finish(v, back, id)
}

func (r rp) finish(v, back url.Values, id string) login {
	r.t.Helper()
	if back == nil {
		back = r.choose(id)
	}
	if back.Get("state") != v.Get("state") || back.Get("iss") != r.url || back.Get("error") != "" {
		r.t.Fatalf("way back = %v", back)
	}
	tk, resp := r.redeem(back.Get("code"))
	if resp.status != 200 || resp.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(resp.header.Get("Content-Type"), "application/json") {
		r.t.Fatalf("token = %+v", resp)
	}
	l := login{tokens: tk, code: back.Get("code"), claims: r.idToken(tk.IDToken, r.id), asked: id != ""}
	got := r.userinfo(tk.Access)
	if got.status != 200 || json.Unmarshal([]byte(got.body), &l.info) != nil || l.info["sub"] != l.claims["sub"] {
		r.t.Fatalf("userinfo = %+v", got)
	}
	if v.Get("nonce") != "" && l.claims["nonce"] != v.Get("nonce") {
		r.t.Errorf("nonce = %v", l.claims["nonce"])
	}
	return l
}
