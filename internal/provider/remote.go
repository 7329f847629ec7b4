package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

const (
	keysFresh = 5 * time.Minute  // then asked for again
	keysStale = 24 * time.Hour   // used this long when the client does not answer
	keysRetry = 30 * time.Second // between two tries that fail
)

// remoteKeys fetches clients' keys from their jwks_uri, which is configuration,
// and keeps them for a while. A client that rotates publishes the new key five
// minutes before it uses it.
type remoteKeys struct {
	now    func() time.Time
	http   *http.Client
	mu     sync.Mutex
	byURI  map[string]fetched
	flight sync.Mutex // one fetch at a time: clients with jwks_uri are few
}

type fetched struct {
	set   *goidc.JSONWebKeySet
	at    time.Time
	tried time.Time
}

func newRemoteKeys(now func() time.Time) *remoteKeys {
	return &remoteKeys{now: now, byURI: map[string]fetched{}, http: &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (k *remoteKeys) known(uri string) (fetched, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.byURI[uri]
	now := k.now()
	return f, (f.set != nil && now.Sub(f.at) < keysFresh) || now.Sub(f.tried) < keysRetry
}

func (k *remoteKeys) get(ctx context.Context, c *registered) (*goidc.JSONWebKeySet, error) {
	f, fresh := k.known(c.JWKSURI)
	if !fresh {
		k.flight.Lock()
		defer k.flight.Unlock()
		if f, fresh = k.known(c.JWKSURI); !fresh {
			f = k.refresh(ctx, c, f)
		}
	}
	if f.set == nil || k.now().Sub(f.at) > keysStale {
		return nil, errors.New("clés du client inconnues")
	}
	return f.set, nil
}

func (k *remoteKeys) refresh(ctx context.Context, c *registered, old fetched) fetched {
	f := fetched{set: old.set, at: old.at, tried: k.now()}
	if set, err := k.fetch(ctx, c.JWKSURI); err == nil {
		f.set, f.at = c.usable(*set), f.tried
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byURI[c.JWKSURI] = f
	return f
}

func (k *remoteKeys) fetch(ctx context.Context, uri string) (*goidc.JSONWebKeySet, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its bound
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jwks_uri: %d", resp.StatusCode)
	}
	var set goidc.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&set); err != nil {
		return nil, err
	}
	return &set, nil
}
