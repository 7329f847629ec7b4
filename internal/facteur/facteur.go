// Package facteur is what an agent proves themselves with when no identity
// provider does it for them: passkeys, the codes of an application together with
// a pass phrase, and printed recovery codes.
//
// It guarantees that a passkey counts alone because its authenticator has
// verified the person (presence and verification, or nothing), that a passkey
// whose counter goes back is refused and marked, that a code of an application
// is taken within one step of the clock on each side and once, whatever an
// agent's clock did before, that a recovery code is taken once, that the last
// factor is not removed by somebody who would then be locked out, and that every
// change returns its fact. An enrolment's fact commits to the SHA-256 of the
// passkey's public key, so that what the passkey signs can be verified later by
// somebody who trusts the journal only.
//
// It is also how an agent gets there the first time (an invitation, whose code
// works once and for a week) and back (a reset, which one person asks for, a second
// one approves and the agent confirms: three persons, each step with its fact). Nobody
// gives more than they may give. It does not know whether the person who types a code
// is the one it was handed to: the agent is asked.
//
// It does not count attempts (internal/debit does), keeps no secret (the store
// seals them), and speaks no WebAuthn (internal/passkey does): [Assertion.Verify]
// only re-checks what was kept.
package facteur

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
)

// Errors that pages act on.
var (
	ErrRefused   = errors.New("facteur refusé")                         // wrong, used or unknown: pages do not say which
	ErrCloned    = errors.New("le compteur de la clé d’accès a reculé") // two authenticators hold the same key
	ErrReplayed  = errors.New("réponse déjà utilisée")                  // the challenge was answered before
	ErrLast      = errors.New("dernier facteur")
	ErrNotFound  = errors.New("facteur introuvable")
	ErrEnrolled  = errors.New("facteur déjà enregistré")
	ErrInvalid   = errors.New("facteur non recevable")
	ErrEvidence  = errors.New("l’assertion ne tient pas")
	ErrAlgorithm = errors.New("clé publique d’un genre inconnu")
)

// IDTOTP names the application's code among an agent's factors, of which there
// is one at most.
const IDTOTP = "application"

// MaxPasskeys is how many passkeys one agent may have.
const MaxPasskeys = 10

// Facteurs are one agent's.
type Facteurs struct {
	Agent    string // the agent's id
	Passkeys []Passkey
	TOTP     *TOTP
	Codes    []Code // recovery codes, the used ones too until they are renewed
}

// Passkey is one WebAuthn credential, discoverable and with user verification.
type Passkey struct {
	ID             string // ours: the first 32 digits of the public key's digest
	CredentialID   []byte // the authenticator's
	PublicKey      []byte // COSE_Key, as [PublicKey] reads it
	Count          uint32 // the signature counter, 0 for those that do not count
	BackupEligible bool   // may be synchronised between devices
	BackedUp       bool   // is, as it said last
	Label          string // the agent's own word for it
	CreatedAt      time.Time
	UsedAt         time.Time // zero before the first use
	ClonedAt       time.Time // when its counter last went back, zero if never
}

// KeyDigest is the SHA-256 of the public key in hexadecimal: what the journal
// commits to at the enrolment.
func (p Passkey) KeyDigest() string { return digest(p.PublicKey) }

// Any tells whether the agent can sign in by a factor of their own.
func (f Facteurs) Any() bool { return len(f.Passkeys) > 0 || f.TOTP != nil }

// Left is how many recovery codes have not been used.
func (f Facteurs) Left() int {
	n := 0
	for _, c := range f.Codes {
		if c.UsedAt.IsZero() {
			n++
		}
	}
	return n
}

// Passkey finds one by our id.
func (f Facteurs) Passkey(id string) (Passkey, bool) {
	i := slices.IndexFunc(f.Passkeys, func(p Passkey) bool { return p.ID == id })
	if i < 0 {
		return Passkey{}, false
	}
	return f.Passkeys[i], true
}

// Handle is how an authenticator knows the agent (WebAuthn's user handle): 32
// bytes that say nothing of them.
func Handle(agentID string) []byte {
	sum := sha256.Sum256([]byte("relais.facteur\x00" + agentID))
	return sum[:]
}

// clone is a copy that shares no slice.
func (f Facteurs) clone() Facteurs {
	f.Passkeys, f.Codes = slices.Clone(f.Passkeys), slices.Clone(f.Codes)
	if f.TOTP != nil {
		totp := *f.TOTP
		f.TOTP = &totp
	}
	return f
}

func object(id string) journal.Object { return journal.Object{Type: "facteur", ID: id} }

// AddPasskey enrols a passkey. Its label is what the agent typed, kept to one
// line of 60 characters.
func (f Facteurs) AddPasskey(p Passkey, by journal.Actor, at time.Time) (Facteurs, journal.Fact, error) {
	p.Label = line(p.Label, 60)
	if p.Label == "" {
		p.Label = "Clé d’accès"
	}
	p.ID = p.KeyDigest()[:32]
	if _, err := PublicKey(p.PublicKey); err != nil || len(p.CredentialID) == 0 {
		return f, journal.Fact{}, errors.Join(ErrInvalid, err)
	}
	same := func(q Passkey) bool { return q.ID == p.ID || string(q.CredentialID) == string(p.CredentialID) }
	if slices.ContainsFunc(f.Passkeys, same) || len(f.Passkeys) >= MaxPasskeys {
		return f, journal.Fact{}, ErrEnrolled
	}
	p.CreatedAt, p.UsedAt, p.ClonedAt = at, time.Time{}, time.Time{}
	f = f.clone()
	f.Passkeys = append(f.Passkeys, p)
	return f, journal.NewFact(by, journal.FacteurEnroll, object(p.ID)).With("genre", "cle_acces").With("cle_sha256", p.KeyDigest()), nil
}

// AddTOTP enrols an application and its pass phrase, in the place of the one the
// agent may have had.
func (f Facteurs) AddTOTP(t TOTP, by journal.Actor, at time.Time) (Facteurs, journal.Fact, error) {
	if len(t.Secret) < secretSize || t.Phrase == "" {
		return f, journal.Fact{}, ErrInvalid
	}
	t.CreatedAt, t.UsedAt = at, time.Time{}
	f = f.clone()
	f.TOTP = &t
	return f, journal.NewFact(by, journal.FacteurEnroll, object(IDTOTP)).With("genre", "application"), nil
}

// Remove takes a factor away. The last one goes only while the agent is here by
// their identity provider: anybody else would lock themselves out.
func (f Facteurs) Remove(id string, by journal.Actor) (Facteurs, journal.Fact, error) {
	next := f.clone()
	genre := "cle_acces"
	next.Passkeys = slices.DeleteFunc(next.Passkeys, func(p Passkey) bool { return p.ID == id })
	if id == IDTOTP && f.TOTP != nil {
		next.TOTP, genre = nil, "application"
	}
	if len(next.Passkeys) == len(f.Passkeys) && (next.TOTP == nil) == (f.TOTP == nil) {
		return f, journal.Fact{}, ErrNotFound
	}
	if !next.Any() && !strings.HasPrefix(by.Auth, "proconnect:") {
		return f, journal.NewFact(by, journal.FacteurRefuse, object(id)).Denied("dernier_facteur"), ErrLast
	}
	return next, journal.NewFact(by, journal.FacteurRemove, object(id)).With("genre", genre), nil
}

// Renew puts new recovery codes in the place of all earlier ones.
func (f Facteurs) Renew(codes []Code, by journal.Actor) (Facteurs, journal.Fact, error) {
	if len(codes) != CodeCount {
		return f, journal.Fact{}, ErrInvalid
	}
	f = f.clone()
	f.Codes = slices.Clone(codes)
	return f, journal.NewFact(by, journal.FacteurCodes, object("secours")), nil
}

// Presented is what an agent has shown, verified as far as it can be without the
// database.
type Presented struct {
	Auth     string // one of aidant's, by which the session will be known
	Passkey  string // the passkey's id here
	Count    uint32
	BackedUp bool
	Step     int64  // the step whose code was typed
	Code     string // the hash of a recovery code
}

// use takes what was presented and gives a code for the journal when it is
// refused. Facteurs may change under a refusal too: a passkey is marked.
func (f Facteurs) use(p Presented, at time.Time) (Facteurs, string, error) {
	f = f.clone()
	switch p.Auth {
	case aidant.AuthPasskey:
		return f.usePasskey(p, at)
	case aidant.AuthTOTP:
		if f.TOTP == nil || p.Step <= f.TOTP.LastStep {
			return f, "code_deja_utilise", ErrRefused
		}
		f.TOTP.LastStep, f.TOTP.UsedAt = p.Step, at
		return f, "", nil
	case aidant.AuthSecours, aidant.AuthPhrase:
		// Without the pass phrase the code is worth an enrolment, and only to an
		// agent who has no pass phrase.
		if (p.Auth == aidant.AuthPhrase) != (f.TOTP != nil) {
			return f, "code_refuse", ErrRefused
		}
		i := f.unused(p.Code)
		if i < 0 {
			return f, "code_refuse", ErrRefused
		}
		f.Codes[i].UsedAt = at
		return f, "", nil
	}
	return f, "facteur_inconnu", ErrRefused
}

func (f Facteurs) usePasskey(p Presented, at time.Time) (Facteurs, string, error) {
	i := slices.IndexFunc(f.Passkeys, func(k Passkey) bool { return k.ID == p.Passkey })
	if i < 0 {
		return f, "cle_inconnue", ErrRefused
	}
	k := &f.Passkeys[i]
	if (p.Count != 0 || k.Count != 0) && p.Count <= k.Count {
		k.ClonedAt = at
		return f, "compteur_recule", ErrCloned
	}
	k.Count, k.BackedUp, k.UsedAt = p.Count, p.BackedUp, at
	return f, "", nil
}

// SignIn decides on a login by a factor of the agent's own. A suspended agent is
// refused before anything is used.
func SignIn(a aidant.Aidant, f Facteurs, p Presented, at time.Time) (Facteurs, journal.Fact, error) {
	session := journal.Object{Type: "session"}
	if a.Suspended() {
		return f, journal.NewFact(a.Actor(""), journal.SessionRefuse, session).Denied("agent_suspendu"), aidant.ErrSuspended
	}
	next, why, err := f.use(p, at)
	if err != nil {
		return next, journal.NewFact(a.Actor(""), journal.SessionRefuse, session).Denied(why), err
	}
	return next, journal.NewFact(a.Actor(p.Auth), journal.SessionOpen, session), nil
}

// Confirm decides on a second identification of the agent who is here already:
// to take a screen back, or before a grave act; what is the journal's code for it.
func Confirm(a aidant.Aidant, f Facteurs, p Presented, what string, at time.Time) (Facteurs, journal.Fact, error) {
	next, why, err := f.use(p, at)
	if err == nil && (p.Auth == aidant.AuthSecours || a.Suspended()) {
		next, why, err = f, "facteur_faible", ErrRefused
	}
	if err != nil {
		return next, journal.NewFact(a.Actor(""), journal.FacteurRefuse, object(p.object())).Denied(why).With("pour", what), err
	}
	return next, journal.NewFact(a.Actor(p.Auth), journal.FacteurUse, object(p.object())).With("pour", what), nil
}

func (p Presented) object() string {
	switch {
	case p.Passkey != "":
		return p.Passkey
	case p.Code != "":
		return "secours"
	}
	return IDTOTP
}

// Refused is the fact of an attempt that ended before a factor was looked at:
// a wrong pass phrase, an unknown account, an answer that does not verify. a is
// the zero Aidant where nobody is known.
func Refused(a aidant.Aidant, why string) journal.Fact {
	by := journal.Nobody()
	if a.ID != "" {
		by = a.Actor("")
	}
	return journal.NewFact(by, journal.SessionRefuse, journal.Object{Type: "session"}).Denied(why)
}

// NotConfirmed is [Refused] for somebody who is here already.
func NotConfirmed(a aidant.Aidant, what, why string) journal.Fact {
	return journal.NewFact(a.Actor(""), journal.FacteurRefuse, journal.Object{Type: "facteur"}).Denied(why).With("pour", what)
}
