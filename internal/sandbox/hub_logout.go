package sandbox

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// endSession ends the hub's session. When Relais vouched for the person, the
// browser first goes to Relais' own end_session_endpoint.
func (h *hub) endSession(w http.ResponseWriter, r *http.Request) {
	target, f := h.readEndSession(r.URL.RawQuery)
	if f != nil {
		h.refuse(w, f)
		return
	}
	_, session, ok := h.sessions.read(r)
	if !ok || session.identity == nil || !session.identity.fromRelais() {
		h.sessions.drop(w, r)
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	doc, err := h.relais.document(r.Context())
	if err != nil || doc.EndSessionEndpoint == "" {
		h.sessions.drop(w, r)
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	// A new browser mark: what this one left half done ends with the session.
	state, browser := hex64(), rand.Text()
	h.logouts.put(state, logout{browser: browser, target: target})
	h.sessions.renew(w, r, hubSession{browser: browser})
	http.Redirect(w, r, back(doc.EndSessionEndpoint, url.Values{
		"state": {state}, "post_logout_redirect_uri": {h.url + "/client/logout-callback"},
		"client_id": {h.cfg.HubAtRelais.ID}, "id_token_hint": {session.identity.idToken},
	}), http.StatusSeeOther)
}

// readEndSession returns where to send the browser in the end. The id_token
// may have expired: it is only a hint.
func (h *hub) readEndSession(raw string) (string, *fault) {
	q, f := strictQuery(raw, codeParam, []string{"id_token_hint", "state", "post_logout_redirect_uri", "client_id"},
		[]string{"id_token_hint", "state", "post_logout_redirect_uri"})
	if f != nil {
		return "", f
	}
	client, ok := h.hintedClient(q)
	if !ok {
		return "", &fault{Code: codeClient, Reason: "id_token_hint refusé"}
	}
	claims, err := verifyJWS(q.Get("id_token_hint"), expectation{alg: jose.ES256, keys: h.key.jwks().Keys})
	if atHash, _ := claims["at_hash"].(string); err != nil || atHash == "" {
		return "", &fault{Code: codeAtHash, Reason: "id_token_hint sans at_hash"}
	}
	if !slices.Contains(client.LogoutURIs, q.Get("post_logout_redirect_uri")) {
		return "", &fault{Code: codeRedirect, Reason: "post_logout_redirect_uri non enregistrée"}
	}
	return back(q.Get("post_logout_redirect_uri"), url.Values{"state": {q.Get("state")}}), nil
}

// logoutCallback is where Relais sends the browser once its session has ended.
func (h *hub) logoutCallback(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("state")
	if state == "" {
		h.refuse(w, &fault{Code: codeMissState, Reason: "state absent"})
		return
	}
	_, session, _ := h.sessions.read(r)
	out, ok := h.logouts.get(state)
	if !ok || out.browser != session.browser {
		h.refuse(w, &fault{Code: codeWrongState, Reason: "state inconnu"})
		return
	}
	h.logouts.take(state)
	h.sessions.drop(w, r)
	http.Redirect(w, r, out.target, http.StatusSeeOther)
}
