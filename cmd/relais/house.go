package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/coffre"
	"relais/internal/config"
	"relais/internal/login"
	"relais/internal/passkey"
	"relais/internal/provider"
	"relais/internal/scellement"
	"relais/internal/session"
	"relais/internal/store"
	"relais/internal/web"
	"relais/internal/web/administration"
	"relais/internal/web/agir"
	"relais/internal/web/compte"
	"relais/internal/web/controle"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
	"relais/internal/web/guichet"
	"relais/internal/web/monespace"
	"relais/internal/web/page"
	"relais/internal/web/publication"
	"relais/internal/web/structure"
	"relais/ui"
	"relais/ui/actes"
)

// house is one Relais, wired and not yet listening.
type house struct {
	cfg      config.Config
	log      *slog.Logger
	now      func() time.Time
	demo     bool
	store    *store.Store
	vault    *coffre.Coffre
	pages    *page.Renderer
	textes   *acte.Recueil
	sessions *session.Manager
	login    *login.Login
	room     *facteurs.Room
	provider *provider.Provider
	sealer   *scellement.Sealer
	web      *web.Server
	handler  http.Handler
}

// build wires a house from a checked configuration. The store is migrated by
// the caller where that is wanted. Only a demo may make the vault's keys here: for
// a server, `relais migrate` made them, and new ones beside a database that is
// full would leave everybody in it unreadable.
func build(ctx context.Context, cfg config.Config, log *slog.Logger, demo bool) (*house, error) {
	h := &house{cfg: cfg, log: log, now: time.Now, demo: demo}
	var err error
	if h.store, h.vault, err = openStore(ctx, cfg, log, demo); err != nil {
		return nil, err
	}
	for _, step := range []func() error{h.buildPages, h.buildIdentity, h.buildProvider, h.buildSealer, h.buildWeb} {
		if err := step(); err != nil {
			return nil, errors.Join(err, h.store.Close())
		}
	}
	return h, nil
}

func (h *house) secure() bool { return h.cfg.PublicURL.Scheme == "https" }

func (h *house) buildPages() error {
	opts := page.Options{Demo: h.demo, Log: h.log}
	if h.cfg.Theme != "" {
		opts.Theme = "/theme/theme.css"
	}
	var err error
	if h.pages, err = page.New(ui.FS, opts); err != nil {
		return err
	}
	h.textes, err = acte.Open(actes.FS)
	return err
}

func (h *house) buildIdentity() error {
	h.sessions = session.New(session.Options{Backend: h.store, Sealer: h.vault, Secure: h.secure(),
		Idle: h.cfg.SessionIdle, Max: h.cfg.SessionMax, Now: h.now})
	party := func(p config.RelyingParty) login.Provider {
		return login.Provider{Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret.Reveal(), Keys: p.Keys}
	}
	h.login = login.New(login.Options{ProConnect: party(h.cfg.ProConnect), FranceConnect: party(h.cfg.FranceConnect),
		PublicURL: h.cfg.PublicURL.String(), OwnIDP: h.cfg.FranceConnectIDP, Now: h.now})
	passkeys, err := passkey.New(h.cfg.PublicURL, "Relais")
	h.room = facteurs.New(passkeys, h.store, h.store, h.sessions, h.now)
	return err
}

func (h *house) buildProvider() error {
	clients := make([]provider.Client, 0, len(h.cfg.Clients))
	for _, c := range h.cfg.Clients {
		clients = append(clients, providerClient(c))
	}
	var err error
	h.provider, err = provider.New(provider.Options{
		Issuer: h.cfg.PublicURL.String(), Clients: clients, Ledger: h.store, Recorder: h.store,
		Reuse:  reuse{h.store, h.sessions, h.now},
		Sealer: h.vault, Pseudonym: h.vault.Pseudonym, CourrielAbsent: h.cfg.CourrielAbsent,
		Now: h.now, Log: h.log, Secure: h.secure(),
		ChoosePath: func(id string) string { return "/agir/" + id },
		ErrorPage:  h.protocolError,
	})
	return err
}

// protocolError is the page for a person when a request to the provider cannot
// be answered by a redirect.
func (h *house) protocolError(w http.ResponseWriter, _ *http.Request, status int, title, text string) {
	p := page.NewErrorPage(status)
	p.Heading, p.Title, p.Text, p.Do = title, title, text, nil
	h.pages.RenderError(w, p)
}

func (h *house) buildWeb() error {
	signature := &monespace.Desk{Own: h.store, Room: h.room, Pages: h.pages, Mandats: h.store, Evidence: h.store, People: h.store,
		Login: h.login, Sessions: h.sessions, Recueil: h.textes, Log: h.log, Now: h.now}
	said := flash{h.sessions, h.log}
	desks := [][]desk.Route{
		(&compte.Desk{Pages: h.pages, Sessions: h.sessions, Provider: h.login, Accounts: h.store, Elevations: h.store, Invitations: h.store, Resets: h.store, Revocations: h.store,
			Browsers: h.store, Trace: h.store,
			Own: h.store, Room: h.room, Site: h.cfg.PublicURL.Hostname(), Handover: signature, Flash: said, Now: h.now}).Routes(),
		(&guichet.Desk{Pages: h.pages, Mandats: h.store, Signatures: h.store, People: h.store, Journal: h.store, Facteurs: h.store,
			Sessions: h.sessions, Recueil: h.textes, Now: h.now}).Routes(),
		signature.Routes(),
		(&agir.Desk{Pages: h.pages, Provider: h.provider, Mandats: h.store, Uses: h.store, Trace: h.store, Sessions: h.sessions, Now: h.now}).Routes(),
		(&controle.Desk{Pages: h.pages, Journal: h.store, Numbers: h.store, Facets: h.store, Agents: h.store, Revelations: h.store,
			Cookies: h.sessions, Seal: h.sealer, Vitals: h.store, Watch: h.store, Revues: h.store, Samples: h.store, Saved: h.store,
			Exports: scellement.Exporter{Sealer: h.sealer, From: h.store}, App: appVersion(), Beat: h.cfg.Heartbeat, Now: h.now}).Routes(),
		(&structure.Desk{Pages: h.pages, Team: h.store, Mandats: h.store, Notices: h.store, Agents: h.store, Closer: h.store, Alive: h.alive, Alarms: h.store, Codes: h.store, Resets: h.store,
			Cookies: h.sessions, Flash: said, Site: h.cfg.PublicURL.String(), Now: h.now}).Routes(),
		(&administration.Desk{Pages: h.pages, Structures: h.store, Partners: h.store, Agents: h.store, Closer: h.store, Alive: h.alive, Alarms: h.store, Codes: h.store, Resets: h.store,
			Cookies: h.sessions, Missions: h.store, Auditeurs: h.store, Flash: said, Site: h.cfg.PublicURL.String(), Now: h.now}).Routes(),
		(&publication.Desk{Tree: h.store, Signed: h.sealer.Published, Refused: func() bool { return h.sealer.State().Refusal != nil }}).Routes(),
	}
	keys, err := h.published()
	if err != nil {
		return fmt.Errorf("clés de chiffrement: %w", err)
	}
	h.web = &web.Server{
		Pages: h.pages, Keys: keys, Static: ui.FS, Theme: h.theme(), Operator: page.Operator{}, Sessions: h.sessions, Desks: desks,
		Provider: h.provider.Handler(), Recorder: h.store, Uses: h.store, Missions: h.store, Notices: h.store, Ready: h.ready, Sealing: func() error { return h.sealer.State().Refusal },
		Metrics: web.NewMetrics(h.figures), Log: h.log, Idle: h.cfg.SessionIdle,
		Proxies: h.cfg.TrustedProxies, Secure: h.secure(), Now: h.now,
	}
	if h.cfg.Throttle {
		h.web.Throttle = &web.Throttle{Counters: h.store, Proxies: h.cfg.TrustedProxies, Log: h.log, Now: h.now}
	}
	h.handler = h.web.Handler()
	return nil
}

// alive tells a session that has not run out.
func (h *house) alive(s aidant.Session) bool { return h.now().Before(h.sessions.EndsAt(s)) }

func (h *house) theme() fs.FS {
	if h.cfg.Theme == "" {
		return nil
	}
	return os.DirFS(h.cfg.Theme)
}

// ready says that the database answers, that the journal's head is coherent and
// that the keys can be used.
func (h *house) ready(ctx context.Context) error {
	if err := h.store.Ready(ctx); err != nil {
		return err
	}
	probe, err := h.vault.SealShort("readyz", []byte("ok"))
	if err != nil {
		return err
	}
	_, err = h.vault.RevealShort("readyz", probe)
	return err
}
