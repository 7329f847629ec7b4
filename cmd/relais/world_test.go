package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/sandbox"
	"relais/internal/testkit/pgtest"
	"relais/internal/testkit/visitor"
)

// world is a whole Relais with its fictional peers, listening on ports of its
// own, on a real database.
type world struct {
	t        testing.TB
	d        *demoHouse
	relais   string
	services string
	environ  []string // for the offline verbs
	hub      *front   // what stands before the fictional FranceConnect
	agents   *front   // and before the fictional ProConnect
	logs     *logBook // every line of the house's log, of every level
	lent     int64    // entries that entrusting a screen writes, once measured
	behind   *sql.DB  // the database itself, once asked
}

// front lets a test take the place of a fictional provider, or change what it says.
type front struct {
	atomic.Pointer[func(http.Handler) http.Handler]
}

// stand puts f before the provider; nil takes it away.
func (f *front) stand(change func(http.Handler) http.Handler) {
	if change == nil {
		f.Store(nil)
		return
	}
	f.Store(&change)
}

func (f *front) before(provider http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if change := f.Load(); change != nil {
			(*change)(provider).ServeHTTP(w, r)
			return
		}
		provider.ServeHTTP(w, r)
	})
}

// logBook keeps what is logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// reset forgets what was written.
func (l *logBook) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// databases are the engines that every whole-house test of storage runs on.
var databases = []string{config.SQLite, config.Postgres}

// option changes a world before it is built.
type option func(*config.Config)

// newWorld starts a world; it stops, and its journal is verified, at the end of
// the test.
func newWorld(t testing.TB, engine string, options ...option) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	database := "sqlite:" + filepath.Join(dir, "relais.db")
	if engine == config.Postgres {
		database = pgtest.DSN(t)
	}
	l := openPorts(t)
	port := func(l net.Listener) string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }
	w := &world{t: t, hub: &front{}, agents: &front{}, logs: &logBook{}, relais: "http://localhost:" + port(l.relais), services: "http://127.0.0.1:" + port(l.services),
		environ: []string{"RELAIS_DATA=" + dir, "RELAIS_DATABASE_URL=" + database}}
	cfg, err := config.LoadDemo(append([]string{
		"RELAIS_LISTEN=127.0.0.1:" + port(l.relais), "RELAIS_PUBLIC_URL=" + w.relais,
		"RELAIS_DEMO_AGENTS=127.0.0.1:" + port(l.agents), "RELAIS_DEMO_FRANCECONNECT=127.0.0.1:" + port(l.hub),
		"RELAIS_DEMO_SERVICES=127.0.0.1:" + port(l.services), "RELAIS_COURRIEL_ABSENT=absent@relais.example", "RELAIS_PULSATION=0", "RELAIS_DEBIT=non",
	}, w.environ...))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		o(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	log := slog.New(slog.NewMultiHandler(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}),
		slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if w.d, err = newDemo(ctx, cfg, log); err != nil {
		t.Fatal(err)
	}
	l.hub = w.standInFront(l.hub, w.hub.before(w.d.sandbox.Hub()))
	l.agents = w.standInFront(l.agents, w.agents.before(w.d.sandbox.Agents()))
	done := make(chan error, 1)
	go func() { done <- w.d.run(ctx, l) }()
	t.Cleanup(func() {
		w.checkJournal()
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the house did not stop cleanly: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the house did not stop")
		}
	})
	return w
}

// standInFront serves an address itself, and returns a listener for the house to
// serve it on, which nobody asks.
func (w *world) standInFront(at net.Listener, before http.Handler) net.Listener {
	w.t.Helper()
	server := newHTTPServer(before, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(at) }() // ends with the test
	w.t.Cleanup(func() { _ = server.Close() })
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	return unused
}

func openPorts(t testing.TB) listeners {
	t.Helper()
	var l listeners
	for _, at := range []*net.Listener{&l.relais, &l.agents, &l.hub, &l.services} {
		opened, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*at = opened
	}
	return l
}

// testLog sends the house's warnings to the test's log.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	fmt.Fprint(os.Stderr, "house: ", string(b)) // t.Log would panic for a line that comes after the test
	return len(b), nil
}

// checkJournal re-verifies the whole journal, as after every step of a flow.
func (w *world) checkJournal() {
	w.t.Helper()
	if _, err := w.d.store.VerifyJournal(context.Background()); err != nil {
		w.t.Errorf("journal: %v", err)
	}
}

// verb runs the program as an operator does, on this world's database.
func (w *world) verb(args ...string) (code int, out string) {
	var b strings.Builder
	code = run(context.Background(), args, w.environ, &b, &b)
	return code, b.String()
}

// agent is a person who has signed in as one of the fictional agents.
func (w *world) agent(id string) *visitor.Visitor {
	w.t.Helper()
	v := visitor.New(w.t)
	w.signIn(v, id)
	return v
}

func (w *world) signIn(v *visitor.Visitor, id string) {
	w.t.Helper()
	v.Open(w.relais + "/connexion").Submit("/connexion").Click("agent-" + id)
}

// given is a mandat that was given and accepted.
type given struct{ id, number string }

// plan is what the first screen is told.
type plan struct {
	demarches  []string // "logement/apl"
	days       string
	colleagues bool
	capacity   string
}

func logement() plan {
	return plan{demarches: []string{"logement/apl"}, days: "31", capacity: "aucune"}
}

// draft fills the first screen and returns the new draft's id.
func (w *world) draft(v *visitor.Visitor, p plan) string {
	w.t.Helper()
	v.Open(w.relais+"/mandats/nouveau").Choose("demarche", p.demarches...).Choose("duree", p.days).Choose("capacite", p.capacity)
	if p.colleagues {
		v.Choose("collegues", "oui")
	}
	v.Submit("/mandats").MustBeAt("/mandats/m")
	return strings.Split(strings.TrimPrefix(v.URL.Path, "/mandats/"), "/")[0]
}

// identify hands the screen over and lets an usager identify with one of the
// hub's fictional providers, up to « Est-ce bien vous ? ».
func (w *world) identify(v *visitor.Visitor, id, usager string) {
	w.t.Helper()
	v.Open(w.relais + "/mandats/" + id).Submit("/mandats/" + id + "/confier").MustBeAt("/tour")
	v.Click("identifier").Click("fi-impots").Click("usager-" + usager).Click("continuer")
}

// takeBack brings the screen back to the agent.
func (w *world) takeBack(v *visitor.Visitor, agent string) {
	w.t.Helper()
	v.Submit("/tour/reprendre").Click("agent-" + agent)
}

// give plays the three screens to the end.
func (w *world) give(v *visitor.Visitor, agent, usager string, p plan) given {
	w.t.Helper()
	id := w.draft(v, p)
	w.identify(v, id, usager)
	v.MustBeAt("/tour/identite").Click("oui").MustBeAt("/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	w.takeBack(v, agent)
	v.MustBeAt("/mandats/" + id + "/acceptation").Submit("/acceptation").MustBeAt("/mandats/" + id)
	m, err := w.d.store.Mandat(context.Background(), w.structureOf(agent), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return given{id: id, number: m.Number}
}

// arrive goes from a public service through the hub to Relais's page where the
// usager is chosen; it returns the request's id.
func (w *world) arrive(v *visitor.Visitor, service string) string {
	w.t.Helper()
	v.Open(w.services + "/" + service).Click("connexion-" + service).Click("fi-relais").MustBeAt("/agir/")
	return strings.TrimPrefix(v.URL.Path, "/agir/")
}

// choose picks the mandat and the domaine and returns with the service's answer.
func (w *world) choose(v *visitor.Visitor, request, mandat, domaine string) {
	w.t.Helper()
	v.Open(w.relais+"/agir/"+request+"/mandats/"+mandat).Choose("domaine", domaine).Click("continuer")
}

func (w *world) url(path string, query url.Values) string {
	if len(query) == 0 {
		return w.relais + path
	}
	return w.relais + path + "?" + query.Encode()
}

// structureOf is the structure of one of the fictional agents.
func (w *world) structureOf(id string) string {
	w.t.Helper()
	for _, a := range sandbox.Agents() {
		if a.ID != id {
			continue
		}
		for _, s := range sandbox.Structures() {
			if s.Siret == a.Siret {
				return s.ID
			}
		}
	}
	w.t.Fatalf("no fictional agent %q", id)
	return ""
}

// idOf is the opaque id of one of the fictional agents.
func (w *world) idOf(agent string) string {
	w.t.Helper()
	for _, a := range sandbox.Agents() {
		if a.ID != agent {
			continue
		}
		found, err := w.d.store.FindAidant(context.Background(), strings.ToLower(a.Email), a.Siret)
		if err != nil {
			w.t.Fatal(err)
		}
		return found.ID
	}
	w.t.Fatalf("no fictional agent %q", agent)
	return ""
}
