package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"relais/internal/acte"
)

// How long what was fetched is good, and the pauses after a failure.
const (
	documentLife = 12 * time.Hour
	firstPause   = time.Second
	longestPause = time.Minute
	keptSets     = 8 // key sets remembered, so that a rotation spares logins under way
)

// peer is one provider.
type peer struct {
	Provider
	purpose          string
	redirect, logout string
	scopes           []string
	pkce             bool // may be used where discovery announces it; FranceConnect announces and refuses it
	http             *http.Client
	now              func() time.Time

	asking sync.Mutex // held while keys are fetched for a token that no login asked for

	mu        sync.Mutex
	doc       *document
	fetchedAt time.Time
	next      pause     // before the document is fetched again that could not be
	sets      []*keySet // newest last
	keysAt    time.Time // when the newest was fetched
	keysTried time.Time // when a token that nobody asked for last made us fetch them
	keys      pause     // before the keys are fetched again that could not be
	useless   pause     // before they are again for a kid that they did not hold
}

// pause grows with each failure, once for those that come together.
type pause struct {
	failures int
	until    time.Time
}

func (p *pause) grow(now time.Time) {
	if now.Before(p.until) {
		return
	}
	p.until = now.Add(min(firstPause<<min(p.failures, 10), longestPause))
	p.failures++
}

func (p *peer) pausing(of *pause) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now().Before(of.until)
}

// document is what Relais reads of a discovery document.
type document struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	SendsIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

func (d *document) s256() bool { return slices.Contains(d.Challenges, "S256") }

// discover returns the document. While a provider does not answer, callers get
// ErrDown at once for a pause that doubles up to a minute; a document that
// cannot be renewed stays in use.
func (p *peer) discover(ctx context.Context) (*document, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.doc != nil && now.Sub(p.fetchedAt) < documentLife {
		return p.doc, nil
	}
	if now.Before(p.next.until) {
		return p.stale()
	}
	// The browser that asked may leave; the others want the answer all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	doc, err := p.fetchDocument(ctx)
	if err != nil {
		p.next.grow(now)
		return p.stale()
	}
	p.doc, p.fetchedAt, p.next = doc, now, pause{}
	return doc, nil
}

func (p *peer) stale() (*document, error) {
	if p.doc != nil {
		return p.doc, nil
	}
	return nil, ErrDown
}

// fetchDocument relies on go-oidc for the equality of issuers.
func (p *peer) fetchDocument(ctx context.Context) (*document, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.Issuer)
	if err != nil {
		return nil, ErrDown
	}
	var doc document
	if err := provider.Claims(&doc); err != nil {
		return nil, ErrDown
	}
	secure := strings.HasPrefix(p.Issuer, "https://")
	for _, endpoint := range []string{doc.Authorization, doc.Token, doc.Userinfo, doc.JWKS} {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || (secure && u.Scheme != "https") {
			return nil, ErrDown
		}
	}
	return &doc, nil
}

func (p *peer) oauth(doc *document) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: p.redirect, Scopes: p.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: doc.Authorization, TokenURL: doc.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// Keys fetches a provider's public keys now and returns them byte for byte, with
// the issuer they belong to. Before an usager is sent to FranceConnect, the
// caller commits acte.KeysDigest of them to the journal; FinishUsager uses these
// same bytes. Error: ErrDown, or one wrapping ErrToken for keys that are none.
func (l *Login) Keys(ctx context.Context, which Which) (jwks []byte, issuer string, err error) {
	p := l.peer(which)
	set, err := p.fetchKeys(ctx)
	if err != nil {
		return nil, "", err
	}
	return slices.Clone(set.raw), p.Issuer, nil
}

func (p *peer) fetchKeys(ctx context.Context) (*keySet, error) {
	doc, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	if p.pausing(&p.keys) {
		return nil, ErrDown
	}
	// A browser that leaves must not look like a provider that is down.
	raw, _, err := p.get(context.WithoutCancel(ctx), doc.JWKS, "application/json", "")
	var set *keySet
	if err == nil {
		set, err = parseKeys(raw)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.keys.grow(p.now())
		return nil, err
	}
	p.keys = pause{}
	p.sets = slices.DeleteFunc(p.sets, func(s *keySet) bool { return s.digest == set.digest })
	p.sets, p.keysAt = append(p.sets, set), p.now()
	if len(p.sets) > keptSets {
		p.sets = p.sets[1:]
	}
	return set, nil
}

// keysFor fetches the keys again for a token that names one which known does not
// hold. A provider that signs with what it does not publish is not asked each time:
// then the known ones come back.
func (p *peer) keysFor(ctx context.Context, known *keySet) (*keySet, error) {
	if p.pausing(&p.useless) {
		return known, nil
	}
	fresh, err := p.fetchKeys(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fresh.digest == known.digest {
		p.useless.grow(p.now())
	} else {
		p.useless = pause{}
	}
	return fresh, nil
}

// known is the document as last fetched, nil before.
func (p *peer) known() *document {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doc
}

// keysOf returns the set a login began with, or the newest for an empty digest.
// After a restart the set is fetched again; found tells whether it is the same.
func (p *peer) keysOf(ctx context.Context, digest string) (set *keySet, found bool, err error) {
	p.mu.Lock()
	for _, s := range slices.Backward(p.sets) {
		if digest == "" || s.digest == digest {
			p.mu.Unlock()
			return s, true, nil
		}
	}
	p.mu.Unlock()
	set, err = p.fetchKeys(ctx)
	if err != nil {
		return nil, false, err
	}
	return set, digest == "" || set.digest == digest, nil
}

// digestOf keeps the one definition of a digest of keys.
func digestOf(raw []byte) string { return acte.KeysDigest(raw) }
