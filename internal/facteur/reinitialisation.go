package facteur

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/aidant"
	"relais/internal/identite"
	"relais/internal/journal"
)

// ResetLife is how long a reset may take, from the asking to the agent's word.
const ResetLife = 48 * time.Hour

// ReasonMin and ReasonMax hold what the asker writes, in characters.
const ReasonMin, ReasonMax = 20, 500

// ErrReason is a reason that cannot be kept.
var ErrReason = errors.New("motif trop court, trop long ou illisible")

// ErrNoFactor is a reset for an agent who never came in: an invitation is enough.
var ErrNoFactor = errors.New("l’agent n’est jamais venu")

// Outcome is how a reset ended.
type Outcome string

// The ways a reset ends.
const (
	Confirmed Outcome = "confirmee" // the agent's factors are removed
	Declined  Outcome = "refusee"   // the agent did not ask for it
	Dismissed Outcome = "ecartee"   // the second person did not approve
	Withdrawn Outcome = "annulee"   // the asker withdrew it
	Lapsed    Outcome = "echeance"  // nobody confirmed it in time
)

// State is where a reset stands at a moment.
type State string

// The states of a reset that is not over. One that is over has its [Outcome].
const (
	Asked    State = "demandee"
	Approved State = "approuvee"
)

// Reinitialisation is the asking for one agent's factors to be removed.
type Reinitialisation struct {
	ID             string
	AidantID       string // whose factors
	OrganisationID string // the agent's structure
	Reason         string // what the asker wrote; never in the journal
	Salt           []byte // keys the commitment to the reason
	AskedBy        string
	AskedAt        time.Time
	ExpiresAt      time.Time
	ApprovedBy     string
	ApprovedAt     time.Time
	EndedBy        string
	EndedAt        time.Time
	Outcome        Outcome
	Rev            int64
}

// State tells where the reset stands.
func (r Reinitialisation) State(at time.Time) State {
	switch {
	case !r.EndedAt.IsZero():
		return State(r.Outcome)
	case !at.Before(r.ExpiresAt):
		return State(Lapsed)
	case !r.ApprovedAt.IsZero():
		return Approved
	}
	return Asked
}

// Running tells that the reset is not over.
func (r Reinitialisation) Running(at time.Time) bool {
	s := r.State(at)
	return s == Asked || s == Approved
}

// Label is the state in French.
func (s State) Label() string {
	switch s {
	case Asked:
		return "Attend une seconde personne"
	case Approved:
		return "Approuvée, attend l’agent"
	case State(Confirmed):
		return "Confirmée par l’agent"
	case State(Declined):
		return "Refusée par l’agent"
	case State(Dismissed):
		return "Écartée"
	case State(Withdrawn):
		return "Retirée"
	}
	return "Sans suite"
}

// Parties are those whom a decision on a reset concerns, as they are now.
type Parties struct {
	Agent    Standing
	Who      aidant.Aidant // who acts
	Partners bool          // the structures of both are partners
}

// Request is a reset as those whom it concerns read it: names, and nothing else of
// the structures.
type Request struct {
	Reinitialisation
	Agent, Structure                     string
	Asker, AskerStructure                string
	Approver, ApproverStructure          string
	MayApprove, MayIssue, MayCancel, Own bool
}

func (r Reinitialisation) fact(by journal.Actor, action journal.Action) journal.Fact {
	return journal.NewFact(by, action, journal.Object{Type: "reinitialisation", ID: r.ID}).With("aidant", r.AidantID)
}

// A reset's id is these two letters and 16 more: a keyed hash, such as that of a
// browser, is longer.
const (
	resetPrefix = "ri"
	resetIDSize = len(resetPrefix) + 16
)

// IsReset tells the id of a reset from that of a browser, for a session has one
// notice of either.
func IsReset(id string) bool { return strings.HasPrefix(id, resetPrefix) && len(id) == resetIDSize }

// CheckReason holds what the asker writes to its length and to readable characters.
func CheckReason(s string) error {
	n := utf8.RuneCountInString(s)
	if n < ReasonMin || n > ReasonMax || strings.TrimSpace(s) != s || !identite.Plain(strings.ReplaceAll(s, "\n", " ")) {
		return ErrReason
	}
	return nil
}

// Ask asks that an agent's factors be removed.
func Ask(s Standing, asker aidant.Aidant, reason string, by journal.Actor, at time.Time) (Reinitialisation, journal.Fact, error) {
	a := s.Aidant
	r := Reinitialisation{ID: newID(resetPrefix), AidantID: a.ID, OrganisationID: a.OrganisationID, Reason: reason, Salt: journal.NewSalt(),
		AskedBy: asker.ID, AskedAt: at, ExpiresAt: at.Add(ResetLife), Rev: 1}
	fact := r.fact(by, journal.ResetAsk).With("engagement", journal.Commit(r.Salt, reason))
	if asker.ID == a.ID {
		return Reinitialisation{}, fact.Denied("soi_meme"), ErrBeyond
	}
	if !MayAsk(asker, a) {
		return Reinitialisation{}, fact.Denied("hors_pouvoir"), ErrBeyond
	}
	if err := CheckReason(reason); err != nil {
		return Reinitialisation{}, journal.Fact{}, err
	}
	if s.Closed() {
		return Reinitialisation{}, journal.Fact{}, ErrClosed
	}
	if !s.Enrolled() {
		return Reinitialisation{}, journal.Fact{}, ErrNoFactor
	}
	return r, fact, nil
}

// Approve is the second person's word.
func (r Reinitialisation) Approve(p Parties, by journal.Actor, at time.Time) (Reinitialisation, journal.Fact, error) {
	fact := r.fact(by, journal.ResetApprove)
	switch {
	case p.Who.ID == r.AskedBy:
		return r, fact.Denied("meme_personne"), ErrBeyond
	case p.Who.ID == r.AidantID:
		return r, fact.Denied("soi_meme"), ErrBeyond
	case !r.MayApprove(p.Who, p.Agent.Aidant, p.Partners):
		return r, fact.Denied("hors_pouvoir"), ErrBeyond
	case r.State(at) != Asked:
		return r, journal.Fact{}, ErrState
	case p.Agent.Closed():
		return r, journal.Fact{}, ErrClosed
	}
	r.ApprovedBy, r.ApprovedAt, r.Rev = p.Who.ID, at, r.Rev+1
	return r, fact, nil
}

// Dismiss is the second person's refusal.
func (r Reinitialisation) Dismiss(p Parties, by journal.Actor, at time.Time) (Reinitialisation, journal.Fact, error) {
	fact := r.fact(by, journal.ResetEnd)
	switch {
	case !r.MayApprove(p.Who, p.Agent.Aidant, p.Partners):
		return r, fact.Denied("hors_pouvoir"), ErrBeyond
	case r.State(at) != Asked:
		return r, journal.Fact{}, ErrState
	}
	return r.end(Dismissed, p.Who.ID, at), fact.Because(string(Dismissed)), nil
}

// Withdraw is the asker's second thought.
func (r Reinitialisation) Withdraw(who aidant.Aidant, by journal.Actor, at time.Time) (Reinitialisation, journal.Fact, error) {
	fact := r.fact(by, journal.ResetEnd)
	switch {
	case who.ID != r.AskedBy:
		return r, fact.Denied("hors_pouvoir"), ErrBeyond
	case !r.Running(at):
		return r, journal.Fact{}, ErrState
	}
	return r.end(Withdrawn, who.ID, at), fact.Because(string(Withdrawn)), nil
}

// Refuse is the agent's word that they did not ask for it: from the code's page, or
// from where they are still signed in.
func (r Reinitialisation) Refuse(agent aidant.Aidant, by journal.Actor, at time.Time) (Reinitialisation, journal.Fact, error) {
	fact := r.fact(by, journal.ResetEnd)
	switch {
	case agent.ID != r.AidantID:
		return r, fact.Denied("hors_pouvoir"), ErrBeyond
	case !r.Running(at):
		return r, journal.Fact{}, ErrState
	}
	return r.end(Declined, agent.ID, at), fact.Because(string(Declined)), nil
}

// Lapse closes a reset whose time has passed, so that another can be asked for.
func (r Reinitialisation) Lapse(at time.Time) (Reinitialisation, journal.Fact, error) {
	if r.State(at) != State(Lapsed) || !r.EndedAt.IsZero() {
		return r, journal.Fact{}, ErrState
	}
	return r.end(Lapsed, "", at), r.fact(journal.Systeme(), journal.ResetEnd).Because(string(Lapsed)), nil
}

// Issue makes the code that the asker hands to the agent. It works no longer than
// the reset does.
func (r Reinitialisation) Issue(s Standing, who aidant.Aidant, hash string, by journal.Actor, at time.Time) (Invitation, journal.Fact, error) {
	i := Invitation{ID: newID("in"), AidantID: r.AidantID, Kind: Resets, ResetID: r.ID, CodeHash: hash, CreatedAt: at, ExpiresAt: r.ExpiresAt, By: by.Ref}
	fact := i.fact(by, journal.InvitationOpen).With("reinitialisation", r.ID)
	switch {
	case who.ID != r.AskedBy || !MayAsk(who, s.Aidant):
		return Invitation{}, fact.Denied("hors_pouvoir"), ErrBeyond
	case r.State(at) != Approved:
		return Invitation{}, journal.Fact{}, ErrState
	case s.Closed():
		return Invitation{}, journal.Fact{}, ErrClosed
	}
	return i, fact, nil
}

// Confirm is the agent's word that they asked for it: their factors go.
func (r Reinitialisation) Confirm(s Standing, at time.Time) (Reinitialisation, journal.Fact, error) {
	fact := r.fact(s.Aidant.Actor(aidant.AuthInvitation), journal.ResetConfirm)
	switch {
	case s.Aidant.ID != r.AidantID:
		return r, fact.Denied("hors_pouvoir"), ErrBeyond
	case r.State(at) != Approved:
		return r, journal.Fact{}, ErrState
	case s.Closed():
		return r, fact.Denied("agent_suspendu"), ErrClosed
	}
	return r.end(Confirmed, s.Aidant.ID, at), fact, nil
}

func (r Reinitialisation) end(how Outcome, who string, at time.Time) Reinitialisation {
	r.Outcome, r.EndedBy, r.EndedAt, r.Rev = how, who, at, r.Rev+1
	return r
}
