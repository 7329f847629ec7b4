package provider

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// maxAddress bounds the query that a POST is turned into.
const maxAddress = 8 << 10

// authorize is the gate of /authorize. A hub may come by GET, or by a POST from
// its own site with which no cookie travels; both end in a 303 to the page of
// the choice, with the request sealed in a cookie.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	v, err := readForm(w, r)
	if err != nil {
		p.badRequest(w, r, "La demande du service est illisible.")
		return
	}
	c := p.clients[once(v, "client_id")]
	if c == nil {
		p.badRequest(w, r, "Le service qui vous envoie n’est pas connu de Relais.")
		return
	}
	if r.Method == http.MethodPost && v.Has("request_uri") && !c.franceConnect() && len(v.Encode()) <= maxAddress {
		http.Redirect(w, r, "/authorize?"+v.Encode(), http.StatusSeeOther) // before the request is spent
		return
	}
	v, pushed, err := p.pushed(r, c, v)
	switch {
	case errors.Is(err, errPushed):
		p.badRequest(w, r, "La demande du service a déjà servi, ou a expiré.")
		return
	case err != nil:
		p.opts.Log.ErrorContext(r.Context(), "provider: pushed request not read", "client", c.ID, "err", err)
		p.opts.ErrorPage(w, r, http.StatusInternalServerError, "Connexion impossible",
			"La demande du service n’a pas pu être lue. Rien n’a été transmis. Revenez au service et recommencez dans quelques minutes.")
		return
	}
	p.judge(w, r, c, v, pushed)
}

// judge checks a request of a known client, pushed under a name or brought by the
// browser.
func (p *Provider) judge(w http.ResponseWriter, r *http.Request, c *registered, v url.Values, pushed string) {
	back := once(v, "redirect_uri")
	if !contains(c.RedirectURIs, back) {
		p.badRequest(w, r, "L’adresse de retour du service n’est pas celle qui est enregistrée.")
		return
	}
	rules := p.checks()
	if c.strict() && pushed == "" {
		rules = []check{func(*registered, url.Values) *oauthError { return invalid("the request must be pushed") }}
	}
	for _, rule := range rules {
		if fail := rule(c, v); fail != nil {
			p.opts.Log.InfoContext(r.Context(), "provider: request refused", "client", c.ID, "error", fail.code)
			http.Redirect(w, r, p.errorTarget(back, once(v, "state"), fail.code, fail.description), http.StatusSeeOther)
			return
		}
	}
	if r.Method == http.MethodPost && p.opts.Reuse != nil && !c.franceConnect() && pushed == "" {
		if query := v.Encode(); len(query) <= maxAddress {
			// Now the browser's own cookies come along, which a form of another site left behind.
			http.Redirect(w, r, "/authorize?"+query, http.StatusSeeOther)
			return
		}
	}
	p.begin(w, r, c, v, pushed)
}

// begin runs the library up to the choice, which is a live one or a page.
func (p *Provider) begin(w http.ResponseWriter, r *http.Request, c *registered, v url.Values, pushed string) {
	form := filter(c, v)
	u := &unit{client: c, pushed: pushed}
	a := p.run(r.Context(), u, "/authorize", form, nil)
	if u.session == nil || u.session.Status != goidc.StatusPending {
		target := a.header.Get("Location")
		if target == "" { // the library had nothing to tell the client
			target = p.errorTarget(form.Get("redirect_uri"), form.Get("state"), "invalid_request", "the request is not acceptable")
		}
		p.opts.Log.WarnContext(r.Context(), "provider: request refused by the library", "client", c.ID)
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	pend := pending{StartedAt: p.opts.Now().Unix(), Session: u.session, Pushed: pushed, client: c}
	pend.Sub, _ = p.wanted(c, v) // the gate refused what cannot be told
	if !c.franceConnect() {
		pend.JKT = v.Get("dpop_jkt")
	}
	if p.opts.Reuse != nil && silent(c, v) {
		if target := p.again(r, pend, v); target != "" {
			http.Redirect(w, r, target, http.StatusSeeOther)
			return
		}
	}
	p.ask(w, r, pend)
}

// ask leads to the page of the choice, unless the client forbade one.
func (p *Provider) ask(w http.ResponseWriter, r *http.Request, pend pending) {
	as := pend.Session
	back := func(code, description string) {
		http.Redirect(w, r, p.errorTarget(as.RedirectURI, as.State, code, description), http.StatusSeeOther)
	}
	if as.Prompt == goidc.PromptTypeNone {
		p.answered(r.Context(), pend)
		back("login_required", "an aidant must choose")
		return
	}
	if err := p.remember(w, r, pend); err != nil {
		p.opts.Log.WarnContext(r.Context(), "provider: request not kept", "client", pend.client.ID, "err", err)
		back("invalid_request", "the request is too long")
		return
	}
	http.Redirect(w, r, p.opts.ChoosePath(as.ID), http.StatusSeeOther)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func anyRequest(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }

// decide is the one policy: without a choice the request stays pending, with one
// it succeeds. A request that is no longer pending never resumes.
func decide(_ http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
	u := unitOf(r.Context())
	if as.Status != goidc.StatusPending {
		return goidc.StatusFailure, goidc.NewError(goidc.ErrorCodeAccessDenied, "the request was answered")
	}
	if u.chosen == nil {
		return goidc.StatusPending, nil
	}
	as.Subject, as.GrantedScopes = u.chosen.Grant.Subject, as.Scopes
	return goidc.StatusSuccess, nil
}

// errorTarget is the way back to a client with an error (RFC 6749 §4.1.2.1) and
// the issuer (RFC 9207). back is registered, so it parses.
func (p *Provider) errorTarget(back, state, code, description string) string {
	q := url.Values{"error": {code}, "iss": {p.opts.Issuer}}
	if description = asciiOnly(description); description != "" {
		q.Set("error_description", description)
	}
	if state != "" {
		q.Set("state", state)
	}
	return withQuery(back, q)
}

func withQuery(back string, q url.Values) string {
	u, err := url.Parse(back)
	if err != nil {
		return back // it was registered: New parsed it
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += q.Encode()
	return u.String()
}

// asciiOnly keeps what error_description may hold.
func asciiOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// badRequest is a refusal that no client may be told of, since none is known.
func (p *Provider) badRequest(w http.ResponseWriter, r *http.Request, text string) {
	p.opts.Log.InfoContext(r.Context(), "provider: request shown as an error page", "path", r.URL.Path)
	p.opts.ErrorPage(w, r, http.StatusBadRequest, "Connexion impossible",
		text+" Rien n’a été transmis. Revenez au service et recommencez ; si le problème persiste, prévenez le support du service.")
}

func neverStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}
