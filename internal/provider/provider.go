package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	library "github.com/luikyv/go-oidc/pkg/provider"

	"relais/internal/domaine"
)

// Lifetimes. The code's is RFC 9700's and FAPI 2.0's upper bound; FranceConnect
// asks for tokens that are very short.
const (
	requestLife     = 10 * time.Minute
	codeLife        = time.Minute
	tokenLifeShort  = time.Minute
	tokenLife       = 5 * time.Minute
	idTokenLifeSecs = 300
	assertionLife   = 10 * time.Minute
	assertionSkew   = 30 * time.Second // between two honest clocks: FAPI 2.0 §5.3.2.1 wants 10 let through
)

// acr is the only level a delegated login reaches: an aidant acts.
const acr = "eidas1"

// Sealer encrypts short-lived values under a purpose that must match on opening.
type Sealer interface {
	SealShort(purpose string, plain []byte) (string, error)
	RevealShort(purpose, text string) ([]byte, error)
}

// Options is what a provider is made of. All but Reuse, Shared, Inspector, Standing, Log, Now,
// ErrorPage and CourrielAbsent are required.
type Options struct {
	Issuer   string // the public URL, without path or trailing slash
	Clients  []Client
	Keys     Keys // may be empty until SetKeys
	Ledger   Ledger
	Recorder Recorder
	Reuse    Reuse  // nil: every request is a new choice
	Shared   Shared // nil: this process is the only one
	// Inspector serves the resource servers among the clients; nil when there are
	// none.
	Inspector Inspector
	Standing  Standing // serves the clients that verify mandats; nil when there are none
	Sealer    Sealer
	// Pseudonym gives 64 hexadecimal digits for parts, the same each time, that
	// nobody without its key can derive.
	Pseudonym      func(kind string, parts ...string) string
	CourrielAbsent string // e-mail given to a hub for an usager who has no safe one; "" for none
	Now            func() time.Time
	Log            *slog.Logger
	Secure         bool // https: cookies are __Host- and Secure
	// ChoosePath is where the desk asks for the choice.
	ChoosePath func(requestID string) string
	// ErrorPage shows what cannot be told to a client. title and text are French,
	// safe to show; status may be 200, after a logout without a way back.
	ErrorPage func(w http.ResponseWriter, r *http.Request, status int, title, text string)
}

// Provider is the OpenID Provider.
type Provider struct {
	opts      Options
	clients   map[string]*registered
	catalogue domaine.Catalogue
	lib       http.Handler
	discovery []byte
	keys      atomic.Pointer[Keys]
	remote    *remoteKeys
}

// New checks the options and builds the provider.
func New(o Options) (*Provider, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("fournisseur: %w", err)
	}
	p := &Provider{opts: o.withDefaults(), clients: map[string]*registered{}, catalogue: domaine.Current()}
	for _, c := range o.Clients {
		r, err := register(c)
		if err != nil {
			return nil, fmt.Errorf("fournisseur: %w", err)
		}
		if p.clients[c.ID] != nil {
			return nil, fmt.Errorf("fournisseur: client %s en double", c.ID)
		}
		if (len(c.Reads) > 0 && o.Inspector == nil) || (c.Asks && o.Standing == nil) {
			return nil, fmt.Errorf("fournisseur: client %s: introspection ou vérification sans registre", c.ID)
		}
		p.clients[c.ID] = r
	}
	p.remote = newRemoteKeys(p.opts.Now)
	p.SetKeys(o.Keys)
	lib, err := p.library()
	if err != nil {
		return nil, fmt.Errorf("fournisseur: %w", err)
	}
	p.lib = lib.Handler()
	if err := p.publish(); err != nil {
		return nil, fmt.Errorf("fournisseur: %w", err)
	}
	return p, nil
}

func (o Options) check() error {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || strings.Contains(o.Issuer, "#") {
		return errors.New("adresse publique avec un chemin, ou incomplète")
	}
	if o.Ledger == nil || o.Recorder == nil || o.Sealer == nil || o.Pseudonym == nil || o.ChoosePath == nil {
		return errors.New("une dépendance manque")
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Shared == nil {
		o.Shared = newAlone(o.Now)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ErrorPage == nil {
		o.ErrorPage = func(w http.ResponseWriter, _ *http.Request, status int, title, text string) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "%s\n\n%s\n", title, text) // the reader may have left
		}
	}
	return o
}

// SetKeys takes the signing keys as they are now, between two requests.
func (p *Provider) SetKeys(k Keys) { p.keys.Store(&k) }

// Handler serves exactly the routes of the package comment.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", static(p.discovery))
	mux.HandleFunc("GET /jwks", p.jwks)
	mux.HandleFunc("GET /authorize", acts(p.authorize))
	mux.HandleFunc("POST /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /par", p.par)
	mux.HandleFunc("POST /revoke", p.revoke)
	mux.HandleFunc("POST /introspect", p.introspect)
	mux.HandleFunc("POST /mandat/verification", p.standing)
	mux.HandleFunc("GET /userinfo", acts(p.userinfo))
	mux.HandleFunc("POST /userinfo", p.userinfo)
	mux.HandleFunc("GET /session/end", acts(p.endSession))
	mux.HandleFunc("POST /session/end", p.endSession)
	return mux
}

// acts keeps HEAD, which the multiplexer takes for a GET, from what writes an entry.
func acts(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("Allow", "GET, POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	}
}

// library sets up go-oidc. Its own routes are never served: the gate calls four
// of them. Clients come through the registration manager because it is the one
// door that asks for each request anew; /register itself is out of reach.
func (p *Provider) library() (*library.Provider, error) {
	m := manager{p}
	opts := []library.Option{
		library.WithDCR(m),
		library.WithAuthCodeGrant(m, goidc.ResponseTypeCode),
		library.WithAuthnSessionIDFunc(requestID),
		library.WithAuthCodeFunc(func(context.Context) string { return rand.Text() }),
		library.WithGrantIDFunc(func(ctx context.Context) string { return unitOf(ctx).session.ID }),
		library.WithAuthCodeLifetime(int(codeLife.Seconds())),
		library.WithAuthSessionLifetime(int(requestLife.Seconds())),
		library.WithOpaqueTokens(m),
		library.WithOpaqueTokenFunc(newToken),
		library.WithTokenOptions(p.tokenOptions),
		library.WithIDTokenLifetime(idTokenLifeSecs),
		library.WithIDTokenSignatureAlgs(goidc.RS256, goidc.ES256, goidc.HS256),
		library.WithUserInfoSignatureAlgs(goidc.RS256, goidc.ES256, goidc.HS256),
		library.WithIDTokenClaims(p.idTokenClaims),
		library.WithUserInfoClaims(p.userinfoClaims),
		library.WithSecretBasicAuthn(), library.WithSecretPostAuthn(),
		library.WithPrivateKeyJWTAuthn(goidc.ES256, goidc.PS256, goidc.RS256),
		library.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),
		library.WithJTIConsumer(p.consumeJTI), library.WithJWTLeewayTime(int(assertionSkew.Seconds())),
		library.WithClientSecretVerifier(verifySecret),
		library.WithIssuerResponseParameter(),
		library.WithClaimsParameter(),
		library.WithPKCE(goidc.CodeChallengeMethodSHA256),
		library.WithACRs(acr, "eidas2", "eidas3"),
		library.WithScopes(libraryScopes()...),
		library.WithPolicies(goidc.NewPolicy("choix", anyRequest, decide)),
		library.WithErrorHandler(func(ctx context.Context, err error) { unitOf(ctx).err = err }),
		library.WithErrorRenderer(func(http.ResponseWriter, *http.Request, error) error { return nil }), // the gate shows it
	}
	return library.New(p.opts.Issuer, m, m.jwks, append(opts, encryption(p.opts.Clients)...)...)
}

// encryption turns JWE on where a client uses it.
func encryption(clients []Client) []library.Option {
	var opts []library.Option
	var idToken, info bool
	for _, c := range clients {
		idToken = idToken || c.IDTokenKeyAlg != ""
		info = info || c.UserinfoKeyAlg != ""
	}
	if idToken {
		opts = append(opts, library.WithIDTokenEncryption("RSA-OAEP-256", "RSA-OAEP", "ECDH-ES"),
			library.WithIDTokenContentEncryptionAlgs(goidc.A256GCM, goidc.A128GCM, goidc.A128CBC_HS256, goidc.A256CBC_HS512))
	}
	if info {
		opts = append(opts, library.WithUserInfoEncryption("RSA-OAEP-256", "RSA-OAEP", "ECDH-ES"),
			library.WithUserInfoContentEncryptionAlgs(goidc.A256GCM, goidc.A128GCM, goidc.A128CBC_HS256, goidc.A256CBC_HS512))
	}
	return opts
}

// requestID names a request, and the login that answers it. A pushed one keeps the
// name under which it was pushed, so that it is answered once, by whichever page.
func requestID(ctx context.Context) string {
	if name := unitOf(ctx).pushed; name != "" {
		return name
	}
	return rand.Text()
}

// newToken is a token's text; one that is bound to a key shows it.
func newToken(ctx context.Context, _ *goidc.Grant) string {
	if unitOf(ctx).jkt != "" {
		return boundPrefix + rand.Text()
	}
	return rand.Text()
}

func (p *Provider) tokenOptions(ctx context.Context, _ *goidc.Grant, _ *goidc.Client) goidc.TokenOptions {
	return goidc.NewOpaqueTokenOptions(int(tokenLifeOf(unitOf(ctx).client).Seconds()))
}

func tokenLifeOf(c *registered) time.Duration {
	if c.franceConnect() {
		return tokenLifeShort
	}
	return tokenLife
}

// verifySecret compares digests, so that neither length nor content shows in the
// time it takes. A client without a secret has none that fits.
func verifySecret(_ context.Context, stored, presented string) error {
	a, b := sha256.Sum256([]byte(stored)), sha256.Sum256([]byte(presented))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || stored == "" {
		return errors.New("secret différent")
	}
	return nil
}
