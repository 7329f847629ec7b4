package browser

import (
	"context"
	"errors"

	"github.com/chromedp/chromedp"
)

// target is where a click goes, or why there is nowhere to click.
type target struct {
	X   float64 `json:"x"`
	Y   float64 `json:"y"`
	Why string  `json:"why"`
}

// aim looks for the first element of a JavaScript list that a person could
// click, brings it to the middle of the window and returns its centre. The
// first rectangle is taken, because a link may run over two lines.
const aim = `(elements => {
  if (!elements.length) return {why: 'no such element'};
  let why = '';
  for (const e of elements) {
    if (e.disabled) { why ||= 'it is disabled'; continue; }
    e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
    const style = getComputedStyle(e);
    const r = [...e.getClientRects()].find(r => r.width >= 1 && r.height >= 1);
    if (!r || style.visibility === 'hidden' || style.pointerEvents === 'none') { why ||= 'it is not visible'; continue; }
    const x = r.x + r.width / 2, y = r.y + r.height / 2;
    const hit = document.elementFromPoint(x, y);
    const own = hit && (e.contains(hit) || hit.contains(e) && hit.tagName === 'LABEL' || [...(e.labels || [])].some(l => l.contains(hit)));
    if (!own) { why ||= 'it is covered by ' + (hit ? hit.outerHTML.slice(0, 120) : 'nothing: it lies outside the window'); continue; }
    return {x, y, why: ''};
  }
  return {why};
})`

func (p *Person) click(ctx context.Context, elements string) error {
	at, err := chromedp.Run(ctx, chromedp.Evaluate[target](aim+"("+elements+")"))
	if err != nil {
		return err
	}
	if at.Why != "" {
		return errors.New(at.Why)
	}
	return chromedp.Do(ctx, chromedp.MouseClickXY(at.X, at.Y))
}

// fill prepares a field for text: "type" when the text is to be typed over a
// selection, "set" when it has been set, anything else is what is wrong.
func fill(selector, text string) string {
	return `(() => {
  const e = document.querySelector(` + quote(selector) + `), text = ` + quote(text) + `;
  if (!e) return 'no such element';
  if (e.disabled || e.readOnly) return 'it cannot be filled in';
  if (!e.getClientRects().length) return 'it is not visible';
  e.scrollIntoView({block: 'center', behavior: 'instant'});
  e.focus();
  const typed = e.tagName === 'TEXTAREA' || /^(text|search|email|tel|url|password|number)$/.test(e.type);
  if (typed && text !== '') { e.select(); return 'type'; }
  e.value = text;
  if (e.value !== text) return 'it does not take ' + text;
  for (const n of ['input', 'change']) e.dispatchEvent(new Event(n, {bubbles: true}));
  return 'set';
})()`
}
