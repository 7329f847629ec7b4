package provider

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// ErrNoRequest is returned for a request that is absent, older than ten minutes,
// or was begun in another browser: they cannot be told apart.
var ErrNoRequest = errors.New("demande de connexion inconnue, expirée, ou commencée dans un autre navigateur")

const (
	cookiePrefix  = "relais_demande_"
	maxCookie     = 3800 // browsers keep 4096 bytes of name and value
	maxPending    = 5    // per browser: the oldest goes
	sealedRequest = "demande:"
)

var errLong = errors.New("demande trop longue")

// pending is a request between its arrival and the choice. It lives in the
// browser only, sealed under its own identifier: another browser does not have
// it, another request cannot take its place, and a restart loses none.
type pending struct {
	StartedAt int64               `json:"t"`
	Session   *goidc.AuthnSession `json:"s"`
	Sub       string              `json:"u,omitempty"` // whom the client wants again, "" for anybody
	JKT       string              `json:"k,omitempty"` // the key that may redeem the code, "" for any
	Pushed    string              `json:"p,omitempty"` // the pushed request that it is, "" for none
	client    *registered
}

func (p *Provider) cookieName(id string) string {
	if p.opts.Secure {
		return "__Host-" + cookiePrefix + id
	}
	return cookiePrefix + id
}

func (p *Provider) cookie(id, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: p.cookieName(id), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: p.opts.Secure, SameSite: http.SameSiteLaxMode,
	}
}

// remember seals the request into its cookie.
func (p *Provider) remember(w http.ResponseWriter, r *http.Request, pend pending) error {
	as := pend.Session
	text, err := json.Marshal(pend)
	if err != nil {
		return err
	}
	sealed, err := p.opts.Sealer.SealShort(sealedRequest+as.ID, text)
	if err != nil {
		return err
	}
	c := p.cookie(as.ID, sealed, int(requestLife.Seconds()))
	if len(c.Name)+len(sealed) > maxCookie {
		return errLong
	}
	p.makeRoom(w, r)
	http.SetCookie(w, c)
	return nil
}

// makeRoom drops the oldest requests of the browser, and those that cannot be
// read, so that at most maxPending remain with the one to come.
func (p *Provider) makeRoom(w http.ResponseWriter, r *http.Request) {
	type held struct {
		id string
		at int64
	}
	var all []held
	for _, c := range r.Cookies() {
		id, ok := strings.CutPrefix(c.Name, p.cookieName(""))
		if !ok || !alphanumeric(id) {
			continue
		}
		h := held{id: id}
		if pend, err := p.reveal(id, c.Value); err == nil {
			h.at = pend.StartedAt
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b held) int { return cmp.Compare(b.at, a.at) })
	for i, h := range all {
		if i >= maxPending-1 || h.at == 0 {
			p.forget(w, h.id)
		}
	}
}

func (p *Provider) forget(w http.ResponseWriter, id string) { http.SetCookie(w, p.cookie(id, "", -1)) }

func (p *Provider) reveal(id, sealed string) (pending, error) {
	var pend pending
	text, err := p.opts.Sealer.RevealShort(sealedRequest+id, sealed)
	if err != nil {
		return pending{}, ErrNoRequest
	}
	if err := json.Unmarshal(text, &pend); err != nil || pend.Session == nil || pend.Session.ID != id {
		return pending{}, ErrNoRequest
	}
	return pend, nil
}

// open reads the request that this browser holds under id.
func (p *Provider) open(r *http.Request, id string) (pending, error) {
	if id == "" || len(id) > 64 || !alphanumeric(id) {
		return pending{}, ErrNoRequest
	}
	c, err := r.Cookie(p.cookieName(id))
	if err != nil {
		return pending{}, ErrNoRequest
	}
	pend, err := p.reveal(id, c.Value)
	if err != nil {
		return pending{}, err
	}
	now := p.opts.Now()
	pend.client = p.clients[pend.Session.ClientID]
	if pend.client == nil || pend.Session.Status != goidc.StatusPending ||
		!contains(pend.client.RedirectURIs, pend.Session.RedirectURI) ||
		!now.Before(pend.expires()) || now.Before(pend.started().Add(-time.Minute)) {
		return pending{}, ErrNoRequest
	}
	return pend, nil
}

func (p pending) started() time.Time { return time.Unix(p.StartedAt, 0).UTC() }
func (p pending) expires() time.Time { return p.started().Add(requestLife) }
