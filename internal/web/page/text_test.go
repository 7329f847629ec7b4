package page_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"relais/internal/web/page"
)

func TestWords(t *testing.T) {
	tests := []struct{ got, want string }{
		{page.Birthdate("1948-03-03"), "3 mars 1948"},
		{page.Birthdate("1948-03-01"), "1er mars 1948"},
		{page.Birthdate("1948-03-00"), "mars 1948"},
		{page.Birthdate("1948-00-00"), "1948"},
		{page.Birthdate("1948-13-01"), "1948-13-01"},
		{page.Birthdate("inconnue"), "inconnue"},
		{page.Birthdate(""), ""},
		{page.Number("BCDFGHJK"), "BCDF GHJK"},
		{page.Number("BCDF GHJK MN"), "BCDF GHJK MN"},
		{page.Number("BCD"), "BCD"},
		{page.Number(""), ""},
		{page.Siret("13002526500013"), "130 025 265 00013"},
		{page.Siret("123"), "123"},
		{page.Date(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)), "21 novembre 2026"},
		{page.Date(time.Time{}), ""},
		{page.DateTime(time.Date(2027, 8, 1, 9, 5, 0, 0, time.UTC)), "1er août 2027 à 9 h 05"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

type number string

type wordsPage struct {
	page.Layout
	At, Local time.Time
	Number    number
}

// TestZones: a time in UTC is shown in Paris, another in its own zone.
func TestZones(t *testing.T) {
	fsys := withPage(t, "essai/mots", `{{define "main"}}<h1>x</h1>{{date .At}}|{{heure .At}}|{{dateHeure .Local}}|{{numero .Number}}|{{jours 1}}|{{jours 31}}|{{compte 2 "mandat"}}{{end}}`)
	w := httptest.NewRecorder()
	at := time.Date(2026, 7, 31, 22, 30, 0, 0, time.UTC)
	data := &wordsPage{At: at, Local: at.In(time.FixedZone("Réunion", 4*3600)), Number: "BCDFGHJK"}
	if err := newRenderer(t, fsys, page.Options{}).Render(w, 200, "essai/mots", data); err != nil {
		t.Fatal(err)
	}
	want := "1er août 2026|0 h 30|1er août 2026 à 2 h 30|BCDF GHJK|1 jour|31 jours|2 mandats"
	if !strings.Contains(w.Body.String(), want) {
		t.Errorf("page does not contain %q", want)
	}
}

func TestComponentsRefuseMistakes(t *testing.T) {
	for _, call := range []string{
		`{{template "text-field" (field .Form "nom" "Nom" "hnit" "x")}}`,
		`{{template "text-field" (field .Form "nom" "Nom" "required" "yes")}}`,
		`{{template "alert" (alert "danger" "" "x")}}`,
		`{{template "tag" (tag "red" "x")}}`,
		`{{template "stepper" (stepper 4 3 "x" "")}}`,
		`{{asset "absent.css"}}`,
		`{{numero 12}}`,
	} {
		r := newRenderer(t, withPage(t, "essai/faute", `{{define "main"}}`+call+`{{end}}`), page.Options{})
		if err := r.Render(httptest.NewRecorder(), 200, "essai/faute", newEverything(page.Layout{})); err == nil {
			t.Errorf("%s was accepted", call)
		}
	}
}
