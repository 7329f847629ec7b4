package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/sandbox"
	"relais/internal/store"
	"time"
)

// demoIDP is Relais's own identity-provider id in the sandbox's hub.
const demoIDP = "7b0f7c1e-relais-fictif"

// demo runs Relais on SQLite with its fictional peers, and says where to click.
func demo(ctx context.Context, c call) error {
	if len(c.args) != 0 {
		return errUsage
	}
	cfg, err := config.LoadDemo(c.environ)
	if err != nil {
		return err
	}
	listeners, err := listenAll(cfg)
	if err != nil {
		return err
	}
	d, err := newDemo(ctx, cfg, quiet(c.stderr))
	if err != nil {
		return errors.Join(err, listeners.close())
	}
	code, err := inviteFictional(ctx, d.store)
	if err != nil {
		return errors.Join(err, listeners.close(), d.store.Close())
	}
	d.greet(c.stdout, code)
	return d.run(ctx, listeners)
}

// demoHouse is a Relais with its fictional peers.
type demoHouse struct {
	*house
	sandbox *sandbox.Sandbox
	conf    sandbox.Config
}

// newDemo builds both, migrates the database and lets the fictional people in.
func newDemo(ctx context.Context, cfg config.Config, log *slog.Logger) (*demoHouse, error) {
	conf := sandbox.DefaultConfig()
	conf.RelaisURL = cfg.PublicURL.String()
	conf.AgentsURL, conf.HubURL, conf.ServicesURL = "http://"+cfg.Sandbox.Agents, "http://"+cfg.Sandbox.FranceConnect, "http://"+cfg.Sandbox.Services
	conf.Log = log
	peers, err := sandbox.New(conf)
	if err != nil {
		return nil, err
	}
	h, err := build(ctx, demoConfig(cfg, conf), log, true)
	if err != nil {
		return nil, err
	}
	d := &demoHouse{house: h, sandbox: peers, conf: conf}
	if err := h.store.Migrate(ctx); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	if err := admitFictional(ctx, h.store); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	if err := openFictional(ctx, h.store, h.now()); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	if err := h.firstKeys(ctx); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	return d, nil
}

// demoConfig makes Relais and its fictional peers know each other.
func demoConfig(cfg config.Config, conf sandbox.Config) config.Config {
	party := func(base string, c sandbox.Client) config.RelyingParty {
		return config.RelyingParty{Issuer: base + "/api/v2", ClientID: c.ID, ClientSecret: config.Secret(c.Secret)}
	}
	agents, usagers := cfg.ProConnect.Keys, cfg.FranceConnect.Keys
	cfg.ProConnect, cfg.FranceConnect = party(conf.AgentsURL, conf.ProConnect), party(conf.HubURL, conf.FranceConnect)
	cfg.ProConnect.Keys, cfg.FranceConnect.Keys = agents, usagers
	cfg.FranceConnectIDP = demoIDP
	alg := func(set, standard string) string {
		if set == "" {
			return standard
		}
		return set
	}
	cfg.Clients = append([]config.Client{{
		ClientID: conf.HubAtRelais.ID, ClientSecret: config.Secret(conf.HubAtRelais.Secret), ClientName: "FranceConnect fictif",
		RedirectURIs:           []string{conf.HubURL + "/api/v2/oidc-callback"},
		PostLogoutRedirectURIs: []string{conf.HubURL + "/api/v2/client/logout-callback"},
		GrantTypes:             []string{"authorization_code"}, ResponseTypes: []string{"code"},
		Scope: "openid profile email birth", TokenEndpointAuthMethod: config.AuthPost,
		IDTokenSignedResponseAlg: alg(conf.IDTokenAlg, "ES256"), UserinfoSignedResponseAlg: alg(conf.UserinfoAlg, "ES256"),
		SubjectType: "pairwise", Profile: config.ProfileFranceConnect, PKCE: config.PKCEOptional, Act: true,
	}}, cfg.Clients...)
	return cfg
}

// admitFictional lets the people of testdata in, once.
func admitFictional(ctx context.Context, st *store.Store) error {
	var p people
	for _, s := range sandbox.Structures() {
		p.Structures = append(p.Structures, organisation.Organisation{ID: s.ID, Name: s.Name, SIRET: s.Siret, Address: s.Address,
			Postcode: s.Postcode, City: s.City, Telephone: s.Telephone, Timezone: s.Timezone, Domaines: s.Domaines})
	}
	byList := map[string]string{}
	for _, s := range p.Structures {
		byList[s.SIRET] = s.ID
	}
	var suspended []sandbox.Agent
	for _, a := range sandbox.Agents() {
		if !a.Known {
			continue
		}
		roles := make([]aidant.Role, len(a.Roles))
		for i, r := range a.Roles {
			roles[i] = aidant.Role(r)
		}
		p.Agents = append(p.Agents, agent{Structure: byList[a.Siret], Email: a.Email, GivenName: a.GivenName, UsualName: a.UsualName, SIRET: a.Siret, Roles: roles})
		if a.Suspended {
			suspended = append(suspended, a)
		}
	}
	if _, err := p.admit(ctx, st); err != nil {
		return err
	}
	for _, a := range suspended {
		if err := suspendFictional(ctx, st, a); err != nil {
			return err
		}
	}
	return nil
}

func suspendFictional(ctx context.Context, st *store.Store, a sandbox.Agent) error {
	found, err := st.FindAidant(ctx, strings.ToLower(a.Email), a.Siret)
	if err != nil || found.Suspended() {
		return err
	}
	_, err = st.ChangeAidant(ctx, found.ID, func(x aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
		return habilitation.Suspend(x, operator(), time.Now())
	})
	return err
}

// listeners are the four addresses of a demo.
type listeners struct{ relais, agents, hub, services net.Listener }

func listenAll(cfg config.Config) (listeners, error) {
	var l listeners
	for _, a := range []struct {
		at       *net.Listener
		address  string
		variable string
	}{
		{&l.relais, cfg.Listen, "RELAIS_LISTEN"},
		{&l.agents, cfg.Sandbox.Agents, "RELAIS_DEMO_AGENTS"},
		{&l.hub, cfg.Sandbox.FranceConnect, "RELAIS_DEMO_FRANCECONNECT"},
		{&l.services, cfg.Sandbox.Services, "RELAIS_DEMO_SERVICES"},
	} {
		opened, err := net.Listen("tcp", a.address)
		if err != nil {
			return l, errors.Join(fmt.Errorf("l’adresse %s est occupée ou refusée : choisissez-en une autre, par exemple %s=127.0.0.1:9090 make demo (%w)",
				a.address, a.variable, err), l.close())
		}
		*a.at = opened
	}
	return l, nil
}

func (l listeners) close() error {
	var errs []error
	for _, one := range []net.Listener{l.relais, l.agents, l.hub, l.services} {
		if one != nil {
			errs = append(errs, one.Close())
		}
	}
	return errors.Join(errs...)
}

// run serves the four sites until ctx ends; the peers stop with Relais.
func (d *demoHouse) run(ctx context.Context, l listeners) error {
	peers := map[net.Listener]http.Handler{l.agents: d.sandbox.Agents(), l.hub: d.sandbox.Hub(), l.services: d.sandbox.Services()}
	for listener, handler := range peers {
		server := newHTTPServer(handler, d.log)
		go func() { _ = server.Serve(listener) }() // ends when its listener closes, below
		defer server.Close()
	}
	return d.house.run(ctx, l.relais)
}

// greet prints the address, the people, and how to look behind the scenes; code is
// the one of the agent without ProConnect.
func (d *demoHouse) greet(w io.Writer, code string) {
	fmt.Fprintf(w, `
Relais fonctionne, avec son bac à sable. Toutes les données sont fictives.

  Relais                %s
  Services publics      %s   (allocations, impôts, démarches)
  FranceConnect fictif  %s
  Identité agent        %s

Essayez : ouvrez Relais, identifiez-vous comme aidant, donnez un mandat,
puis ouvrez un service public et choisissez Relais chez FranceConnect.

Agents
`, d.conf.RelaisURL, d.conf.ServicesURL, d.conf.HubURL, d.conf.AgentsURL)
	for _, a := range sandbox.Agents() {
		fmt.Fprintf(w, "  %-22s %s\n", a.GivenName+" "+a.UsualName, a.Label)
	}
	greetOutside(w, code, d.conf.RelaisURL)
	fmt.Fprintln(w, "\nUsagers")
	for _, u := range sandbox.Usagers() {
		fmt.Fprintf(w, "  %-34s %s\n", u.GivenName+" "+u.FamilyName, u.Label)
	}
	fmt.Fprintf(w, `
Vérifier ensuite, dans un autre terminal :
  RELAIS_DATA=%[1]s RELAIS_DATABASE_URL=sqlite:%[2]s bin/relais journal verify
  RELAIS_DATA=%[1]s RELAIS_DATABASE_URL=sqlite:%[2]s bin/relais mandat verify NUMÉRO

Ctrl+C pour arrêter.
`, d.cfg.Data, d.cfg.Database.Path)
}
