package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Person is somebody in front of a window of their own. Methods are for one
// goroutine. Selectors are CSS selectors.
type Person struct {
	Name string // as failures call them

	t       testing.TB
	ctx     context.Context
	cancel  context.CancelFunc
	options Options
	watch   *watch
}

// In returns the same person, in the same window, whose failures are those of
// the subtest t.
func (p *Person) In(t testing.TB) *Person {
	q := *p
	q.t = t
	return &q
}

// Close closes the window and forgets its cookies. It may be called twice.
func (p *Person) Close() { p.cancel() }

// Narrow makes the window a small telephone's: 360 CSS pixels wide.
func (p *Person) Narrow() {
	p.t.Helper()
	if err := p.resize(360, 740); err != nil {
		p.fail(err)
	}
}

// Resize gives the window another size, in CSS pixels.
func (p *Person) Resize(width, height int) {
	p.t.Helper()
	if err := p.resize(width, height); err != nil {
		p.fail(err)
	}
}

// Open goes to an address, as typed into the address bar.
func (p *Person) Open(url string) {
	p.t.Helper()
	p.act("open "+url, func(ctx context.Context) error {
		res, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: url})
		// A page of status 204 or a download aborts the navigation; anything
		// else means that no server answered.
		if err == nil && res.ErrorText != "" && res.ErrorText != "net::ERR_ABORTED" {
			err = fmt.Errorf("%s", res.ErrorText)
		}
		return err
	})
}

// Back is the browser's back button.
func (p *Person) Back() {
	p.t.Helper()
	p.act("back", func(ctx context.Context) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any](`void history.back()`))
		if err == chromedp.ErrJSUndefined {
			return nil
		}
		return err
	})
}

// Reload loads the page again; a page that was posted is posted again.
func (p *Person) Reload() {
	p.t.Helper()
	p.act("reload", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.Reload, page.ReloadParams{})
		return err
	})
}

// Click clicks the first visible element that selector matches, with the mouse,
// where a person would. It fails when there is none, when it is disabled, or
// when something else lies over it.
func (p *Person) Click(selector string) {
	p.t.Helper()
	p.act("click "+selector, func(ctx context.Context) error {
		return p.click(ctx, "[...document.querySelectorAll("+quote(selector)+")]")
	})
}

// ClickText clicks the first visible link, button, summary or label whose text
// is exactly text, spaces folded.
func (p *Person) ClickText(text string) {
	p.t.Helper()
	p.act("click « "+text+" »", func(ctx context.Context) error {
		return p.click(ctx, `[...document.querySelectorAll('a[href],button,summary,label,input[type=submit]')]
			.filter(e => (e.innerText || e.value || '').replace(/\s+/g, ' ').trim() === `+quote(text)+`)`)
	})
}

// Check ticks a box or chooses a radio button, by clicking it or its label.
func (p *Person) Check(selector string) { p.t.Helper(); p.tick(selector, true) }

// Uncheck removes the tick of a box.
func (p *Person) Uncheck(selector string) { p.t.Helper(); p.tick(selector, false) }

func (p *Person) tick(selector string, want bool) {
	p.t.Helper()
	state := "document.querySelector(" + quote(selector) + ")?.checked === true"
	p.edit(fmt.Sprintf("tick %s = %t", selector, want), func(ctx context.Context) error {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](state))
		if err != nil || is == want {
			return err
		}
		// A box drawn by its label is clicked through the label.
		if err := p.click(ctx, `[...document.querySelectorAll(`+quote(selector)+`)].flatMap(e => [e, ...(e.labels || [])])`); err != nil {
			return err
		}
		is, err = chromedp.Run(ctx, chromedp.Evaluate[bool](state))
		if err == nil && is != want {
			err = fmt.Errorf("it is still checked = %t", is)
		}
		return err
	})
}

// Fill replaces what a field holds. Fields with a picker of their own (date,
// time, colour) are set as the picker would.
func (p *Person) Fill(selector, text string) {
	p.t.Helper()
	p.edit("fill "+selector, func(ctx context.Context) error {
		how, err := chromedp.Run(ctx, chromedp.Evaluate[string](fill(selector, text)))
		if err != nil || how == "set" {
			return err
		}
		if how != "type" {
			return fmt.Errorf("%s", how)
		}
		_, err = chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// Select chooses the option of a list by its value.
func (p *Person) Select(selector, value string) {
	p.t.Helper()
	p.edit("select "+selector+" = "+value, func(ctx context.Context) error {
		how, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
			const e = document.querySelector(`+quote(selector)+`), v = `+quote(value)+`;
			if (!e) return 'no such element';
			if (e.disabled) return 'it is disabled';
			if (![...e.options].some(o => o.value === v && !o.disabled)) return 'no such option among ' + [...e.options].map(o => o.value);
			e.value = v;
			for (const n of ['input', 'change']) e.dispatchEvent(new Event(n, {bubbles: true}));
			return '';
		})()`))
		if err == nil && how != "" {
			err = fmt.Errorf("%s", how)
		}
		return err
	})
}

// fail stops the test, telling what the person sees.
func (p *Person) fail(err error) {
	p.t.Helper()
	if p.ctx.Err() != nil {
		p.t.Fatalf("%s: %v (their window is closed)", p.Name, err)
	}
	p.t.Fatalf("%s: %v\n%s", p.Name, err, p.Dump())
}

// Dump is what the person is looking at: address, title and the main text.
func (p *Person) Dump() string {
	const most = 3000
	text, err := p.evaluate(`(document.querySelector('main') || document.body)?.innerText ?? ''`)
	if err != nil {
		text = "(unreadable: " + err.Error() + ")"
	}
	if len(text) > most {
		for most := most; ; most-- {
			if utf8.RuneStart(text[most]) {
				text = text[:most] + " […]"
				break
			}
		}
	}
	url, _ := p.evaluate("location.href") // an empty line says as much as the error
	title, _ := p.evaluate("document.title")
	return fmt.Sprintf("  address: %s\n  title:   %s\n  text:\n    %s", url, title, strings.ReplaceAll(text, "\n", "\n    "))
}

func (p *Person) evaluate(expression string) (string, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](expression))
}

// quote makes a Go string a JavaScript one.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // json marshals every string
	}
	return string(b)
}
