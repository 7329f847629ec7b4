package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/sandbox"
	"relais/internal/testkit/pgtest"
)

// instanceChild makes this test binary one instance of Relais, in a process of its
// own, that trusts the fictional peers of its parent.
const instanceChild = "TEST_INSTANCE_CHILD"

// serveInstance is the child: `relais serve`, but for the addresses of its peers.
func serveInstance() {
	var own []string
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "RELAIS_") {
			own = append(own, kv)
		}
	}
	cfg := orDie(config.LoadDemo(own))
	h := orDie(build(context.Background(), demoConfig(cfg, peersOf(cfg)), slog.New(slog.NewJSONHandler(os.Stderr, nil)), false))
	orDie(0, h.store.Ready(context.Background()))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	orDie(0, h.run(ctx, orDie(net.Listen("tcp", cfg.Listen))))
}

// peersOf is the sandbox that a demo's configuration means.
func peersOf(cfg config.Config) sandbox.Config {
	conf := sandbox.DefaultConfig()
	conf.RelaisURL = cfg.PublicURL.String()
	conf.AgentsURL, conf.HubURL, conf.ServicesURL = "http://"+cfg.Sandbox.Agents, "http://"+cfg.Sandbox.FranceConnect, "http://"+cfg.Sandbox.Services
	return conf
}

// fleet is Relais as several processes on one database, behind a balancer, with the
// fictional peers in this process so that they outlive whoever is killed.
type fleet struct {
	*world
	conf      sandbox.Config
	database  string
	instances []*instance
	turn      atomic.Int64
}

// instance is one process.
type instance struct {
	t       testing.TB
	environ []string
	address string
	mu      sync.Mutex
	cmd     *exec.Cmd
	log     bytes.Buffer
}

// newFleet starts some processes; they stop, and the journal is verified, when the
// test ends.
func newFleet(t *testing.T, engine string, processes int, environ ...string) *fleet {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	f := &fleet{database: "sqlite:" + filepath.Join(dir, "relais.db")}
	if engine == config.Postgres {
		f.database = pgtest.DSN(t)
	}
	l := openPorts(t)
	f.world = &world{t: t, relais: "http://localhost:" + portOf(l.relais), services: "http://" + l.services.Addr().String(),
		environ: []string{"RELAIS_DATA=" + dir, "RELAIS_DATABASE_URL=" + f.database}}
	shared := append([]string{"RELAIS_PUBLIC_URL=" + f.relais, "RELAIS_DEMO_AGENTS=" + l.agents.Addr().String(),
		"RELAIS_DEMO_FRANCECONNECT=" + l.hub.Addr().String(), "RELAIS_DEMO_SERVICES=" + l.services.Addr().String(),
		"RELAIS_COURRIEL_ABSENT=absent@relais.example"}, append(environ, f.environ...)...)
	cfg, err := config.LoadDemo(shared)
	if err != nil {
		t.Fatal(err)
	}
	f.conf = peersOf(cfg)
	f.servePeers(l)
	if code := run(t.Context(), []string{"migrate"}, f.environ, io.Discard, os.Stderr); code != 0 {
		t.Fatal("migrate failed")
	}
	st := mustOpen(f.environ)
	if err := errors.Join(admitFictional(t.Context(), st), st.Close()); err != nil {
		t.Fatal(err)
	}
	for range processes {
		f.instances = append(f.instances, newInstance(t, shared))
	}
	for _, i := range f.instances {
		i.ready()
	}
	return f
}

func portOf(l net.Listener) string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }

// servePeers serves the sandbox and, under Relais's address, the balancer.
func (f *fleet) servePeers(l listeners) {
	f.t.Helper()
	peers, err := sandbox.New(f.conf)
	if err != nil {
		f.t.Fatal(err)
	}
	balancer := &httputil.ReverseProxy{Transport: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host }}
	for listener, handler := range map[net.Listener]http.Handler{l.relais: balancer, l.agents: peers.Agents(), l.hub: peers.Hub(), l.services: peers.Services()} {
		server := newHTTPServer(handler, slog.New(slog.DiscardHandler))
		go func() { _ = server.Serve(listener) }() // ends with the test
		f.t.Cleanup(func() { _ = server.Close() })
	}
}

// RoundTrip is the balancer's choice: each instance in turn, the next one where
// nobody listens. What changes something is not sent twice once it was begun; what
// only reads is, where a connection was kept to a process that is gone.
func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	var err error
	if r.Body != nil {
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	first := int(f.turn.Add(1))
	for n := range f.instances {
		i := f.instances[(first+n)%len(f.instances)]
		out := r.Clone(r.Context())
		out.URL.Host, out.Body = i.address, http.NoBody
		if len(body) > 0 {
			out.Body = io.NopCloser(bytes.NewReader(body))
		}
		var resp *http.Response
		if resp, err = http.DefaultTransport.RoundTrip(out); err == nil {
			return resp, nil
		}
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			return nil, err
		}
	}
	return nil, err
}

func newInstance(t *testing.T, shared []string) *instance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, address: l.Addr().String()}
	i.environ = append(append(os.Environ(), shared...), "RELAIS_LISTEN="+i.address, instanceChild+"=1")
	_ = l.Close() // it was only for the number
	i.start()
	t.Cleanup(i.stop)
	return i
}

func (i *instance) start() {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cmd = exec.Command(os.Args[0])
	i.cmd.Env, i.cmd.Stderr = i.environ, &i.log
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
}

// ready waits until the instance says that it is.
func (i *instance) ready() {
	i.t.Helper()
	if err := waitReady("http://" + i.address); err != nil {
		i.t.Fatal(err, i.log.String())
	}
}

// waitReady asks an address until Relais answers there.
func waitReady(at string) error {
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(at + "/readyz")
		if err == nil {
			_ = resp.Body.Close() // the status is all
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		if time.Since(start) > 20*time.Second {
			return fmt.Errorf("%s is not ready: %w", at, err)
		}
	}
}

// kill is SIGKILL: nothing is finished, nothing is said.
func (i *instance) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	_ = i.cmd.Process.Kill()
	_ = i.cmd.Wait() // killed: its error is the point
}

// stop ends the instance in good order.
func (i *instance) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cmd.ProcessState != nil {
		return
	}
	_ = i.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(grace+10*time.Second, func() { _ = i.cmd.Process.Kill() })
	defer timer.Stop()
	if err := i.cmd.Wait(); err != nil {
		i.t.Errorf("an instance ended with %v: %s", err, i.log.String())
	}
}

// granted signs an agent in, lets an usager give them a mandat, and returns the
// driver of their browser.
func (f *fleet) granted(agent, usager string) *hubDriver {
	f.t.Helper()
	v := f.agent(agent)
	id := f.draft(v, logement())
	f.identify(v, id, usager)
	v.MustBeAt("/tour/identite").Click("oui").MustBeAt("/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	f.takeBack(v, agent)
	v.MustBeAt("/mandats/" + id + "/acceptation").Submit("/acceptation").MustBeAt("/mandats/" + id)
	d := &hubDriver{newDriver(f.relais, f.conf.HubURL, redeemRivals)}
	d.as(f.t, v)
	d.mandat, d.domaine = id, "logement"
	return d
}

// stop ends all instances, then holds that the journal is whole and that every
// mandat is in the state which it says.
func (f *fleet) stop() {
	f.t.Helper()
	for _, i := range f.instances {
		i.stop()
	}
	if code, out := f.verb("journal", "verify"); code != 0 {
		f.t.Errorf("journal verify: %d\n%s", code, out)
	}
	if code, out := f.verb("journal", "replay"); code != 0 {
		f.t.Errorf("journal replay: %d\n%s", code, out)
	}
}
