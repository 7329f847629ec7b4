package web

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"relais/internal/debit"
	"relais/internal/journal"
	"relais/internal/web/desk"
)

// throttleRefresh is how late an instance learns that another one closed a
// counter.
const throttleRefresh = 2 * time.Second

// Counters keeps the counters for all instances.
type Counters interface {
	DebitKey(rule debit.Rule, address string) string
	Count(ctx context.Context, rule debit.Rule, counter string, what journal.Fact) (closed time.Time, err error)
	Marks(ctx context.Context) (map[string]time.Time, error)
}

// Throttle makes those wait who were refused too often. Nobody with a session
// is ever asked to. It reads the counters in the background, so that a request
// that is not refused costs nothing.
type Throttle struct {
	Counters Counters
	Proxies  []netip.Prefix // whose X-Forwarded-For is believed
	Log      *slog.Logger
	Now      func() time.Time

	mu     sync.RWMutex
	closed map[string]time.Time
}

// Run keeps up with the other instances until ctx ends.
func (t *Throttle) Run(ctx context.Context) {
	tick := time.NewTicker(throttleRefresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		marks, err := t.Counters.Marks(ctx)
		if err != nil {
			if ctx.Err() == nil {
				t.Log.WarnContext(ctx, "throttle: counters unread", "error", err)
			}
			continue
		}
		closed := make(map[string]time.Time, len(marks))
		for counter, mark := range marks {
			rule, _, _ := strings.Cut(counter, ":")
			closed[counter] = debit.Rule(rule).Limit().Closed(mark)
		}
		t.mu.Lock()
		t.closed = closed
		t.mu.Unlock()
	}
}

// wait tells how long a rule still refuses the request's address; not more than
// zero when it does not.
func (t *Throttle) wait(rule debit.Rule, r *http.Request) time.Duration {
	if t == nil {
		return 0
	}
	counter := t.Counters.DebitKey(rule, t.address(r))
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.closed[counter].Sub(t.Now())
}

// count counts the request on a rule, with the entry of what is counted.
func (t *Throttle) count(rule debit.Rule, r *http.Request, what journal.Fact) error {
	counter := t.Counters.DebitKey(rule, t.address(r))
	closed, err := t.Counters.Count(r.Context(), rule, counter, what)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed == nil {
		t.closed = map[string]time.Time{}
	}
	t.closed[counter] = closed
	return nil
}

// admit counts a request, or says how long to wait.
func (t *Throttle) admit(rule debit.Rule, w http.ResponseWriter, r *http.Request) error {
	if t == nil {
		return nil
	}
	if wait := t.wait(rule, r); wait > 0 {
		return tooMany(w, wait)
	}
	return t.count(rule, r, journal.Fact{})
}

// address is where a request comes from, as a counter takes it: an IPv6 network
// of 64 bits counts as one, since one machine may use all of it. Behind proxies
// it is the last address that one of them saw and that is not theirs.
func (t *Throttle) address(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "?"
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !slices.ContainsFunc(t.Proxies, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// tooMany is the page of somebody who has to wait.
func tooMany(w http.ResponseWriter, wait time.Duration) error {
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return &desk.Problem{Status: http.StatusTooManyRequests, Title: "Trop d’essais en peu de temps",
		Text: "Par sécurité, Relais fait attendre cette adresse avant de répondre de nouveau. Rien n’a été modifié, et les agents déjà connectés ne sont pas concernés.",
		Do: []string{"Attendez " + strconv.Itoa(max(1, (seconds+59)/60)) + " minute(s), puis recommencez.",
			"Si cela se répète alors que personne n’a fait d’essais, prévenez la personne qui gère votre réseau."}}
}
