package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/config"
	"relais/internal/sandbox"
	"relais/internal/store"
)

// benchChild makes this test binary a server whose processor time is measured:
// "relais ES256 DIR" is a whole Relais on a durable SQLite database, "floor
// ES256 DIR" only answers HTTP and signs. A fourth word is the database, when it is
// another. TEST_BENCH_JWKS are the hub's public keys, where it signs what it sends
// and wants its answers encrypted. TEST_BENCH_PROFILE=FILE makes the child write a
// CPU profile.
const (
	benchChild   = "TEST_BENCH_CHILD"
	benchKeys    = "TEST_BENCH_JWKS"
	benchProfile = "TEST_BENCH_PROFILE"
)

// childAt says where a child listens.
type childAt struct{ Relais, Hub, Services string }

// spent is what a child has cost since its start.
type spent struct {
	CPU                 int64 // µs, user and system
	RSS                 int64 // KiB, the most so far
	Now, Heap           int64 // KiB, resident now; of it, what no file is behind
	Statements, Commits int64
}

// serveBench is the child: it says where it listens, then answers each line of
// its input with what it has spent, until the input ends.
func serveBench(what string) {
	words := strings.Fields(what)
	l := mustListeners()
	port := func(l net.Listener) string { return fmt.Sprint(l.Addr().(*net.TCPAddr).Port) }
	at := childAt{Relais: "http://localhost:" + port(l.relais), Hub: "http://127.0.0.1:" + port(l.hub), Services: "http://127.0.0.1:" + port(l.services)}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var st *store.Store
	if words[0] == "floor" {
		server := newHTTPServer(floor(words[1]), slog.New(slog.DiscardHandler))
		go func() { <-ctx.Done(); done <- server.Close() }()
		go func() { _ = server.Serve(l.relais) }()
	} else {
		database := append(words, "sqlite:"+words[2]+"/relais.db")[3]
		d := orDie(benchHouse(ctx, words[1], words[2], database, l, at))
		st = d.store
		go func() { done <- d.run(ctx, l) }()
	}
	out := json.NewEncoder(os.Stdout)
	_ = out.Encode(at) // the parent reads it, or is gone
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "profile" {
			orDie(0, pprof.StartCPUProfile(orDie(os.Create(os.Getenv(benchProfile)))))
			continue
		}
		_ = out.Encode(spentSoFar(st))
	}
	pprof.StopCPUProfile()
	if name := os.Getenv(benchProfile); name != "" && words[0] != "floor" {
		orDie(0, pprof.Lookup("allocs").WriteTo(orDie(os.Create(name+"."+words[1]+".allocs")), 0))
	}
	stop()
	orDie(0, <-done)
}

func spentSoFar(st *store.Store) spent {
	var u syscall.Rusage
	orDie(0, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	s := spent{CPU: (u.Utime.Nano() + u.Stime.Nano()) / 1000, RSS: u.Maxrss}
	for line := range strings.Lines(string(orDie(os.ReadFile("/proc/self/status")))) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d", &s.Now)    // another line
		_, _ = fmt.Sscanf(line, "RssAnon: %d", &s.Heap) // another line
	}
	if st != nil {
		s.Statements, s.Commits = st.Counts()
	}
	return s
}

func orDie[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench child:", err)
		os.Exit(3)
	}
	return v
}

func mustListeners() (l listeners) {
	for _, at := range []*net.Listener{&l.relais, &l.agents, &l.hub, &l.services} {
		*at = orDie(net.Listen("tcp", "127.0.0.1:0"))
	}
	return l
}

// benchHouse is the demo with other algorithms and the log of serve, which
// writes a line a request.
func benchHouse(ctx context.Context, alg, dir, database string, l listeners, at childAt) (*demoHouse, error) {
	cfg, err := config.LoadDemo([]string{"RELAIS_DATA=" + dir, "RELAIS_DATABASE_URL=" + database, "RELAIS_PUBLIC_URL=" + at.Relais,
		"RELAIS_LISTEN=" + l.relais.Addr().String(), "RELAIS_DEMO_AGENTS=" + l.agents.Addr().String(),
		"RELAIS_DEMO_FRANCECONNECT=" + l.hub.Addr().String(), "RELAIS_DEMO_SERVICES=" + l.services.Addr().String(),
		"RELAIS_COURRIEL_ABSENT=absent@relais.example"})
	if err != nil {
		return nil, err
	}
	conf := sandbox.DefaultConfig()
	conf.RelaisURL, conf.AgentsURL, conf.HubURL, conf.ServicesURL = at.Relais, "http://"+l.agents.Addr().String(), at.Hub, at.Services
	conf.IDTokenAlg, conf.UserinfoAlg = alg, alg
	peers, err := sandbox.New(conf)
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	cfg = demoConfig(cfg, conf)
	if keys := os.Getenv(benchKeys); keys != "" {
		hub := &cfg.Clients[0]
		hub.ClientSecret, hub.TokenEndpointAuthMethod, hub.JWKS = "", config.AuthPrivateKey, json.RawMessage(keys)
		hub.IDTokenEncryptedResponseAlg, hub.IDTokenEncryptedResponseEnc = "ECDH-ES", "A256GCM"
		hub.UserinfoEncryptedResponseAlg, hub.UserinfoEncryptedResponseEnc = "ECDH-ES", "A256GCM"
	}
	h, err := build(ctx, cfg, slog.New(slog.NewJSONHandler(null, nil)), true)
	if err != nil {
		return nil, err
	}
	if err := h.store.Migrate(ctx); err != nil {
		return nil, err
	}
	return &demoHouse{house: h, sandbox: peers, conf: conf}, admitFictional(ctx, h.store)
}

// floor answers the requests of a delegated login with bodies of a like size
// and signs an id_token and a userinfo; it keeps and checks nothing.
func floor(alg string) http.Handler {
	var key any = orDie(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	if alg == "RS256" {
		key = orDie(rsa.GenerateKey(rand.Reader, 2048))
	}
	signer := orDie(jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, nil))
	claims := []byte(`{"sub":"` + strings.Repeat("a", 64) + `","family_name":"PERRIN","given_name":"Simone Jeanne","birthdate":"1942-04-18","padding":"` + strings.Repeat("p", 300) + `"}`)
	sign := func() string { return orDie(orDie(signer.Sign(claims)).CompactSerialize()) }
	page := []byte("<!doctype html>" + strings.Repeat("<p>"+strings.Repeat("x", 92)+"</p>", 60))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "relais_demande_x", Value: strings.Repeat("v", 900), MaxAge: 600})
		http.Redirect(w, r, "/agir/x", http.StatusSeeOther)
	})
	show := func(w http.ResponseWriter, r *http.Request) { _ = r.ParseForm(); _, _ = w.Write(page) }
	mux.HandleFunc("GET /agir/{id}", show)
	mux.HandleFunc("GET /agir/{id}/mandats/{mandat}", show)
	mux.HandleFunc("POST /agir/{id}", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		_, _ = io.WriteString(w, `<a href="/back?code=ABC">suite</a>`)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": sign()})
	})
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, sign()) })
	return mux
}

// child is a server process under measurement.
type child struct {
	at   childAt
	in   io.WriteCloser
	out  *json.Decoder
	name string
}

func startChild(b *testing.B, kind, alg string, change ...func(*exec.Cmd)) *child {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchChild+"="+kind+" "+alg+" "+filepath.Join(b.TempDir(), "data"))
	cmd.Stderr = os.Stderr
	for _, f := range change {
		f(cmd)
	}
	c := &child{name: kind + " " + alg}
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.in.Close() // it stops when its input ends
		timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil {
			b.Logf("%s: %v", c.name, err)
		}
	})
	c.out = json.NewDecoder(out)
	if err := c.out.Decode(&c.at); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *child) spent(b *testing.B) (s spent) {
	b.Helper()
	if _, err := io.WriteString(c.in, "spent\n"); err != nil {
		b.Fatal(err)
	}
	if err := c.out.Decode(&s); err != nil {
		b.Fatal(err)
	}
	return s
}
