package sandbox

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// agents is « Identité agent (fictive) ».
type agents struct {
	*issuer
	pages    *pages
	sessions jar[agentSession]
	demandes *table[agentDemande]
	http     *http.Client
}

// agentSession lives 12 hours, like ProConnect's.
type agentSession struct {
	browser string // survives the renewal of the session's key at login
	agentID string // "" before a login
	sid     string // as clients know it; stays while the same agent identifies again
	at      time.Time
}

// agentDemande is an authorization request that awaits the agent's choice.
type agentDemande struct {
	browser, clientID, redirectURI, state, nonce string
	scope, challenge, prompt, loginHint          string
	claims                                       claimsRequest
}

var agentsAllowed = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "claims", "prompt", "idp_hint",
	"login_hint", "siret_hint", "acr_values", "code_challenge", "code_challenge_method", "response_mode",
}

var agentsScopes = []string{"openid", "given_name", "usual_name", "email", "uid", "siret", "idp_id", "organization_label", "phone"}

func newAgents(cfg Config, p *pages) (*agents, error) {
	relais := registered{
		Client: cfg.ProConnect, Name: "Relais",
		RedirectURIs: []string{cfg.RelaisURL + "/connexion/retour"},
		LogoutURIs:   []string{cfg.RelaisURL + "/deconnexion/retour"},
		BackChannel:  cfg.RelaisURL + "/deconnexion/fournisseur",
		Scopes:       agentsScopes,
	}
	iss, err := newIssuer(cfg.AgentsURL+"/api/v2", "agents-fictif", cfg.Now, time.Minute, time.Hour, relais)
	if err != nil {
		return nil, err
	}
	return &agents{
		issuer: iss, pages: p,
		sessions: jar[agentSession]{name: "agents_session", secure: strings.HasPrefix(cfg.AgentsURL, "https:"), rows: newTable[agentSession](cfg.Now, 12*time.Hour)},
		demandes: newTable[agentDemande](cfg.Now, 30*time.Minute),
		http:     cfg.HTTP,
	}, nil
}

func (a *agents) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", a.pages.style)
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /api/v2/.well-known/openid-configuration", a.discovery)
	mux.HandleFunc("GET /api/v2/authorize", a.authorize)
	mux.HandleFunc("POST /api/v2/authorize", postToGet)
	mux.HandleFunc("GET /api/v2/connexion/{demande}", a.choice)
	mux.Handle("POST /api/v2/connexion/{demande}", sameOrigin(a.choose))
	mux.HandleFunc("POST /api/v2/token", a.token)
	mux.HandleFunc("GET /api/v2/userinfo", a.userinfo)
	mux.HandleFunc("POST /api/v2/userinfo", a.userinfo)
	mux.HandleFunc("GET /api/v2/jwks", a.jwks)
	mux.HandleFunc("GET /api/v2/session/end", a.endSession)
	mux.Handle("POST /partout", sameOrigin(a.endEverywhere))
	mux.HandleFunc("POST /api/v2/session/end", postToGet)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.refuse(w, &fault{Code: codeAgentsRoute, Reason: "cette page n'existe pas"})
	})
	return mux
}

func (a *agents) refuse(w http.ResponseWriter, f *fault) {
	a.pages.refuse(w, agentsSite, "agents", f)
}

func (a *agents) home(w http.ResponseWriter, r *http.Request) {
	if _, session, ok := a.sessions.read(r); ok {
		if agent, known := findAgent(session.agentID); known {
			a.pages.render(w, http.StatusOK, "agents-session.html", page{Site: agentsSite, Theme: "agents", Title: "Votre session", Body: agent})
			return
		}
	}
	a.pages.render(w, http.StatusOK, "accueil.html", page{Site: agentsSite, Theme: "agents", Title: agentsSite,
		Body: "Ce fournisseur d'identité imite, pour la démonstration de Relais, la connexion des agents. On y arrive depuis Relais, en demandant à se connecter."})
}

func (a *agents) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": a.url, "authorization_endpoint": a.url + "/authorize", "token_endpoint": a.url + "/token",
		"userinfo_endpoint": a.url + "/userinfo", "jwks_uri": a.url + "/jwks", "end_session_endpoint": a.url + "/session/end",
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported": []string{"authorization_code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "userinfo_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"}, "code_challenge_methods_supported": []string{"S256"},
		"scopes_supported": agentsScopes, "claims_parameter_supported": true,
		"acr_values_supported":                           []string{"eidas0", "eidas0-mfa", "eidas1", "eidas1-mfa", "eidas2", "eidas3"},
		"authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported":                   true, "backchannel_logout_session_supported": true,
	})
}

func (a *agents) authorize(w http.ResponseWriter, r *http.Request) {
	d, f := a.readRequest(r.URL.RawQuery)
	if f != nil && f.OAuth == "" {
		a.refuse(w, f)
		return
	}
	if f != nil {
		a.sendBack(w, r, d, url.Values{"error": {f.OAuth}, "error_description": {f.Reason}})
		return
	}
	_, session, ok := a.sessions.read(r)
	if ok && session.agentID != "" && d.prompt != "login" {
		a.answer(w, r, d, session)
		return
	}
	if d.prompt == "none" {
		a.sendBack(w, r, d, url.Values{"error": {"login_required"}})
		return
	}
	if !ok {
		session = agentSession{browser: rand.Text()}
		a.sessions.renew(w, r, session)
	}
	d.browser = session.browser
	id := rand.Text()
	a.demandes.put(id, d)
	http.Redirect(w, r, a.url+"/connexion/"+id, http.StatusSeeOther)
}

// readRequest checks the parameters as ProConnect does. Once the redirect URI
// is known to be the client's, faults of OAuth go back to it.
func (a *agents) readRequest(raw string) (agentDemande, *fault) {
	q, f := strictQuery(raw, codeAgentsParam, agentsAllowed, []string{"response_type", "client_id", "redirect_uri", "scope", "state", "nonce"})
	if f != nil {
		return agentDemande{}, f
	}
	client, ok := a.clients[q.Get("client_id")]
	if !ok {
		return agentDemande{}, &fault{Code: codeClient, Reason: "client inconnu"}
	}
	if !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")) {
		return agentDemande{}, &fault{Code: codeAgentsURI, Reason: "redirect_uri non enregistrée"}
	}
	claims, err := parseClaims(q.Get("claims"))
	d := agentDemande{
		clientID: client.ID, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"), scope: q.Get("scope"),
		challenge: q.Get("code_challenge"), prompt: q.Get("prompt"), loginHint: q.Get("login_hint"), claims: claims,
	}
	switch {
	case err != nil:
		return d, &fault{Code: codeAgentsParam, Reason: "claims illisible"}
	case !isNonceLike(d.state, 32), !isNonceLike(d.nonce, 32):
		return d, &fault{Code: codeAgentsParam, Reason: "state et nonce : 32 caractères au moins"}
	case !slices.Contains([]string{"", "login", "none", "consent"}, d.prompt):
		return d, &fault{Code: codeAgentsParam, Reason: "prompt inconnu"}
	case q.Get("response_mode") != "" && q.Get("response_mode") != "query":
		return d, &fault{Code: codeAgentsParam, Reason: "response_mode inconnu"}
	case (d.challenge == "") != (q.Get("code_challenge_method") == ""),
		d.challenge != "" && (q.Get("code_challenge_method") != "S256" || len(d.challenge) != 43):
		return d, &fault{Code: codeAgentsParam, Reason: "PKCE : S256 seulement"}
	case q.Get("response_type") != "code":
		return d, &fault{OAuth: "unsupported_response_type", Reason: "code only"}
	}
	return d, checkAgentScopes(d.scope)
}

func checkAgentScopes(scope string) *fault {
	asked := strings.Fields(scope)
	if !slices.Contains(asked, "openid") {
		return &fault{OAuth: "invalid_scope", Reason: "openid scope is required"}
	}
	for _, s := range asked {
		if !slices.Contains(agentsScopes, s) {
			return &fault{OAuth: "invalid_scope", Reason: "requested scope is not allowed"}
		}
	}
	return nil
}
