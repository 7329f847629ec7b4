// Package browser plays people in a real browser: Debian's Chromium without a
// window, driven by chromedp, with axe-core for accessibility. Test-only.
//
// One browser process serves a test binary and ends with it. Every Person has a
// browser context of their own: cookies, cache and storage are never shared, so
// a story may be told with an aidant, an usager and an auditeur at once.
//
// Every method of Person waits until the page has come to rest and FAILS the
// test when what it was asked is impossible, with the address, the title and
// the text that the person was looking at. A missing browser or a missing
// axe-core is a failure that says what to install, never a skip. The browser
// can reach this machine only: every other name fails to resolve.
//
// Evaluation through the protocol bypasses the page's Content-Security-Policy
// and works while the page's own scripts are off, so neither has to be loosened
// for a test.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"relais/internal/testkit/watchdog"
)

// Missing is what a test says when no Chromium is installed.
const Missing = "no Chromium: run `make test`, or: apt-get install -y --no-install-recommends chromium-headless-shell"

// Browser is the one browser process of a test binary.
type Browser struct {
	root context.Context
}

var launched = sync.OnceValues(launch)

// Start returns the browser, starting it when this is the first call.
// TEST_CHROMIUM names another executable than those looked for in PATH.
func Start(t testing.TB) *Browser {
	t.Helper()
	b, err := launched()
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	return b
}

func executable() (string, error) {
	names := []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}
	if named := os.Getenv("TEST_CHROMIUM"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s", Missing)
}

func launch() (*Browser, error) {
	path, err := executable()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "navigateur")
	if err != nil {
		return nil, err
	}
	if err := watchdog.Remove(profile); err != nil {
		return nil, err
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", "fr-FR"),
		chromedp.Flag("hide-scrollbars", true),
	)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	// The contexts live as long as the process: chromedp kills the browser with it.
	allocator, _ := chromedp.NewExecAllocator(context.Background(), opts...)
	root, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(root); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return &Browser{root: root}, nil
}

// Options say how a Person looks at pages.
type Options struct {
	Width, Height int  // of the viewport in CSS pixels; 1280 × 900 when zero
	JavaScript    bool // whether the pages' own scripts run
	Dark          bool // prefers-color-scheme: dark
}

// Person opens a window for one person, apart from everybody else's. It closes
// with the test.
func (b *Browser) Person(t testing.TB, name string, o Options) *Person {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.root, chromedp.WithNewBrowserContext())
	p := &Person{Name: name, t: t, ctx: ctx, cancel: cancel, options: o, watch: &watch{}}
	t.Cleanup(p.Close)
	// Opening the tab before any timeout is derived: a timeout on the context
	// that opens it would close it.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s: opening a window: %v", name, err)
	}
	if err := p.prepare(); err != nil {
		t.Fatalf("%s: preparing the window: %v", name, err)
	}
	return p
}

func (p *Person) prepare() error {
	if err := chromedp.Listen(p.ctx, p.watch.event); err != nil {
		return err
	}
	if p.options.Width == 0 {
		p.options.Width = 1280
	}
	if p.options.Height == 0 {
		p.options.Height = 900
	}
	scheme := "light"
	if p.options.Dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		return err
	}
	if err := p.scripts(p.ctx, p.options.JavaScript); err != nil {
		return err
	}
	return p.resize(p.options.Width, p.options.Height)
}

func (p *Person) scripts(ctx context.Context, on bool) error {
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: !on})
	return err
}

func (p *Person) resize(width, height int) error {
	p.options.Width, p.options.Height = width, height
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), int64(height)))
}

// patience is how long a page may take to come to rest, generous because two
// cores may be compiling beside it.
const patience = 30 * time.Second
