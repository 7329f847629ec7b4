package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// reuseLife is how long a choice answers for its client without a page, counted
// from the choice itself and never from a reuse of it.
const reuseLife = 5 * time.Minute

// ErrNoChoice is returned by Reuse.Live when nothing can be reused: nobody sits
// at the browser, the screen is entrusted to an usager, or no choice is open.
var ErrNoChoice = errors.New("aucun choix récent de cet aidant pour ce service")

// Live is what stands behind a browser that asks again.
type Live struct {
	// Logins are the uses of this session for the client that were not ended,
	// newest first; never empty.
	Logins []delegation.Login
	// Choice is the newest one's, with everybody as they stand now.
	Choice Choice
	// Record writes the new use, its fact and the login in one transaction, in
	// which the mandat decides again. within lists the domaines that count.
	Record func(ctx context.Context, within []string, l delegation.Login) error
}

// Reuse lets any client but a hub be answered again without a page.
type Reuse interface {
	// Live finds the uses of the aidant at this browser for one client, made since
	// a moment and not ended. ErrNoChoice otherwise.
	Live(r *http.Request, clientID string, since time.Time) (Live, error)
	// EndUsesLike ends the use that a login began and all that the same session
	// made for the same client. delegation.ErrNotFound.
	EndUsesLike(ctx context.Context, id string, by journal.Actor, reason string) error
}

// wanted reads for whom the client asks: the sub of an id_token_hint of ours, or
// the value of the sub claim, "" for anybody. Nobody may be answered for in place
// of another (OIDC Core §3.1.2.2), so what names several persons, or somebody of
// whom nothing can be known, is refused and never read as anybody.
func (p *Provider) wanted(c *registered, v url.Values) (sub string, fail *oauthError) {
	if c.franceConnect() {
		return "", nil
	}
	claims, err := parseClaims(v.Get("claims"))
	if err != nil {
		return "", invalid("claims is not a JSON object of the known shape")
	}
	asked := claims.IDToken["sub"].wanted()
	if text := v.Get("id_token_hint"); text != "" {
		of, h, err := p.readHint(text)
		if err != nil || of != c {
			return "", invalid("the id_token_hint is none of this client, or its key is gone")
		}
		asked = append(asked, h.Subject)
	}
	asked = slices.Compact(asked)
	switch {
	case len(asked) == 0:
		return "", nil
	case len(asked) > 1 || asked[0] == "":
		return "", refuse("login_required", "the request must name one person")
	}
	return asked[0], nil
}

// checkWanted is the gate's part of wanted. Under prompt=none the client learns
// what it asked: that this person is not logged in.
func (p *Provider) checkWanted(c *registered, v url.Values) *oauthError {
	_, fail := p.wanted(c, v)
	if fail != nil && strings.TrimSpace(v.Get("prompt")) == "none" {
		return refuse("login_required", fail.description)
	}
	return fail
}

// silent tells whether the request may be answered without a page at all: a
// prompt other than none asks for one.
func silent(c *registered, v url.Values) bool {
	prompt := strings.TrimSpace(v.Get("prompt"))
	return !c.franceConnect() && (prompt == "" || prompt == "none")
}

// again answers a request by the choice that the aidant made minutes ago, as a
// new use of the mandat. "" means that a page is needed.
func (p *Provider) again(r *http.Request, pend pending, v url.Values) string {
	ctx, now := r.Context(), p.opts.Now()
	live, err := p.opts.Reuse.Live(r, pend.client.ID, now.Add(-reuseLife))
	if err != nil || len(live.Logins) == 0 {
		p.unexpected(ctx, err)
		return ""
	}
	at, ok := chosenAt(live.Logins)
	if !ok || now.Sub(at) >= reuseLife || older(at, now, v.Get("max_age")) {
		return ""
	}
	c := live.Choice
	within := p.request(pend).Within
	sub := p.subject(pend.client, c)
	if c.Domaine != live.Logins[0].Domaine || !slices.Contains(within, c.Domaine) || (pend.Sub != "" && pend.Sub != sub) {
		return ""
	}
	target, err := p.issue(ctx, pend, c, at, func(ctx context.Context, l delegation.Login) error { return live.Record(ctx, within, l) })
	if err != nil {
		p.unexpected(ctx, err)
		return ""
	}
	p.answered(ctx, pend)
	return target
}

// chosenAt is the moment of the choice behind the newest of these logins. Of all
// that came from it none may have been revoked: a replay stops the others too.
func chosenAt(logins []delegation.Login) (time.Time, bool) {
	var state protocol
	if json.Unmarshal(logins[0].Protocol, &state) != nil || state.Told.AuthTime == 0 {
		return time.Time{}, false
	}
	at := time.Unix(state.Told.AuthTime, 0)
	for _, l := range logins {
		if !l.ChosenAt.Before(at) && (!l.RevokedAt.IsZero() || !l.EndedAt.IsZero()) {
			return time.Time{}, false
		}
	}
	return at, true
}

// older tells whether a choice is older than max_age allows; 0 always wants a new
// one.
func older(at, now time.Time, maxAge string) bool {
	if maxAge == "" {
		return false
	}
	n, err := strconv.ParseInt(maxAge, 10, 32) // the gate parsed it
	return err != nil || n == 0 || now.Sub(at) > time.Duration(n)*time.Second
}

// unexpected logs what is not one of the ordinary reasons to show the page.
func (p *Provider) unexpected(ctx context.Context, err error) {
	for _, known := range []error{nil, ErrNoChoice, mandat.ErrEnded, mandat.ErrNotFound, mandat.ErrNotNamed, mandat.ErrScope, delegation.ErrOpen, delegation.ErrMade} {
		if errors.Is(err, known) {
			return
		}
	}
	p.opts.Log.ErrorContext(ctx, "provider: choice not reused", "err", err)
}
