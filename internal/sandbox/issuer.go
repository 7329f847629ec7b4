package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// minSecret is the shortest client_secret FranceConnect accepts.
const minSecret = 32

// registered is a client as the agents' provider or the hub knows it.
type registered struct {
	Client
	Name         string // as pages say it
	Site         string // where its pages begin
	RedirectURIs []string
	LogoutURIs   []string
	BackChannel  string // where it is told that a session ended; "" for nowhere
	Scopes       []string
	RepScope     []string // perimeter declared to FranceConnect; empty: none
	AMR          bool     // may ask amr
}

// issuer is what the two fictional providers share: keys, codes, tokens and
// the endpoints that clients call without a browser.
type issuer struct {
	url      string
	clients  map[string]registered
	key      *signer
	now      func() time.Time
	codeTTL  time.Duration
	tokenTTL time.Duration
	codes    *table[grant]
	tokens   *table[string] // access token → code
}

// grant is an authorization code and what it gives. It outlives its redemption
// so that a second one is seen and ends the tokens of the first (RFC 6749 §4.1.2).
type grant struct {
	clientID, redirectURI, scope string
	challenge                    string // PKCE S256, "" without
	idToken                      map[string]any
	userinfo                     map[string]any
	until                        time.Time
	used, replayed               bool
}

func newIssuer(url, kid string, now func() time.Time, codeTTL, tokenTTL time.Duration, clients ...registered) (*issuer, error) {
	key, err := newSigner(kid)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]registered, len(clients))
	for _, c := range clients {
		byID[c.ID] = c
	}
	return &issuer{
		url: url, clients: byID, key: key, now: now, codeTTL: codeTTL, tokenTTL: tokenTTL,
		codes:  newTable[grant](now, codeTTL+tokenTTL),
		tokens: newTable[string](now, tokenTTL),
	}, nil
}

// issue stores a grant and returns its code.
func (p *issuer) issue(g grant) string {
	code := rand.Text() + rand.Text()
	g.until = p.now().Add(p.codeTTL)
	p.codes.put(code, g)
	return code
}

// token is the token endpoint: authorization_code with client_secret_post only.
func (p *issuer) token(w http.ResponseWriter, r *http.Request) {
	form, ok := readForm(w, r)
	if !ok {
		writeOAuthError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	client, ok := p.authenticate(r, form)
	if !ok {
		writeOAuthError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	if form.Get("grant_type") != "authorization_code" {
		writeOAuthError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	g, ok := p.redeem(client.ID, form)
	if !ok {
		writeOAuthError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	access := rand.Text() + rand.Text()
	idToken, err := p.signIDToken(g, access)
	if err != nil {
		writeOAuthError(w, http.StatusInternalServerError, "server_error")
		return
	}
	p.tokens.put(access, form.Get("code"))
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "id_token": idToken, "token_type": "Bearer",
		"expires_in": int(p.tokenTTL.Seconds()), "scope": g.scope,
	})
}

// redeem spends the code: of many callers exactly one succeeds.
func (p *issuer) redeem(clientID string, form url.Values) (grant, bool) {
	var g grant
	fresh := false
	p.codes.update(form.Get("code"), func(row *grant) {
		if row.used {
			row.replayed = true
			return
		}
		row.used, fresh = true, true
		g = *row
	})
	switch {
	case !fresh, !p.now().Before(g.until), g.clientID != clientID, g.redirectURI != form.Get("redirect_uri"):
		return grant{}, false
	}
	return g, checkVerifier(g.challenge, form.Get("code_verifier"))
}

// checkVerifier is RFC 7636 §4.6 for S256; a verifier without a challenge is refused as well.
func checkVerifier(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

func (p *issuer) signIDToken(g grant, access string) (string, error) {
	now := p.now()
	claims := maps.Clone(g.idToken)
	claims["iss"], claims["aud"] = p.url, g.clientID
	claims["iat"], claims["exp"] = now.Unix(), now.Add(p.tokenTTL).Unix()
	claims["at_hash"] = halfHash(access)
	return p.key.sign(claims)
}

// userinfo answers a signed JWT to the bearer of a live access token.
func (p *issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	access, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	code, live := p.tokens.get(access)
	g, known := p.codes.get(code)
	if !ok || !live || !known || g.replayed {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeOAuthError(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	now := p.now()
	claims := maps.Clone(g.userinfo)
	claims["iss"], claims["aud"] = p.url, g.clientID
	claims["iat"], claims["exp"] = now.Unix(), now.Add(p.tokenTTL).Unix()
	signed, err := p.key.sign(claims)
	if err != nil {
		writeOAuthError(w, http.StatusInternalServerError, "server_error")
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, signed)
}

// revoke is RFC 7009: it answers 200 whether or not the token lived.
func (p *issuer) revoke(w http.ResponseWriter, r *http.Request) {
	form, ok := readForm(w, r)
	if !ok {
		writeOAuthError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	client, ok := p.authenticate(r, form)
	if !ok {
		writeOAuthError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	code, _ := p.tokens.get(form.Get("token"))
	if g, ok := p.codes.get(code); ok && g.clientID == client.ID {
		p.tokens.take(form.Get("token"))
	}
	w.WriteHeader(http.StatusOK)
}

func (p *issuer) authenticate(r *http.Request, form url.Values) (registered, bool) {
	client, ok := p.clients[form.Get("client_id")]
	if !ok || r.Header.Get("Authorization") != "" {
		return registered{}, false
	}
	if subtle.ConstantTimeCompare([]byte(client.Secret), []byte(form.Get("client_secret"))) != 1 {
		return registered{}, false
	}
	return client, true
}

func (p *issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, p.key.jwks())
}

func writeOAuthError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]string{"error": code})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may be gone
}
