package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync"
	"time"
)

// table is a map with expiry, safe for concurrent use. All of the sandbox's
// state lives in tables: it is gone when the process ends.
type table[V any] struct {
	mu    sync.Mutex
	rows  map[string]row[V]
	now   func() time.Time
	ttl   time.Duration
	swept time.Time
}

type row[V any] struct {
	value V
	until time.Time
}

func newTable[V any](now func() time.Time, ttl time.Duration) *table[V] {
	return &table[V]{rows: make(map[string]row[V]), now: now, ttl: ttl}
}

// put stores v for the table's whole life span.
func (t *table[V]) put(key string, v V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.sweep(now)
	t.rows[key] = row[V]{value: v, until: now.Add(t.ttl)}
}

// get returns a live value.
func (t *table[V]) get(key string) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live(key)
}

// take returns a live value and removes it: of many callers, one gets it.
func (t *table[V]) take(key string) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.live(key)
	delete(t.rows, key)
	return v, ok
}

// update changes a live value in place, under the lock, and keeps its expiry.
func (t *table[V]) update(key string, change func(*V)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.live(key)
	if !ok {
		return false
	}
	change(&v)
	t.rows[key] = row[V]{value: v, until: t.rows[key].until}
	return true
}

// touch gives a live value its whole life span again.
func (t *table[V]) touch(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok := t.live(key); ok {
		t.rows[key] = row[V]{value: v, until: t.now().Add(t.ttl)}
	}
}

func (t *table[V]) live(key string) (V, bool) {
	r, ok := t.rows[key]
	if ok && t.now().Before(r.until) {
		return r.value, true
	}
	delete(t.rows, key)
	var zero V
	return zero, false
}

// sweep drops what has expired, at most once a minute.
func (t *table[V]) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Minute {
		return
	}
	t.swept = now
	for key, r := range t.rows {
		if !now.Before(r.until) {
			delete(t.rows, key)
		}
	}
}

// jar is a cookie holding the key of a table's row: sessions stay on the server.
type jar[V any] struct {
	name   string
	secure bool
	rows   *table[V]
}

// read returns the session's key and value.
func (j jar[V]) read(r *http.Request) (string, V, bool) {
	c, err := r.Cookie(j.name)
	if err != nil {
		var zero V
		return "", zero, false
	}
	v, ok := j.rows.get(c.Value)
	return c.Value, v, ok
}

// renew stores v under a new key and forgets the old one, which is what a login must do.
func (j jar[V]) renew(w http.ResponseWriter, r *http.Request, v V) string {
	j.forget(r)
	id := rand.Text() + rand.Text()
	j.rows.put(id, v)
	http.SetCookie(w, &http.Cookie{Name: j.name, Value: id, Path: "/", HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode})
	return id
}

// drop ends the session here and in the browser.
func (j jar[V]) drop(w http.ResponseWriter, r *http.Request) {
	j.forget(r)
	http.SetCookie(w, &http.Cookie{Name: j.name, Path: "/", MaxAge: -1, HttpOnly: true, Secure: j.secure, SameSite: http.SameSiteLaxMode})
}

func (j jar[V]) forget(r *http.Request) {
	if c, err := r.Cookie(j.name); err == nil {
		j.rows.take(c.Value)
	}
}

// hex64 returns 32 random bytes as 64 lowercase hexadecimal characters, FranceConnect's form of state and nonce.
func hex64() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
