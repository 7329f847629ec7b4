package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/testkit/pgtest"
)

// halfRateFor is how long the latency at half the highest rate is watched.
const halfRateFor = 5 * time.Second

// BenchmarkBareLogin measures what issue 4 sets targets for: a server on one core,
// the load on another; of a delegated login the four requests that the hub and the
// aidant's choice make (authorize, choice, token, userinfo), without the two pages
// on which the aidant looks, which [BenchmarkDelegatedLogin] counts too. The
// processor time of PostgreSQL itself is not the server's, and not counted.
func BenchmarkBareLogin(b *testing.B) {
	if testing.Short() {
		return
	}
	var t strings.Builder
	fmt.Fprintf(&t, "\nBare delegated logins: authorize, choice, token, userinfo; %d clients, server on one core\n%-22s %22s %12s %9s %10s %14s %14s\n", loginClients,
		"server", "µs CPU/login (quart.)", "logins/CPU·s", "logins/s", "SQL/login", "p99 at half", "RSS MiB (heap)")
	for _, row := range []struct {
		name, alg string
		sealed    bool // private_key_jwt, answers signed and encrypted
		postgres  bool
	}{
		{name: "ES256", alg: "ES256"}, {name: "sealed", alg: "ES256", sealed: true}, {name: "RS256", alg: "RS256"},
		{name: "PostgreSQL-ES256", alg: "ES256", postgres: true}, {name: "PostgreSQL-sealed", alg: "ES256", sealed: true, postgres: true},
		{name: "PostgreSQL-RS256", alg: "RS256", postgres: true},
	} {
		b.Run(row.name, func(b *testing.B) {
			var change []func(*exec.Cmd)
			if row.postgres {
				dsn := pgtest.DSN(b)
				change = append(change, func(c *exec.Cmd) { c.Env[len(c.Env)-1] += " " + dsn })
			}
			var hub *sealedHub
			if row.sealed {
				hub = newSealedHub(b)
				change = append(change, func(c *exec.Cmd) { c.Env = append(c.Env, benchKeys+"="+hub.public) })
			}
			release := pin(b, 0)
			c := startChild(b, "relais", row.alg, change...)
			release()
			s := serverOf(b, c)
			s.play = s.bare
			if hub != nil {
				s.dots, s.prove = 4, func(form url.Values) { hub.prove(s.client.ID, s.relais, form) }
			}
			fmt.Fprint(&t, measureBare(b, row.name, s))
		})
	}
	fmt.Print(t.String())
}

// measureBare warms a server, measures it and returns its line.
func measureBare(b *testing.B, name string, s *loginServer) string {
	b.Helper()
	s.run(b, loginSlice)
	s.start, s.logins, s.perLogin = s.child.spent(b), 0, nil
	profile(b, []*loginServer{nil, s})
	rounds := benchRounds()
	for range rounds {
		s.run(b, loginSlice)
	}
	end := s.child.spent(b)
	low, mid, high := quartiles(s.perLogin)
	rate := float64(s.logins) / (time.Duration(rounds) * loginSlice).Seconds()
	p99 := s.latency(b, rate/2, halfRateFor)
	last := s.child.spent(b)
	b.ReportMetric(1e6/mid, "logins/CPU-s")
	return fmt.Sprintf("%-22s %8.0f (%4.0f–%4.0f)%3s %12.0f %9.0f %10s %14s %9d (%d)\n", name, mid, low, high, "", 1e6/mid, rate,
		fmt.Sprintf("%.1f+%.1f", float64(end.Statements-s.start.Statements)/float64(s.logins), float64(end.Commits-s.start.Commits)/float64(s.logins)),
		p99.Round(100*time.Microsecond), last.Now/1024, last.Heap/1024)
}

func benchRounds() int {
	if n, err := strconv.Atoi(os.Getenv("TEST_BENCH_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return loginRounds
}

// latency logs in at an even rate, whatever the answers take, and returns what 99
// of 100 logins waited less than, from when they were due.
func (s *loginServer) latency(b *testing.B, rate float64, lasting time.Duration) time.Duration {
	b.Helper()
	n := int(rate * lasting.Seconds())
	took, failed := make([]time.Duration, n), make([]error, n)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			failed[i] = s.play(context.Background())
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			b.Fatal(s.child.name, ": ", err)
		}
	}
	slices.Sort(took)
	if n == 0 {
		return 0
	}
	return took[n*99/100]
}

// pin ties what this thread starts to one core, until release. The load then goes
// to the others by itself.
func pin(b *testing.B, core int) (release func()) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		return func() {}
	}
	runtime.LockOSThread()
	const words = 16 // 1 024 cores
	var all, one [words]uint64
	one[core/64] = 1 << (core % 64)
	affinity := func(call uintptr, set *[words]uint64) {
		if _, _, errno := syscall.RawSyscall(call, 0, unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set))); errno != 0 {
			b.Fatal("affinity: ", errno)
		}
	}
	affinity(syscall.SYS_SCHED_GETAFFINITY, &all)
	affinity(syscall.SYS_SCHED_SETAFFINITY, &one)
	return func() {
		affinity(syscall.SYS_SCHED_SETAFFINITY, &all)
		runtime.UnlockOSThread()
	}
}

// sealedHub is a hub that proves itself by a key and wants its answers encrypted.
type sealedHub struct {
	signer jose.Signer
	public string // its JWKS
}

func newSealedHub(b *testing.B) *sealedHub {
	b.Helper()
	var set jose.JSONWebKeySet
	var h sealedHub
	for use, alg := range map[string]string{"sig": "ES256", "enc": "ECDH-ES"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: use, Use: use, Algorithm: alg})
		if use == "sig" {
			h.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: use}}, nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	public, err := json.Marshal(set)
	if err != nil {
		b.Fatal(err)
	}
	h.public = string(public)
	return &h
}

// prove adds a client assertion (RFC 7523).
func (h *sealedHub) prove(client, issuer string, form url.Values) {
	now := time.Now()
	text, err := jwt.Signed(h.signer).Claims(jwt.Claims{Issuer: client, Subject: client, Audience: jwt.Audience{issuer},
		ID: rand.Text(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))}).Serialize()
	if err != nil {
		panic(err) // our own key: it signs
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", text)
}
