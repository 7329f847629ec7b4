package login

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/aidant"
)

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	logoutType  = "logout+jwt"
	logoutAge   = 10 * time.Minute // how old a logout token may be
	keysLife    = 10 * time.Minute // how old the keys may be that open one
	keysPause   = 30 * time.Second // between two fetches that a token asks for: anybody may send one
)

// Logout is a provider's demand to end sessions, verified.
type Logout struct {
	Origin aidant.Origin // without SID: all sessions of that person
	ID     string        // counts once until Until
	Until  time.Time
}

// logoutClaims are read with exact names: encoding/json takes "NONCE" for "nonce".
type logoutClaims map[string]json.RawMessage

func (c logoutClaims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil || len(s) > 255 {
		return ""
	}
	return s
}

// AgentLogout reads a logout token of the agents' provider by the rules of OpenID
// Connect Back-Channel Logout 1.0 §2.6: its signature by the provider's published
// keys under an asymmetric algorithm, iss, aud, iat, exp, the event, sub or sid, no
// nonce, and the type where one is named. That it counts once is for the caller.
//
// Errors: ErrDown, or one wrapping ErrToken.
func (l *Login) AgentLogout(ctx context.Context, token string) (Logout, error) {
	if len(token) > 16<<10 {
		return Logout{}, reject("jeton trop long")
	}
	token, err := l.agents.logoutSigned(token)
	if err != nil {
		return Logout{}, err
	}
	if err := checkLogoutType(token); err != nil {
		return Logout{}, err
	}
	payload, err := l.agents.openAnyTime(ctx, token)
	if err != nil {
		return Logout{}, err
	}
	return l.agents.readLogout(payload)
}

// logoutSigned is the signed token within one that the provider encrypted as it does
// its id_tokens; it may and need not (§2.4).
func (p *peer) logoutSigned(token string) (string, error) {
	if strings.Count(token, ".") != 4 {
		return token, nil
	}
	return p.decrypt(token)
}

// checkLogoutType refuses another kind of token by its type; the event decides
// where none is named.
func checkLogoutType(token string) error {
	jws, err := jose.ParseSignedCompact(token, signatures)
	if err != nil || len(jws.Signatures) != 1 {
		return reject("jeton illisible ou algorithme refusé")
	}
	named, given := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]
	if !given {
		return nil
	}
	kind, _ := named.(string)
	if strings.TrimPrefix(strings.ToLower(kind), "application/") != logoutType {
		return reject("typ")
	}
	return nil
}

// openAnyTime verifies a token that no login asked for. Keys are fetched when the
// last ones are old, or when it names one that is not there, seldom; whoever comes
// meanwhile waits for them, since a provider says only once that a session ended.
func (p *peer) openAnyTime(ctx context.Context, token string) ([]byte, error) {
	if payload, err := p.openByNewest(token); !errors.Is(err, errOldKeys) {
		return payload, err
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	if payload, err := p.openByNewest(token); !errors.Is(err, errOldKeys) {
		return payload, err
	}
	if !p.mayTry() {
		return nil, ErrDown
	}
	fresh, err := p.fetchKeys(ctx)
	if err != nil {
		return nil, err
	}
	return opened(fresh.open(token))
}

// errOldKeys asks for the keys to be fetched.
var errOldKeys = errors.New("clés trop anciennes")

func (p *peer) openByNewest(token string) ([]byte, error) {
	set, age := p.newest()
	if set == nil || age >= keysLife {
		return nil, errOldKeys
	}
	payload, err := set.open(token)
	if errors.Is(err, errUnknownKey) && age >= keysPause {
		return nil, errOldKeys
	}
	return opened(payload, err)
}

// newest is the last key set and its age; nil when there is none, or when a clock
// was set back since.
func (p *peer) newest() (*keySet, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := p.now().Sub(p.keysAt)
	if len(p.sets) == 0 || age < 0 {
		return nil, 0
	}
	return p.sets[len(p.sets)-1], age
}

// mayTry spaces the fetches that anybody can bring about, also while they fail.
func (p *peer) mayTry() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if since := now.Sub(p.keysTried); since >= 0 && since < keysPause {
		return false
	}
	p.keysTried = now
	return true
}

// opened keeps the package's own sentinel inside.
func opened(payload []byte, err error) ([]byte, error) {
	if errors.Is(err, errUnknownKey) {
		return nil, reject("clé inconnue")
	}
	return payload, err
}

func (p *peer) readLogout(payload []byte) (Logout, error) {
	var (
		c        logoutClaims
		at       struct{ IssuedAt, Expiry *jwt.NumericDate }
		audience jwt.Audience
		events   map[string]json.RawMessage
		event    map[string]any
	)
	if json.Unmarshal(payload, &c) != nil {
		return Logout{}, reject("jeton illisible")
	}
	now := p.now()
	_, nonce := c["nonce"]
	readable := json.Unmarshal(c["iat"], &at.IssuedAt) == nil && json.Unmarshal(c["exp"], &at.Expiry) == nil &&
		json.Unmarshal(c["aud"], &audience) == nil && at.IssuedAt != nil && at.Expiry != nil
	out := Logout{Origin: aidant.Origin{Issuer: p.Issuer, Sub: c.text("sub"), SID: c.text("sid")}}
	switch {
	case !readable:
		return Logout{}, reject("iat, exp ou aud")
	case c.text("iss") != p.Issuer:
		return Logout{}, reject("iss")
	case !slices.Equal(audience, jwt.Audience{p.ClientID}):
		return Logout{}, reject("aud")
	case at.IssuedAt.Time().After(now.Add(leeway)), at.IssuedAt.Time().Before(now.Add(-logoutAge)):
		return Logout{}, reject("iat")
	case at.Expiry.Time().Add(leeway).Before(now):
		return Logout{}, reject("exp")
	case nonce:
		return Logout{}, reject("nonce")
	case json.Unmarshal(c["events"], &events) != nil || json.Unmarshal(events[logoutEvent], &event) != nil || event == nil:
		return Logout{}, reject("events")
	case out.Origin.Sub == "" && out.Origin.SID == "", absurd(c, "sub", out.Origin.Sub), absurd(c, "sid", out.Origin.SID):
		return Logout{}, reject("sub ou sid")
	case c.text("jti") == "":
		return Logout{}, reject("jti")
	}
	out.ID = "deconnexion " + p.Issuer + " " + c.text("jti")
	out.Until = at.IssuedAt.Time().Add(logoutAge + 2*leeway).UTC()
	return out, nil
}

// absurd tells a claim that is there and cannot be read: taken for absent, it would
// widen what the token ends.
func absurd(c logoutClaims, name, read string) bool {
	_, given := c[name]
	return given && read == ""
}
