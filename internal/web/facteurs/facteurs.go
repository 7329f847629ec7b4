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
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/passkey"
	"relais/internal/web/desk"
	"relais/internal/web/page"
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

// cookie is the sealed cookie of a passkey's ceremony.
const cookie = "cle_acces"

// derivations is how many pass phrases are derived at once: each takes 19 MiB.
const derivations = 2

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

// Ceremony is what must come back with a passkey's answer.
type Ceremony struct {
	For       string    `json:"for"`             // the purpose: an answer serves no other
	Agent     string    `json:"agent,omitempty"` // who is here already, "" for nobody
	Challenge []byte    `json:"challenge"`
	Salt      []byte    `json:"salt,omitempty"` // under the challenge, where it is the digest of a text
	Until     time.Time `json:"until"`
}

// Ask answers a script with what to ask the authenticator for, and keeps the
// ceremony. of are the passkeys that will do, nil for any.
func (m *Room) Ask(w http.ResponseWriter, c Ceremony, of *facteur.Facteurs) error {
	if len(c.Challenge) == 0 {
		c.Challenge = passkey.NewChallenge()
	}
	options, err := m.Passkeys.Ask(c.Challenge, of)
	if err != nil {
		return err
	}
	return m.begin(w, c, options)
}

// AskNew is Ask for a passkey to be made.
func (m *Room) AskNew(w http.ResponseWriter, c Ceremony, a aidant.Aidant, have facteur.Facteurs) error {
	options, challenge, err := m.Passkeys.AskNew(a, have)
	if err != nil {
		return err
	}
	c.Challenge, c.Agent = challenge, a.ID
	return m.begin(w, c, options)
}

func (m *Room) begin(w http.ResponseWriter, c Ceremony, options []byte) error {
	c.Until = m.now().Add(passkey.Life)
	if err := m.cookies.Put(w, cookie, c, passkey.Life); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err := w.Write(options)
	return err
}

// Resume takes a ceremony back. facteur.ErrReplayed when this browser has none for
// the purpose, or no longer.
func (m *Room) Resume(w http.ResponseWriter, r *http.Request, purpose, agentID string) (Ceremony, error) {
	var c Ceremony
	if err := m.cookies.Take(w, r, cookie, &c); err != nil || c.For != purpose || c.Agent != agentID || !m.now().Before(c.Until) {
		return Ceremony{}, fmt.Errorf("cérémonie %s: %w", purpose, facteur.ErrReplayed)
	}
	return c, nil
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

// Passkey reads a browser's answer. agentID is who has to answer, "" for whoever
// does. The error is facteur.ErrRefused or ErrReplayed, with its entry written.
func (m *Room) Passkey(w http.ResponseWriter, r *http.Request, purpose, agentID, answer string) (Shown, error) {
	ctx := r.Context()
	c, err := m.Resume(w, r, purpose, agentID)
	if err != nil {
		return Shown{}, m.refused(ctx, aidant.Aidant{ID: agentID}, purpose, "defi_inconnu", err)
	}
	read, err := m.Passkeys.Read([]byte(answer))
	if err != nil {
		return Shown{}, m.refused(ctx, aidant.Aidant{ID: agentID}, purpose, "reponse_illisible", err)
	}
	owner, err := m.store.PasskeyOwner(ctx, read.CredentialID)
	if errors.Is(err, facteur.ErrNotFound) || err == nil && agentID != "" && owner != agentID {
		return Shown{}, m.refused(ctx, aidant.Aidant{ID: agentID}, purpose, "cle_inconnue", facteur.ErrRefused)
	}
	if err != nil {
		return Shown{}, err
	}
	a, err := m.store.Aidant(ctx, owner)
	if err != nil {
		return Shown{}, err
	}
	have, err := m.store.Facteurs(ctx, owner)
	if err != nil {
		return Shown{}, err
	}
	for _, k := range have.Passkeys {
		if string(k.CredentialID) != string(read.CredentialID) {
			continue
		}
		shown, proof, err := m.Passkeys.Check(a, k, c.Challenge, read)
		if err != nil {
			return Shown{}, m.refused(ctx, a, purpose, "cle_refusee", err)
		}
		return Shown{Aidant: a, Presented: shown, Assertion: proof, Salt: c.Salt, once: base64.RawURLEncoding.EncodeToString(c.Challenge), until: c.Until}, nil
	}
	return Shown{}, m.refused(ctx, a, purpose, "cle_inconnue", facteur.ErrRefused)
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

// Code checks what was typed: a pass phrase with the code of an application or with
// a recovery code, or a recovery code alone where the agent has no pass phrase. who
// is the account's e-mail address. The work and the refusal are the same for an
// account that does not exist. The errors are facteur.ErrRefused, with its entry,
// and [WaitError].
func (m *Room) Code(ctx context.Context, purpose, who, phrase, typed string) (Shown, error) {
	who = strings.ToLower(strings.TrimSpace(who))
	if who == "" || strings.TrimSpace(typed) == "" {
		return Shown{}, fmt.Errorf("champ vide: %w", facteur.ErrRefused) // no attempt
	}
	closed, err := m.counters.Attempt(ctx, debit.Code, m.counters.DebitKey(debit.Code, who))
	if err != nil {
		return Shown{}, err
	}
	if closed.After(m.now()) {
		return Shown{}, &WaitError{Until: closed, now: m.now()}
	}
	a, err := m.store.AidantByEmail(ctx, who)
	if err != nil && !errors.Is(err, aidant.ErrNotFound) {
		return Shown{}, err
	}
	have := facteur.Facteurs{}
	if err == nil {
		if have, err = m.store.Facteurs(ctx, a.ID); err != nil {
			return Shown{}, err
		}
	}
	shown, why, err := m.judge(ctx, a, have, phrase, typed)
	if err != nil {
		return Shown{}, err
	}
	if why != "" {
		return Shown{}, m.refused(ctx, a, purpose, why, facteur.ErrRefused)
	}
	return Shown{Aidant: a, Presented: shown}, nil
}

// judge does the same work whatever is wrong, and says what the journal will.
func (m *Room) judge(ctx context.Context, a aidant.Aidant, have facteur.Facteurs, phrase, typed string) (facteur.Presented, string, error) {
	kept, totp := "", facteur.TOTP{Secret: make([]byte, 20)}
	if have.TOTP != nil {
		kept, totp = have.TOTP.Phrase, *have.TOTP
	}
	same := false
	if err := m.derive(ctx, func() { same = facteur.SamePhrase(kept, phrase) }); err != nil {
		return facteur.Presented{}, "", err
	}
	step, right := totp.Check(typed, m.now())
	_, recovery := facteur.NormalCode(typed)
	p := facteur.Presented{Auth: aidant.AuthTOTP, Step: step}
	switch {
	case recovery && have.TOTP == nil && phrase == "":
		p = facteur.Presented{Auth: aidant.AuthSecours, Code: facteur.HashCode(a.ID, typed)}
		same, right = true, have.Holds(p.Code) // or somebody suspended would be told so for any code
	case recovery:
		p = facteur.Presented{Auth: aidant.AuthPhrase, Code: facteur.HashCode(a.ID, typed)}
		right = have.Holds(p.Code)
	}
	switch {
	case a.ID == "":
		return p, "compte_inconnu", nil
	case !same:
		return p, "phrase_refusee", nil
	case !right:
		return p, "code_refuse", nil
	}
	return p, "", nil
}

// HashPhrase is facteur.HashPhrase, with no more of them at once than the machine
// has memory for. The error is the context's.
func (m *Room) HashPhrase(ctx context.Context, phrase string) (kept string, err error) {
	err = m.derive(ctx, func() { kept = facteur.HashPhrase(phrase) })
	return kept, err
}

// derive does one derivation when it is its turn.
func (m *Room) derive(ctx context.Context, work func()) error {
	select {
	case m.deriving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.deriving }()
	work()
	return nil
}

// WaitError says that an account takes no more codes for a while.
type WaitError struct {
	Until time.Time
	now   time.Time
}

// Error implements error.
func (e *WaitError) Error() string { return "trop d’essais" }

// Problem is its page. A passkey of the same agent goes on working.
func (e *WaitError) Problem(w http.ResponseWriter, next page.Link) *desk.Problem {
	seconds := int(e.Until.Sub(e.now).Seconds()) + 1
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	return &desk.Problem{Status: http.StatusTooManyRequests, Title: "Trop d’essais pour ce compte", Cause: e, Next: next,
		Text: "Par sécurité, Relais n’accepte plus de code pour cette adresse pendant un moment. Rien n’a été modifié.",
		Do: []string{fmt.Sprintf("Attendez %s, puis recommencez avec le code affiché à ce moment-là.", minutes((seconds+59)/60)),
			"Une clé d’accès enregistrée pour ce compte fonctionne toujours.",
			"Si ce n’est pas vous qui avez fait ces essais, prévenez le référent de votre structure."}}
}

func minutes(n int) string {
	if n < 2 {
		return "une minute"
	}
	return fmt.Sprintf("%d minutes", n)
}

// ScriptError is what a script is told, in words for the person.
func ScriptError(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"erreur": text}) // the asker may have left
	return nil
}
