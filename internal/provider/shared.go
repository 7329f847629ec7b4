package provider

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Shared remembers, for all instances, what must not be taken twice.
type Shared interface {
	// UseOnce notes a proof until a moment; false when it was noted before.
	UseOnce(ctx context.Context, key string, until time.Time) (bool, error)
	// Push keeps a pushed request under its name; Pushed reads it for its client
	// only, "" when there is none; DropPushed forgets one that was answered.
	Push(ctx context.Context, name, clientID, sealed string, until time.Time) error
	Pushed(ctx context.Context, name, clientID string) (string, error)
	DropPushed(ctx context.Context, name, clientID string) error
}

var errReplayed = errors.New("preuve déjà utilisée")

// consumeJTI is called once the assertion's signature has held. The library
// gives the jti alone, so the client comes from the request's unit.
func (p *Provider) consumeJTI(ctx context.Context, jti string) error {
	c := unitOf(ctx).client
	if c == nil {
		return errReplayed
	}
	return p.useOnce(ctx, "assertion", c, jti, assertionLife+time.Minute)
}

func (p *Provider) useOnce(ctx context.Context, kind string, c *registered, jti string, life time.Duration) error {
	first, err := p.opts.Shared.UseOnce(ctx, kind+" "+c.ID+" "+jti, p.opts.Now().Add(life)) // a client_id has no blank
	if err != nil {
		p.opts.Log.ErrorContext(ctx, "provider: proof not noted", "client", c.ID, "err", err)
		return err
	}
	if !first {
		return errReplayed
	}
	return nil
}

// alone is Shared for a process that has no others beside it.
type alone struct {
	now    func() time.Time
	mu     sync.Mutex
	seen   map[string]time.Time
	pushed map[string]push
}

type push struct {
	client, sealed string
	until          time.Time
}

func newAlone(now func() time.Time) *alone {
	return &alone{now: now, seen: map[string]time.Time{}, pushed: map[string]push{}}
}

// UseOnce implements [Shared].
func (a *alone) UseOnce(_ context.Context, key string, until time.Time) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if end, ok := a.seen[key]; ok && now.Before(end) {
		return false, nil
	}
	if len(a.seen)%1024 == 1023 {
		for k, end := range a.seen {
			if !now.Before(end) {
				delete(a.seen, k)
			}
		}
	}
	a.seen[key] = until
	return true, nil
}

// Push implements [Shared].
func (a *alone) Push(_ context.Context, name, clientID, sealed string, until time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, one := range a.pushed {
		if !a.now().Before(one.until) {
			delete(a.pushed, k)
		}
	}
	a.pushed[name] = push{clientID, sealed, until}
	return nil
}

// Pushed implements [Shared].
func (a *alone) Pushed(_ context.Context, name, clientID string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.pushed[name]
	if !ok || one.client != clientID || !a.now().Before(one.until) {
		return "", nil
	}
	return one.sealed, nil
}

// DropPushed implements [Shared].
func (a *alone) DropPushed(_ context.Context, name, clientID string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pushed[name].client == clientID {
		delete(a.pushed, name)
	}
	return nil
}
