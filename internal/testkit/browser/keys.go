package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// named are the keys that Press knows by name.
var named = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Space": " ", "Escape": kb.Escape, "Backspace": kb.Backspace,
	"ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"Home": kb.Home, "End": kb.End,
}

// Press presses one key (Enter, Tab, Shift+Tab, Space, Escape, Backspace,
// ArrowDown, …, Home, End), or types the text that is none of these, at
// whatever has the focus.
func (p *Person) Press(keys string) {
	p.t.Helper()
	p.act("press "+keys, func(ctx context.Context) error { return press(ctx, keys) })
}

func press(ctx context.Context, keys string) error {
	if keys == "Shift+Tab" {
		return chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(kb.ModifierShift)))
	}
	if key, ok := named[keys]; ok {
		keys = key
	}
	return chromedp.Do(ctx, chromedp.KeyEvent(keys))
}

// FocusByTab presses Tab until the focus is on an element that selector
// matches, at most max times, and fails when it never gets there or when the
// element that has the focus does not show it.
func (p *Person) FocusByTab(selector string, max int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for range max {
		if err := press(ctx, "Tab"); err != nil {
			p.fail(fmt.Errorf("tab to %s: %w", selector, err))
		}
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](
			"document.activeElement?.matches("+quote(selector)+") === true"))
		if err != nil {
			p.fail(fmt.Errorf("tab to %s: %w", selector, err))
		}
		if there {
			p.mustShowFocus(ctx, selector)
			return
		}
	}
	p.fail(fmt.Errorf("%d tabs never reach %s; the focus is on %s", max, selector, p.Focus()))
}

// mustShowFocus wants an outline or a shadow on the element or its label (WCAG
// 2.2, 2.4.7): a box drawn by its label shows its focus there.
func (p *Person) mustShowFocus(ctx context.Context, selector string) {
	p.t.Helper()
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(() => {
		const e = document.activeElement;
		return [e, e.parentElement, e.nextElementSibling, ...(e.labels || [])].filter(Boolean).some(x => {
			const s = getComputedStyle(x);
			return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
		});
	})()`))
	if err != nil || !shown {
		p.fail(fmt.Errorf("the focus on %s cannot be seen (%v)", selector, err))
	}
}

// Focus describes the element that has the focus: its opening tag.
func (p *Person) Focus() string {
	tag, err := p.evaluate(`document.activeElement?.cloneNode(false).outerHTML ?? ''`)
	if err != nil {
		return "(unknown: " + err.Error() + ")"
	}
	return tag
}
