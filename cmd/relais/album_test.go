package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"relais/internal/testkit/visitor"
)

// album keeps every page that people of a world were shown, byte for byte, and
// serves them again at addresses of their own. States are reached quickly over
// plain HTTP, and pages that cannot be opened twice (an answer to a form, a page
// about to leave, an error) can be looked at in a browser as long as wanted.
type album struct {
	t     testing.TB
	w     *world
	mux   *http.ServeMux // the route table, to tell which route answered
	site  string         // where the pages are served again
	mu    sync.Mutex
	known map[string]bool
	shots []*shot
	seen  map[string]bool // "role pattern" of every page shown with success
}

// shot is one page as somebody saw it.
type shot struct {
	role, pattern, path string // the page's route, "" on another site; path is its address in the album
	status              int
	header              http.Header
	body                []byte
}

func newAlbum(t testing.TB, w *world) *album {
	t.Helper()
	a := &album{t: t, w: w, mux: http.NewServeMux(), known: map[string]bool{}, seen: map[string]bool{}}
	for _, rt := range w.d.web.Routes() {
		a.mux.HandleFunc(rt.Pattern, func(http.ResponseWriter, *http.Request) {})
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", proxyTo(t, w.relais))
	mux.Handle("/style.css", proxyTo(t, w.services))
	mux.HandleFunc("/album/", a.serve)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.site = server.URL
	return a
}

func proxyTo(t testing.TB, base string) http.Handler {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
}

// leaving is what makes a page leave by itself; the album's copy stays.
var leaving = regexp.MustCompile(`<meta http-equiv="refresh"[^>]*>`)

func (a *album) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.shots {
		if s.path != r.URL.Path {
			continue
		}
		for _, name := range []string{"Content-Type", "Content-Security-Policy"} {
			w.Header().Set(name, s.header.Get(name))
		}
		w.WriteHeader(s.status)
		_, _ = w.Write(leaving.ReplaceAll(s.body, nil)) // a browser that went away is its own failure
		return
	}
	http.NotFound(w, r)
}

// person is a visitor whose pages all go into the album. Role is only a word.
func (a *album) person(role string) *visitor.Visitor {
	v := visitor.New(a.t)
	v.Client.Transport = keeper{a, role}
	return v
}

// agent is a person who has signed in.
func (a *album) agent(id string) *visitor.Visitor {
	v := a.person(id)
	a.w.signIn(v, id)
	return v
}

type keeper struct {
	album *album
	role  string
}

func (k keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || resp.Header.Get("Location") != "" {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close() // it was read to its end
	resp.Body = io.NopCloser(bytes.NewReader(body))
	k.album.keep(k.role, r, resp.StatusCode, resp.Header, body)
	return resp, nil
}

// keep adds a page unless one of the same route, role, status, heading and
// structure is there already. Errors are alike wherever they come from.
func (a *album) keep(role string, r *http.Request, status int, header http.Header, body []byte) {
	a.t.Helper()
	pattern := ""
	if strings.HasPrefix(a.w.relais, "http://"+r.URL.Host) {
		_, pattern = a.mux.Handler(r)
	}
	heading, shape := digest(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if pattern != "" && status < 400 {
		a.seen[role+" "+pattern] = true
	}
	key := fmt.Sprint(role, pattern, status, heading, shape)
	if status == http.StatusForbidden || status == http.StatusNotFound || pattern == "" {
		key = fmt.Sprint(status, heading, shape)
	}
	if a.known[key] {
		return
	}
	a.known[key] = true
	name := strings.Trim(regexp.MustCompile(`[^a-z]+`).ReplaceAllString(strings.ToLower(pattern+" "+heading), "-"), "-")
	a.shots = append(a.shots, &shot{role: role, pattern: pattern, status: status, header: header, body: body,
		path: fmt.Sprintf("/album/%d-%s-%d-%s", len(a.shots), strings.ReplaceAll(role, " ", "-"), status, name)})
}

// digest is a page's heading, and what its structure is: names and classes of
// its elements, each sequence of like siblings once.
func digest(body []byte) (heading string, shape uint64) {
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return "", 0
	}
	sum := fnv.New64a()
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		before := ""
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Type != html.ElementNode {
				continue
			}
			this := c.Data
			for _, at := range c.Attr {
				if at.Key == "class" || at.Key == "open" {
					this += "." + at.Val
				}
			}
			if c.Data == "h1" && heading == "" {
				heading = visitor.Text(c)
			}
			if this == before {
				continue
			}
			before = this
			_, _ = io.WriteString(sum, "<"+this) // a hash never fails
			walk(c)
			_, _ = io.WriteString(sum, ">")
		}
	}
	walk(root)
	return heading, sum.Sum64()
}

// page returns the album's copy of what a visitor is looking at.
func (a *album) page(v *visitor.Visitor) string {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &shot{status: v.Status, header: v.Header, body: []byte(v.Body), path: fmt.Sprintf("/album/%d", len(a.shots))}
	a.shots = append(a.shots, s)
	return a.site + s.path
}
