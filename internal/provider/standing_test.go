package provider_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"
)

// TestMandatVerification: yes or no, to a service that may ask, without why.
func TestMandatVerification(t *testing.T) {
	h := newHouse(t)
	ask := func(change ...string) (map[string]any, response) {
		form := with(url.Values{"client_id": {"ressource"}, "client_secret": {secret}, "mandat": {"BCDF 3467 GHJK"}, "siret": {"12345678200010"}, "domaine": {"social"}}, change...)
		resp := h.browser().post("/mandat/verification", form)
		var out map[string]any
		if err := json.Unmarshal([]byte(resp.body), &out); err != nil {
			t.Fatal(resp)
		}
		return out, resp
	}
	out, resp := ask()
	until, _ := out["until"].(float64)
	if resp.status != 200 || out["allowed"] != true || int64(until) != h.choice.Mandat.EndsAt.Unix() || resp.header.Get("Cache-Control") != "no-store" {
		t.Errorf("answer = %+v", resp)
	}
	if !slices.Equal(h.asked, []string{"BCDF3467GHJK 12345678200010 social ressource"}) {
		t.Errorf("asked = %v", h.asked)
	}
	if out, _ := ask("domaine", "Social-Santé"); out["allowed"] != true {
		t.Errorf("in FranceConnect's words = %v", out)
	}
	for name, change := range map[string][]string{"another domaine": {"domaine", "loisirs"}, "another structure": {"siret", "99999999900010"}, "unknown mandat": {"mandat", "GHJK3467BCDF"}} {
		if out, resp := ask(change...); resp.status != 200 || out["allowed"] != false || len(out) != 2 {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	for name, c := range map[string]struct {
		change []string
		status int
	}{
		"no mandat": {[]string{"mandat", ""}, 400}, "an identity": {[]string{"mandat", "Jeanne Le Goff"}, 400}, "no domaine": {[]string{"domaine", ""}, 400},
		"a short siret": {[]string{"siret", "123"}, 400}, "a wrong secret": {[]string{"client_secret", "faux"}, 401}, "another client": {[]string{"client_id", "suite-post"}, 403},
	} {
		before := len(h.asked)
		if out, resp := ask(c.change...); resp.status != c.status || out["allowed"] != nil || len(h.asked) != before {
			t.Errorf("%s = %+v", name, resp)
		}
	}
	h.wait = 1500 * time.Millisecond
	if out, resp := ask(); resp.status != 429 || resp.header.Get("Retry-After") != "2" || out["allowed"] != nil {
		t.Errorf("too often = %+v", resp)
	}
}
