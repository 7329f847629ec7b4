// Package delegation is one delegated login: an aidant reaches a public service
// as the usager, under a mandat, through a hub.
//
// It guarantees, by the store's transactions, that a choice is made once, that a
// code is redeemed once, and that nothing is handed out once the mandat or the
// use has ended. Codes and tokens are known here by their SHA-256 only. The protocol's
// own state is opaque bytes that hold neither secret nor civil identity.
package delegation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/usager"
)

// Errors that callers act on.
var (
	ErrNotFound = errors.New("connexion déléguée inconnue")
	ErrMade     = errors.New("ce choix a déjà été fait")       // the same request answered twice
	ErrConsumed = errors.New("code déjà utilisé")              // replay or lost race: everything issued is revoked
	ErrRevoked  = errors.New("connexion déléguée interrompue") // mandat ended, replay seen, or stopped
	ErrExpired  = errors.New("code ou jeton expiré")           // past its life
	ErrOpen     = errors.New("une démarche est ouverte pour un autre usager")
)

// Login is one delegated login, from the aidant's choice on.
type Login struct {
	ID             string // the request's identifier: one choice each
	ClientID       string
	MandatID       string
	Domaine        string
	UsagerID       string
	AidantID       string
	OrganisationID string
	SessionRef     string // the aidant's session, by its reference
	ChosenAt       time.Time
	CodeHash       string
	CodeExpiresAt  time.Time
	ConsumedAt     time.Time // zero until the code was redeemed
	TokenHash      string    // "" until then
	TokenExpiresAt time.Time
	RevokedAt      time.Time // zero while good; only ever set
	EndedAt        time.Time // zero until « Terminer la démarche » or the hub's logout
	Protocol       []byte    // the OpenID library's grant, without code or token
}

// Hash is the form under which codes and tokens are known: hexadecimal SHA-256.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Token is what a redeemed code becomes.
type Token struct {
	Hash      string
	ExpiresAt time.Time
	Protocol  []byte // the grant as the library left it, without code or token
}

// Identity is what a service may be told: who the usager is, and on what ground.
type Identity struct {
	Login        Login
	Usager       usager.Usager
	Mandat       mandat.Mandat
	Aidant       aidant.Aidant
	Organisation organisation.Organisation
}

// Open is a use that was not ended yet, for the banner on every page.
type Open struct {
	Login  Login
	Usager usager.Usager
	Mandat mandat.Mandat
}

func (l Login) object() journal.Object { return journal.Object{Type: "delegation", ID: l.ID} }

func (l Login) fact(by journal.Actor, a journal.Action) journal.Fact {
	return journal.NewFact(by, a, l.object()).OfMandat(l.MandatID).
		With("domaine", l.Domaine).With("client", l.ClientID).With("aidant", l.AidantID)
}

func (l Login) client() journal.Actor {
	return journal.Actor{Type: journal.ActorClient, Ref: l.ClientID}
}

// interrupted is why nothing may be handed out any more, "" while it may.
func (l Login) interrupted() string {
	switch {
	case !l.RevokedAt.IsZero():
		return "interrompue"
	case !l.EndedAt.IsZero():
		return "terminee"
	}
	return ""
}

// Redeem turns a code into a token. It fails with [ErrConsumed], [ErrRevoked] or
// [ErrExpired] and then returns the fact of the refusal; the store writes the
// revocation that ErrConsumed calls for.
func (l Login) Redeem(t Token, at time.Time) (Login, journal.Fact, error) {
	fact := l.fact(l.client(), journal.DelegationToken)
	switch {
	case !l.ConsumedAt.IsZero():
		if l.RevokedAt.IsZero() {
			l.RevokedAt = at
		}
		return l, fact.Denied("code_rejoue"), ErrConsumed
	case l.interrupted() != "":
		return l, fact.Denied(l.interrupted()), ErrRevoked
	case !at.Before(l.CodeExpiresAt):
		return l, fact.Denied("code_expire"), ErrExpired
	}
	l.ConsumedAt, l.TokenHash, l.TokenExpiresAt, l.Protocol = at, t.Hash, t.ExpiresAt, t.Protocol
	return l, fact, nil
}

// Show hands the identity to the client, unless the login, the use or its mandat
// ended. m is the mandat of the login as it stands now.
func (l Login) Show(m mandat.Mandat, at time.Time) (journal.Fact, error) {
	return l.stands(l.fact(l.client(), journal.DelegationShow), m, at)
}

// Inspect tells a resource server that the token still stands, by the same
// decision as Show and without handing anything over.
func (l Login) Inspect(by journal.Actor, m mandat.Mandat, at time.Time) (journal.Fact, error) {
	return l.stands(l.fact(by, journal.DelegationInspect), m, at)
}

func (l Login) stands(fact journal.Fact, m mandat.Mandat, at time.Time) (journal.Fact, error) {
	switch {
	case l.interrupted() != "":
		return fact.Denied(l.interrupted()), ErrRevoked
	case !at.Before(l.TokenExpiresAt):
		return fact.Denied("jeton_expire"), ErrExpired
	}
	if _, ok := m.Active(l.Domaine, at); !ok || m.ID != l.MandatID {
		return fact.Denied("mandat_termine"), ErrRevoked
	}
	return fact, nil
}

// Revoke stops the login: a replay was seen, or the mandat ended.
func (l Login) Revoke(by journal.Actor, reason string, at time.Time) (Login, journal.Fact) {
	if l.RevokedAt.IsZero() {
		l.RevokedAt = at
	}
	return l, l.fact(by, journal.DelegationStop).Because(reason)
}

// End closes the use: the aidant said so, or the hub logged out.
func (l Login) End(by journal.Actor, reason string, at time.Time) (Login, journal.Fact) {
	if l.EndedAt.IsZero() {
		l.EndedAt = at
	}
	return l, l.fact(by, journal.DelegationEnd).Because(reason)
}

// Denied is the fact of a login that never came to a choice: the aidant gave
// up, the request was not acceptable. reason is a code.
func Denied(by journal.Actor, clientID, reason string) journal.Fact {
	if clientID == "" {
		clientID = "inconnu"
	}
	return journal.NewFact(by, journal.DelegationDeny, journal.Object{Type: "client", ID: clientID}).Denied(reason)
}

// Client is a relying party as actor.
func Client(id string) journal.Actor { return journal.Actor{Type: journal.ActorClient, Ref: id} }
