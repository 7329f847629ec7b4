package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/provider"
)

func TestStrictPAR(t *testing.T) {
	s := newStrict(t)
	s.fails(strictRequest(), "invalid_request") // brought by the browser
	for name, c := range map[string]struct {
		v    url.Values
		want string
	}{
		"request_uri inside": {strictRequest("request_uri", "urn:x"), "invalid_request"},
		"no redirect_uri":    {strictRequest("redirect_uri", ""), "invalid_request"},
		"other redirect_uri": {strictRequest("redirect_uri", "https://evil.example/"), "invalid_request"},
		"no PKCE":            {strictRequest("code_challenge", "", "code_challenge_method", ""), "invalid_request"},
		"plain PKCE":         {strictRequest("code_challenge_method", "plain"), "invalid_request"},
		"token":              {strictRequest("response_type", "token"), "unsupported_response_type"},
		"hybrid":             {strictRequest("response_type", "code id_token"), "unsupported_response_type"},
		"no openid":          {strictRequest("scope", "profile"), "invalid_scope"},
		"request object":     {strictRequest("request", "e30."), "request_not_supported"},
		"bad claims":         {strictRequest("claims", "{"), "invalid_request"},
		"another client":     {strictRequest("client_id", "suite"), "invalid_client"},
	} {
		if _, resp := s.push(c.v); resp.status < 400 || !strings.Contains(resp.body, `"`+c.want+`"`) {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	if resp := s.house.browser().get("/par"); resp.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /par = %+v", resp)
	}
	long := strings.Repeat("s", 900)
	name, _ := s.push(strictRequest("state", long, "nonce", long))
	other := rp{s.house, s.b, "suite"}
	if resp := s.b.get("/authorize?" + url.Values{"client_id": {other.id}, "request_uri": {name}}.Encode()); resp.status != 400 || resp.header.Get("Location") != "" {
		t.Errorf("another client's = %+v", resp)
	}
	if resp := s.bring(name); resp.status != 303 || !strings.HasPrefix(resp.header.Get("Location"), "/agir/") {
		t.Errorf("long state and nonce = %+v", resp)
	}
	name, _ = s.push(strictRequest())
	if resp := s.b.post("/authorize", url.Values{"client_id": {"fort"}, "request_uri": {name}}); resp.status != 303 || !strings.HasPrefix(s.b.get(resp.header.Get("Location")).header.Get("Location"), "/agir/") {
		t.Errorf("by POST = %+v", resp)
	}
	name, _ = s.push(strictRequest())
	s.later(2 * time.Minute)
	if resp := s.bring(name); resp.status != 400 {
		t.Errorf("after two minutes = %+v", resp)
	}
}

// brokenShared fails where a request is taken.
type brokenShared struct{}

func (brokenShared) UseOnce(context.Context, string, time.Time) (bool, error)      { return true, nil }
func (brokenShared) Push(context.Context, string, string, string, time.Time) error { return nil }
func (brokenShared) Pushed(context.Context, string, string) (string, error) {
	return "", errors.New("base fermée")
}
func (brokenShared) DropPushed(context.Context, string, string) error { return nil }

// TestPushedNotRead: a store that fails is our fault and not the service's, and
// says nothing of itself.
func TestPushedNotRead(t *testing.T) {
	r := newHouse(t, func(o *provider.Options) { o.Shared = brokenShared{} }).rp("suite")
	resp := r.b.get("/authorize?" + url.Values{"client_id": {"suite"}, "request_uri": {"urn:ietf:params:oauth:request_uri:X"}}.Encode())
	if resp.status != http.StatusInternalServerError || resp.header.Get("Location") != "" || strings.Contains(resp.body, "base") || !strings.Contains(resp.body, "Rien n’a été transmis") {
		t.Errorf("a store that fails = %+v", resp)
	}
	r = newHouse(t).rp("suite")
	if resp := r.b.get("/authorize?" + url.Values{"client_id": {"suite"}, "request_uri": {"urn:ietf:params:oauth:request_uri:X"}}.Encode()); resp.status != 400 {
		t.Errorf("a request that nobody pushed = %+v", resp)
	}
}

// TestPushedByAll: a standard client may push too, with its secret.
func TestPushedByAll(t *testing.T) {
	r := newHouse(t).rp("suite")
	resp := r.b.post("/par", r.request(), basic("suite", url.QueryEscape(secret)))
	var pushed struct {
		Name string `json:"request_uri"`
	}
	if resp.status != 201 || json.Unmarshal([]byte(resp.body), &pushed) != nil {
		t.Fatalf("par = %+v", resp)
	}
	back, id := r.send(url.Values{"client_id": {"suite"}, "request_uri": {pushed.Name}})
	r.finish(r.request(), back, id)
	if resp := r.b.post("/par", r.request()); resp.status != 401 {
		t.Errorf("without authentication = %+v", resp)
	}
}
