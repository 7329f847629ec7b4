package main

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/debit"
	"relais/internal/journal"
	"relais/internal/web"
)

// TestThrottle: somebody without a session who is refused again and again is
// made to wait, on every instance, and leaves no more entries; an agent of the
// same address goes on working, and so does one who signs in.
func TestThrottle(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine, func(c *config.Config) { c.Throttle = true })
			nadia := w.agent("nadia")
			from, burst := w.size(), debit.Refusal.Limit().Burst
			statuses := w.pester("/mandats", burst+40)
			if statuses[http.StatusForbidden] < burst || statuses[http.StatusTooManyRequests] < 30 {
				t.Errorf("statuses: %v", statuses)
			}
			traces := w.countTraces(from)
			if traces[journal.AccessRefuse] != statuses[http.StatusForbidden] || traces[journal.AccessThrottle] < 1 {
				t.Errorf("%v for %v", traces, statuses)
			}
			a := w.send(nil, http.MethodPost, "/mandats", "", nil)
			if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 60 {
				t.Errorf("%d, Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
			nadia.Open(w.relais + "/mandats").MustStatus(http.StatusOK)
			w.agent("karim")
			w.otherInstanceKnows(debit.Refusal)
		})
	}
}

// TestThrottleMachine: a machine that guesses at /token is not served for a
// while, in the words of its protocol; browsers are.
func TestThrottleMachine(t *testing.T) {
	w := newWorld(t, config.SQLite, func(c *config.Config) { c.Throttle = true })
	burst := debit.Machine.Limit().Burst
	statuses := map[int]int{}
	for range burst + 20 {
		a := w.send(nil, http.MethodPost, "/token", "grant_type=authorization_code&code=x&client_id=franceconnect-fictif&client_secret=faux", nil)
		statuses[a.status]++
		if a.status == http.StatusTooManyRequests && (a.field("error") != "temporarily_unavailable" || a.header.Get("Retry-After") == "") {
			t.Fatalf("the answer: %s", a.body)
		}
	}
	if a := w.send(nil, http.MethodPost, backChannel, "logout_token=x", nil); a.status != http.StatusTooManyRequests {
		t.Errorf("a demand to end sessions from the same address: %d", a.status)
	}
	if statuses[http.StatusUnauthorized] < burst || statuses[http.StatusTooManyRequests] < 10 {
		t.Errorf("statuses: %v", statuses)
	}
	w.agent("nadia").Open(w.relais + "/guichet").MustStatus(http.StatusOK)
	w.otherInstanceKnows(debit.Machine)
}

// pester sends forms without a session.
func (w *world) pester(path string, times int) map[int]int {
	w.t.Helper()
	statuses := map[int]int{}
	for range times {
		statuses[w.send(nil, http.MethodPost, path, "", nil).status]++
	}
	return statuses
}

func (w *world) countTraces(from int64) map[journal.Action]int {
	w.t.Helper()
	n := map[journal.Action]int{}
	for _, e := range w.entriesSince(from) {
		n[e.Action]++
	}
	return n
}

// otherInstanceKnows: the counter is in the database, closed.
func (w *world) otherInstanceKnows(rule debit.Rule) {
	w.t.Helper()
	var counters web.Counters = w.d.store
	marks, err := counters.Marks(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	mark := marks[counters.DebitKey(rule, "127.0.0.1")]
	if !rule.Limit().Closed(mark).After(time.Now()) {
		w.t.Errorf("%s stands at %v for the other instances", rule, mark)
	}
}
