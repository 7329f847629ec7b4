// Package facteurs is the room where desks ask an agent to prove who they are by a
// factor of their own: to sign in, to confirm it, to take a screen back.
//
// It guarantees that a passkey's answer is of the challenge that this browser was
// given for this purpose, that attempts with a code are counted by account, for all
// instances and whether the account exists or not, that every wrong attempt leaves
// its entry, and that what a page may say is one and the same refusal
// (facteur.ErrRefused) whatever was wrong, after the same work. It opens no session:
// it hands over what the store decides on ([facteur.Use]).
package facteurs

import (
	"context"
	"net/http"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/passkey"
)

// Store finds agents and their factors, and keeps the trace of refusals.
type Store interface {
	Aidant(ctx context.Context, id string) (aidant.Aidant, error)
	AidantByEmail(ctx context.Context, email string) (aidant.Aidant, error)
	Facteurs(ctx context.Context, agentID string) (facteur.Facteurs, error)
	PasskeyOwner(ctx context.Context, credentialID []byte) (string, error)
	Append(ctx context.Context, facts ...journal.Fact) error
}

// Counters counts attempts for all instances.
type Counters interface {
	DebitKey(rule debit.Rule, of string) string
	// Attempt counts one, or says until when none is taken.
	Attempt(ctx context.Context, rule debit.Rule, counter string) (closed time.Time, err error)
}

// Cookies keeps a ceremony, sealed, in the browser that began it.
type Cookies interface {
	Put(w http.ResponseWriter, name string, v any, life time.Duration) error
	Take(w http.ResponseWriter, r *http.Request, name string, v any) error
}

// Room checks what agents show. Make one with [New].
type Room struct {
	Passkeys *passkey.Passkeys
	store    Store
	counters Counters
	cookies  Cookies
	now      func() time.Time
	deriving chan struct{}
}

// New makes the room.
func New(p *passkey.Passkeys, s Store, c Counters, k Cookies, now func() time.Time) *Room {
	return &Room{Passkeys: p, store: s, counters: c, cookies: k, now: now, deriving: make(chan struct{}, derivations)}
}

// Shown is what an agent has shown, checked as far as it goes without the
// transaction that uses it.
type Shown struct {
	Aidant    aidant.Aidant
	Presented facteur.Presented
	Assertion facteur.Assertion // of a passkey
	Salt      []byte
	once      string
	until     time.Time
}

// SignIn is the use that opens a session.
func (s Shown) SignIn(at time.Time) facteur.Use {
	return facteur.Use{Agent: s.Aidant.ID, Once: s.once, Until: s.until, Decide: func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return facteur.SignIn(a, f, s.Presented, at)
	}}
}

// Confirm is the use that proves again who is here; what is the journal's code for
// what it is for.
func (s Shown) Confirm(what string, at time.Time) facteur.Use {
	return facteur.Use{Agent: s.Aidant.ID, Once: s.once, Until: s.until, Decide: func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return facteur.Confirm(a, f, s.Presented, what, at)
	}}
}

// Elevate is Confirm for a session that asks for what is sensitive.
func (s Shown) Elevate(at time.Time) facteur.Use {
	u := s.Confirm("confirmation", at)
	decide := u.Decide
	u.Decide = func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		next, fact, err := decide(a, f)
		if err == nil {
			fact = a.Elevated(s.Presented.Auth, "")
		}
		return next, fact, err
	}
	return u
}

// SignIn is the purpose of a login, the only one without an agent.
const SignIn = "connexion"

// refused writes a refusal's entry and returns its error.
func (m *Room) refused(ctx context.Context, a aidant.Aidant, purpose, why string, cause error) error {
	fact := facteur.Refused(a, why)
	if purpose != SignIn {
		fact = facteur.NotConfirmed(a, code(purpose), why)
	}
	if err := m.store.Append(ctx, fact); err != nil {
		return err
	}
	return cause
}

// code is a purpose as the journal takes it.
func code(purpose string) string {
	kind, _, _ := strings.Cut(purpose, ":")
	return kind
}
