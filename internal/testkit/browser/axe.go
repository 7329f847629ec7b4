package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// AxeVersion is the version of axe-core that internal/testkit/install.sh puts
// into the cache folder.
const AxeVersion = "4.14.1"

// MissingAxe is what a test says when axe-core is not in the cache folder.
const MissingAxe = "axe-core " + AxeVersion + " is not installed: run `make test`, or: sh internal/testkit/install.sh test"

// Violation is one rule that the page breaks at one place.
type Violation struct {
	Rule    string `json:"rule"`    // axe's id, such as "label"
	Impact  string `json:"impact"`  // minor, moderate, serious or critical
	Target  string `json:"target"`  // CSS selector of the element
	Summary string `json:"summary"` // what to repair
}

func (v Violation) String() string {
	return fmt.Sprintf("%s (%s) at %s\n    %s", v.Rule, v.Impact, v.Target, strings.ReplaceAll(v.Summary, "\n", "\n    "))
}

// axeRun asks for every rule of RGAA 4 and of WCAG 2.0 to 2.2, levels A and AA.
const axeRun = `axe.run(document, {
  runOnly: {type: 'tag', values: ['RGAAv4', 'wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']},
  resultTypes: ['violations'],
}).then(r => r.violations.flatMap(v => v.nodes.map(n => ({
  rule: v.id, impact: v.impact || '', target: n.target.flat(9).join(' '), summary: n.failureSummary || v.help,
}))))`

var axeSource = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(cache, "relais-test", "axe-core-"+AxeVersion, "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("%s (%w)", MissingAxe, err)
	}
	return string(b), nil
})

// Axe runs axe-core on the page as it stands and returns what it found. The
// page's own scripts stay as they are: in a window without JavaScript they are
// on only while axe runs, which starts none of the scripts already passed over.
func (p *Person) Axe(t testing.TB) []Violation {
	t.Helper()
	source, err := axeSource()
	if err != nil {
		t.Fatalf("axe: %v", err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := p.axe(ctx, source)
	if err != nil {
		t.Fatalf("%s: axe: %v\n%s", p.Name, err, p.Dump())
	}
	return found
}

func (p *Person) axe(ctx context.Context, source string) ([]Violation, error) {
	if !p.options.JavaScript {
		if err := p.scripts(ctx, true); err != nil {
			return nil, err
		}
		defer p.scripts(p.ctx, false) // a window that stayed open to scripts would fail the next Axe too
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](source+"\n;0")); err != nil {
		return nil, err
	}
	return chromedp.Run(ctx, chromedp.Evaluate[[]Violation](axeRun, chromedp.EvalAwaitPromise))
}

// NoViolations fails the test when axe-core finds anything on the page. It does
// not stop it, so that one run shows every page at fault.
func (p *Person) NoViolations() {
	p.t.Helper()
	found := p.Axe(p.t)
	if len(found) == 0 {
		return
	}
	lines := make([]string, len(found))
	for i, v := range found {
		lines[i] = v.String()
	}
	p.t.Errorf("%s: axe found %d violation(s) on %s (%d × %d):\n  %s", p.Name, len(found), p.URL(),
		p.options.Width, p.options.Height, strings.Join(lines, "\n  "))
}
