package browser

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// watch follows what the browser says about the loading of a tab. A page is at
// rest when nothing loads, nothing has begun to for a short while, and the
// document does not announce that it will leave by itself.
type watch struct {
	mu      sync.Mutex
	loading map[cdp.FrameID]bool
	last    time.Time
}

// quiet is how long the browser must have been silent. A click's navigation is
// announced within a few milliseconds of the click.
const quiet = 120 * time.Millisecond

func (w *watch) event(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loading == nil {
		w.loading = map[cdp.FrameID]bool{}
	}
	switch e := ev.(type) {
	case *page.EventFrameRequestedNavigation:
		w.last = time.Now()
	case *page.EventFrameStartedNavigating:
		w.last = time.Now()
	case *page.EventFrameStartedLoading:
		w.loading[e.FrameID], w.last = true, time.Now()
	case *page.EventFrameStoppedLoading:
		delete(w.loading, e.FrameID)
		w.last = time.Now()
	case *page.EventFrameNavigated:
		w.last = time.Now()
	case *page.EventFrameDetached:
		delete(w.loading, e.FrameID)
	}
}

// touch starts the quiet time anew: something was just done to the page.
func (w *watch) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
}

func (w *watch) silent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.loading) == 0 && time.Since(w.last) >= quiet
}

// atRest is false on a page that a meta refresh is about to leave: such pages
// stand between two origins and are part of one step for the person.
const atRest = `document.readyState === 'complete' && ![...document.querySelectorAll('meta[http-equiv]')].some(
  m => m.httpEquiv.toLowerCase() === 'refresh' && parseFloat(m.content) <= 1 && /url\s*=/i.test(m.content))`

func (p *Person) settle(ctx context.Context) error {
	for {
		if p.watch.silent() {
			rest, err := chromedp.Run(ctx, chromedp.Evaluate[bool](atRest))
			// Between two documents there is nothing to evaluate in: ask again.
			if err == nil && rest && p.watch.silent() {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the page did not come to rest")
		case <-time.After(15 * time.Millisecond):
		}
	}
}

// act does something to the page and waits until the page has come to rest.
func (p *Person) act(what string, do func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.watch.touch()
	if err := do(ctx); err != nil {
		p.fail(fmt.Errorf("%s: %w", what, err))
	}
	p.watch.touch()
	if err := p.settle(ctx); err != nil {
		p.fail(fmt.Errorf("%s: %w", what, err))
	}
}

// edit changes a field, which sends the person nowhere: there is nothing to
// wait for.
func (p *Person) edit(what string, do func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := do(ctx); err != nil {
		p.fail(fmt.Errorf("%s: %w", what, err))
	}
}
