package provider

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/delegation"
)

// hint is what an id_token_hint says once its signature holds.
type hint struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"` // ours always has one, a string
	SID      string `json:"sid"` // see Provider.sid
}

func (h hint) login() string {
	id, _, _ := strings.Cut(h.SID, ".")
	return id
}

var errHint = errors.New("id_token_hint refusé")

// endSession ends the use that the hub's id_token names, and sends the browser
// back to a registered address. The aidant's own session stays. Without a hint
// nothing is known, so nothing is ended and nobody is redirected.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	v, err := readForm(w, r)
	if err != nil || repeated(v) {
		p.badRequest(w, r, "La demande de déconnexion est illisible.")
		return
	}
	if v.Get("id_token_hint") == "" {
		p.opts.ErrorPage(w, r, http.StatusOK, "Déconnexion", "Le service n’a pas dit quelle démarche terminer. Si une démarche est ouverte, terminez-la depuis Relais.")
		return
	}
	c, h, err := p.readHint(v.Get("id_token_hint"))
	if err != nil || (v.Has("client_id") && v.Get("client_id") != c.ID) {
		p.badRequest(w, r, "La demande de déconnexion ne vient pas d’un service connu.")
		return
	}
	back := v.Get("post_logout_redirect_uri")
	if v.Has("post_logout_redirect_uri") && !contains(c.PostLogoutRedirectURIs, back) {
		p.badRequest(w, r, "L’adresse de retour après déconnexion n’est pas celle qui est enregistrée.")
		return
	}
	err = p.end(r.Context(), c, h.login())
	if err != nil && !errors.Is(err, delegation.ErrNotFound) {
		p.opts.Log.ErrorContext(r.Context(), "provider: logout not written", "login", h.login(), "err", err)
		p.opts.ErrorPage(w, r, http.StatusInternalServerError, "Déconnexion impossible", "La fin de la démarche n’a pas pu être enregistrée. Réessayez.")
		return
	}
	if back == "" {
		p.opts.ErrorPage(w, r, http.StatusOK, "Démarche terminée", "La démarche est terminée. Vous pouvez fermer cette page.")
		return
	}
	if state := v.Get("state"); state != "" {
		back = withQuery(back, url.Values{"state": {state}})
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// end closes the use. Any client but a hub leaves the session as far as it is
// concerned, with every use that came of the same choices; a hub's login stands
// alone, since the hub serves many services.
func (p *Provider) end(ctx context.Context, c *registered, id string) error {
	if c.franceConnect() || p.opts.Reuse == nil {
		return p.opts.Ledger.Stop(ctx, id, delegation.Client(c.ID), "deconnexion_service", true)
	}
	return p.opts.Reuse.EndUsesLike(ctx, id, delegation.Client(c.ID), "deconnexion_service")
}

// readHint verifies an id_token of ours, whatever its age: FranceConnect sends
// expired ones, and of HS256. The algorithm must be the client's own.
func (p *Provider) readHint(text string) (*registered, hint, error) {
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.HS256})
	if err != nil {
		return nil, hint{}, errHint
	}
	var h hint
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &h) != nil || h.Issuer != p.opts.Issuer || !alphanumeric(h.login()) {
		return nil, hint{}, errHint
	}
	c := p.clients[h.Audience]
	if c == nil {
		return nil, hint{}, errHint
	}
	head := jws.Signatures[0].Header
	if head.Algorithm != c.IDTokenAlg {
		return nil, hint{}, errHint
	}
	var key any = []byte(c.Secret)
	if head.Algorithm != "HS256" {
		public, ok := p.keys.Load().public(head.KeyID, head.Algorithm, p.opts.Now())
		if !ok {
			return nil, hint{}, errHint
		}
		key = public
	}
	_, err = jws.Verify(key)
	if err != nil || subtle.ConstantTimeCompare([]byte(h.SID), []byte(p.sid(c.ID, h.login()))) != 1 {
		return nil, hint{}, errHint
	}
	return c, h, nil
}
