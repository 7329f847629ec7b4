package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/testkit/visitor"
)

// The tests in files bad_*_test.go show bad input to the whole house. Each holds
// three things: the answer is a clear message or a standard error, nothing
// changed but the journal's own trace of the refusal, and the journal verifies.

// in is the same world in a subtest.
func (w *world) in(t testing.TB) *world {
	c := *w
	c.t = t
	return &c
}

// stateTables is everything that says what is in force. Sessions are counted
// without their last sight, which every request moves; keys without those of a
// month's staff, which its first entry makes, be it a refusal.
var stateTables = []string{
	"SELECT * FROM mandat ORDER BY id", "SELECT * FROM autorisation ORDER BY mandat_id, domaine",
	"SELECT * FROM brouillon ORDER BY mandat_id", "SELECT * FROM dossier ORDER BY mandat_id",
	"SELECT * FROM usager ORDER BY id", "SELECT * FROM usager_index ORDER BY token, usager_id",
	"SELECT * FROM aidant ORDER BY id", "SELECT * FROM organisation ORDER BY id",
	"SELECT * FROM coffre_key WHERE subject NOT LIKE 'agents:%' ORDER BY subject", "SELECT * FROM delegation ORDER BY id",
	"SELECT ref, aidant_id, entrusted FROM session ORDER BY ref",
}

// raw opens the world's database beside the house, as an intruder would.
func (w *world) raw() *sql.DB {
	w.t.Helper()
	driver, dsn := "sqlite3", "file:"+w.d.cfg.Database.Path+"?_busy_timeout=5000"
	if w.d.cfg.Database.Engine == config.Postgres {
		driver, dsn = "pgx", w.d.cfg.Database.URL.Reveal()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	return db
}

// state writes out every row that says what is in force.
func (w *world) state() []string {
	w.t.Helper()
	db := w.raw()
	defer db.Close()
	var out []string
	for _, q := range stateTables {
		rows, err := db.QueryContext(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			w.t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%s: %x", q, fmt.Sprint(values...)))
		}
		if err := rows.Err(); err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

// entriesSince lists what the journal got from an index on, oldest first.
func (w *world) entriesSince(from int64) []journal.Record {
	w.t.Helper()
	all, err := w.d.store.Journal(w.t.Context(), journal.Filter{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(r journal.Record) bool { return r.Index < from })
	slices.Reverse(all)
	return all
}

func (w *world) size() int64 {
	w.t.Helper()
	head, err := w.d.store.Head(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return head.Size
}

// harmless runs bad input and holds that it changed nothing: every row of the
// state stands as before, and the journal got nothing but access entries,
// refusals, and provider keys seen. Each of traces, "action/reason", must be
// among the refusals.
func (w *world) harmless(do func(), traces ...string) {
	w.t.Helper()
	before, from := w.state(), w.size()
	do()
	if after := w.state(); !slices.Equal(before, after) {
		w.t.Errorf("the state changed: %d rows before, %d after; %s", len(before), len(after), firstDifference(before, after))
	}
	var refusals []string
	for _, e := range w.entriesSince(from) {
		if e.Outcome == journal.Denied {
			refusals = append(refusals, string(e.Action)+"/"+e.Reason)
			continue
		}
		if e.Action.Class() != journal.Access && e.Action != journal.KeysSeen {
			w.t.Errorf("entry %d: %s %s", e.Index, e.Action, e.Outcome)
		}
	}
	for _, want := range traces {
		if !slices.Contains(refusals, want) {
			w.t.Errorf("no trace %s, only %v", want, refusals)
		}
	}
	w.checkJournal()
}

func firstDifference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		if x, y := at(a, i), at(b, i); x != y {
			q, _, _ := strings.Cut(x, ":")
			return q
		}
	}
	return ""
}

// mandatOf reads a mandat of one of the fictional agents' structures.
func (w *world) mandatOf(agent, id string) mandat.Mandat {
	w.t.Helper()
	m, err := w.d.store.Mandat(w.t.Context(), w.structureOf(agent), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// hub is the hub's side of the protocol, played by hand.
type hub struct {
	w            *world
	state, nonce string
}

func (w *world) rawHub() *hub {
	return &hub{w: w, state: strings.Repeat("5", 64), nonce: strings.Repeat("a", 64)}
}

// query is an authorization request as the real hub sends it.
func (h *hub) query() url.Values {
	return url.Values{"client_id": {h.w.d.conf.HubAtRelais.ID}, "response_type": {"code"}, "scope": {"openid profile email birth"},
		"redirect_uri": {h.back()}, "acr_values": {"eidas1"}, "state": {h.state}, "nonce": {h.nonce}, "prompt": {"login"},
		"claims": {`{"id_token":{"rep_scope":{"essential":true,"values":[]}}}`}}
}

func (h *hub) back() string { return h.w.d.conf.HubURL + "/api/v2/oidc-callback" }

// request sends a browser to Relais and returns the request's id.
func (h *hub) request(v *visitor.Visitor) string {
	h.w.t.Helper()
	v.Open(h.w.url("/authorize", h.query())).MustBeAt("/agir/")
	return strings.TrimPrefix(v.URL.Path, "/agir/")
}

// code lets an aidant choose, and takes the code from the page that would have
// sent the browser to the hub.
func (h *hub) code(v *visitor.Visitor, mandat, domaine string) string {
	h.w.t.Helper()
	id := h.request(v)
	answer := h.w.postForm(v, "/agir/"+id, url.Values{"mandat": {mandat}, "domaine": {domaine}})
	_, after, ok := strings.Cut(answer.body, "code=")
	if answer.status != http.StatusOK || !ok {
		h.w.t.Fatalf("no code: %d\n%s", answer.status, answer.body)
	}
	code, _, _ := strings.Cut(after, "&")
	return code
}

// form redeems a code as the real hub does.
func (h *hub) form(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {h.back()},
		"client_id": {h.w.d.conf.HubAtRelais.ID}, "client_secret": {h.w.d.conf.HubAtRelais.Secret}}
}

// answer is what a machine gets.
type answer struct {
	status int
	header http.Header
	body   string
}

// field is one member of a JSON answer.
func (a answer) field(name string) string {
	var all map[string]any
	if json.Unmarshal([]byte(a.body), &all) != nil {
		return ""
	}
	s, _ := all[name].(string)
	return s
}

func (h *hub) token(form url.Values) answer {
	h.w.t.Helper()
	return h.w.send(nil, http.MethodPost, "/token", form.Encode(), nil)
}

// access redeems a code and returns the access token.
func (h *hub) access(code string) string {
	h.w.t.Helper()
	a := h.token(h.form(code))
	if a.status != http.StatusOK || a.field("access_token") == "" {
		h.w.t.Fatalf("token: %d %s", a.status, a.field("error"))
	}
	return a.field("access_token")
}

func (h *hub) userinfo(access string) answer {
	h.w.t.Helper()
	return h.w.send(nil, http.MethodGet, "/userinfo", "", http.Header{"Authorization": {"Bearer " + access}})
}

// send makes one request and follows no redirect. A nil visitor has no cookies.
func (w *world) send(v *visitor.Visitor, method, path, body string, header http.Header) answer {
	w.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second}
	if v != nil {
		client.Jar = v.Client.Jar.(*cookiejar.Jar)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.relais+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	return readAnswer(w.t, resp)
}

func readAnswer(t testing.TB, resp *http.Response) answer {
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{resp.StatusCode, resp.Header, string(raw)}
}

// text is the answer as a person reads it.
func (a answer) text() string {
	root, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return a.body
	}
	return visitor.Text(root)
}

// postForm sends a form as a page of Relais would.
func (w *world) postForm(v *visitor.Visitor, path string, form url.Values) answer {
	w.t.Helper()
	return w.send(v, http.MethodPost, path, form.Encode(), nil)
}
