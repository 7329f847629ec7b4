package provider

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	pushedPrefix = "urn:ietf:params:oauth:request_uri:"
	pushedLife   = 90 * time.Second
	sealedPushed = "demande poussée:"
)

var errPushed = errors.New("demande poussée inconnue, expirée ou déjà servie")

// par is RFC 9126: the client, authenticated, leaves its request here, and the
// browser only brings its name. Everything that /authorize would check is
// checked now.
func (p *Provider) par(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	c, form, fail := p.clientForm(w, r, "/par")
	if fail == nil {
		fail = p.checkPushed(c, form)
	}
	if fail == nil && len(r.Header.Values("DPoP")) > 0 && !c.franceConnect() {
		fail = p.bindPushed(r, form)
	}
	if fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	for _, name := range clientParams[1:] {
		form.Del(name)
	}
	form.Set("client_id", c.ID)
	name := rand.Text()
	sealed, err := p.opts.Sealer.SealShort(sealedPushed+name, []byte(form.Encode()))
	if err == nil {
		err = p.opts.Shared.Push(r.Context(), name, c.ID, sealed, p.opts.Now().Add(pushedLife))
	}
	if err != nil {
		p.opts.Log.ErrorContext(r.Context(), "provider: request not pushed", "client", c.ID, "err", err)
		p.tokenError(w, r, refuse("server_error", "try again later"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"request_uri": pushedPrefix + name, "expires_in": int(pushedLife.Seconds())}) // the client may have left
}

func (p *Provider) checkPushed(c *registered, form url.Values) *oauthError {
	switch {
	case form.Has("request_uri"):
		return invalid("request_uri cannot be pushed")
	case form.Has("client_id") && form.Get("client_id") != c.ID:
		return invalid("client_id is another client")
	case !slices.Contains(c.RedirectURIs, form.Get("redirect_uri")):
		return invalid("redirect_uri is not registered")
	}
	for _, rule := range p.checks() {
		if fail := rule(c, without(form, clientParams...)); fail != nil {
			return fail
		}
	}
	return nil
}

// bindPushed notes the key that the code will be bound to (RFC 9449 §10.1).
func (p *Provider) bindPushed(r *http.Request, form url.Values) *oauthError {
	proof, fail := p.readProof(r, "/par", "")
	if fail != nil {
		return fail
	}
	if jkt := form.Get("dpop_jkt"); jkt != "" && jkt != proof.jkt {
		return refuse("invalid_dpop_proof", "dpop_jkt is another key")
	}
	form.Set("dpop_jkt", proof.jkt)
	return p.spend(r.Context(), proof)
}

func without(v url.Values, names ...string) url.Values {
	out := url.Values{}
	for name, values := range v {
		if !slices.Contains(names, name) {
			out[name] = values
		}
	}
	return out
}

// pushed replaces a request that names a pushed one by that one, and returns its
// name. errPushed when it names none that this client may use, another error when
// that cannot be told; without such a name the request stays, even with another
// request_uri, which the gate refuses.
//
// Reading spends nothing: a page that is loaded again, by its reader or by a mail
// filter that opens links, must not lose the login. One answer is what a request is
// good for, and that is the ledger's to hold: the login of the answer bears the
// request's name, which is unique there.
func (p *Provider) pushed(r *http.Request, c *registered, v url.Values) (url.Values, string, error) {
	name, named := strings.CutPrefix(once(v, "request_uri"), pushedPrefix)
	if !named {
		return v, "", nil
	}
	sealed, err := p.opts.Shared.Pushed(r.Context(), name, c.ID)
	if err != nil {
		return nil, "", fmt.Errorf("demande poussée: %w", err)
	}
	if sealed == "" {
		return nil, "", errPushed
	}
	text, err := p.opts.Sealer.RevealShort(sealedPushed+name, sealed)
	if err != nil { // it was ours a minute ago: a key is missing here
		return nil, "", fmt.Errorf("demande poussée: %w", err)
	}
	form, err := url.ParseQuery(string(text))
	return form, name, err
}

// answered forgets the pushed request behind an answer, so that its name leads
// nowhere any more.
func (p *Provider) answered(ctx context.Context, pend pending) {
	if pend.Pushed == "" {
		return
	}
	if err := p.opts.Shared.DropPushed(context.WithoutCancel(ctx), pend.Pushed, pend.client.ID); err != nil {
		p.opts.Log.ErrorContext(ctx, "provider: pushed request not forgotten", "client", pend.client.ID, "err", err)
	}
}
