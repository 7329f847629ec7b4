package visitor

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// Sees tells whether the page shows a text, blanks and apostrophes folded.
func (v *Visitor) Sees(text string) bool {
	return strings.Contains(fold(Text(v.root)), fold(text))
}

// fold makes blanks and apostrophes alike: tests are about words.
func fold(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "’", "'")
}

// MustSee fails the test unless the page shows each text.
func (v *Visitor) MustSee(texts ...string) *Visitor {
	v.t.Helper()
	for _, text := range texts {
		if !v.Sees(text) {
			v.t.Fatalf("the page does not show %q:\n%s", text, v.Describe())
		}
	}
	return v
}

// MustNotSee fails the test if the page shows one of the texts.
func (v *Visitor) MustNotSee(texts ...string) *Visitor {
	v.t.Helper()
	for _, text := range texts {
		if v.Sees(text) {
			v.t.Fatalf("the page shows %q:\n%s", text, v.Describe())
		}
	}
	return v
}

// MustStatus fails the test unless the last answer had the status.
func (v *Visitor) MustStatus(status int) *Visitor {
	v.t.Helper()
	if v.Status != status {
		v.t.Fatalf("status %d, want %d:\n%s", v.Status, status, v.Describe())
	}
	return v
}

// MustBeAt fails the test unless the path begins so.
func (v *Visitor) MustBeAt(prefix string) *Visitor {
	v.t.Helper()
	if !strings.HasPrefix(v.URL.Path, prefix) {
		v.t.Fatalf("at %s, want %s…:\n%s", v.URL.Path, prefix, v.Describe())
	}
	return v
}

// Has tells whether an element with the id is on the page.
func (v *Visitor) Has(id string) bool {
	return find(v.root, func(n *html.Node) bool { return attr(n, "id") == id }) != nil
}

// TextOf is the text of the element with an id, "" without.
func (v *Visitor) TextOf(id string) string {
	n := find(v.root, func(n *html.Node) bool { return attr(n, "id") == id })
	if n == nil {
		return ""
	}
	return Text(n)
}

// Match returns the first submatch of a pattern in the page's source.
func (v *Visitor) Match(pattern string) string {
	v.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(v.Body)
	if len(m) < 2 {
		v.t.Fatalf("nothing matches %s:\n%s", pattern, v.Describe())
	}
	return m[1]
}

// FormOf returns where the form around an id goes and what it would send, so
// that a test can change or repeat it.
func (v *Visitor) FormOf(id string) (action string, values url.Values) {
	v.t.Helper()
	n := find(v.root, func(n *html.Node) bool { return attr(n, "id") == id })
	form := n
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		v.t.Fatalf("no form around %q:\n%s", id, v.Describe())
	}
	values = v.values(form)
	if name := attr(n, "name"); name != "" {
		values.Set(name, attr(n, "value"))
	}
	action = attr(form, "action")
	if action == "" {
		action = v.URL.String()
	}
	return v.resolve(action), values
}

// Describe says where the person stands and what they read.
func (v *Visitor) Describe() string {
	if v.root == nil {
		return "(no page)"
	}
	main := find(v.root, func(n *html.Node) bool { return n.Data == "main" })
	if main == nil {
		main = v.root
	}
	text := Text(main)
	if len(text) > 2500 {
		text = text[:2500] + "…"
	}
	return fmt.Sprintf("%d %s\n%s", v.Status, v.URL, text)
}

// Text is the readable text of a node, blanks folded.
func Text(n *html.Node) string {
	var b strings.Builder
	walk(n, func(n *html.Node) {
		if n.Type == html.TextNode && n.Parent != nil && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

func walk(n *html.Node, do func(*html.Node)) {
	if n == nil {
		return
	}
	do(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, do)
	}
}

func find(n *html.Node, is func(*html.Node) bool) *html.Node {
	if n == nil {
		return nil
	}
	if n.Type == html.ElementNode && is(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if f := find(c, is); f != nil {
			return f
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
