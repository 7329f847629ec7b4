package provider_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/domaine"
	"relais/internal/identite"
	"relais/internal/provider"
)

// Every refusal of FranceConnect towards an identity provider, in
// docs/conformance.md's order. Each test holds two things: what Relais says is
// taken under every algorithm, and the fictional hub, which checks with code of its
// own, gives that very code for what Relais never says.

// everyAlg are the algorithms that FranceConnect can be configured for.
var everyAlg = []hubAlgs{{"ES256", "ES256"}, {"RS256", "RS256"}, {"HS256", "HS256"}, {"ES256", "none"}}

// never holds both things. spoil changes what the hub is told.
func never(t *testing.T, code string, spoil func(*spoiler), callback ...func(url.Values)) {
	t.Helper()
	for _, algs := range everyAlg {
		w := newHub(t, algs)
		if w.enter(); w.code() != "" {
			t.Errorf("%v: the hub refuses Relais: %s", algs, w.code())
		}
	}
	w := newHub(t, everyAlg[0])
	if spoil != nil {
		spoil(w.spoil)
	}
	if w.enter(callback...); w.code() != code {
		t.Errorf("the hub's code is %q, want %s:\n%s", w.code(), code, w.page)
	}
}

func tell(name string, value any) func(*spoiler) {
	return func(s *spoiler) { s.idToken = func(c map[string]any) { c[name] = value } }
}

func untell(name string) func(*spoiler) {
	return func(s *spoiler) { s.idToken = func(c map[string]any) { delete(c, name) } }
}

func TestNeverCodeMissing(t *testing.T) {
	never(t, "Y020025", nil, func(q url.Values) { q.Del("code") })
}

func TestNeverStateMissing(t *testing.T) {
	never(t, "Y020021", nil, func(q url.Values) { q.Del("state") })
}

func TestNeverStateOther(t *testing.T) {
	never(t, "Y020022", nil, func(q url.Values) { q.Set("state", strings.Repeat("0", 64)) })
}

func TestNeverIssOfCallback(t *testing.T) {
	never(t, "Y020026", nil, func(q url.Values) { q.Set("iss", q.Get("iss")+"/") })
}

func TestNeverACRMissing(t *testing.T) { never(t, "Y020030", untell("acr")) }

func TestNeverACRShape(t *testing.T) { never(t, "Y020030", tell("acr", "eidas1-mfa")) }

func TestNeverACRNotAllowed(t *testing.T) { never(t, "Y100018", tell("acr", "eidas2")) }

// TestNeverACRLow: the level asked of Relais is the higher of what the service
// wants and the lowest that Relais is allowed, so a service of eidas2 never comes;
// should it, Relais says eidas1 and no more, and refuses a level that it is told to
// reach. The hub's own comparison is internal/sandbox's TestCheckACR.
func TestNeverACRLow(t *testing.T) {
	h := newHouse(t)
	h.fails(hubRequest("claims", `{"id_token":{"acr":{"essential":true,"values":["eidas2","eidas3"]}}}`), "unmet_authentication_requirements")
	code, _ := h.browser().code(hubRequest("acr_values", "eidas2"))
	tk, _ := h.token(hubForm(code))
	if claims := h.idToken(tk.IDToken, "hub"); claims["acr"] != "eidas1" {
		t.Errorf("acr = %v", claims["acr"])
	}
}

func TestNeverIss(t *testing.T) {
	never(t, "Y020026", func(s *spoiler) { s.idToken = func(c map[string]any) { c["iss"] = c["iss"].(string) + "/" } })
}

func TestNeverNonce(t *testing.T) { never(t, "Y020026", tell("nonce", strings.Repeat("0", 64))) }

func TestNeverExpired(t *testing.T) { never(t, "Y020026", tell("exp", 1)) }

func TestNeverAudience(t *testing.T) { never(t, "Y020026", tell("aud", "autre")) }

func TestNeverTwoAudiences(t *testing.T) {
	never(t, "Y020026", func(s *spoiler) { s.idToken = func(c map[string]any) { c["aud"] = []any{c["aud"], "autre"} } })
}

func TestNeverAtHash(t *testing.T) {
	never(t, "Y020026", tell("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"))
}

func TestNeverAlgorithm(t *testing.T) {
	never(t, "Y020026", func(s *spoiler) {
		s.sign = func(c map[string]any) string { return forged(s.t, jose.HS256, []byte(strings.Repeat("k", 32)), c) }
	})
}

func TestNeverUnknownKey(t *testing.T) {
	never(t, "Y020026", func(s *spoiler) {
		other := newKey(s.t, "inconnue", "sig", "ES256")
		s.sign = func(c map[string]any) string { return forged(s.t, jose.ES256, other, c) }
	})
}

func TestNeverUserinfoWithoutSub(t *testing.T) {
	never(t, "Y020029", func(s *spoiler) { s.userinfo = func(c map[string]any) { delete(c, "sub") } })
}

func TestNeverUserinfoAsJSON(t *testing.T) {
	never(t, "Y020027", func(s *spoiler) { s.plain, s.media = true, "application/json" })
}

// TestNeverUserinfoAsJWT: the reverse, where the hub configured plain JSON.
func TestNeverUserinfoAsJWT(t *testing.T) {
	w := newHub(t, hubAlgs{"ES256", "none"})
	if w.enter(); w.code() != "" {
		t.Errorf("the hub refuses Relais: %s", w.code())
	}
	w = newHub(t, hubAlgs{"ES256", "none"}, func(o *provider.Options) { o.Clients[0].UserinfoAlg = "ES256" }) // which the hub was not told
	if w.enter(); w.code() != "Y020027" {
		t.Errorf("the hub's code is %q", w.code())
	}
}

// TestNeverOtherSub: the hub would take a userinfo of another sub, which OpenID
// Connect Core §5.3.2 forbids. Relais says one, stable for the usager.
func TestNeverOtherSub(t *testing.T) {
	h := newHouse(t)
	var subs []string
	for range 2 {
		code, _ := h.browser().code(hubRequest())
		tk, _ := h.token(hubForm(code))
		claims := h.idToken(tk.IDToken, "hub")
		info := signed(t, h.userinfo(tk.Access).body, "ES256", h.published())
		subs = append(subs, claims["sub"].(string), info["sub"].(string))
	}
	if subs[0] == "" || len(slices.Compact(subs)) != 1 {
		t.Errorf("subs = %v", subs)
	}
}

// person holds that the hub takes every one of these people from Relais, and
// refuses the change with Y600006.
func person(t *testing.T, people []func(*identite.Pivot), claim string, wrong any) {
	t.Helper()
	for _, change := range people {
		w := newHub(t, everyAlg[0])
		p := w.choice.Usager.Identite
		change(&p)
		if err := p.Check(); err != nil {
			t.Fatalf("Relais itself would refuse: %v", err)
		}
		w.choice.Usager.Identite = p.Normal()
		if w.enter(); w.code() != "" {
			t.Errorf("%+v: the hub refuses Relais: %s", p, w.code())
		}
	}
	w := newHub(t, everyAlg[0])
	w.spoil.userinfo = func(c map[string]any) { c[claim] = wrong }
	if w.enter(); w.code() != "Y600006" {
		t.Errorf("%s = %v: the hub's code is %q", claim, wrong, w.code())
	}
}

func TestNeverIdentitySub(t *testing.T) {
	person(t, []func(*identite.Pivot){func(*identite.Pivot) {}}, "sub", "é")
}

func TestNeverIdentityGivenName(t *testing.T) {
	var people []func(*identite.Pivot)
	for _, name := range []string{"Ô", "Anne-Sophie Marie José", "D’Arc d'Œuf", strings.Repeat("é", 256)} {
		people = append(people, func(p *identite.Pivot) { p.GivenName = name })
	}
	person(t, people, "given_name", []string{"Jeanne", "Marie"})
}

func TestNeverIdentityFamilyName(t *testing.T) {
	var people []func(*identite.Pivot)
	for _, name := range []string{"O", "L’Hôpital d'Orves-Ñandú", strings.Repeat("A", 256)} {
		people = append(people, func(p *identite.Pivot) { p.FamilyName = name })
	}
	person(t, people, "family_name", "")
}

func TestNeverIdentityGender(t *testing.T) {
	var people []func(*identite.Pivot)
	for _, g := range []string{"male", "female", "unspecified"} {
		people = append(people, func(p *identite.Pivot) { p.Gender = g })
	}
	person(t, people, "gender", "F")
}

func TestNeverIdentityBirthdate(t *testing.T) {
	var people []func(*identite.Pivot)
	for _, d := range []identite.Birthdate{"1941-03-09", "1941-03-00", "1941-00-00", "2000-02-29"} {
		people = append(people, func(p *identite.Pivot) { p.Birthdate = d })
	}
	for _, wrong := range []string{"1941-03", "1941", "1941-02-30", "1941-00-09"} {
		person(t, people, "birthdate", wrong)
		people = nil
	}
}

func TestNeverIdentityBirthcountry(t *testing.T) {
	person(t, []func(*identite.Pivot){func(p *identite.Pivot) { p.Birthcountry, p.Birthplace = "99352", "" },
		func(p *identite.Pivot) { p.Birthcountry, p.Birthplace = "99352", "Alger" }}, "birthcountry", "")
}

func TestNeverIdentityBirthplace(t *testing.T) {
	var people []func(*identite.Pivot)
	for _, place := range []string{"2A004", "2B033", "97411", "01001", "75112"} {
		people = append(people, func(p *identite.Pivot) { p.Birthplace = place })
	}
	for _, wrong := range []string{"5935", "None", ""} {
		person(t, people, "birthplace", wrong)
		people = nil
	}
}

func TestNeverIdentityUsageName(t *testing.T) {
	person(t, []func(*identite.Pivot){func(p *identite.Pivot) { p.PreferredUsername = "" }}, "preferred_username", 3)
}

// TestNeverIdentityEmail: an address that the hub would not take is not given, and
// without any the aidant is told before anything leaves (TestEmail).
func TestNeverIdentityEmail(t *testing.T) {
	person(t, nil, "email", nil)
	for _, email := range []string{"", "jeanne@local", "jeanne", "Jeanne <jeanne@example.fr>", "jeanne@example.fr "} {
		w := newHub(t, everyAlg[0])
		w.choice.Usager.Email = email
		if w.enter(); w.code() != "" {
			t.Errorf("%q: the hub refuses Relais: %s", email, w.code())
		}
	}
}

func TestNeverRepScopeOutside(t *testing.T) {
	never(t, "Y600020", tell("rep_scope", []string{"Justice"}))
}

func TestNeverRepScopeAsText(t *testing.T) { never(t, "Y000000", tell("rep_scope", "Social-Santé")) }

// TestRepScopeBothWays: what a client asked for in one vocabulary it is answered in
// that one, for each of the ten; what is unknown opens nothing, and nothing asked
// opens all.
func TestRepScopeBothWays(t *testing.T) {
	h := newHouse(t)
	answer := func(values, code string) []any {
		b := h.browser()
		resp := b.post("/agir/"+b.begin(hubRequest("claims", `{"id_token":{"rep_scope":{"essential":true,"values":`+values+`}}}`)), url.Values{"domaine": {code}})
		if resp.status != 200 {
			return nil
		}
		u, err := url.Parse(resp.body)
		if err != nil {
			t.Fatal(err)
		}
		tk, _ := h.token(hubForm(u.Query().Get("code")))
		told, _ := h.idToken(tk.IDToken, "hub")["rep_scope"].([]any)
		return told
	}
	for _, d := range domaine.Current().Domaines {
		for _, c := range []struct{ values, want string }{
			{`["` + d.RepScope + `"]`, d.RepScope}, {`["` + d.Code + `"]`, d.Code},
			{`["` + d.Code + `","` + d.Code + `"]`, d.Code}, {`["` + d.RepScope + `","` + d.RepScope + `"]`, d.RepScope},
			{`["` + d.Code + `","` + d.RepScope + `"]`, d.RepScope}, // FranceConnect's own words first
			{`["Inconnu","` + d.Code + `"]`, d.Code}, {`[]`, d.RepScope}, {`null`, d.RepScope},
		} {
			if told := answer(c.values, d.Code); len(told) != 1 || told[0] != c.want {
				t.Errorf("%s asked for %s, told %v, want %s", d.Code, c.values, told, c.want)
			}
		}
		for _, values := range []string{`["Inconnu"]`, `[""]`, `["` + strings.ToUpper(d.Code) + `"]`, `["` + d.RepScope + ` "]`} {
			if told := answer(values, d.Code); told != nil {
				t.Errorf("%s for %s: told %v", d.Code, values, told)
			}
		}
	}
	h.fails(hubRequest("claims", `{"id_token":{"rep_scope":{"value":""}}}`), "invalid_request")
}
