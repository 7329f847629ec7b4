// Package visitor plays a person over plain HTTP: it keeps cookies, follows
// redirects and refreshes of zero seconds, and sends the forms of the page it
// stands on, as a browser without JavaScript does.
//
// It fails the test on anything a person could not do: a button that is not
// there, an answer that is not a page. It does not run scripts, styles or axe:
// see testkit/browser for those.
package visitor

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Visitor is one person with one browser.
type Visitor struct {
	t       testing.TB
	Client  *http.Client
	URL     *url.URL
	Status  int
	Header  http.Header
	Body    string
	root    *html.Node
	typed   map[string][]string
	Refresh bool // follow refreshes of zero seconds, as browsers do
}

// New returns a person with an empty cookie jar.
func New(t testing.TB) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Visitor{t: t, Client: &http.Client{Jar: jar}, typed: map[string][]string{}, Refresh: true}
}

// In returns the same person in a subtest.
func (v *Visitor) In(t testing.TB) *Visitor { c := *v; c.t = t; return &c }

// Open goes to an address.
func (v *Visitor) Open(address string) *Visitor {
	v.t.Helper()
	v.do(http.MethodGet, v.resolve(address), nil)
	return v
}

// Post sends a form that is on no page.
func (v *Visitor) Post(address string, form url.Values) *Visitor {
	v.t.Helper()
	v.do(http.MethodPost, v.resolve(address), form)
	return v
}

func (v *Visitor) resolve(address string) string {
	v.t.Helper()
	if v.URL == nil {
		return address
	}
	u, err := v.URL.Parse(address)
	if err != nil {
		v.t.Fatal(err)
	}
	return u.String()
}

func (v *Visitor) do(method, address string, form url.Values) {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, body)
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := v.Client.Do(req)
	if err != nil {
		v.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.URL, v.Status, v.Header, v.Body = resp.Request.URL, resp.StatusCode, resp.Header, string(raw)
	v.typed = map[string][]string{}
	if v.root, err = html.Parse(strings.NewReader(v.Body)); err != nil {
		v.t.Fatal(err)
	}
	if to := v.refresh(); to != "" && v.Refresh {
		v.do(http.MethodGet, v.resolve(to), nil)
	}
}

func (v *Visitor) refresh() string {
	n := find(v.root, func(n *html.Node) bool {
		return n.Data == "meta" && strings.EqualFold(attr(n, "http-equiv"), "refresh")
	})
	if n == nil {
		return ""
	}
	_, to, ok := strings.Cut(attr(n, "content"), "url=")
	if !ok {
		return ""
	}
	return to
}

// Fill types into a field of the page, by name.
func (v *Visitor) Fill(name, value string) *Visitor { v.typed[name] = []string{value}; return v }

// Choose checks the boxes or the radio of a name that have these values.
func (v *Visitor) Choose(name string, values ...string) *Visitor { v.typed[name] = values; return v }

// Click follows the link or presses the button with an id.
func (v *Visitor) Click(id string) *Visitor {
	v.t.Helper()
	n := find(v.root, func(n *html.Node) bool { return attr(n, "id") == id })
	if n == nil {
		v.t.Fatalf("no %q on this page:\n%s", id, v.Describe())
	}
	if n.Data == "a" {
		return v.Open(attr(n, "href"))
	}
	form := n
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		v.t.Fatalf("%q is in no form", id)
	}
	values := v.values(form)
	if name := attr(n, "name"); name != "" {
		values.Set(name, attr(n, "value"))
	}
	return v.send(form, values)
}

// Submit sends the form whose action ends with the given path.
func (v *Visitor) Submit(action string) *Visitor {
	v.t.Helper()
	form := find(v.root, func(n *html.Node) bool {
		return n.Data == "form" && strings.HasSuffix(attr(n, "action"), action)
	})
	if form == nil {
		v.t.Fatalf("no form for %q on this page:\n%s", action, v.Describe())
	}
	return v.send(form, v.values(form))
}

func (v *Visitor) send(form *html.Node, values url.Values) *Visitor {
	v.t.Helper()
	action := attr(form, "action")
	if action == "" {
		action = v.URL.String()
	}
	if strings.EqualFold(attr(form, "method"), "post") {
		v.do(http.MethodPost, v.resolve(action), values)
		return v
	}
	u, err := url.Parse(v.resolve(action))
	if err != nil {
		v.t.Fatal(err)
	}
	u.RawQuery = values.Encode()
	v.do(http.MethodGet, u.String(), nil)
	return v
}

// values are what the form would send, with what was typed in between.
func (v *Visitor) values(form *html.Node) url.Values {
	out := url.Values{}
	walk(form, func(n *html.Node) {
		name := attr(n, "name")
		if name == "" || has(n, "disabled") {
			return
		}
		typed, did := v.typed[name]
		switch {
		case n.Data == "input" && (attr(n, "type") == "checkbox" || attr(n, "type") == "radio"):
			if did && contains(typed, attr(n, "value")) || !did && has(n, "checked") {
				out.Add(name, attr(n, "value"))
			}
		case n.Data == "input" && attr(n, "type") != "submit":
			out.Set(name, first(typed, did, attr(n, "value")))
		case n.Data == "textarea":
			out.Set(name, first(typed, did, Text(n)))
		case n.Data == "select":
			out.Set(name, first(typed, did, selected(n)))
		}
	})
	return out
}

func selected(n *html.Node) string {
	o := find(n, func(n *html.Node) bool { return n.Data == "option" && has(n, "selected") })
	if o == nil {
		o = find(n, func(n *html.Node) bool { return n.Data == "option" })
	}
	if o == nil {
		return ""
	}
	return attr(o, "value")
}

func first(typed []string, did bool, otherwise string) string {
	if did && len(typed) > 0 {
		return typed[0]
	}
	return otherwise
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
