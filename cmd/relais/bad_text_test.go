package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
)

// hostile is what no field of a form is meant for.
var hostile = map[string]string{
	"10 kB":            strings.Repeat("Martin ", 1500),
	"a NUL":            "Mar\x00tin",
	"control":          "Mar\x1b[31mtin\r\n\tX-Evil: 1",
	"an override":      "Martin\u202e12/03/1948",
	"isolates":         "\u2066Martin\u2069\u200f",
	"a pile of marks":  "M" + strings.Repeat("\u0301\u0323", 200),
	"zero width":       "Mar\u200btin\ufeff",
	"markup":           `"><script>alert(1)</script>`,
	"a template":       "{{.Layout}}${7*7}",
	"SQL":              `' OR 1=1; DROP TABLE mandat; --`,
	"a wild card":      "%_*",
	"invalid UTF-8":    "Mar\xfftin",
	"a lone surrogate": "\xed\xa0\x80",
	"emoji":            "👩‍👩‍👧‍👦🏴",
	"a path":           "../../etc/passwd",
	"a number":         "99999999999999999999999999",
}

// pageForm is a form of a page, with what it would send.
type pageForm struct {
	method, action string
	values         url.Values
}

// formsOf reads the forms of the page a visitor stands on.
func formsOf(t testing.TB, v *visitor.Visitor) (forms []pageForm) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(v.Body))
	if err != nil {
		t.Fatal(err)
	}
	attr := func(n *html.Node, name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		f := pageForm{strings.ToUpper(attr(n, "method")), attr(n, "action"), url.Values{}}
		for c := range n.Descendants() {
			if name := attr(c, "name"); c.Type == html.ElementNode && name != "" && slices.Contains([]string{"input", "select", "textarea", "button"}, c.Data) {
				f.values.Set(name, attr(c, "value"))
			}
		}
		forms = append(forms, f)
	}
	return forms
}

// TestHostileText puts hostile text into every field of every form that the
// pages show: none breaks anything, and none comes back as it was sent where it
// could deceive or run.
func TestHostileText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	nadia, thomas, claire, sophie := w.agent("nadia"), w.agent("thomas"), w.agent("claire"), w.agent("sophie")
	p := logement()
	p.demarches = append(p.demarches, "argent/declaration-revenus")
	g := w.give(nadia, "nadia", "perrin", p)
	draft := w.draft(nadia, logement())
	lent := w.agent("nadia")
	turn := w.draft(lent, logement())
	w.identify(lent, turn, "petit")
	request := w.rawHub().request(nadia)
	fields := 0
	for _, c := range []struct {
		who  *visitor.Visitor
		page string
	}{
		{nadia, "/guichet"}, {nadia, "/mandats"}, {nadia, "/mandats/nouveau"}, {nadia, "/mandats/" + draft + "/modifier"},
		{nadia, "/mandats/" + g.id + "/revocation"}, {nadia, "/mandats/" + g.id + "/renonciation"},
		{nadia, "/agir/" + request}, {nadia, "/agir/" + request + "/mandats/" + g.id}, {nadia, "/demarche"},
		{lent, "/tour/identite"}, {thomas, "/controle"}, {claire, "/structure"}, {sophie, "/administration"}, {visitor.New(t), "/connexion"},
	} {
		c.who.Open(w.relais + c.page)
		if c.who.Status != http.StatusOK {
			t.Errorf("%s: %s", c.page, c.who.Describe())
			continue
		}
		for _, f := range formsOf(t, c.who) {
			if strings.HasSuffix(f.action, "/deconnexion") || strings.HasSuffix(f.action, "/refuser") {
				continue // they end what the others need
			}
			for name := range f.values {
				fields++
				for kind, text := range hostile {
					w.tryText(c.who, f, name, kind, text)
				}
			}
		}
	}
	w.checkJournal()
	if m := w.mandatOf("nadia", g.id); len(m.ActiveAutorisations(w.d.now())) != 2 {
		t.Errorf("a hostile form ended something: %+v", m.Autorisations)
	}
	if fields < 35 {
		t.Errorf("only %d fields were found", fields)
	}
}

// tryText sends one form with one hostile field. Buttons that would do the
// form's act are left as they are, since the field is what is on trial.
func (w *world) tryText(v *visitor.Visitor, f pageForm, name, kind, text string) {
	w.t.Helper()
	values := url.Values{}
	for k, list := range f.values {
		values[k] = list
	}
	values.Set(name, text)
	var a answer
	if f.method == http.MethodPost {
		a = w.postForm(v, f.action, values)
	} else {
		a = w.send(v, http.MethodGet, f.action+"?"+values.Encode(), "", nil)
	}
	if a.status >= 500 {
		w.t.Errorf("%s, %s = %s: %d", f.action, name, kind, a.status)
	}
	for _, never := range []string{"<script>alert(1)", "\x00"} {
		if strings.Contains(a.body, never) {
			w.t.Errorf("%s, %s = %s: the page says %q", f.action, name, kind, never)
		}
	}
	if strings.Contains(a.header.Get("Location"), "alert") || a.header.Get("X-Evil") != "" {
		w.t.Errorf("%s, %s = %s: header %v", f.action, name, kind, a.header)
	}
}

// TestHostileSearch: what cannot be a name is 422 with the page, what was typed
// and a sentence; what can be one finds nobody.
func TestHostileSearch(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	w.give(nadia, "nadia", "perrin", logement())
	request := w.rawHub().request(nadia)
	for _, page := range []struct{ path, button string }{{"/guichet", "rechercher"}, {"/agir/" + request, "chercher"}} {
		for kind, text := range hostile {
			w.harmless(func() {
				nadia.Open(w.relais+page.path).Fill("q", text).Click(page.button)
				if nadia.Sees("Simone") || nadia.Status >= 500 || nadia.Status == http.StatusForbidden {
					t.Errorf("%s, %s: %s", page.path, kind, nadia.Describe())
				}
			})
		}
		for _, kind := range []string{"10 kB", "a NUL", "control", "an override", "a pile of marks", "zero width"} {
			if nadia.Open(w.relais+page.path).Fill("q", hostile[kind]).Click(page.button); !slices.Contains([]int{http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge}, nadia.Status) {
				t.Errorf("%s, %s: %d", page.path, kind, nadia.Status)
			}
		}
		nadia.Open(w.relais+page.path).Fill("q", "PÉRRÏN simone").Click(page.button).MustSee("Perrin")
	}
}
