package login

import (
	"context"
	"errors"
	"fmt"
	"io"
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

	mu        sync.Mutex
	doc       *document
	fetchedAt time.Time
	failures  int
	nextTry   time.Time
	sets      []*keySet // newest last
	keysAt    time.Time // when the newest was fetched
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
	if now.Before(p.nextTry) {
		return p.stale()
	}
	// The browser that asked may leave; the others want the answer all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	doc, err := p.fetchDocument(ctx)
	if err != nil {
		pause := min(firstPause<<min(p.failures, 10), longestPause)
		p.failures++
		p.nextTry = now.Add(pause)
		return p.stale()
	}
	p.doc, p.fetchedAt, p.failures, p.nextTry = doc, now, 0, time.Time{}
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
	raw, _, err := p.get(ctx, doc.JWKS, "application/json", "")
	if err != nil {
		return nil, err
	}
	set, err := parseKeys(raw)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sets = slices.DeleteFunc(p.sets, func(s *keySet) bool { return s.digest == set.digest })
	p.sets, p.keysAt = append(p.sets, set), p.now()
	if len(p.sets) > keptSets {
		p.sets = p.sets[1:]
	}
	return set, nil
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

// get is one back-channel GET, with an access token when bearer is not empty.
func (p *peer) get(ctx context.Context, address, accept, bearer string) (body []byte, contentType string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", ErrDown
	}
	req.Header.Set("Accept", accept)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, "", ErrDown
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, "", callError(ctx, err)
	}
	if resp.StatusCode >= 500 {
		return nil, "", ErrDown
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", reject(fmt.Sprintf("statut %d", resp.StatusCode))
	}
	return body, resp.Header.Get("Content-Type"), nil
}

var errTooLarge = errors.New("réponse trop longue")

// backChannel hardens a client: a time limit, a size limit, no redirect (an
// answer that points elsewhere is no answer of the provider).
func backChannel(base *http.Client) *http.Client {
	c := http.Client{}
	if base != nil {
		c = *base
	}
	if c.Timeout <= 0 || c.Timeout > callTimeout {
		c.Timeout = callTimeout
	}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	c.Transport = bounded{c.Transport}
	return &c
}

type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, maxAnswer}
	}
	return resp, err
}

// boundedBody fails past its limit, where io.LimitReader would cut silently.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	b.left -= n
	if b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// digestOf keeps the one definition of a digest of keys.
func digestOf(raw []byte) string { return acte.KeysDigest(raw) }
