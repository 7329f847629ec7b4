package sandbox

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The identity providers the hub offers. relaisIDP is the one Relais must
// refuse when it asks who an usager is.
const (
	impotsIDP = "1d4f0a52-impots-fictif"
	ameliIDP  = "9c1be7d3-ameli-fictif"
	relaisIDP = "7b0f7c1e-relais-fictif"
)

// idp is an identity provider on the choice page.
type idp struct {
	ID       string // claim idp_id
	Name     string // path element and form value
	Title    string
	Subtitle string
}

func identityProviders() []idp {
	return []idp{
		{ID: impotsIDP, Name: "impots", Title: "Impôts (fictif)", Subtitle: "avec un compte fiscal imaginaire"},
		{ID: ameliIDP, Name: "ameli", Title: "Assurance maladie (fictive)", Subtitle: "avec un compte d'assuré imaginaire"},
	}
}

// hub is « FranceConnect fictif », provider towards services and relying party of Relais.
type hub struct {
	*issuer
	pages        *pages
	cfg          Config
	relais       *remote
	sessions     jar[hubSession]
	interactions *table[interaction]
	legs         *table[leg]    // state sent to Relais → leg
	logouts      *table[logout] // state sent to Relais → logout
}

// hubSession is the browser's; identity is nil before a login. Thirty minutes, sliding.
type hubSession struct {
	browser  string // survives the renewal of the session's key at login
	identity *identity
}

// interaction is an authorization request on its way, thirty minutes at most.
type interaction struct {
	browser  string
	client   registered
	request  hubRequest
	identity *identity // set once a provider has answered
}

// leg is one trip to Relais.
type leg struct{ interactionID, browser, nonce string }

// logout is what to do once Relais has ended its session.
type logout struct{ browser, target string }

func newHub(cfg Config, p *pages, services []service) (*hub, error) {
	clients := []registered{relaisAsService(cfg)}
	for _, s := range services {
		clients = append(clients, s.registered)
	}
	iss, err := newIssuer(cfg.HubURL+"/api/v2", "fc-fictif", cfg.Now, 30*time.Second, time.Minute, clients...)
	if err != nil {
		return nil, err
	}
	return &hub{
		issuer: iss, pages: p, cfg: cfg,
		relais:       &remote{issuer: cfg.RelaisURL, http: cfg.HTTP},
		sessions:     jar[hubSession]{name: "fc_fictif_session", secure: strings.HasPrefix(cfg.HubURL, "https:"), rows: newTable[hubSession](cfg.Now, 30*time.Minute)},
		interactions: newTable[interaction](cfg.Now, 30*time.Minute),
		legs:         newTable[leg](cfg.Now, 30*time.Minute),
		logouts:      newTable[logout](cfg.Now, 30*time.Minute),
	}, nil
}

func relaisAsService(cfg Config) registered {
	return registered{
		Client: cfg.FranceConnect, Name: "Relais", Site: cfg.RelaisURL,
		RedirectURIs: []string{cfg.RelaisURL + "/identification/retour"},
		LogoutURIs:   []string{cfg.RelaisURL + "/identification/deconnecte"},
		Scopes: []string{"openid", "profile", "birth", "identite_pivot", "given_name", "family_name", "preferred_username",
			"gender", "birthdate", "birthplace", "birthcountry", "email", "idp_id", "idp_birthdate", "amr"},
		AMR: true,
	}
}

func (h *hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", h.pages.style)
	mux.HandleFunc("GET /{$}", h.home)
	mux.HandleFunc("GET /api/v2/.well-known/openid-configuration", h.discovery)
	mux.HandleFunc("GET /api/v2/authorize", h.authorize)
	mux.HandleFunc("POST /api/v2/authorize", postToGet)
	mux.HandleFunc("GET /api/v2/interaction/{id}", h.showInteraction)
	mux.Handle("POST /api/v2/interaction/{id}", sameOrigin(h.pickProvider))
	mux.HandleFunc("GET /api/v2/interaction/{id}/fi/{fi}", h.showUsagers)
	mux.Handle("POST /api/v2/interaction/{id}/fi/{fi}", sameOrigin(h.pickUsager))
	mux.Handle("POST /api/v2/interaction/{id}/continuer", sameOrigin(h.proceed))
	mux.Handle("POST /api/v2/interaction/{id}/annuler", sameOrigin(h.cancel))
	mux.HandleFunc("GET /api/v2/oidc-callback", h.callback)
	mux.HandleFunc("POST /api/v2/token", h.token)
	mux.HandleFunc("POST /api/v2/token/revocation", h.revoke)
	mux.HandleFunc("GET /api/v2/userinfo", h.userinfo)
	mux.HandleFunc("POST /api/v2/userinfo", h.userinfo)
	mux.HandleFunc("GET /api/v2/jwks", h.jwks)
	mux.HandleFunc("GET /api/v2/session/end", h.endSession)
	mux.HandleFunc("POST /api/v2/session/end", postToGet)
	mux.HandleFunc("GET /api/v2/client/logout-callback", h.logoutCallback)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		h.pages.render(w, http.StatusNotFound, "erreur.html", page{Site: hubSite, Theme: "hub", Title: "Page introuvable",
			Body: errorPage{Code: codeCrash, Reason: "cette page n'existe pas"}})
	})
	return mux
}

func (h *hub) refuse(w http.ResponseWriter, f *fault) { h.pages.refuse(w, hubSite, "hub", f) }

func (h *hub) home(w http.ResponseWriter, _ *http.Request) {
	h.pages.render(w, http.StatusOK, "accueil.html", page{Site: hubSite, Theme: "hub", Title: hubSite,
		Body: "Ce site imite, pour la démonstration de Relais, le bouton de connexion commun aux services publics. On y arrive depuis un service, en demandant à se connecter."})
}

func (h *hub) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": h.url, "authorization_endpoint": h.url + "/authorize", "token_endpoint": h.url + "/token",
		"userinfo_endpoint": h.url + "/userinfo", "jwks_uri": h.url + "/jwks", "end_session_endpoint": h.url + "/session/end",
		"revocation_endpoint":      h.url + "/token/revocation",
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported": []string{"authorization_code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "userinfo_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
		"code_challenge_methods_supported":      []string{"S256"}, // as the real hub advertises, which then refuses PKCE
		"claims_parameter_supported":            true, "acr_values_supported": []string{"eidas1"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// relaisExpectation is what the hub awaits in a token of Relais.
func (h *hub) relaisExpectation(alg string, keys []jose.JSONWebKey) expectation {
	if alg == "none" {
		alg = ""
	}
	return expectation{
		issuer: h.cfg.RelaisURL, clientID: h.cfg.HubAtRelais.ID, secret: h.cfg.HubAtRelais.Secret,
		alg: jose.SignatureAlgorithm(alg), keys: keys, now: h.now(),
	}
}
