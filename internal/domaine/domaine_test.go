package domaine_test

import (
	"slices"
	"strings"
	"testing"

	"relais/internal/domaine"
)

// vocabulary is FranceConnect's own (its delegation-scope enumeration), next to
// the ten short codes, in the order of the forms.
var vocabulary = [][2]string{
	{"papiers", "Papier-Citoyenneté-Elections"},
	{"famille", "Famille-Scolarité"},
	{"social", "Social-Santé"},
	{"travail", "Travail-Formation"},
	{"logement", "Logement"},
	{"transports", "Transports-Mobilité"},
	{"argent", "Argent-Impots-Consommation"},
	{"justice", "Justice"},
	{"etranger", "Etranger-Europe"},
	{"loisirs", "Loisirs-Sport-Culture"},
}

func TestTheTen(t *testing.T) {
	c := domaine.Current()
	if len(c.Domaines) != len(vocabulary) {
		t.Fatalf("%d domaines, want %d", len(c.Domaines), len(vocabulary))
	}
	for i, want := range vocabulary {
		if d := c.Domaines[i]; d.Code != want[0] || d.RepScope != want[1] {
			t.Errorf("domaine %d = %s, %s; want %s, %s", i, d.Code, d.RepScope, want[0], want[1])
		}
		d, ok := c.Find(want[0])
		if !ok || d.Code != want[0] {
			t.Errorf("Find(%s) = %v, %v", want[0], d.Code, ok)
		}
	}
	for _, code := range []string{"", "Logement", "LOGEMENT", "logement ", "sante"} {
		if _, ok := c.Find(code); ok {
			t.Errorf("Find(%q) finds something", code)
		}
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	channels := []string{"en ligne", "papier", "téléphone", "guichet"}
	seen := map[string]string{}
	for _, d := range domaine.Current().Domaines {
		if d.Title == "" || d.Examples == "" || len(d.Demarches) == 0 {
			t.Errorf("%s lacks a title, examples or démarches", d.Code)
		}
		for _, x := range d.Demarches {
			if seen[x.Code] != "" {
				t.Errorf("démarche %s stands in %s and in %s", x.Code, seen[x.Code], d.Code)
			}
			seen[x.Code] = d.Code
			if got, ok := d.Demarche(x.Code); !ok || got.Title != x.Title {
				t.Errorf("%s: Demarche(%s) = %v, %v", d.Code, x.Code, got, ok)
			}
			if x.Title == "" || strings.ContainsAny(x.Title, "'\n") || len(x.Channels) == 0 {
				t.Errorf("démarche %s: title %q, channels %v", x.Code, x.Title, x.Channels)
			}
			for _, c := range x.Channels {
				if !slices.Contains(channels, c) {
					t.Errorf("démarche %s: unknown channel %q", x.Code, c)
				}
			}
		}
		if _, ok := d.Demarche("inconnue"); ok {
			t.Errorf("%s holds an unknown démarche", d.Code)
		}
	}
}

func TestWithin(t *testing.T) {
	var all, scopes []string
	for _, v := range vocabulary {
		all, scopes = append(all, v[0]), append(scopes, v[1])
	}
	for name, x := range map[string]struct{ perimeter, want []string }{
		"none declared":            {nil, all},
		"empty":                    {[]string{}, all},
		"FranceConnect's ten":      {scopes, all},
		"the ten codes":            {all, all},
		"one of FranceConnect's":   {[]string{"Social-Santé"}, []string{"social"}},
		"one code":                 {[]string{"social"}, []string{"social"}},
		"both, in another order":   {[]string{"logement", "Argent-Impots-Consommation", "Famille-Scolarité"}, []string{"famille", "logement", "argent"}},
		"one twice":                {[]string{"Logement", "logement"}, []string{"logement"}},
		"unknown":                  {[]string{"Chasse"}, nil},
		"known and unknown":        {[]string{"Chasse", "Justice"}, []string{"justice"}},
		"an empty word":            {[]string{""}, nil},
		"without accents":          {[]string{"Social-Sante"}, nil},
		"decomposed accents":       {[]string{"Social-Sante\u0301"}, nil},
		"another case":             {[]string{"social-santé"}, nil},
		"FranceConnect's and more": {[]string{"Social-Santé "}, nil},
	} {
		if got := domaine.Current().Within(x.perimeter); !slices.Equal(got, x.want) {
			t.Errorf("%s: Within(%v) = %v, want %v", name, x.perimeter, got, x.want)
		}
	}
}
