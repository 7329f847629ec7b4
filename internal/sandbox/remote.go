package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// hubTimeout is how long FranceConnect waits for an identity provider.
const hubTimeout = 6 * time.Second

// discovered is the part of a provider's metadata used here.
type discovered struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	UserinfoEndpoint      string `json:"userinfo_endpoint"`
	JWKSURI               string `json:"jwks_uri"`
	EndSessionEndpoint    string `json:"end_session_endpoint"`
}

// remote is another party's OpenID provider: its metadata and keys, cached.
type remote struct {
	issuer string
	http   *http.Client

	mu   sync.Mutex
	doc  *discovered
	keys []jose.JSONWebKey
}

// document returns the metadata, fetched once.
func (p *remote) document(ctx context.Context) (discovered, error) {
	p.mu.Lock()
	cached := p.doc
	p.mu.Unlock()
	if cached != nil {
		return *cached, nil
	}
	var doc discovered
	if err := p.fetchJSON(ctx, p.issuer+"/.well-known/openid-configuration", &doc); err != nil {
		return discovered{}, fmt.Errorf("discovery: %w", err)
	}
	if doc.Issuer != p.issuer {
		return discovered{}, errors.New("discovery: issuer differs")
	}
	p.mu.Lock()
	p.doc = &doc
	p.mu.Unlock()
	return doc, nil
}

// keysFor returns the cached key set, fetched again when it lacks kid.
func (p *remote) keysFor(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	p.mu.Lock()
	keys := p.keys
	p.mu.Unlock()
	known := func(k jose.JSONWebKey) bool { return kid == "" || k.KeyID == kid }
	if slices.ContainsFunc(keys, known) {
		return keys, nil
	}
	doc, err := p.document(ctx)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	if err := p.fetchJSON(ctx, doc.JWKSURI, &set); err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	p.mu.Lock()
	p.keys = set.Keys
	p.mu.Unlock()
	return set.Keys, nil
}

// tokens is a token endpoint's answer.
type tokens struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
}

// exchange redeems a code with client_secret_post.
func (p *remote) exchange(ctx context.Context, client Client, code, redirectURI string) (tokens, error) {
	doc, err := p.document(ctx)
	if err != nil {
		return tokens{}, err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI},
		"client_id": {client.ID}, "client_secret": {client.Secret},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, doc.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, fmt.Errorf("token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	body, _, err := p.do(req)
	if err != nil {
		return tokens{}, fmt.Errorf("token: %w", err)
	}
	var t tokens
	if err := json.Unmarshal(body, &t); err != nil || t.AccessToken == "" || t.IDToken == "" {
		return tokens{}, errors.New("token: answer without id_token or access_token")
	}
	return t, nil
}

// userinfo returns the content type and the body as received.
func (p *remote) userinfo(ctx context.Context, access, accept string) (string, string, error) {
	doc, err := p.document(ctx)
	if err != nil {
		return "", "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, doc.UserinfoEndpoint, nil)
	if err != nil {
		return "", "", fmt.Errorf("userinfo: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	req.Header.Set("Accept", accept)
	body, contentType, err := p.do(req)
	if err != nil {
		return "", "", fmt.Errorf("userinfo: %w", err)
	}
	return contentType, string(body), nil
}

func (p *remote) fetchJSON(ctx context.Context, address string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	body, _, err := p.do(req)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

func (p *remote) do(req *http.Request) ([]byte, string, error) {
	ctx, cancel := context.WithTimeout(req.Context(), hubTimeout)
	defer cancel()
	resp, err := p.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("status %d", resp.StatusCode)
	}
	return body, resp.Header.Get("Content-Type"), nil
}
