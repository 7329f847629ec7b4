package guichet_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// checkPage holds what every page must keep: one h1, labels, unique ids, nothing
// inline, nothing unescaped.
func checkPage(t *testing.T, where, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body, uhoh) {
		t.Errorf("%s: text is not escaped", where)
	}
	if strings.ContainsAny(body, "\u0080\u0099\ufffd") {
		t.Errorf("%s: a character was encoded twice", where)
	}
	headings, ids, labels := 0, map[string]bool{}, map[string]bool{}
	var controls []*html.Node
	level := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("%s: id %q twice", where, id)
			}
			ids[id] = true
		}
		if attr(n, "style") != "" {
			t.Errorf("%s: inline style", where)
		}
		switch n.Data {
		case "h1":
			headings++
			level = 1
		case "h2", "h3":
			if depth := int(n.Data[1] - '0'); level > 0 && depth > level+1 {
				t.Errorf("%s: %s after a heading of level %d", where, n.Data, level)
			}
			level = int(n.Data[1] - '0')
		case "label":
			labels[attr(n, "for")] = true
		case "input", "select", "textarea":
			if attr(n, "type") != "hidden" {
				controls = append(controls, n)
			}
		}
	}
	if headings != 1 {
		t.Errorf("%s: %d h1", where, headings)
	}
	for _, n := range controls {
		if id := attr(n, "id"); id == "" || attr(n, "name") == "" || !labels[id] {
			t.Errorf("%s: control id=%q name=%q without label", where, id, attr(n, "name"))
		}
	}
	for n := range doc.Descendants() {
		if href := attr(n, "href"); n.Data == "a" && strings.HasPrefix(href, "#") && !ids[href[1:]] {
			t.Errorf("%s: %s leads nowhere", where, href)
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
