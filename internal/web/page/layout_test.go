package page_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"relais/internal/web/page"
	"relais/ui"
)

const uhoh = "<em>UHOH</em>"

// everything is a page that shows every component, with hostile text.
type everything struct {
	page.Layout
	Form    page.Form
	Options []page.Option
	Table   page.Table
	Items   []page.Item
	Proof   page.Proof
	Text    string
}

const everythingTemplate = `{{define "main"}}
{{template "error-summary" .Form}}
{{template "confirmation" .Proof}}
{{template "back" (link "/mandats" .Text)}}
{{template "stepper" (stepper 2 3 .Text "signer")}}
{{template "alert" (alert "warning" .Text .Text)}}{{template "alert" (alert "info" "" .Text)}}
{{template "tag" (tag "neutral" .Text)}}
{{template "table" .Table}}{{template "description" .Items}}
{{template "pagination" (pagination "/a" "/b" "Pages")}}
{{template "empty" (empty .Text .Text "/n" .Text)}}
{{template "print-button" .Text}}
<ul>{{template "picto" (picto "qui" .Text .Text)}}</ul>
<form method="post" action="/x">
{{template "text-field" (field .Form "nom" .Text "hint" .Text "required" true "width" 20 "max" 100)}}
{{template "textarea" (field .Form "note" .Text)}}
{{template "date-field" (field .Form "naissance" "Naissance" "autocomplete" "bday")}}
{{template "checkboxes" (field .Form "domaine" .Text "options" .Options "columns" true)}}
{{template "radios" (field .Form "duree" .Text "options" .Options "large" true)}}
{{template "select" (field .Form "aidant" .Text "options" .Options)}}
<button class="button">{{.Text}}</button></form>
{{end}}`

func newEverything(layout page.Layout) *everything {
	p := &everything{Layout: layout, Text: uhoh,
		Options: []page.Option{{Value: "a", Label: uhoh, Hint: uhoh}, {Value: "b", Label: uhoh, Disabled: true}},
		Table: page.Table{Caption: uhoh, Columns: []string{uhoh, "Fin", "État", "Lien"},
			Rows: [][]page.Cell{{{Text: uhoh, Href: "/m"}, {Text: uhoh}, {Text: uhoh, Tag: "success"}, {Text: uhoh, Number: true}}}},
		Items: []page.Item{{Term: uhoh, Text: uhoh, Change: page.Link{Href: "/c", Text: uhoh}}},
		Proof: page.Proof{Heading: uhoh, Text: uhoh, Label: uhoh, Number: uhoh},
	}
	for _, field := range []string{"nom", "note", "naissance", "domaine", "duree", "aidant"} {
		p.Form.Set(field, uhoh)
		p.Form.Fail(field, "Corrigez "+uhoh)
	}
	return p
}

// withPage is the real ui with one more page.
func withPage(t *testing.T, name, text string) fs.FS {
	t.Helper()
	all := fstest.MapFS{"templates/" + name + ".html": {Data: []byte(text)}}
	for _, dir := range []string{"templates/layout.html", "templates/erreur.html", "templates/components", "templates/public", "static"} {
		err := fs.WalkDir(ui.FS, dir, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(ui.FS, file)
			all[file] = &fstest.MapFile{Data: content}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func newRenderer(t *testing.T, fsys fs.FS, opts page.Options) *page.Renderer {
	t.Helper()
	opts.Now = func() time.Time { return time.Date(2026, 11, 21, 13, 5, 0, 0, time.UTC) }
	r, err := page.New(fsys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFrame renders every component in every combination of the frame.
func TestFrame(t *testing.T) {
	fsys := withPage(t, "essai/tout", everythingTemplate)
	for _, opts := range []page.Options{{}, {Demo: true, Theme: "/theme.css"}} {
		r := newRenderer(t, fsys, opts)
		for bits := range 256 {
			renderAndCheck(t, r, layoutFrom(bits))
		}
	}
}

// layoutFrom gives each part of the frame one bit.
func layoutFrom(bits int) page.Layout {
	layout := page.Layout{Title: "Essai " + uhoh,
		Invalid: bits&1 != 0, Usager: bits&2 != 0, Print: bits&4 != 0, Wide: bits&8 != 0}
	if bits&16 != 0 {
		layout.Visitor = &page.Visitor{Name: uhoh, Role: uhoh, Structure: uhoh}
	}
	if bits&32 != 0 {
		layout.Nav = []page.NavLink{{Href: "/a", Text: uhoh, Current: true}, {Href: "/b", Text: "B"}}
	}
	if bits&64 != 0 {
		layout.Banner = &page.Banner{Usager: uhoh, Birthdate: "1948-00-00", Domaine: uhoh, Until: uhoh, FinishURL: "/fin"}
		layout.Flash = []page.Flash{{Kind: "success", Text: uhoh}}
	}
	if bits&128 != 0 {
		layout.Session = &page.SessionClock{IdleSeconds: 900, WarnSeconds: 120, ProlongURL: "/prolonger"}
	}
	return layout
}

func renderAndCheck(t *testing.T, r *page.Renderer, layout page.Layout) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := r.Render(w, http.StatusOK, "essai/tout", newEverything(layout)); err != nil {
		t.Fatal(err)
	}
	doc := checkHTML(t, w.Body.String())
	title := textOf(find(doc, "title")[0])
	want := "Essai " + uhoh + " – Relais"
	if layout.Invalid {
		want = "Erreur : " + want
	}
	if title != want {
		t.Errorf("title = %q, want %q", title, want)
	}
	if layout.Usager && (len(byID(doc, "menu")) > 0 || strings.Contains(w.Body.String(), "Mon compte")) {
		t.Error("a usager page shows the menu or the visitor")
	}
	if got := len(byID(doc, "session")); (got == 1) != (layout.Session != nil) {
		t.Errorf("%d session dialogs", got)
	}
	if layout.Session != nil && !strings.Contains(w.Body.String(), "votre session se termine à 14 h 20") {
		t.Error("the session’s end is not said in words")
	}
}

// TestPublicPages renders the pages anybody can open, and each error page.
func TestPublicPages(t *testing.T) {
	r := newRenderer(t, withPage(t, "essai/tout", everythingTemplate), page.Options{})
	titles := map[string]bool{}
	for _, name := range r.Names() {
		if !strings.HasPrefix(name, "public/") || name == "public/depart" {
			continue
		}
		w := httptest.NewRecorder()
		if err := r.Render(w, http.StatusOK, name, &page.PublicPage{Layout: page.Layout{Title: name}}); err != nil {
			t.Fatal(err)
		}
		checkHTML(t, w.Body.String())
		if w.Body.Len() > 30<<10 {
			t.Errorf("%s weighs %d bytes", name, w.Body.Len())
		}
	}
	for _, status := range []int{400, 403, 404, 405, 409, 413, 422, 429, 500, 503, 418} {
		w := httptest.NewRecorder()
		p := page.NewErrorPage(status)
		p.Reference = uhoh
		r.RenderError(w, p)
		doc := checkHTML(t, w.Body.String())
		if w.Code != status {
			t.Errorf("status = %d, want %d", w.Code, status)
		}
		title := textOf(find(doc, "title")[0])
		if titles[title] && status != 418 {
			t.Errorf("two error pages have the title %q", title)
		}
		titles[title] = true
	}
}

// checkHTML holds every rule a page must keep, whatever it says.
func checkHTML(t *testing.T, text string) *html.Node {
	t.Helper()
	if strings.Contains(text, uhoh) {
		t.Error("text typed by people is not escaped")
	}
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := attr(find(doc, "html")[0], "lang"); got != "fr" {
		t.Errorf("lang = %q", got)
	}
	if n := len(find(doc, "h1")); n != 1 {
		t.Errorf("%d h1", n)
	}
	if n := len(find(doc, "main")); n != 1 {
		t.Errorf("%d main", n)
	}
	ids := map[string]int{}
	labels := map[string]bool{}
	walk(doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		if n.Data == "label" {
			labels[attr(n, "for")] = strings.TrimSpace(textOf(n)) != ""
		}
	})
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements have the id %q", n, id)
		}
	}
	walk(doc, func(n *html.Node) { checkElement(t, n, ids, labels) })
	return doc
}

func checkElement(t *testing.T, n *html.Node, ids map[string]int, labels map[string]bool) {
	t.Helper()
	for _, a := range n.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s> has an inline %s", n.Data, a.Key)
		}
		if a.Key == "tabindex" && a.Val != "-1" && a.Val != "0" {
			t.Errorf("<%s> has tabindex %s", n.Data, a.Val)
		}
		if a.Key == "aria-describedby" || a.Key == "aria-labelledby" {
			for _, id := range strings.Fields(a.Val) {
				if ids[id] == 0 {
					t.Errorf("<%s> %s points to %q, which is missing", n.Data, a.Key, id)
				}
			}
		}
	}
	switch n.Data {
	case "style":
		t.Error("inline style sheet")
	case "script":
		if attr(n, "src") == "" || n.FirstChild != nil {
			t.Error("inline script")
		}
	case "input", "select", "textarea":
		if attr(n, "type") != "hidden" && !labels[attr(n, "id")] {
			t.Errorf("%s %q has no label", n.Data, attr(n, "name"))
		}
	case "a", "button":
		if strings.TrimSpace(textOf(n)) == "" {
			t.Errorf("<%s> without text", n.Data)
		}
		if target, ok := strings.CutPrefix(attr(n, "href"), "#"); ok && ids[target] == 0 {
			t.Errorf("link to #%s, which is missing", target)
		}
	case "use":
		if target := strings.TrimPrefix(attr(n, "href"), "#"); ids[target] == 0 {
			t.Errorf("pictogram %q is missing", target)
		}
	case "fieldset":
		if len(find(n, "legend")) != 1 {
			t.Error("fieldset without a legend")
		}
	case "table":
		if len(find(n, "caption")) != 1 {
			t.Error("table without a caption")
		}
	}
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func find(n *html.Node, name string) []*html.Node {
	var found []*html.Node
	walk(n, func(n *html.Node) {
		if n.Data == name && n.Namespace == "" {
			found = append(found, n)
		}
	})
	return found
}

func byID(n *html.Node, id string) []*html.Node {
	var found []*html.Node
	walk(n, func(n *html.Node) {
		if attr(n, "id") == id {
			found = append(found, n)
		}
	})
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(textOf(c))
	}
	return b.String()
}
