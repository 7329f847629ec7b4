package sandbox

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// service is one fictional public service, a client of the hub.
type service struct {
	registered
	ID      string // path element
	Text    string // what it is for
	AsksAct bool
}

// publicServices builds the three, with secrets made at start: hub and
// services share the process.
func publicServices(cfg Config) []service {
	one := func(id, name, text string, act bool, perimeter ...string) service {
		base := cfg.ServicesURL + "/" + id
		return service{
			ID: id, Text: text, AsksAct: act,
			registered: registered{
				Client: Client{ID: id + "-fictif", Secret: rand.Text() + rand.Text()}, Name: name, Site: base,
				RedirectURIs: []string{base + "/retour"}, LogoutURIs: []string{base + "/deconnecte"},
				Scopes:   []string{"openid", "identite_pivot", "preferred_username", "email"},
				RepScope: perimeter,
			},
		}
	}
	return []service{
		one("allocations", "Allocations (fictif)", "Demander une aide au logement ou suivre ses allocations familiales.", false,
			"Famille-Scolarité", "Social-Santé", "Logement"),
		one("impots", "Impôts en ligne (fictif)", "Déclarer ses revenus et consulter ses avis.", false, "Argent-Impots-Consommation"),
		one("demarches", "Démarches en ligne (fictif)", "Déposer un dossier auprès d'une administration.", true),
	}
}

// services holds the three relying parties.
type services struct {
	cfg     Config
	pages   *pages
	hub     *remote
	list    []service
	pending *table[pendingLogin] // by state
	leaving *table[string]       // logout state → service
	jars    map[string]jar[serviceSession]
}

// serviceSession is a browser at one service.
type serviceSession struct {
	idToken string         // "" before a login
	person  map[string]any // userinfo
	act     map[string]any
}

type pendingLogin struct{ service, session, nonce string }

func newServices(cfg Config, p *pages, list []service) *services {
	s := &services{
		cfg: cfg, pages: p, list: list, hub: &remote{issuer: cfg.HubURL + "/api/v2", http: cfg.HTTP},
		pending: newTable[pendingLogin](cfg.Now, 30*time.Minute), leaving: newTable[string](cfg.Now, 30*time.Minute),
		jars: make(map[string]jar[serviceSession]),
	}
	for _, one := range list {
		s.jars[one.ID] = jar[serviceSession]{name: "service_" + one.ID, secure: strings.HasPrefix(cfg.ServicesURL, "https:"),
			rows: newTable[serviceSession](cfg.Now, time.Hour)}
	}
	return s
}

func (s *services) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", s.pages.style)
	mux.HandleFunc("GET /{$}", s.home)
	for _, one := range s.list {
		on := func(do func(service, http.ResponseWriter, *http.Request)) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { do(one, w, r) }
		}
		base := "/" + one.ID
		mux.HandleFunc("GET "+base, on(s.welcome))
		mux.Handle("POST "+base+"/connexion", sameOrigin(on(s.login)))
		mux.HandleFunc("GET "+base+"/retour", on(s.callback))
		mux.HandleFunc("GET "+base+"/espace", on(s.space))
		mux.Handle("POST "+base+"/deconnexion", sameOrigin(on(s.logout)))
		mux.HandleFunc("GET "+base+"/deconnecte", on(s.loggedOut))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.pages.render(w, http.StatusNotFound, "erreur.html", page{Site: servicesSite, Theme: "services", Title: "Page introuvable",
			Body: errorPage{Code: "404", Reason: "cette page n'existe pas", Retry: s.cfg.ServicesURL + "/", RetryText: "Voir les services"}})
	})
	return mux
}

// login sends the browser to the hub.
func (s *services) login(one service, w http.ResponseWriter, r *http.Request) {
	doc, err := s.hub.document(r.Context())
	if err != nil {
		s.refuse(one, w, "FranceConnect fictif ne répond pas")
		return
	}
	session := s.jars[one.ID].renew(w, r, serviceSession{})
	state, nonce := hex64(), hex64()
	s.pending.put(state, pendingLogin{service: one.ID, session: session, nonce: nonce})
	q := url.Values{
		"client_id": {one.Client.ID}, "response_type": {"code"}, "redirect_uri": {one.RedirectURIs[0]}, "acr_values": {"eidas1"},
		"scope": {strings.Join(one.Scopes, " ")}, "state": {state}, "nonce": {nonce},
	}
	if one.AsksAct {
		q.Set("claims", `{"id_token":{"act":null}}`)
	}
	http.Redirect(w, r, back(doc.AuthorizationEndpoint, q), http.StatusSeeOther)
}

// callback checks state, iss, the id_token and the userinfo, then opens the session.
func (s *services) callback(one service, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	session, _, ok := s.jars[one.ID].read(r)
	p, found := s.pending.get(q.Get("state"))
	if !ok || !found || p.session != session || p.service != one.ID {
		s.refuse(one, w, "state inconnu")
		return
	}
	s.pending.take(q.Get("state"))
	if q.Get("iss") != s.hub.issuer {
		s.refuse(one, w, "iss différent")
		return
	}
	if q.Has("error") {
		s.refuse(one, w, "FranceConnect fictif a répondu : "+q.Get("error"))
		return
	}
	logged, err := s.fetchPerson(r, one, q.Get("code"), p.nonce)
	if err != nil {
		s.cfg.Log.Warn("sandbox service", "service", one.ID, "err", err)
		s.refuse(one, w, "réponse de FranceConnect fictif refusée")
		return
	}
	s.jars[one.ID].renew(w, r, logged)
	http.Redirect(w, r, s.cfg.ServicesURL+"/"+one.ID+"/espace", http.StatusSeeOther)
}

func (s *services) fetchPerson(r *http.Request, one service, code, nonce string) (serviceSession, error) {
	t, err := s.hub.exchange(r.Context(), one.Client, code, one.RedirectURIs[0])
	if err != nil {
		return serviceSession{}, err
	}
	keys, err := s.hub.keysFor(r.Context(), kidOf(t.IDToken))
	if err != nil {
		return serviceSession{}, err
	}
	want := expectation{issuer: s.hub.issuer, clientID: one.Client.ID, nonce: nonce, alg: jose.ES256, keys: keys, accessToken: t.AccessToken, now: s.cfg.Now()}
	claims, f := checkIDToken(t.IDToken, want)
	if f != nil {
		return serviceSession{}, f
	}
	contentType, body, err := s.hub.userinfo(r.Context(), t.AccessToken, "application/jwt")
	if err != nil {
		return serviceSession{}, err
	}
	info, f := checkUserinfo(contentType, body, want)
	if f != nil {
		return serviceSession{}, f
	}
	if info["sub"] != claims["sub"] {
		return serviceSession{}, fmt.Errorf("userinfo of another sub")
	}
	act, _ := claims["act"].(map[string]any)
	return serviceSession{idToken: t.IDToken, person: info, act: act}, nil
}

// logout forgets the person here, then at the hub.
func (s *services) logout(one service, w http.ResponseWriter, r *http.Request) {
	_, session, ok := s.jars[one.ID].read(r)
	s.jars[one.ID].drop(w, r)
	doc, err := s.hub.document(r.Context())
	if !ok || session.idToken == "" || err != nil {
		http.Redirect(w, r, s.cfg.ServicesURL+"/"+one.ID, http.StatusSeeOther)
		return
	}
	state := hex64()
	s.leaving.put(state, one.ID)
	http.Redirect(w, r, back(doc.EndSessionEndpoint, url.Values{
		"id_token_hint": {session.idToken}, "state": {state}, "post_logout_redirect_uri": {one.LogoutURIs[0]},
	}), http.StatusSeeOther)
}

func (s *services) loggedOut(one service, w http.ResponseWriter, r *http.Request) {
	if left, ok := s.leaving.take(r.URL.Query().Get("state")); !ok || left != one.ID {
		s.refuse(one, w, "state inconnu")
		return
	}
	http.Redirect(w, r, s.cfg.ServicesURL+"/"+one.ID, http.StatusSeeOther)
}

func (s *services) refuse(one service, w http.ResponseWriter, reason string) {
	s.pages.render(w, http.StatusBadRequest, "erreur.html", page{Site: one.Name, Theme: "services", Title: "Connexion interrompue",
		Body: errorPage{Reason: reason, Retry: s.cfg.ServicesURL + "/" + one.ID, RetryText: "Revenir au service"}})
}

func (s *services) home(w http.ResponseWriter, _ *http.Request) {
	s.pages.render(w, http.StatusOK, "services.html", page{Site: servicesSite, Theme: "services", Title: servicesSite, Body: slices.Clone(s.list)})
}
