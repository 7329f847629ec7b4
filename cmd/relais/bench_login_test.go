package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	loginClients = 8
	loginSlice   = time.Second
	loginRounds  = 8 // TEST_BENCH_ROUNDS changes it
)

// BenchmarkDelegatedLogin measures delegated logins per second of the server's
// processor time. The server is another process on a durable SQLite database;
// the aidant's browser and the hub are this one. Each round runs every server
// for a slice, in turn, so that the ratios to the floor are paired.
func BenchmarkDelegatedLogin(b *testing.B) {
	if testing.Short() {
		return
	}
	var servers []*loginServer
	for _, alg := range []string{"ES256", "RS256"} {
		for _, kind := range []string{"floor", "relais"} {
			servers = append(servers, startLoginServer(b, kind, alg))
		}
	}
	for _, s := range servers { // warm: statements prepared, keys used, buffers grown
		s.run(b, loginSlice)
	}
	profile(b, servers)
	for _, s := range servers {
		s.start, s.logins, s.perLogin = s.child.spent(b), 0, nil
	}
	rounds := benchRounds()
	for range rounds {
		for _, s := range servers {
			s.run(b, loginSlice)
		}
	}
	printLogins(b, servers, rounds)
}

// profile makes the house write a CPU profile, if TEST_BENCH_PROFILE is set.
func profile(b *testing.B, servers []*loginServer) {
	if os.Getenv(benchProfile) == "" {
		return
	}
	if _, err := io.WriteString(servers[1].child.in, "profile\n"); err != nil {
		b.Fatal(err)
	}
}

// loginServer is a child with its driver and what was measured of it.
type loginServer struct {
	*driver
	child    *child
	play     func(context.Context) error // one login
	start    spent
	logins   int64
	perLogin []float64 // µs of server CPU per login, a slice each
}

func startLoginServer(b *testing.B, kind, alg string) *loginServer {
	b.Helper()
	c := startChild(b, kind, alg)
	s := serverOf(b, c)
	s.play = s.login
	return s
}

// serverOf is a running child with a driver that may log in.
func serverOf(b *testing.B, c *child) *loginServer {
	b.Helper()
	s := &loginServer{child: c, driver: newDriver(c.at.Relais, c.at.Hub, loginClients)}
	s.mandat, s.domaine, s.session = "m", "logement", &http.Cookie{Name: "relais_session", Value: strings.Repeat("s", 43)}
	if strings.HasPrefix(c.name, "relais") {
		w := &world{t: b, relais: c.at.Relais, services: c.at.Services}
		nadia := w.agent("nadia")
		s.mandat = w.readyToAccept(nadia)
		nadia.Submit("/acceptation").MustBeAt("/mandats/" + s.mandat)
		s.as(b, nadia)
	}
	return s
}

// run lets the clients log in for a while.
func (s *loginServer) run(b *testing.B, slice time.Duration) {
	b.Helper()
	before := s.child.spent(b)
	until := time.Now().Add(slice)
	done := make([]int64, loginClients)
	failed := make([]error, loginClients)
	var wg sync.WaitGroup
	for i := range loginClients {
		wg.Go(func() {
			for failed[i] == nil && time.Now().Before(until) {
				failed[i] = s.play(context.Background())
				done[i]++
			}
		})
	}
	wg.Wait()
	var n int64
	for i := range loginClients {
		n += done[i]
		if failed[i] != nil {
			b.Fatal(s.child.name, ": ", failed[i])
		}
	}
	s.logins += n
	s.perLogin = append(s.perLogin, float64(s.child.spent(b).CPU-before.CPU)/float64(n))
}

func printLogins(b *testing.B, servers []*loginServer, rounds int) {
	b.Helper()
	var t strings.Builder
	fmt.Fprintf(&t, "\nDelegated logins: %d requests each, %d clients, %d rounds of %v; server CPU only\n", requestsPerLogin, loginClients, rounds, loginSlice)
	fmt.Fprintf(&t, "%-14s %10s %22s %12s %10s %10s %8s\n", "server", "logins", "µs CPU/login (quart.)", "logins/CPU·s", "of floor", "SQL/login", "RSS MiB")
	for i, s := range servers {
		end := s.child.spent(b)
		low, mid, high := quartiles(s.perLogin)
		ratio, sql := "1", "-"
		if i%2 == 1 {
			var paired []float64
			for n, cost := range s.perLogin {
				paired = append(paired, servers[i-1].perLogin[n]/cost)
			}
			_, r, _ := quartiles(paired)
			ratio = fmt.Sprintf("%.2f", r)
			sql = fmt.Sprintf("%.1f+%.1f", float64(end.Statements-s.start.Statements)/float64(s.logins), float64(end.Commits-s.start.Commits)/float64(s.logins))
			b.ReportMetric(1e6/mid, strings.Fields(s.child.name)[1]+"-logins/CPU-s")
		}
		fmt.Fprintf(&t, "%-14s %10d %8.0f (%4.0f–%4.0f)%3s %12.0f %10s %10s %8d\n", s.child.name, s.logins, mid, low, high, "", 1e6/mid, ratio, sql, end.RSS/1024)
	}
	fmt.Fprintln(&t, "SQL/login: statements + commits; concurrent writes share commits and the head's move.")
	fmt.Print(t.String())
}

// quartiles returns the quartiles of values.
func quartiles(values []float64) (low, mid, high float64) {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return 0, 0, 0
	}
	return v[len(v)/4], v[len(v)/2], v[len(v)*3/4]
}
