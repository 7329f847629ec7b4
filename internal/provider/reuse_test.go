package provider_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/delegation"
	"relais/internal/mandat"
	"relais/internal/provider"
)

// refusedSilently expects login_required under prompt=none, and a page without it.
func (r rp) refusedSilently(name string) {
	r.t.Helper()
	if back, _ := r.send(r.request("prompt", "none")); back.Get("error") != "login_required" {
		r.t.Errorf("%s: prompt=none = %v", name, back)
	}
	if back, id := r.send(r.request()); back != nil || id == "" {
		r.t.Errorf("%s: answered without a page: %v", name, back)
	}
}

// TestReuse: a choice answers again for five minutes, and each answer counts.
func TestReuse(t *testing.T) {
	r := newHouse(t).rp("suite")
	r.login(r.request())
	for range 3 {
		r.later(time.Minute)
		if l := r.login(r.request()); l.asked {
			t.Error("asked again within the five minutes")
		}
	}
	if uses := strings.Count(r.l.reasons(), "delegation.use:"); uses != 3 || r.l.count("Use") != 4 {
		t.Errorf("%d entries of silent uses, %d logins", uses, r.l.count("Use"))
	}
	r.later(2*time.Minute + time.Second) // of the choice, not of its last use
	r.refusedSilently("five minutes after the choice")
}

// TestReuseChecksAgain: whatever changed since the choice stops the silent answer.
func TestReuseChecksAgain(t *testing.T) {
	for name, change := range map[string]func(*house){
		"mandat ended":      func(h *house) { h.choice.Mandat.State = mandat.Termine },
		"mandat suspended":  func(h *house) { h.choice.Mandat.State = mandat.Suspendu },
		"mandat past":       func(h *house) { h.choice.Mandat.EndsAt = h.now() },
		"domaine ended":     func(h *house) { h.choice.Mandat.Autorisations = h.choice.Mandat.Autorisations[1:] },
		"aidant not named":  func(h *house) { h.choice.Mandat.Colleagues = false },
		"other structure":   func(h *house) { h.choice.Mandat.OrganisationID = "o2" },
		"session gone":      func(h *house) { h.gone = true },
		"login interrupted": func(h *house) { h.stopAll(false) },
		"use ended":         func(h *house) { h.stopAll(true) },
	} {
		h := newHouse(t)
		r := h.rp("suite")
		r.login(r.request())
		change(h)
		r.refusedSilently(name)
	}
}

func (h *house) stopAll(ended bool) {
	for id := range h.l.logins {
		_ = h.l.Stop(h.t.Context(), id, delegation.Client("suite"), "essai", ended)
	}
}

// TestReuseIsTheClientsOwn: another client, another browser, another perimeter and
// a hub never get a choice that was not made for them.
func TestReuseIsTheClientsOwn(t *testing.T) {
	h := newHouse(t)
	r := h.rp("suite")
	r.login(r.request())
	other := rp{h, r.b, "suite-post"}
	other.refusedSilently("another client in the same browser")
	h.rp("suite").refusedSilently("another browser")
	if back, _ := r.send(r.request("prompt", "none", "claims", `{"id_token":{"rep_scope":{"values":["argent"]}}}`)); back.Get("error") != "login_required" {
		t.Errorf("outside the perimeter = %v", back)
	}
	hub := r.b
	id := hub.begin(hubRequest())
	if resp := hub.post("/agir/"+id, nil); resp.status != 200 {
		t.Fatal(resp)
	}
	before := h.l.count("Live")
	hub.begin(hubRequest("prompt", ""))
	h.fails(hubRequest("prompt", "none"), "login_required")
	if h.l.count("Live") != before {
		t.Error("a hub's request looked for a choice to reuse")
	}
}

// TestReuseAfterReplay: a code seen twice stops the silent answers of its choice.
func TestReuseAfterReplay(t *testing.T) {
	r := newHouse(t).rp("suite")
	r.login(r.request())
	second := r.login(r.request())
	r.redeem(second.code)
	r.refusedSilently("after a replay")
}

// TestReuseForSomebodyElse: a hint of ours names the person; a forged one is no
// reason to answer, and a person chosen instead is refused.
func TestReuseForSomebodyElse(t *testing.T) {
	h := newHouse(t)
	r := h.rp("suite")
	first := r.login(r.request())
	h.choice.Usager.ID = "u2"
	h.choice.Mandat.ID = "m1"
	second := r.login(r.request("prompt", "login"))
	if first.claims["sub"] == second.claims["sub"] {
		t.Fatal("the same sub")
	}
	for name, hint := range map[string]string{"the first person": first.IDToken, "cut": second.IDToken[:len(second.IDToken)-5], "text": "x",
		"another client's": func() string { raw, _ := h.loggedIn(clients()[0]); return raw }()} {
		if back, _ := r.send(r.request("prompt", "none", "id_token_hint", hint)); back.Get("error") != "login_required" {
			t.Errorf("hint of %s = %v", name, back)
		}
	}
	if back, _ := r.send(r.request("prompt", "none", "id_token_hint", second.IDToken)); back.Get("code") == "" {
		t.Errorf("hint of the person = %v", back)
	}
	sub, _ := first.claims["sub"].(string)
	if back, _ := r.send(r.request("prompt", "none", "claims", `{"id_token":{"sub":{"value":"`+sub+`"}}}`)); back.Get("error") != "login_required" {
		t.Errorf("sub of the first person = %v", back)
	}
	_, id := r.send(r.request("prompt", "login", "id_token_hint", first.IDToken))
	if resp := r.b.post("/agir/"+id, nil); resp.status == 200 || !strings.Contains(resp.body, provider.ErrOtherUsager.Error()) {
		t.Errorf("another person than the hint's = %+v", resp)
	}
	h.choice.Usager.ID = "u1"
	if resp := r.b.post("/agir/"+id, url.Values{}); resp.status != 200 {
		t.Errorf("the hint's person = %+v", resp)
	}
}

// TestNobodyElseIsChosen: a request that names several persons, or one of whom
// nothing can be known, ends at the client before the aidant is asked; a hub's
// hint means nothing.
func TestNobodyElseIsChosen(t *testing.T) {
	h := newHouse(t)
	r := h.rp("suite")
	first := r.login(r.request())
	h.choice.Usager.ID = "u2"
	second := r.login(r.request("prompt", "login"))
	a, _ := first.claims["sub"].(string)
	b, _ := second.claims["sub"].(string)
	sub := func(text string) []string {
		return []string{"claims", `{"id_token":{"sub":` + strings.NewReplacer("A", `"`+a+`"`, "B", `"`+b+`"`).Replace(text) + `}}`}
	}
	hint := func(text string, more ...string) []string { return append(more, "id_token_hint", text) }
	foreign, _ := h.loggedIn(clients()[0])
	for name, c := range map[string]struct {
		change []string
		want   string // without prompt or with login; none answers login_required
	}{
		"value and values":         {sub(`{"value":A,"values":[B]}`), "login_required"},
		"value among values":       {sub(`{"value":A,"values":[A,B]}`), "login_required"},
		"several":                  {sub(`{"values":[A,B]}`), "login_required"},
		"an empty value":           {sub(`{"value":""}`), "login_required"},
		"an empty one of values":   {sub(`{"values":[""]}`), "login_required"},
		"hint and another sub":     {hint(first.IDToken, sub(`{"value":B}`)...), "login_required"},
		"hint and several":         {hint(first.IDToken, sub(`{"values":[A,B]}`)...), "login_required"},
		"a hint that is cut":       {hint(first.IDToken[:len(first.IDToken)-5]), "invalid_request"},
		"a hint that is text":      {hint("x"), "invalid_request"},
		"another client's":         {hint(foreign), "invalid_request"},
		"a cut hint and a sub":     {hint(first.IDToken[:len(first.IDToken)-5], sub(`{"value":A}`)...), "invalid_request"},
		"a cut hint, several subs": {hint("x", sub(`{"values":[A,B]}`)...), "invalid_request"},
	} {
		for prompt, want := range map[string]string{"": c.want, "login": c.want, "none": "login_required"} {
			if back, id := r.send(r.request(append(c.change, "prompt", prompt)...)); id != "" || back.Get("error") != want || back.Get("state") == "" || back.Get("iss") != h.url {
				t.Errorf("%s, prompt %q = %v %s", name, prompt, back, id)
			}
		}
		resp := r.b.post("/par", r.request(c.change...), basic("suite", url.QueryEscape(secret)))
		if resp.status != 400 || !strings.Contains(resp.body, `"`+c.want+`"`) {
			t.Errorf("%s, pushed = %+v", name, resp)
		}
	}
	for name, change := range map[string][]string{
		"one sub twice":  sub(`{"value":A,"values":[A]}`),
		"a hint and it":  hint(first.IDToken, sub(`{"value":A}`)...),
		"no value":       sub(`{"essential":true}`),
		"no sub at all":  sub(`null`),
		"an empty hint":  {"id_token_hint", ""},
		"an empty claim": sub(`{"values":[]}`),
	} {
		if _, id := r.send(r.request(append(change, "prompt", "login")...)); id == "" {
			t.Errorf("%s: nobody was asked", name)
		}
	}
	h.browser().begin(hubRequest("id_token_hint", "x", "claims", sub(`{"values":[A,B]}`)[1]))
}

// TestReuseOff: without a desk to ask, every request is a new choice.
func TestReuseOff(t *testing.T) {
	h := newHouse(t, func(o *provider.Options) { o.Reuse = nil })
	r := h.rp("suite")
	r.login(r.request())
	r.refusedSilently("no reuse")
}
