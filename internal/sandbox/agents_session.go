package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// agentChoice is the body of agents.html.
type agentChoice struct {
	Action string
	Client string
	Hinted *Agent // the one login_hint names, shown first
	Agents []Agent
}

// demande returns the request the path names, if this browser made it.
func (a *agents) demande(r *http.Request) (string, agentDemande, *fault) {
	id := r.PathValue("demande")
	_, session, ok := a.sessions.read(r)
	d, found := a.demandes.get(id)
	if !ok || !found || d.browser != session.browser {
		return "", agentDemande{}, &fault{Code: codeAgentsNone, Reason: "session introuvable : reprenez la connexion depuis le service"}
	}
	return id, d, nil
}

func (a *agents) choice(w http.ResponseWriter, r *http.Request) {
	id, d, f := a.demande(r)
	if f != nil {
		a.refuse(w, f)
		return
	}
	body := agentChoice{Action: a.url + "/connexion/" + id, Client: a.clients[d.clientID].Name}
	for _, agent := range Agents() {
		if d.loginHint != "" && strings.EqualFold(agent.Email, d.loginHint) {
			body.Hinted = &agent
			continue
		}
		body.Agents = append(body.Agents, agent)
	}
	a.pages.render(w, http.StatusOK, "agents.html", page{Site: agentsSite, Theme: "agents", Title: "Choisir un agent", Body: body})
}

// choose ends the demande, whatever was chosen.
func (a *agents) choose(w http.ResponseWriter, r *http.Request) {
	id, d, f := a.demande(r)
	if f != nil {
		a.refuse(w, f)
		return
	}
	form, ok := readForm(w, r)
	agent, known := findAgent(form.Get("agent"))
	if !ok || (!form.Has("annuler") && !known) {
		a.refuse(w, &fault{Code: codeAgentsParam, Reason: "choix inconnu"})
		return
	}
	if _, ok := a.demandes.take(id); !ok {
		a.refuse(w, &fault{Code: codeAgentsNone, Reason: "connexion déjà faite"})
		return
	}
	if form.Has("annuler") {
		a.sendBack(w, r, d, url.Values{"error": {"access_denied"}, "error_description": {"User auth aborted"}})
		return
	}
	session := agentSession{browser: d.browser, agentID: agent.ID, sid: hex64(), at: a.now()}
	if _, before, ok := a.sessions.read(r); ok && before.agentID == agent.ID {
		session.sid = before.sid
	}
	a.sessions.renew(w, r, session)
	a.answer(w, r, d, session)
}

// answer gives a code for the session's agent, unless the client demands a level the agent lacks.
func (a *agents) answer(w http.ResponseWriter, r *http.Request, d agentDemande, session agentSession) {
	agent, ok := findAgent(session.agentID)
	if !ok || !d.claims.satisfied("acr", agent.ACR) {
		a.sendBack(w, r, d, url.Values{"error": {"access_denied"}, "error_description": {"requested ACRs could not be satisfied"}})
		return
	}
	claims := map[string]any{"sub": agent.Sub, "nonce": d.nonce, "acr": agent.ACR, "sid": session.sid, "auth_time": session.at.Unix()}
	if d.claims.asks("amr") {
		claims["amr"] = agent.amr()
	}
	code := a.issue(grant{
		clientID: d.clientID, redirectURI: d.redirectURI, scope: d.scope, challenge: d.challenge,
		idToken: claims, userinfo: agent.released(strings.Fields(d.scope)),
	})
	a.sendBack(w, r, d, url.Values{"code": {code}})
}

// amr names the means behind the level.
func (a Agent) amr() []string {
	if a.ACR == "eidas0" || a.ACR == "eidas1" {
		return []string{"pwd"}
	}
	return []string{"pwd", "otp", "mfa"}
}

// released returns the claims the scopes give.
func (a Agent) released(scopes []string) map[string]any {
	all := map[string]string{
		"given_name": a.GivenName, "usual_name": a.UsualName, "email": a.Email, "uid": a.UID, "siret": a.Siret,
		"idp_id": a.IDPID, "organization_label": a.OrganizationLabel, "phone": a.Phone,
	}
	out := map[string]any{"sub": a.Sub}
	for _, scope := range scopes {
		if scope == "phone" {
			out["phone_number"] = a.Phone
		} else if value, ok := all[scope]; ok {
			out[scope] = value
		}
	}
	return out
}

func (a *agents) sendBack(w http.ResponseWriter, r *http.Request, d agentDemande, params url.Values) {
	params.Set("state", d.state)
	params.Set("iss", a.url)
	http.Redirect(w, r, back(d.redirectURI, params), http.StatusSeeOther)
}

// endSession needs state, a registered post_logout_redirect_uri, and
// id_token_hint or client_id to know the client.
func (a *agents) endSession(w http.ResponseWriter, r *http.Request) {
	q, f := strictQuery(r.URL.RawQuery, codeAgentsParam,
		[]string{"id_token_hint", "client_id", "state", "post_logout_redirect_uri"}, []string{"state", "post_logout_redirect_uri"})
	if f != nil {
		a.refuse(w, f)
		return
	}
	client, ok := a.hintedClient(q)
	if !ok {
		a.refuse(w, &fault{Code: codeClient, Reason: "client inconnu"})
		return
	}
	if !slices.Contains(client.LogoutURIs, q.Get("post_logout_redirect_uri")) {
		a.refuse(w, &fault{Code: codePostLogout, Reason: "post_logout_redirect_uri non enregistrée"})
		return
	}
	if _, session, ok := a.sessions.read(r); ok {
		a.tell(r.Context(), session, true)
	}
	a.sessions.drop(w, r)
	http.Redirect(w, r, back(q.Get("post_logout_redirect_uri"), url.Values{"state": {q.Get("state")}}), http.StatusSeeOther)
}

// hintedClient finds who asks for a logout; an expired id_token is good enough for a hint.
func (p *issuer) hintedClient(q url.Values) (registered, bool) {
	id := q.Get("client_id")
	if hint := q.Get("id_token_hint"); hint != "" {
		claims, err := verifyJWS(hint, expectation{alg: jose.ES256, keys: p.key.jwks().Keys})
		aud, _ := claims["aud"].(string)
		if err != nil || claims["iss"] != p.url || (id != "" && id != aud) {
			return registered{}, false
		}
		id = aud
	}
	client, ok := p.clients[id]
	return client, ok
}
