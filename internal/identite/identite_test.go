package identite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"relais/internal/identite"
)

func jeanne() identite.Pivot {
	return identite.Pivot{FamilyName: "Lefèvre", GivenName: "Jeanne Marie", PreferredUsername: "D’Été-Œil",
		Gender: "female", Birthdate: "1948-03-12", Birthplace: "75112", Birthcountry: identite.France}
}

// with is Jeanne with one field changed.
func with(change func(*identite.Pivot)) identite.Pivot {
	p := jeanne()
	change(&p)
	return p
}

type rule struct {
	name string
	set  func(*identite.Pivot)
	ok   bool
}

func family(s string) func(*identite.Pivot) { return func(p *identite.Pivot) { p.FamilyName = s } }
func given(s string) func(*identite.Pivot)  { return func(p *identite.Pivot) { p.GivenName = s } }
func usage(s string) func(*identite.Pivot) {
	return func(p *identite.Pivot) { p.PreferredUsername = s }
}
func gender(s string) func(*identite.Pivot) { return func(p *identite.Pivot) { p.Gender = s } }
func born(s identite.Birthdate) func(*identite.Pivot) {
	return func(p *identite.Pivot) { p.Birthdate = s }
}
func at(place, country string) func(*identite.Pivot) {
	return func(p *identite.Pivot) { p.Birthplace, p.Birthcountry = place, country }
}

func check(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			err := with(r.set).Check()
			if (err == nil) != r.ok {
				t.Fatalf("Check = %v, want accepted %v", err, r.ok)
			}
			if err != nil && !errors.Is(err, identite.ErrInvalid) {
				t.Errorf("%v does not wrap ErrInvalid", err)
			}
		})
	}
}

// TestCheckAsFranceConnect is FranceConnect's own table of what it accepts from
// an identity provider, row by row.
func TestCheckAsFranceConnect(t *testing.T) {
	check(t, []rule{
		{"given name of one letter", given("Ô"), true},
		{"given name of 256", given(strings.Repeat("é", 256)), true},
		{"given name of 257", given(strings.Repeat("é", 257)), false},
		{"given name empty", given(""), false},
		{"several given names", given("Anne-Sophie Marie José"), true},
		{"family name of 256", family(strings.Repeat("A", 256)), true},
		{"family name of 257", family(strings.Repeat("A", 257)), false},
		{"family name empty", family(""), false},
		{"family name blank", family("  "), false},
		{"family name with apostrophes", family("L’Hôpital d'Orves"), true},
		{"no usage name", usage(""), true},
		{"long usage name", usage(strings.Repeat("A", 257)), false},
		{"male", gender("male"), true},
		{"female", gender("female"), true},
		{"unspecified", gender("unspecified"), true},
		{"other gender", gender("other"), false},
		{"gender in capitals", gender("Female"), false},
		{"no gender", gender(""), false},
		{"born in Corsica", at("2A004", identite.France), true},
		{"born in Haute-Corse", at("2B033", identite.France), true},
		{"no département 2C", at("2C004", identite.France), false},
		{"born overseas", at("97411", identite.France), true},
		{"four digits", at("7511", identite.France), false},
		{"six digits", at("751120", identite.France), false},
		{"the text None", at("None", identite.France), false},
		{"France without place", at("", identite.France), false},
		{"abroad without place", at("", "99352"), true},
		{"abroad with any text", at("Alger", "99352"), true},
		{"no country", at("75112", ""), false},
		{"country in letters", at("75112", "FR"), false},
	})
}

func TestCheckBirthdate(t *testing.T) {
	check(t, []rule{
		{"whole", born("1948-03-12"), true},
		{"29 February of a leap year", born("2000-02-29"), true},
		{"29 February of a common year", born("1900-02-29"), false},
		{"no day", born("1948-03-00"), true},
		{"no month", born("1948-00-00"), true},
		{"a day without month", born("1948-00-12"), false},
		{"year and month", born("1948-03"), false},
		{"year", born("1948"), false},
		{"impossible day", born("1948-04-31"), false},
		{"impossible month", born("1948-13-01"), false},
		{"impossible month without day", born("1948-13-00"), false},
		{"before anyone alive", born("1849-01-01"), false},
		{"French order", born("12/03/1948"), false},
		{"blank around", born(" 1948-03-12"), false},
		{"a line after", born("1948-03-12\n"), false},
		{"other digits", born("١٩٤٨-03-12"), false},
		{"none", born(""), false},
	})
}

// TestCheckHostileNames: what FranceConnect would let pass and a page must not.
func TestCheckHostileNames(t *testing.T) {
	for name, s := range map[string]string{
		"control": "Mar\x00tin", "tab": "Mar\ttin", "end of line": "Martin\n", "C1": "Mar\u0085tin",
		"right to left override": "Mar\u202etin", "isolate": "\u2066Martin", "mark": "Martin\u200f",
		"zero width space": "Mar\u200btin", "soft hyphen": "Mar\u00adtin", "byte order mark": "\ufeffMartin",
		"line separator": "Mar\u2028tin", "paragraph separator": "Mar\u2029tin", "private": "Mar\ue000tin",
		"hangul filler": "Mar\u3164tin", "variation selector": "Mar\ufe0ftin", "joiner": "Mar\u034ftin",
		"tag": "Martin\U000E0041", "not UTF-8": "Mar\xfftin", "surrogate": "Mar\xed\xa0\x80tin",
		"pile of marks": "Ma" + strings.Repeat("\u0301", 40) + "rtin", "10 kB": strings.Repeat("Martin ", 1500),
	} {
		for claim, set := range map[string]func(string) func(*identite.Pivot){"family_name": family, "given_name": given, "preferred_username": usage} {
			err := with(set(s)).Check()
			if !errors.Is(err, identite.ErrInvalid) {
				t.Errorf("%s in %s: Check = %v, want a refusal", name, claim, err)
				continue
			}
			if !strings.Contains(err.Error(), claim) || strings.Contains(err.Error(), "Mar") {
				t.Errorf("%s: %q does not name %s, or tells the value", name, err, claim)
			}
		}
	}
	for _, s := range []string{"Nguye\u0302\u0303n", "Nguyễn", "D’Été", "Çelik", "Œuf", "Ó Súilleabháin", "Łukasz"} {
		if err := with(family(s)).Check(); err != nil {
			t.Errorf("%s is refused: %v", s, err)
		}
	}
}

func TestLatest(t *testing.T) {
	for in, want := range map[identite.Birthdate]string{
		"1948-03-12": "1948-03-12", "1948-00-00": "1948-12-31", "1948-12-00": "1948-12-31",
		"1948-02-00": "1948-02-29", "1949-02-00": "1949-02-28", "1948-04-00": "1948-04-30",
	} {
		if got := in.Latest().Format(time.DateOnly); got != want {
			t.Errorf("Latest(%s) = %s, want %s", in, got, want)
		}
	}
	if got := identite.Birthdate("1948").Latest(); !got.IsZero() {
		t.Errorf("Latest of no date = %v, want zero", got)
	}
}

func TestAdult(t *testing.T) {
	for _, x := range []struct {
		born identite.Birthdate
		on   string
		want bool
	}{
		{"2008-11-21", "2026-11-20", false},
		{"2008-11-21", "2026-11-21", true},
		{"2008-02-29", "2026-02-28", false}, // of age on 1 March of a common year
		{"2008-02-29", "2026-03-01", true},
		{"2008-11-00", "2026-11-29", false}, // 30 November at the latest
		{"2008-11-00", "2026-11-30", true},
		{"2008-02-00", "2026-02-28", false}, // 29 February at the latest
		{"2008-02-00", "2026-03-01", true},
		{"2008-00-00", "2026-12-30", false},
		{"2008-00-00", "2026-12-31", true},
		{"2090-01-01", "2026-12-31", false},
		{"", "2026-12-31", false},
		{"2008", "2126-12-31", false},
	} {
		on, err := time.Parse(time.DateOnly, x.on)
		if err != nil {
			t.Fatal(err)
		}
		for _, hour := range []int{0, 23} {
			if got := x.born.Adult(on.Add(time.Duration(hour) * time.Hour)); got != x.want {
				t.Errorf("%s on %s at %d h: Adult = %v, want %v", x.born, x.on, hour, got, x.want)
			}
		}
	}
}

func TestNormal(t *testing.T) {
	p := identite.Pivot{FamilyName: "  Lefe\u0300vre ", GivenName: "Jeanne \t Marie", Birthplace: "None", Birthcountry: "99352"}.Normal()
	if p.FamilyName != "Lefèvre" || p.GivenName != "Jeanne Marie" || p.Birthplace != "" {
		t.Errorf("Normal = %+v", p)
	}
	if again := p.Normal(); again != p {
		t.Errorf("Normal twice = %+v", again)
	}
}

func TestSame(t *testing.T) {
	for name, x := range map[string]struct {
		set  func(*identite.Pivot)
		want bool
	}{
		"nothing":         {func(*identite.Pivot) {}, true},
		"accents, case":   {family("LEFEVRE"), true},
		"decomposed":      {family("Lefe\u0300vre"), true},
		"usage name":      {usage("Martin"), true},
		"hyphen":          {given("Jeanne-Marie"), true},
		"given names":     {given("Jeanne"), false},
		"order of names":  {given("Marie Jeanne"), false},
		"birth name":      {family("Lefèvres"), false},
		"gender":          {gender("unspecified"), false},
		"birth date":      {born("1948-03-13"), false},
		"partial date":    {born("1948-03-00"), false},
		"place":           {at("75113", identite.France), false},
		"another country": {at("", "99352"), false},
	} {
		if got := jeanne().Same(with(x.set)); got != x.want {
			t.Errorf("%s: Same = %v, want %v", name, got, x.want)
		}
		if got := with(x.set).Same(jeanne()); got != x.want {
			t.Errorf("%s, the other way: Same = %v, want %v", name, got, x.want)
		}
	}
	abroad := with(at("", "99352"))
	if !abroad.Same(with(at("Alger", "99352"))) {
		t.Error("the place of a birth abroad, which FranceConnect words freely, tells people apart")
	}
}

func TestDisplayAndLog(t *testing.T) {
	if got := jeanne().Display(); got != "Jeanne Marie Lefèvre (nom d’usage D’Été-Œil)" {
		t.Errorf("Display = %q", got)
	}
	if got := with(usage("Lefèvre")).Display(); got != "Jeanne Marie Lefèvre" {
		t.Errorf("Display = %q", got)
	}
	if got := fmt.Sprint(jeanne().LogValue()); strings.Contains(got, "Jeanne") {
		t.Errorf("LogValue = %q tells the name", got)
	}
}
