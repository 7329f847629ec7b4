package sandbox

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// hubRequest is an authorization request that passed the checks.
type hubRequest struct {
	redirectURI, state, nonce, acr, idpHint string
	scopes                                  []string
	force                                   bool // prompt holds login
	claims                                  claimsRequest
}

var (
	hubAllowed = []string{"client_id", "acr_values", "claims", "response_type", "nonce", "state", "redirect_uri", "scope", "prompt", "idp_hint", "ui_locales"}
	hubNeeded  = []string{"client_id", "acr_values", "response_type", "nonce", "state", "redirect_uri", "scope"}
)

func (h *hub) authorize(w http.ResponseWriter, r *http.Request) {
	client, req, f := h.readRequest(r.URL.RawQuery)
	if f != nil && f.OAuth == "" {
		h.refuse(w, f)
		return
	}
	if f != nil {
		h.sendBack(w, r, req, url.Values{"error": {f.OAuth}, "error_description": {f.Reason}})
		return
	}
	key, session, ok := h.sessions.read(r)
	if !ok {
		session = hubSession{browser: rand.Text()}
		key = h.sessions.renew(w, r, session)
	}
	h.sessions.rows.touch(key)
	it := interaction{browser: session.browser, client: client, request: req}
	if session.identity != nil && !req.force {
		// The second service of the half hour: Relais is not asked again.
		if f := h.sameScope(*session.identity, client); f != nil {
			h.pages.refuseWith(w, hubSite, "hub", f, errorPage{Retry: client.Site, RetryText: "Revenir vers " + client.Name})
			return
		}
		it.identity = session.identity
	}
	id := rand.Text()
	h.interactions.put(id, it)
	if req.idpHint != "" && it.identity == nil {
		h.goTo(w, r, id, it, req.idpHint)
		return
	}
	http.Redirect(w, r, h.interactionURL(id), http.StatusSeeOther)
}

// sameScope checks the perimeter kept in the session; people of the fictional
// providers have none.
func (h *hub) sameScope(who identity, client registered) *fault {
	if !who.fromRelais() {
		return nil
	}
	f := commonScope(who.repScope, client.RepScope)
	h.track(who.repScope, f)
	return f
}

func (h *hub) interactionURL(id string) string { return h.url + "/interaction/" + id }

// readRequest checks the parameters as FranceConnect does: a white list first
// (pages), then the client and its redirect URI (pages), then OAuth (redirects).
func (h *hub) readRequest(raw string) (registered, hubRequest, *fault) {
	q, f := strictQuery(raw, codeParam, hubAllowed, hubNeeded)
	if f != nil {
		return registered{}, hubRequest{}, f
	}
	prompt := strings.Fields(q.Get("prompt"))
	if slices.ContainsFunc(prompt, func(p string) bool { return p != "login" && p != "consent" }) {
		return registered{}, hubRequest{}, &fault{Code: codeParam, Reason: "prompt : login ou consent seulement"}
	}
	if !isNonceLike(q.Get("nonce"), 22) {
		return registered{}, hubRequest{}, &fault{Code: codeParam, Reason: "nonce : 22 caractères au moins"}
	}
	if !slices.Contains([]string{"eidas1", "eidas2", "eidas3"}, q.Get("acr_values")) {
		return registered{}, hubRequest{}, &fault{Code: codeInvalidACR, Reason: "acr_values inconnu"}
	}
	if q.Get("acr_values") != "eidas1" {
		return registered{}, hubRequest{}, &fault{Code: codeACR, Reason: "ce niveau n'est pas servi ici"}
	}
	client, ok := h.clients[q.Get("client_id")]
	if !ok {
		return registered{}, hubRequest{}, &fault{Code: codeClient, Reason: "client inconnu"}
	}
	if !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")) {
		return registered{}, hubRequest{}, &fault{Code: codeRedirect, Reason: "redirect_uri non enregistrée"}
	}
	req := hubRequest{
		redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"), acr: q.Get("acr_values"),
		force: slices.Contains(prompt, "login"),
	}
	f = completeRequest(&req, q, client)
	return client, req, f
}

// completeRequest reads what may go wrong towards the client.
func completeRequest(req *hubRequest, q url.Values, client registered) *fault {
	if q.Get("response_type") != "code" {
		return &fault{OAuth: "unsupported_response_type", Reason: "code only"}
	}
	scopes, f := grantedScopes(q.Get("scope"), client)
	if f != nil {
		return f
	}
	req.scopes = scopes
	claims, err := parseClaims(q.Get("claims"))
	if err != nil {
		return &fault{OAuth: "invalid_request", Reason: "could not parse the claims parameter JSON"}
	}
	req.claims = claims
	if claims.asks("amr") && !client.AMR {
		return &fault{Code: codeAMR, Reason: "amr n'est pas permis à ce service"}
	}
	if hint := q.Get("idp_hint"); hint != "" {
		req.idpHint = providerName(hint)
		if req.idpHint == "" {
			return &fault{OAuth: "invalid_idp_hint", Reason: "idp_hint is not allowed"}
		}
	}
	return nil
}

// providerName turns an idp_id into the provider's name in paths, "" when unknown.
func providerName(id string) string {
	if id == relaisIDP {
		return "relais"
	}
	for _, p := range identityProviders() {
		if p.ID == id {
			return p.Name
		}
	}
	return ""
}

func (h *hub) sendBack(w http.ResponseWriter, r *http.Request, req hubRequest, params url.Values) {
	params.Set("state", req.state)
	params.Set("iss", h.url)
	http.Redirect(w, r, back(req.redirectURI, params), http.StatusSeeOther)
}
