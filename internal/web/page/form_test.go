package page_test

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"relais/internal/web/page"
)

const urlencoded = "application/x-www-form-urlencoded"

func TestReadForm(t *testing.T) {
	tests := []struct {
		name, kind, body string
		want             error
	}{
		{"plain", urlencoded, "nom=Le+Goff&domaine=a&domaine=b", nil},
		{"charset", urlencoded + "; charset=utf-8", "nom=a", nil},
		{"empty", urlencoded, "", nil},
		{"repeated", urlencoded, "nom=a&nom=b", page.ErrFormRepeated},
		{"too large", urlencoded, "nom=" + strings.Repeat("a", 10<<10), page.ErrFormTooLarge},
		{"broken escape", urlencoded, "nom=%zz", page.ErrFormMalformed},
		{"semicolon", urlencoded, "nom=a;b=c", page.ErrFormMalformed},
		{"not UTF-8", urlencoded, "nom=%ff", page.ErrFormMalformed},
		{"multipart", "multipart/form-data; boundary=x", "--x--", page.ErrFormMalformed},
		{"JSON", "application/json", "{}", page.ErrFormMalformed},
		{"no type", "", "nom=a", page.ErrFormMalformed},
	}
	for _, test := range tests {
		r := httptest.NewRequest("POST", "/x?nom=query", strings.NewReader(test.body))
		r.Header.Set("Content-Type", test.kind)
		form, err := page.ReadForm(r, 4<<10, "domaine")
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: error = %v, want %v", test.name, err, test.want)
		}
		if test.name == "plain" && (form.Get("nom") != "Le Goff" || !form.Chosen("domaine", "b")) {
			t.Errorf("plain: %v", form.Values)
		}
		if test.name == "empty" && form.Get("nom") != "" {
			t.Error("the query was read as form")
		}
	}
}

func TestCleanText(t *testing.T) {
	tests := []struct{ name, in, want string }{ // want "" = refused
		{"plain", "Le Goff", "Le Goff"},
		{"composed", "He\u0301le\u0300ne", "Hélène"},
		{"spaces around", "  Le Goff ", "Le Goff"},
		{"apostrophe and hyphen", "N’Guyễn-D’Arc", "N’Guyễn-D’Arc"},
		{"arabic", "محمد", "محمد"},
		{"persian joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"markup is only text", uhoh, uhoh},
		{"null", "a\x00b", ""},
		{"line break", "a\nb", ""},
		{"tab", "a\tb", ""},
		{"escape", "a\x1b[31m", ""},
		{"C1", "a\u0085b", ""},
		{"line separator", "a\u2028b", ""},
		{"right-to-left override", "a\u202egpj.exe", ""},
		{"isolate", "a\u2066b", ""},
		{"arabic letter mark", "a\u061cb", ""},
		{"zero-width space", "a\u200bb", ""},
		{"byte order mark", "a\ufeffb", ""},
		{"tag characters", "a\U000e0041b", ""},
		{"private use", "a\ue000b", ""},
		{"pile of marks", "a" + strings.Repeat("\u0300", 20), ""},
		{"invalid UTF-8", "a\xff", ""},
		{"ten kilobytes", strings.Repeat("é", 10<<10), ""},
		{"one too many", strings.Repeat("é", 101), ""},
		{"just enough", strings.Repeat("é", 100), strings.Repeat("é", 100)},
		{"just enough, decomposed", strings.Repeat("e\u0301", 100), strings.Repeat("é", 100)},
	}
	for _, test := range tests {
		got, problem := page.CleanText(test.in, 100)
		if got != test.want || (problem == "") != (test.want != "") {
			t.Errorf("%s: %q, %q; want %q", test.name, got, problem, test.want)
		}
	}
	if got, problem := page.CleanLines("a\r\nb\nc", 100); got != "a\nb\nc" || problem != "" {
		t.Errorf("CleanLines = %q, %q", got, problem)
	}
	if _, problem := page.CleanLines("a\rb", 100); problem == "" {
		t.Error("CleanLines accepted a lone carriage return")
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("He\u0301le\u0300ne")
	f.Fuzz(func(t *testing.T, s string) {
		got, problem := page.CleanText(s, 50)
		if problem != "" {
			return
		}
		if again, problem := page.CleanText(got, 50); again != got || problem != "" {
			t.Errorf("clean text %q is not clean: %q %q", got, again, problem)
		}
	})
}

func TestFormDate(t *testing.T) {
	tests := []struct {
		day, month, year string
		partial          bool
		want             string // "" = refused
	}{
		{"3", "3", "1948", false, "1948-03-03"},
		{" 03 ", "12", "2000", false, "2000-12-03"},
		{"29", "2", "2024", false, "2024-02-29"},
		{"29", "2", "2023", false, ""},
		{"31", "4", "1990", true, ""},
		{"", "", "1948", true, "1948-00-00"},
		{"", "3", "1948", true, "1948-03-00"},
		{"3", "", "1948", true, ""},
		{"", "3", "1948", false, ""},
		{"0", "3", "1948", false, ""},
		{"3", "13", "1948", false, ""},
		{"3", "3", "48", false, ""},
		{"3", "3", "", true, ""},
		{"-3", "3", "1948", false, ""},
		{"trois", "3", "1948", false, ""},
		{"٣", "3", "1948", false, ""},
		{strings.Repeat("1", 10<<10), "3", "1948", false, ""},
	}
	for _, test := range tests {
		form := page.Form{Values: url.Values{"n-jour": {test.day}, "n-mois": {test.month}, "n-annee": {test.year}}}
		if got := form.Date("n", test.partial); got != test.want || form.Invalid() != (test.want == "") {
			t.Errorf("Date(%.9q %q %q, %v) = %q, errors %v; want %q", test.day, test.month, test.year, test.partial, got, form.Errors, test.want)
		}
	}
}

func TestFormKeepsWhatWasTyped(t *testing.T) {
	form := page.Form{Values: url.Values{"nom": {"a\x00b"}, "duree": {"999"}, "vide": {"  "}}}
	form.Text("nom", 100, "Saisissez le nom.")
	form.Text("vide", 100, "Saisissez ceci.")
	form.Text("libre", 100, "")
	form.OneOf("duree", "Choisissez une durée.", "1", "31")
	if len(form.Errors) != 3 || form.ErrorFor("vide") != "Saisissez ceci." || form.ErrorFor("libre") != "" {
		t.Errorf("errors = %v", form.Errors)
	}
	if form.Get("nom") != "a\x00b" || form.Get("duree") != "999" {
		t.Errorf("values were changed: %v", form.Values)
	}
}
