package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// Text is the visible text of the first element that selector matches; the test
// fails when there is none.
func (p *Person) Text(selector string) string {
	p.t.Helper()
	if !p.Has(selector) {
		p.fail(fmt.Errorf("nothing matches %s", selector))
	}
	return p.ask("document.querySelector(" + quote(selector) + ").innerText")
}

// Value is what the first field that selector matches holds.
func (p *Person) Value(selector string) string {
	p.t.Helper()
	if !p.Has(selector) {
		p.fail(fmt.Errorf("nothing matches %s", selector))
	}
	return p.ask("String(document.querySelector(" + quote(selector) + ").value ?? '')")
}

// Attribute is an attribute of the first element that selector matches, empty
// when the element lacks it.
func (p *Person) Attribute(selector, name string) string {
	p.t.Helper()
	if !p.Has(selector) {
		p.fail(fmt.Errorf("nothing matches %s", selector))
	}
	return p.ask("document.querySelector(" + quote(selector) + ").getAttribute(" + quote(name) + ") ?? ''")
}

// Has tells whether the page holds an element that selector matches, visible or
// not.
func (p *Person) Has(selector string) bool {
	p.t.Helper()
	return p.ask("String(document.querySelector("+quote(selector)+") !== null)") == "true"
}

// Sees tells whether the visible text of the page contains text, with spaces
// (also the non-breaking ones of French) folded on both sides.
func (p *Person) Sees(text string) bool {
	p.t.Helper()
	return strings.Contains(fold(p.ask("document.body?.innerText ?? ''")), fold(text))
}

// MustSee fails the test unless the page shows every one of texts.
func (p *Person) MustSee(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if !p.Sees(text) {
			p.fail(fmt.Errorf("does not see %q", text))
		}
	}
}

// MustNotSee fails the test when the page shows one of texts.
func (p *Person) MustNotSee(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if p.Sees(text) {
			p.fail(fmt.Errorf("sees %q", text))
		}
	}
}

// fold makes blanks and apostrophes alike: tests are about words.
func fold(s string) string {
	s = strings.ReplaceAll(s, "’", "'")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r <= ' ' || r == '\u00a0' || r == '\u202f'
	}), " ")
}

// URL is the address of the page.
func (p *Person) URL() string { p.t.Helper(); return p.ask("location.href") }

// Title is the title of the page.
func (p *Person) Title() string { p.t.Helper(); return p.ask("document.title") }

func (p *Person) ask(expression string) string {
	p.t.Helper()
	s, err := p.evaluate(expression)
	if err != nil {
		p.fail(err)
	}
	return s
}

// NoOverflow fails the test when the page is wider than its window (WCAG 2.2,
// 1.4.10: no scrolling in two dimensions).
func (p *Person) NoOverflow() {
	p.t.Helper()
	wide := p.ask(`(() => {
		const w = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= w) return '';
		const e = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > w + 1).pop();
		return document.documentElement.scrollWidth + ' > ' + w + (e ? ': ' + e.outerHTML.slice(0, 160) : '');
	})()`)
	if wide != "" {
		p.fail(fmt.Errorf("the page overflows its window: %s", wide))
	}
}

// Screenshot writes the whole page to path as a PNG of at most 150 KB (256
// colours, and cut at the bottom when it must be), making its folder.
func (p *Person) Screenshot(path string) {
	p.t.Helper()
	p.shoot(path, chromedp.FullScreenshot(100))
}

// ScreenshotEnd is Screenshot of the end of the page only: what the window shows
// when the person has read down to it.
func (p *Person) ScreenshotEnd(path string) {
	p.t.Helper()
	p.ask("(window.scrollTo(0, document.body.scrollHeight), '')")
	p.shoot(path, chromedp.CaptureScreenshot())
}

func (p *Person) shoot(path string, take chromedp.Action[[]byte]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	raw, err := chromedp.Run(ctx, take)
	if err != nil {
		p.fail(fmt.Errorf("screenshot: %w", err))
	}
	small, err := shrink(raw)
	if err != nil {
		p.fail(fmt.Errorf("screenshot: %w", err))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.fail(err)
	}
	if err := os.WriteFile(path, small, 0o644); err != nil {
		p.fail(err)
	}
}
