package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// goldenRights is the one table of who may do what: every route, every kind of
// visitor. A new route or a changed right shows as a changed line of this file.
const goldenRights = "../../testdata/droits.txt"

// kinds of visitors, in the order of the table's columns.
var kinds = []struct {
	name  string
	agent string // of the sandbox; "" = nobody
	lend  bool   // the screen is entrusted to an usager
	enrol bool   // the session may only enrol a factor
}{
	{"personne", "", false, false},
	{"aidant", "nadia", false, false},
	{"confié", "nadia", true, false},
	{"autre structure", "monique", false, false},
	{"référent", "claire", false, false},
	{"auditeur", "thomas", false, false},
	{"administrateur", "sophie", false, false},
	{"enrôlement", "nadia", false, true},
}

// TestRights compares what every route answers to every kind of visitor with
// the golden table: go test ./cmd/relais -run TestRights -update writes it.
func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	mandat := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	var table strings.Builder
	fmt.Fprintf(&table, "# route, accès, puis ce qu’elle répond à : ")
	for _, k := range kinds {
		fmt.Fprintf(&table, "%s | ", k.name)
	}
	table.WriteString("\n")
	for _, rt := range w.d.web.Routes() {
		fmt.Fprintf(&table, "%-48s %-14s", rt.Pattern, rt.Access)
		for i := range kinds {
			fmt.Fprintf(&table, " | %-16s", w.try(rt.Pattern, i, mandat.id))
		}
		table.WriteString("\n")
		w.checkJournal()
	}
	compareGolden(t, goldenRights, table.String())
}

// try asks one route as one kind of visitor, each time with a session of its own
// since some routes end it.
func (w *world) try(pattern string, kind int, mandat string) string {
	w.t.Helper()
	k := kinds[kind]
	v := visitor.New(w.t)
	w.become(v, k.agent, k.enrol)
	if k.lend {
		id := w.draft(v, logement())
		v.Open(w.relais + "/mandats/" + id).Submit("/mandats/" + id + "/confier").MustBeAt("/tour")
	}
	method, path, _ := strings.Cut(pattern, " ")
	path = strings.NewReplacer("{$}", "", "{id}", w.objectOf(path, mandat), "{demande}", "inconnue", "{mandat}", mandat,
		"{ref}", "inconnue", "{regle}", "lecture_rapide", "{index}", "0", "/static/", "/static/relais.svg").Replace(path)
	return w.ask(v.Client.Jar.(*cookiejar.Jar), method, path)
}

// become signs a visitor in, if they are anybody.
func (w *world) become(v *visitor.Visitor, agent string, enrol bool) {
	w.t.Helper()
	switch {
	case agent == "":
	case enrol:
		w.enrolling(v, agent)
	default:
		w.signIn(v, agent)
	}
}

// objectOf is something real to put in a route's place: a refusal must not be
// told from an absence by chance.
func (w *world) objectOf(path, mandat string) string {
	w.t.Helper()
	switch {
	case strings.Contains(path, "/structures/"):
		return "ccas-valfictif"
	case strings.Contains(path, "/reinitialisations/"):
		return w.resetOf("nadia")
	case strings.Contains(path, "/missions/"):
		return w.missionOf("thomas").ID
	case strings.Contains(path, "/revues/"):
		return w.revueOf("thomas")
	case strings.Contains(path, "/recherches/"):
		return w.rechercheOf("thomas")
	case strings.Contains(path, "/agents/"):
		return w.idOf("julien")
	}
	return mandat
}

func (w *world) ask(jar *cookiejar.Jar, method, path string) string {
	w.t.Helper()
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var body *strings.Reader = strings.NewReader("")
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.relais+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := fmt.Sprint(resp.StatusCode)
	if to := resp.Header.Get("Location"); to != "" {
		u, err := url.Parse(to)
		if err != nil {
			w.t.Fatal(err)
		}
		answer += "→" + firstSegment(u.Path)
	}
	return answer
}

func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return "/" + first
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.FromSlash(file), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := at(gotLines, i), at(wantLines, i)
		if g != w {
			t.Errorf("%s line %d:\n got %s\nwant %s", file, i+1, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
