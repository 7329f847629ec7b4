package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"relais/internal/config"
)

// TestRotationUnderLoad renews the signing keys of running instances while logins
// pour in, and kills one instance with SIGKILL, twice: while the new keys wait, and
// once they sign. On PostgreSQL the two instances stand behind a balancer; on SQLite
// there is one, which comes back. Every login that fails succeeds when it is tried
// again, every answer's signature is found by who reads /jwks again at an unknown
// kid, and no login ended well without its three entries.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	for engine, processes := range map[string]int{config.SQLite: 1, config.Postgres: 2} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, engine, processes)
			l := &loginLoad{fleet: f, stop: make(chan struct{})}
			l.begin(f.granted("nadia", "perrin"), f.granted("julien", "haddad"), f.granted("monique", "perrin"))
			time.Sleep(time.Second)
			if code, out := f.verb("keys", "rotate", "--attente", "10s", "--garde", "10s"); code != 0 {
				t.Fatal(out)
			}
			rotated := time.Now()
			at := func(d time.Duration) { time.Sleep(time.Until(rotated.Add(d))) }
			at(3 * time.Second)
			f.restart(0)
			at(6 * time.Second)
			f.publishes(4, "while the new ones wait")
			at(11 * time.Second) // they sign since a second
			f.restart(processes - 1)
			at(21 * time.Second) // the old ones retired a second ago
			f.publishes(2, "after the old ones retired")
			time.Sleep(time.Second)
			l.end()
			f.stop()
			l.check()
		})
	}
}

// publishes holds that each instance publishes that many keys.
func (f *fleet) publishes(want int, when string) {
	f.t.Helper()
	for _, i := range f.instances {
		v := verifier{relais: "http://" + i.address}
		if err := v.read(); err != nil || len(v.keys.Keys) != want {
			f.t.Errorf("%s: %d keys published, want %d; %v", when, len(v.keys.Keys), want, err)
		}
	}
}

// restart kills an instance and starts it again.
func (f *fleet) restart(n int) {
	f.t.Helper()
	f.instances[n].kill()
	f.instances[n].start()
	f.instances[n].ready()
}

// loginLoad is delegated logins from several drivers, until it is ended.
type loginLoad struct {
	*fleet
	stop    chan struct{}
	drivers sync.WaitGroup
	hubs    []*verifier
	mu      sync.Mutex
	done    []proven
	retried int
}

// begin lets each driver log in, one login after the other, with a hub of its own.
func (l *loginLoad) begin(drivers ...*hubDriver) {
	for _, d := range drivers {
		v := &verifier{relais: l.relais, signed: map[string]int{}}
		l.hubs = append(l.hubs, v)
		l.drivers.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				case <-time.After(15 * time.Millisecond):
				}
				l.one(d, v)
			}
		})
	}
}

// one logs in. What fails is tried again, once, when Relais is there.
func (l *loginLoad) one(d *hubDriver, v *verifier) {
	p, err := d.whole(context.Background(), v)
	again := err != nil
	if again && !errors.Is(err, errUnverified) {
		if err = waitReady(l.relais); err == nil {
			p, err = d.whole(context.Background(), v)
		}
	}
	if err != nil {
		l.t.Errorf("a login failed, again: %v", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done = append(l.done, p); again {
		l.retried++
	}
}

func (l *loginLoad) end() {
	close(l.stop)
	l.drivers.Wait()
}

// check holds what was said against the journal and the keys.
func (l *loginLoad) check() {
	l.t.Helper()
	entries := l.delegationEntries()
	for _, p := range l.done {
		got := entries[p.request]
		if got["delegation.use ok"] != 1 || got["delegation.token ok"] != 1 || got["delegation.userinfo ok"] < 1 { // a balancer may ask for userinfo again
			l.t.Errorf("login %s succeeded with the entries %v", p.request, got)
		}
	}
	signers := map[string]int{}
	for _, v := range l.hubs {
		for kid, n := range v.signed {
			signers[kid] += n
		}
		if v.reads > 2 {
			l.t.Errorf("a hub had to read /jwks %d times", v.reads)
		}
	}
	l.t.Logf("%d logins, %d of them at the second try; signatures by key %v", len(l.done), l.retried, slices.Sorted(maps.Values(signers)))
	if len(signers) != 2 || len(l.done) < 100 {
		l.t.Errorf("%d logins with %d keys: the test loads nothing", len(l.done), len(signers))
	}
	for kid, n := range signers {
		if n < 50 {
			l.t.Errorf("key %s signed %d times only", kid, n)
		}
	}
}
