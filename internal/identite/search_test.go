package identite_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"relais/internal/identite"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Éléonore": "eleonore", "E\u0301le\u0301onore": "eleonore", "ÇELİK": "celik", "Œuf ŒUF": "oeuf oeuf",
		"Lætitia": "laetitia", "Strauß": "strauss", "STRAUẞ": "strauss", "Łukasz": "lukasz", "Ǿrsted": "orsted",
		"Jean-Paul": "jean paul", "L’Hôpital": "l hopital", "L'Hôpital": "l hopital", "Nguyễn": "nguyen",
		"ﬁls": "fils", "Ｍａｒｔｉｎ": "martin", "  a \u00a0 b ": "a b", "Мария": "мария", "!?": "", "": "",
	} {
		if got := identite.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func key(kind, value string) identite.Key { return identite.Key{Kind: kind, Value: value} }

func TestKeys(t *testing.T) {
	p := identite.Pivot{FamilyName: "Le Gall", GivenName: "Anne Annick", PreferredUsername: "Le Gall", Birthdate: "1948-00-00"}
	want := []identite.Key{key("mot", "le"), key("mot", "gall"), key("prefixe", "gal"), key("mot", "anne"),
		key("prefixe", "ann"), key("mot", "annick"), key("naissance", "1948-00-00")}
	if got := p.Keys(); !slices.Equal(got, want) {
		t.Errorf("Keys = %v, want %v", got, want)
	}
}

func TestSearch(t *testing.T) {
	p := jeanne() // Jeanne Marie Lefèvre, usage name D’Été-Œil, 12 March 1948
	for typed, want := range map[string]bool{
		"lefevre": true, "LEFÈVRE": true, "lef": true, "le": false, "lefevres": false, "jea mar lef": true,
		"marie jeanne": true, "jeanne jeanne": true, "oeil": true, "œil": true, "d'ete": true, "d’été": true, "d": true, "j": false,
		"12/03/1948": true, "12-03-1948": true, "12.3.1948": true, "1948-03-12": true, "12/3/1948 lefevre": true,
		"lefevre 13/03/1948": false, "12/03/48": false, "martin": false, "efevre": false, "": true, " - ": true,
	} {
		q := identite.ParseQuery(typed)
		if got := q.Matches(p); got != want {
			t.Errorf("%q: Matches = %v, want %v", typed, got, want)
		}
		if q.Empty() != (strings.Trim(typed, " -") == "") {
			t.Errorf("%q: Empty = %v", typed, q.Empty())
		}
	}
	partial := with(born("1948-00-00"))
	if !identite.ParseQuery("00/00/1948").Matches(partial) || identite.ParseQuery("12/03/1948").Matches(partial) {
		t.Error("a partial date is found by its own spelling, and by no other")
	}
}

// contains holds the contract of the index: whoever matches has all keys.
func contains(t *testing.T, q identite.Query, p identite.Pivot) {
	t.Helper()
	keys := q.Keys()
	if len(keys) > 12 {
		t.Errorf("%d keys", len(keys))
	}
	for i, k := range keys {
		if slices.Contains(keys[:i], k) {
			t.Errorf("key %v twice", k)
		}
		if q.Matches(p) && !slices.Contains(p.Keys(), k) {
			t.Errorf("%+v matches without the key %v", p, k)
		}
	}
	if q.Matches(p) && !q.Empty() && len(keys) == 0 {
		t.Errorf("a search without keys")
	}
}

func TestEveryMatchHasTheKeys(t *testing.T) {
	names := []string{"Martin", "Lefèvre", "D’Été-Œil", "Ngo", "Le", "Ô", "de La Tour", "Ǿrsted", "Мария", "O'Brien", "Jean-Paul", "Strauß"}
	dates := []identite.Birthdate{"1948-03-12", "1948-00-00", "1961-05-00"}
	typed := []string{"mar", "le", "d", "ete oeil", "12/03/1948", "00/00/1948", "jean", "paul jean", "o'bri", "straus", "мар", "ø"}
	rng := rand.New(rand.NewPCG(1, 2))
	matches := 0
	for range 20000 {
		p := identite.Pivot{FamilyName: names[rng.IntN(len(names))], GivenName: names[rng.IntN(len(names))], Birthdate: dates[rng.IntN(len(dates))]}
		text := typed[rng.IntN(len(typed))]
		if rng.IntN(2) == 0 {
			text += " " + p.GivenName
		}
		q := identite.ParseQuery(text)
		if q.Matches(p) {
			matches++
		}
		contains(t, q, p)
	}
	if matches < 1000 {
		t.Errorf("only %d matches: the test proves little", matches)
	}
}

func TestHugeQuery(t *testing.T) {
	q := identite.ParseQuery(strings.Repeat("abcdef ghi jk 12/03/1948 ", 1000) + strings.Repeat("x", 10_000))
	contains(t, q, jeanne())
	var many strings.Builder
	for i := range 5000 {
		many.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + "zz ")
	}
	contains(t, identite.ParseQuery(many.String()), jeanne())
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"martin jeanne 12/03/1948", "L’Été", "1948-00-00", "//", "1/1/0000", "\u202e\x00", "Ǿ ẞ İ", strings.Repeat("e\u0301", 300), "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := identite.ParseQuery(s)
		contains(t, q, jeanne())
		contains(t, q, identite.Pivot{FamilyName: s, GivenName: s, Birthdate: identite.Birthdate(s)})
		if once := identite.Fold(s); identite.Fold(once) != once {
			t.Errorf("Fold(%q) = %q is not folded", s, once)
		}
	})
}
