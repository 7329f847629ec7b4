package provider_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestRevocation is RFC 7009.
func TestRevocation(t *testing.T) {
	r := newHouse(t).rp("suite-post")
	l := r.login(r.request())
	as := func(id string, token string) response {
		return r.b.post("/revoke", url.Values{"token": {token}, "client_id": {id}, "client_secret": {secret}, "token_type_hint": {"access_token"}})
	}
	if resp := as("hub", l.Access); resp.status != 400 || r.userinfo(l.Access).status != 200 {
		t.Errorf("another client's token = %+v", resp)
	}
	if resp := as("suite-post", "inconnu"); resp.status != 200 {
		t.Errorf("a token that nobody has = %+v", resp)
	}
	for range 2 {
		if resp := as("suite-post", l.Access); resp.status != 200 || r.userinfo(l.Access).status != 401 {
			t.Errorf("revocation = %+v", resp)
		}
	}
	if n := strings.Count(r.l.reasons(), "delegation.revoke:jeton_rendu"); n != 1 {
		t.Errorf("%d entries: %s", n, r.l.reasons())
	}
	if resp := r.b.post("/revoke", url.Values{"token": {l.Access}, "client_id": {"suite-post"}, "client_secret": {"wrong"}}); resp.status != 401 {
		t.Errorf("without the secret = %+v", resp)
	}
	r.refusedSilently("after a revocation")
}

// TestIntrospection is RFC 7662: only for a resource server, only of the clients
// it serves, and never of what no longer stands.
func TestIntrospection(t *testing.T) {
	h := newHouse(t)
	r, other := h.rp("suite"), h.rp("suite-post")
	l, foreign := r.login(r.request()), other.login(other.request())
	ask := func(id, token string) (map[string]any, int) {
		resp := r.b.post("/introspect", url.Values{"token": {token}, "client_id": {id}, "client_secret": {secret}})
		var info map[string]any
		if err := json.Unmarshal([]byte(resp.body), &info); err != nil {
			t.Fatal(resp)
		}
		return info, resp.status
	}
	info, status := ask("ressource", l.Access)
	if status != 200 || info["active"] != true || info["client_id"] != "suite" || info["scope"] != "openid" || info["sub"] != pseudonym("sub", "ressource", "u1") ||
		info["token_type"] != "Bearer" || info["act"] == nil || info["auth_time"] != l.claims["auth_time"] {
		t.Errorf("info = %v", info)
	}
	for name, token := range map[string]string{"unknown": "x", "another client's": foreign.Access} {
		if info, _ := ask("ressource", token); len(info) != 1 || info["active"] != false {
			t.Errorf("%s = %v", name, info)
		}
	}
	if info, status := ask("suite-post", l.Access); status != 403 || info["active"] != nil {
		t.Errorf("by a client that is no resource server = %d %v", status, info)
	}
	if n := strings.Count(h.l.reasons(), "delegation.introspect:"); n != 1 {
		t.Errorf("%d entries: %s", n, h.l.reasons())
	}
	h.stopAll(false)
	if info, _ := ask("ressource", l.Access); info["active"] != false {
		t.Errorf("a revoked token = %v", info)
	}
}
