package pagecheck

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// sheet is what a walk over one page gathers.
type sheet struct {
	testing.TB
	where       string
	headings    int // h1
	level       int // of the last heading
	ids, labels map[string]bool
	controls    []*html.Node
	links       []string // to places of the page itself
}

// Check holds a page to the rules of every page; where names it in failures.
func Check(t testing.TB, where, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body, Uhoh) {
		t.Errorf("%s: text is not escaped", where)
	}
	if strings.ContainsAny(body, "\u0080\u0099") {
		t.Errorf("%s: a character was encoded twice", where)
	}
	s := &sheet{TB: t, where: where, ids: map[string]bool{}, labels: map[string]bool{}}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			s.read(n)
		}
	}
	s.finish()
}

func (s *sheet) read(n *html.Node) {
	s.Helper()
	if id := attr(n, "id"); id != "" {
		if s.ids[id] {
			s.Errorf("%s: id %q twice", s.where, id)
		}
		s.ids[id] = true
	}
	for _, a := range n.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			s.Errorf("%s: inline %s", s.where, a.Key)
		}
	}
	switch n.Data {
	case "h1", "h2", "h3", "h4":
		s.heading(int(n.Data[1] - '0'))
	case "label":
		s.labels[attr(n, "for")] = true
	case "input", "select", "textarea":
		if attr(n, "type") != "hidden" {
			s.controls = append(s.controls, n)
		}
	case "button":
		if attr(n, "id") == "" && attr(n, "type") != "button" {
			s.Errorf("%s: a button has no id", s.where)
		}
	case "a":
		if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			s.links = append(s.links, to)
		}
	}
}

func (s *sheet) heading(depth int) {
	s.Helper()
	if depth == 1 {
		s.headings++
	} else if s.level > 0 && depth > s.level+1 {
		s.Errorf("%s: h%d after a heading of level %d", s.where, depth, s.level)
	}
	s.level = depth
}

func (s *sheet) finish() {
	s.Helper()
	if s.headings != 1 {
		s.Errorf("%s: %d h1", s.where, s.headings)
	}
	for _, n := range s.controls {
		if id := attr(n, "id"); id == "" || attr(n, "name") == "" || !s.labels[id] {
			s.Errorf("%s: control id=%q name=%q without label", s.where, id, attr(n, "name"))
		}
	}
	for _, to := range s.links {
		if !s.ids[to] {
			s.Errorf("%s: #%s leads nowhere", s.where, to)
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
