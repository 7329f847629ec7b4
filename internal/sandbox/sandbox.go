package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client is a pair of OAuth client credentials.
type Client struct {
	// ID is the public client_id.
	ID string
	// Secret is the client_secret, at least 32 characters as the real platforms demand.
	Secret string
}

// LogValue keeps the secret out of the logs.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.ID) }

// Config wires the sandbox to its addresses and to Relais.
type Config struct {
	// RelaisURL, AgentsURL, HubURL and ServicesURL are public base URLs without trailing slash.
	RelaisURL, AgentsURL, HubURL, ServicesURL string
	// ProConnect is Relais as client of the agents' provider.
	ProConnect Client
	// FranceConnect is Relais as client (service) of the hub.
	FranceConnect Client
	// HubAtRelais is the hub as client of Relais' own provider.
	HubAtRelais Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// HTTP makes the calls hub→Relais and services→hub; nil means a client with the hub's 6 s timeout.
	HTTP *http.Client
	// IDTokenAlg is the id_token algorithm the hub expects of Relais: ES256 (default), RS256 or HS256.
	IDTokenAlg string
	// UserinfoAlg is the same for userinfo; "" means ES256, "none" plain JSON.
	UserinfoAlg string
	// Log receives the operator's lines, without personal data; nil discards.
	Log *slog.Logger
}

// DefaultConfig gives the addresses of the demo and its fixed, fictional secrets.
func DefaultConfig() Config {
	return Config{
		RelaisURL:     "http://localhost:8080",
		AgentsURL:     "http://127.0.0.1:8081",
		HubURL:        "http://127.0.0.1:8082",
		ServicesURL:   "http://127.0.0.1:8083",
		ProConnect:    Client{ID: "relais-agents-fictif", Secret: "DemoFictiveAgents0123456789abcdefghijkl"},
		FranceConnect: Client{ID: "relais-service-fictif", Secret: "DemoFictiveService0123456789abcdefghijkl"},
		HubAtRelais:   Client{ID: "franceconnect-fictif", Secret: "DemoFictiveHub0123456789abcdefghijklmnop"},
	}
}

// Sandbox holds the three fictional sites.
type Sandbox struct {
	agents, hub, services http.Handler
}

// New checks cfg, generates the signing keys in memory and builds the three sites.
func New(cfg Config) (*Sandbox, error) {
	cfg, err := complete(cfg)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	pages, err := loadPages(cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	services := publicServices(cfg)
	agents, err := newAgents(cfg, pages)
	if err != nil {
		return nil, fmt.Errorf("sandbox: agents: %w", err)
	}
	hub, err := newHub(cfg, pages, services)
	if err != nil {
		return nil, fmt.Errorf("sandbox: hub: %w", err)
	}
	return &Sandbox{
		agents:   agents.routes(),
		hub:      hub.routes(),
		services: newServices(cfg, pages, services).routes(),
	}, nil
}

// Agents serves « Identité agent (fictive) », the ProConnect-like provider (8081 in the demo).
func (s *Sandbox) Agents() http.Handler { return s.agents }

// Hub serves « FranceConnect fictif » (8082 in the demo).
func (s *Sandbox) Hub() http.Handler { return s.hub }

// Services serves the three fictional public services (8083 in the demo).
func (s *Sandbox) Services() http.Handler { return s.services }

func complete(cfg Config) (Config, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: hubTimeout}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.IDTokenAlg == "" {
		cfg.IDTokenAlg = "ES256"
	}
	if cfg.UserinfoAlg == "" {
		cfg.UserinfoAlg = "ES256"
	}
	return cfg, checkConfig(cfg)
}

// checkConfig returns every fault at once.
func checkConfig(cfg Config) error {
	var errs []error
	bases := map[string]string{"RelaisURL": cfg.RelaisURL, "AgentsURL": cfg.AgentsURL, "HubURL": cfg.HubURL, "ServicesURL": cfg.ServicesURL}
	for name, base := range bases {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.HasSuffix(base, "/") {
			errs = append(errs, fmt.Errorf("%s: want an absolute URL without trailing slash", name))
		}
	}
	clients := map[string]Client{"ProConnect": cfg.ProConnect, "FranceConnect": cfg.FranceConnect, "HubAtRelais": cfg.HubAtRelais}
	for name, c := range clients {
		if c.ID == "" || len(c.Secret) < minSecret {
			errs = append(errs, fmt.Errorf("%s: want an ID and a secret of at least %d characters", name, minSecret))
		}
	}
	switch cfg.IDTokenAlg {
	case "ES256", "RS256", "HS256":
	default:
		errs = append(errs, fmt.Errorf("IDTokenAlg %q: want ES256, RS256 or HS256", cfg.IDTokenAlg))
	}
	switch cfg.UserinfoAlg {
	case "ES256", "RS256", "HS256", "none":
	default:
		errs = append(errs, fmt.Errorf("UserinfoAlg %q: want ES256, RS256, HS256 or none", cfg.UserinfoAlg))
	}
	return errors.Join(errs...)
}
