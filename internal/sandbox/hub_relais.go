package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// toRelais sends the browser to Relais with exactly the parameters of the real
// hub: no PKCE, no hint, nothing that names the service but its perimeter.
func (h *hub) toRelais(w http.ResponseWriter, r *http.Request, id string, it interaction) {
	doc, err := h.relais.document(r.Context())
	if err != nil {
		h.cfg.Log.Warn("sandbox hub: relais unreachable", "err", err)
		h.refuseLeg(w, id, &fault{Code: codeCrash, Reason: "Relais ne répond pas"})
		return
	}
	perimeter := it.client.RepScope
	if perimeter == nil {
		perimeter = []string{}
	}
	claims, err := json.Marshal(map[string]any{"id_token": map[string]any{"rep_scope": map[string]any{"essential": true, "values": perimeter}}})
	if err != nil {
		h.refuse(w, &fault{Code: codeCrash, Reason: "erreur technique"})
		return
	}
	state, nonce := hex64(), hex64()
	h.legs.put(state, leg{interactionID: id, browser: it.browser, nonce: nonce})
	http.Redirect(w, r, back(doc.AuthorizationEndpoint, url.Values{
		"client_id": {h.cfg.HubAtRelais.ID}, "response_type": {"code"}, "scope": {"openid profile email birth"},
		"redirect_uri": {h.callbackURL()}, "acr_values": {it.request.acr}, "state": {state}, "nonce": {nonce},
		"prompt": {"login"}, "claims": {string(claims)},
	}), http.StatusSeeOther)
}

func (h *hub) callbackURL() string { return h.url + "/oidc-callback" }

// callback is where Relais sends the browser back.
func (h *hub) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l, it, f := h.readCallback(r, q)
	if f != nil {
		h.refuseLeg(w, l.interactionID, f)
		return
	}
	who, f := h.fetchIdentity(r.Context(), q.Get("code"), l.nonce, it)
	if f != nil {
		h.refuseLeg(w, l.interactionID, f)
		return
	}
	h.identify(w, r, l.interactionID, it, *who)
}

// readCallback spends the state, in the browser that it was given to.
func (h *hub) readCallback(r *http.Request, q url.Values) (leg, interaction, *fault) {
	state := q.Get("state")
	if state == "" {
		return leg{}, interaction{}, &fault{Code: codeMissState, Reason: "state absent"}
	}
	_, session, ok := h.sessions.read(r)
	if !ok {
		return leg{}, interaction{}, &fault{Code: codeSession, Reason: "session introuvable"}
	}
	l, ok := h.legs.get(state)
	if !ok || l.browser != session.browser {
		return leg{}, interaction{}, &fault{Code: codeWrongState, Reason: "state inconnu"}
	}
	if _, ok := h.legs.take(state); !ok {
		return leg{}, interaction{}, &fault{Code: codeWrongState, Reason: "state déjà employé"}
	}
	it, ok := h.interactions.get(l.interactionID)
	if !ok {
		return leg{}, interaction{}, &fault{Code: codeSession, Reason: "session expirée"}
	}
	return l, it, checkCallback(q, h.cfg.RelaisURL)
}

// checkCallback looks at the rest of the answer: iss where given, error, code.
func checkCallback(q url.Values, issuer string) *fault {
	switch {
	case q.Has("iss") && q.Get("iss") != issuer:
		return &fault{Code: codeToken, Reason: "iss différent"}
	case q.Has("error"):
		return &fault{OAuth: cmp.Or(q.Get("error"), "invalid_request"), Reason: q.Get("error_description")}
	case q.Get("code") == "":
		return &fault{Code: codeMissCode, Reason: "code absent"}
	}
	return nil
}

// track writes the real hub's business events: which perimeter was presented, and
// whether it fitted the service's (its TA10 to TA13).
func (h *hub) track(scope []string, f *fault) {
	event := "FC_VALID_REP_SCOPE"
	switch {
	case f == nil:
	case f.Code == codeCrash: // the real one never gets that far
		return
	default:
		event = "FC_INVALID_REP_SCOPE"
	}
	h.cfg.Log.Info(event, "rep_scope", strings.Join(scope, " "))
}

// fetchIdentity redeems the code and applies every check of the real hub, in its order.
func (h *hub) fetchIdentity(ctx context.Context, code, nonce string, it interaction) (*identity, *fault) {
	t, err := h.relais.exchange(ctx, h.cfg.HubAtRelais, code, h.callbackURL())
	if err != nil {
		h.cfg.Log.Warn("sandbox hub: token", "err", err)
		return nil, &fault{Code: codeToken, Reason: "échange du code refusé"}
	}
	keys, err := h.keysOf(ctx, h.cfg.IDTokenAlg, t.IDToken)
	if err != nil {
		return nil, &fault{Code: codeToken, Reason: "clés illisibles"}
	}
	want := h.relaisExpectation(h.cfg.IDTokenAlg, keys)
	want.nonce, want.accessToken = nonce, t.AccessToken
	claims, f := checkIDToken(t.IDToken, want)
	if f != nil {
		return nil, f
	}
	info, f := h.fetchUserinfo(ctx, t.AccessToken)
	if f != nil {
		return nil, f
	}
	if f := checkIdentity(info); f != nil {
		return nil, f
	}
	acr, _ := claims["acr"].(string)
	if f := checkACR(acr, []string{"eidas1"}, it.request.acr); f != nil {
		return nil, f
	}
	scope, f := checkRepScope(claims["rep_scope"], it.client.RepScope)
	h.track(scope, f)
	if f != nil {
		return nil, f
	}
	return &identity{idp: relaisIDP, claims: info, repScope: scope, act: claims["act"], idToken: t.IDToken}, nil
}

func (h *hub) fetchUserinfo(ctx context.Context, access string) (map[string]any, *fault) {
	accept := "application/jwt"
	if h.cfg.UserinfoAlg == "none" {
		accept = "application/json"
	}
	contentType, body, err := h.relais.userinfo(ctx, access, accept)
	if err != nil {
		h.cfg.Log.Warn("sandbox hub: userinfo", "err", err)
		return nil, &fault{Code: codeUserinfo, Reason: "userinfo refusé"}
	}
	keys, err := h.keysOf(ctx, h.cfg.UserinfoAlg, body)
	if err != nil {
		return nil, &fault{Code: codeUserinfo, Reason: "clés illisibles"}
	}
	return checkUserinfo(contentType, body, h.relaisExpectation(h.cfg.UserinfoAlg, keys))
}

// keysOf returns Relais' keys for a token, none where the algorithm needs none.
func (h *hub) keysOf(ctx context.Context, alg, raw string) ([]jose.JSONWebKey, error) {
	if alg == "HS256" || alg == "none" {
		return nil, nil
	}
	return h.relais.keysFor(ctx, kidOf(raw))
}

// refuseLeg shows what Relais' answer was refused for, and offers another provider.
func (h *hub) refuseLeg(w http.ResponseWriter, interactionID string, f *fault) {
	body := errorPage{Code: f.Code, Reason: f.Reason}
	if f.OAuth != "" {
		body.Code = f.OAuth
	}
	if interactionID != "" {
		body.Retry, body.RetryText = h.interactionURL(interactionID), "Choisir un autre moyen de connexion"
		body.Cancel = h.interactionURL(interactionID) + "/annuler"
	}
	h.cfg.Log.Info("sandbox refusal", "site", "hub", "code", body.Code)
	h.pages.render(w, http.StatusBadRequest, "erreur.html", page{Site: hubSite, Theme: "hub", Title: "Connexion impossible", Body: body})
}
