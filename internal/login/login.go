// Package login is Relais as relying party: it sends agents to ProConnect and
// usagers to FranceConnect, and reads what comes back.
//
//	StartAgent   → /authorize of ProConnect    → FinishAgent  (callback: token, userinfo)
//	StartUsager  → /authorize of FranceConnect → FinishUsager (callback: token, userinfo)
//	Logout…URL   → /session/end of either
//
// It guarantees that an answer is taken only when it comes back to the login it
// was asked for (state, in constant time; fifteen minutes), from the provider
// that was asked (iss), with an id_token that passes every check of OpenID
// Connect Core §3.1.3.7 under an asymmetric algorithm, and with a userinfo that
// is signed too and of the same sub. A provider that is down at start does not
// stop Relais: discovery is lazy, cached, and retried with a growing pause.
//
// It does not decide who may sign in ([aidant.SignIn] does), nor whether a
// usager came in a circle through Relais itself ([mandat.Mandat.Identify] does).
// It keeps no login: what must come back is a [Pending], which the caller seals
// into a cookie and removes when reading it. That removal is what makes a
// callback single use at Relais; at the provider the code is single use.
package login

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/acte"
)

// Limits on what a provider may cost.
const (
	callTimeout = 6 * time.Second  // one back-channel call, as FranceConnect's own limit
	maxAnswer   = 256 << 10        // bytes of any answer
	maxHead     = 64 << 10         // and of its head
	maxAge      = 15 * time.Minute // from the start of a login to its callback
	leeway      = 30 * time.Second // between two honest clocks
)

// Which names one of the two providers.
type Which string

// The two providers.
const (
	ProConnect    Which = "proconnect"    // agents
	FranceConnect Which = "franceconnect" // usagers
)

// Provider is how Relais is known at one of them.
type Provider struct {
	Issuer, ClientID, ClientSecret string
	// Keys are the private keys for which the provider encrypts id_token and
	// userinfo, each with a kid. With some, nothing else is taken; with none,
	// nothing encrypted is.
	Keys []jose.JSONWebKey
}

// String keeps secret and keys out of formatted text.
func (p Provider) String() string { return p.Issuer }

// GoString too.
func (p Provider) GoString() string { return p.Issuer }

// Options is what [New] needs.
type Options struct {
	ProConnect, FranceConnect Provider
	PublicURL                 string // of Relais, without a trailing slash
	OwnIDP                    string // idp_id of Relais at FranceConnect
	HTTP                      *http.Client
	Now                       func() time.Time
}

// Login talks to both providers. It is safe for use by several goroutines.
type Login struct {
	opt     Options
	now     func() time.Time
	agents  *peer
	usagers *peer
}

// New makes a Login without calling anybody.
func New(opt Options) *Login {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.PublicURL = strings.TrimRight(opt.PublicURL, "/")
	client := backChannel(opt.HTTP)
	return &Login{
		opt: opt, now: opt.Now,
		agents: &peer{
			Provider: opt.ProConnect, purpose: "agent", http: client, now: opt.Now,
			redirect: opt.PublicURL + "/connexion/retour", logout: opt.PublicURL + "/deconnexion/retour",
			scopes: []string{"openid", "given_name", "usual_name", "email", "siret", "uid", "idp_id"}, pkce: true,
		},
		usagers: &peer{
			Provider: opt.FranceConnect, purpose: "usager", http: client, now: opt.Now,
			redirect: opt.PublicURL + "/identification/retour", logout: opt.PublicURL + "/identification/deconnecte",
			scopes: []string{"openid", "given_name", "family_name", "preferred_username", "gender", "birthdate",
				"birthcountry", "birthplace", "email", "idp_id", "idp_birthdate"},
		},
	}
}

func (l *Login) peer(w Which) *peer {
	if w == FranceConnect {
		return l.usagers
	}
	return l.agents
}

// Start is a login that begins: where to send the browser, and what to keep.
type Start struct {
	URL   string
	State Pending
}

// Pending is what must come back with the callback. It is sealed into a cookie:
// it holds no identity, but whoever could write it could bind a login of theirs
// to somebody else's browser.
type Pending struct {
	Purpose   string    `json:"purpose"` // "agent" or "usager"
	State     string    `json:"state"`
	Nonce     string    `json:"nonce"`
	Verifier  string    `json:"verifier,omitempty"` // PKCE
	Salt      []byte    `json:"salt,omitempty"`     // under the nonce, where it is the digest of a text; goes into Proof
	ReturnTo  string    `json:"return_to,omitempty"`
	MandatID  string    `json:"mandat_id,omitempty"`
	Confirm   string    `json:"confirm,omitempty"` // the reference of the session to confirm
	Bound     bool      `json:"bound,omitempty"`   // the nonce is the digest of a text
	Force     bool      `json:"force,omitempty"`   // prompt=login was asked
	Keys      string    `json:"keys"`              // acte.KeysDigest of the provider's keys at the start
	StartedAt time.Time `json:"started_at"`
}

// proof is one login as evidence.
func (f *finish) proof() acte.Proof {
	return acte.Proof{
		Issuer: f.peer.Issuer, ClientID: f.peer.ClientID, Salt: f.pending.Salt,
		IDToken: f.rawIDToken, JWKS: f.keys.raw,
	}
}

// localPath keeps ReturnTo on this site: an open redirector would lend our name
// to anyone (RFC 9700 §4.11).
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(s, "/") ||
		strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t") {
		return "/"
	}
	return s
}
