// Package config turns the environment into a checked struct.
//
// Load is for `relais serve`, LoadDemo for `relais demo`, LoadStorage for the
// verbs that work on the database alone. Each checks everything it reads and
// reports all problems at once, in French, each with what to do, because an
// operator who repairs ten settings one restart at a time gives up.
//
// It guarantees that a Config returned without error is safe to start on as far
// as the environment and the file system can tell: https towards the outside,
// secrets long enough, key and database folders closed to others, no redirect
// address a browser could be led astray by. Secrets redact themselves wherever
// a Config is printed, and no problem quotes one.
//
// It does not reach the network (an issuer may still not answer), it creates
// nothing (see MakeData), and it cannot protect a Secret held in another type's
// unexported field from fmt's reflection: print the Config, not its holder.
//
// The variables are listed in variables.go; an empty value is an absent one.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"time"
)

// Config is what Relais needs to know before it starts.
type Config struct {
	// Listen is the address served, host:port (RELAIS_LISTEN).
	Listen string
	// PublicURL is the origin that browsers see and our issuer: scheme and host
	// only (RELAIS_PUBLIC_URL).
	PublicURL *url.URL
	// Database says where the database is (RELAIS_DATABASE_URL).
	Database Database
	// Data is the folder of keys and of all that stays outside the database
	// (RELAIS_DATA). It may not exist yet: see MakeData.
	Data string
	// ProConnect identifies aidants, FranceConnect identifies usagers
	// (RELAIS_PROCONNECT_…, RELAIS_FRANCECONNECT_…).
	ProConnect, FranceConnect RelyingParty
	// FranceConnectIDP is Relais's own identity-provider id at FranceConnect
	// (RELAIS_FRANCECONNECT_IDP_ID). Required: without it a login of the usager
	// through our own provider could not be refused.
	FranceConnectIDP string
	// CourrielAbsent is the address given to the hub for an usager without one
	// (RELAIS_COURRIEL_ABSENT); empty means that such an usager is refused there.
	CourrielAbsent string
	// Clients are those of our own provider (the file RELAIS_CLIENTS).
	Clients []Client
	// TrustedProxies may tell us the visitor's address and scheme
	// (RELAIS_TRUSTED_PROXIES).
	TrustedProxies []netip.Prefix
	// TLSCert and TLSKey are PEM files, both or neither (RELAIS_TLS_CERT,
	// RELAIS_TLS_KEY).
	TLSCert, TLSKey string
	// Theme is a folder of the operator's own look, or empty (RELAIS_THEME).
	Theme string
	// SessionIdle and SessionMax end an aidant's session after that long without
	// a request, and in any case (RELAIS_SESSION_IDLE, RELAIS_SESSION_MAX).
	SessionIdle, SessionMax time.Duration
	// Support is what to tell people who are stuck, or empty (RELAIS_SUPPORT).
	Support string
	// RetentionAcces is for how many months access entries keep their bodies
	// (RELAIS_RETENTION_ACCES).
	RetentionAcces int
	// CoffreKey is the file of the vault's master key, "" for the one in Data
	// (RELAIS_COFFRE_KEY).
	CoffreKey string
	// Heartbeat is how often an entry says that Relais runs; 0 is never
	// (RELAIS_PULSATION).
	Heartbeat time.Duration
	// Throttle makes those wait who were refused too often (RELAIS_DEBIT).
	Throttle bool
	// Journal says how the journal is signed (RELAIS_JOURNAL_ORIGIN,
	// RELAIS_JOURNAL_POLICY, RELAIS_TSA_URL).
	Journal Journal
	// Sandbox is filled by LoadDemo alone.
	Sandbox Sandbox
}

// Engines of Database.Engine.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Database is one of two engines.
type Database struct {
	Engine string // SQLite or Postgres
	Path   string // the file, SQLite only
	URL    Secret // the whole address with its password, Postgres only
}

// RelyingParty is how Relais presents itself to an identity provider.
type RelyingParty struct {
	Issuer, ClientID string
	ClientSecret     Secret
	Keys             PrivateKeys // for which it encrypts what it says; none: it does not
}

// Sandbox holds the listening addresses (host:port) of the fictional peers
// (RELAIS_DEMO_AGENTS, RELAIS_DEMO_FRANCECONNECT, RELAIS_DEMO_SERVICES).
type Sandbox struct {
	Agents, FranceConnect, Services string
}

// MakeData creates the data folder, closed to others, when it is not there.
func (c Config) MakeData() error { return os.MkdirAll(c.Data, 0o700) }

// LogValue is the configuration for the log at start, without any secret.
func (c Config) LogValue() slog.Value {
	clients := make([]string, len(c.Clients))
	for i, client := range c.Clients {
		clients[i] = client.ClientID
	}
	public := ""
	if c.PublicURL != nil {
		public = c.PublicURL.String()
	}
	return slog.GroupValue(
		slog.String("listen", c.Listen),
		slog.String("public_url", public),
		slog.Any("database", c.Database),
		slog.String("data", c.Data),
		slog.Any("proconnect", c.ProConnect),
		slog.Any("franceconnect", c.FranceConnect),
		slog.String("franceconnect_idp_id", c.FranceConnectIDP),
		slog.Bool("courriel_absent", c.CourrielAbsent != ""),
		slog.Any("clients", clients),
		slog.Any("trusted_proxies", c.TrustedProxies),
		slog.Bool("tls", c.TLSCert != ""),
		slog.String("theme", c.Theme),
		slog.Duration("session_idle", c.SessionIdle),
		slog.Duration("session_max", c.SessionMax),
		slog.Int("retention_acces", c.RetentionAcces),
		slog.Duration("pulsation", c.Heartbeat), slog.Bool("debit", c.Throttle),
		slog.String("journal_origin", c.Journal.Origin),
		slog.Bool("journal_policy", len(c.Journal.Policy) > 0),
		slog.Bool("tsa", c.Journal.TSA != ""),
	)
}

// LogValue names the engine and the file; a PostgreSQL address stays out whole,
// since it may hold a password anywhere.
func (d Database) LogValue() slog.Value {
	return slog.GroupValue(slog.String("engine", d.Engine), slog.String("path", d.Path))
}

// LogValue leaves the secret out.
func (r RelyingParty) LogValue() slog.Value {
	return slog.GroupValue(slog.String("issuer", r.Issuer), slog.String("client_id", r.ClientID))
}
