package facteur

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// Errors that callers act on.
var (
	ErrCode    = errors.New("code inconnu, déjà utilisé ou annulé")
	ErrExpired = errors.New("code périmé")
	ErrBeyond  = errors.New("cette décision revient à une autre personne")
	ErrAlready = errors.New("l’agent sait déjà s’identifier")
	ErrClosed  = errors.New("l’agent ou sa structure est suspendu")
	ErrUnknown = errors.New("invitation introuvable")
	ErrState   = errors.New("cette demande n’est plus dans cet état")
)

// InvitationLife is how long an invitation's code works.
const InvitationLife = 7 * 24 * time.Hour

// Kind is what a code opens.
type Kind string

// The two kinds.
const (
	Invites Kind = "invitation"       // the first enrolment of an agent
	Resets  Kind = "reinitialisation" // a new one, the former factors removed
)

// Why an invitation ends before its code was typed.
const (
	Cancelled = "annulee"
	Replaced  = "remplacee" // a newer code was made
	Unwanted  = "refusee"   // the agent did not want it
)

// Invitation is one code that lets one agent enrol a factor of their own.
type Invitation struct {
	ID        string
	AidantID  string
	Kind      Kind
	ResetID   string // the reset that the code belongs to, "" for an invitation
	CodeHash  string // keyed hash of the code: the code itself is nowhere
	CreatedAt time.Time
	ExpiresAt time.Time
	By        string // Ref of the actor who made it
	UsedAt    time.Time
	EndedAt   time.Time
	EndReason string
}

// Standing is what is known of the agent whom a code or a reset concerns.
type Standing struct {
	Aidant    aidant.Aidant
	Structure organisation.Organisation
	Factors   int  // factors of their own that they hold
	Removed   bool // a reset once took some from them
}

// Closed tells that the agent may not come in, code or not.
func (s Standing) Closed() bool { return s.Aidant.Suspended() || s.Structure.Suspended }

// Enrolled tells that the agent proved themselves before, by a factor of their own
// or through their identity provider: a code handed to somebody else would take
// the account over, and only a reset may do that. Who lost their factors by a reset
// and let its minutes pass needs another one.
func (s Standing) Enrolled() bool { return s.Factors > 0 || s.Removed || s.Aidant.Sub != "" }

// Pending is one invitation as the structure's référent reads it.
type Pending struct {
	Invitation
	Name string // of the agent
}

// Invitee is whom a code is for, as the page asks them.
type Invitee struct {
	Invitation
	Standing
	Reset Request // of a reset's code
}

// Door is how an agent gets in.
type Door struct {
	Standing
	Invitation Invitation       // the one that is open, or the zero one
	Reset      Reinitialisation // the one under way, or the zero one
}

// Open tells that the code may still be typed.
func (i Invitation) Open(at time.Time) bool {
	return i.UsedAt.IsZero() && i.EndedAt.IsZero() && at.Before(i.ExpiresAt)
}

func (i Invitation) fact(by journal.Actor, action journal.Action) journal.Fact {
	return journal.NewFact(by, action, journal.Object{Type: "invitation", ID: i.ID}).With("aidant", i.AidantID).With("genre", string(i.Kind))
}

func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:16]) }

// MayGive tells whether the giver may admit an agent of that structure with those
// roles: an administrateur any, a référent aidant and référent of their own
// structure. It says nothing of oneself: an e-mail is admitted once.
func MayGive(giver aidant.Aidant, organisationID string, roles []aidant.Role) error {
	switch {
	case giver.Suspended():
		return ErrBeyond
	case giver.Has(aidant.RoleAdministrateur):
		return nil
	case !giver.Has(aidant.RoleReferent) || giver.OrganisationID != organisationID || watches(roles):
		return ErrBeyond
	}
	return nil
}

// watches tells roles that must not depend on those they watch.
func watches(roles []aidant.Role) bool {
	return slices.Contains(roles, aidant.RoleAuditeur) || slices.Contains(roles, aidant.RoleAdministrateur)
}

// NewInvitation opens the way in for an agent who never came in. giver is the agent
// who acts, or the zero Aidant for the operator at the command line.
func NewInvitation(s Standing, giver aidant.Aidant, hash string, by journal.Actor, at time.Time) (Invitation, journal.Fact, error) {
	a := s.Aidant
	if a.ID == "" || hash == "" {
		return Invitation{}, journal.Fact{}, fmt.Errorf("invitation: %w", ErrUnknown)
	}
	i := Invitation{ID: newID("in"), AidantID: a.ID, Kind: Invites, CodeHash: hash, CreatedAt: at, ExpiresAt: at.Add(InvitationLife), By: by.Ref}
	fact := i.fact(by, journal.InvitationOpen)
	if by.Type != journal.ActorSysteme {
		if giver.ID == a.ID {
			return Invitation{}, fact.Denied("soi_meme"), ErrBeyond
		}
		if err := MayGive(giver, a.OrganisationID, a.Roles); err != nil {
			return Invitation{}, fact.Denied("hors_pouvoir"), err
		}
	}
	if s.Closed() {
		return Invitation{}, journal.Fact{}, ErrClosed
	}
	if s.Enrolled() {
		return Invitation{}, fact.Denied("deja_inscrit"), ErrAlready
	}
	return i, fact, nil
}

// Cancel ends an invitation whose code was not typed.
func (i Invitation) Cancel(s Standing, giver aidant.Aidant, by journal.Actor, at time.Time) (Invitation, journal.Fact, error) {
	fact := i.fact(by, journal.InvitationCancel)
	if err := MayGive(giver, s.Aidant.OrganisationID, s.Aidant.Roles); err != nil || giver.ID == s.Aidant.ID || i.Kind != Invites {
		return i, fact.Denied("hors_pouvoir"), ErrBeyond
	}
	if !i.Open(at) {
		return i, journal.Fact{}, ErrState
	}
	return i.End(Cancelled, at), fact.Because(Cancelled), nil
}

// End is the invitation ended for a reason: the transition that ends it says so.
func (i Invitation) End(why string, at time.Time) Invitation {
	i.EndedAt, i.EndReason = at, why
	return i
}

// Check tells whether the code still opens something for its agent. The fact is
// that of the refusal, and names the agent: who types a code has it.
func (i Invitation) Check(s Standing, at time.Time) (journal.Fact, error) {
	fact := journal.NewFact(s.Aidant.Actor(""), journal.SessionRefuse, journal.Object{Type: "session"})
	switch {
	case !i.UsedAt.IsZero():
		return fact.Denied("code_utilise"), ErrCode
	case !i.EndedAt.IsZero():
		return fact.Denied("code_annule"), ErrCode
	case !i.Open(at):
		return fact.Denied("code_perime"), ErrExpired
	case s.Closed():
		return fact.Denied("agent_suspendu"), ErrClosed
	case i.Kind == Invites && s.Enrolled():
		return fact.Denied("deja_inscrit"), ErrAlready
	}
	return journal.Fact{}, nil
}

// CodeUnknown is the fact that somebody typed what is no code of ours.
func CodeUnknown() journal.Fact { return aidant.LoginFailed("code_inconnu") }

// Redeem uses the code up: its agent may enrol their factors now.
func (i Invitation) Redeem(s Standing, at time.Time) (Invitation, journal.Fact, error) {
	if fact, err := i.Check(s, at); err != nil {
		return i, fact, err
	}
	i.UsedAt = at
	return i, i.fact(s.Aidant.Actor(aidant.AuthInvitation), journal.InvitationUse), nil
}
