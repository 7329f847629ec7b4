// Package aidant is the agent who signs in to Relais: the aidant of the counter
// first, and with the same login the référent, the auditeur and the
// administrateur.
//
// It guarantees that nobody signs in who is unknown, suspended or without a
// second factor, and that each refusal has its fact. It does not speak OpenID
// Connect: internal/login does, and hands over what the provider said.
package aidant

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
)

// Errors that the login page acts on.
var (
	ErrUnknown   = errors.New("agent inconnu")
	ErrSuspended = errors.New("agent suspendu")
	ErrWeak      = errors.New("second facteur absent")
	ErrNotFound  = errors.New("agent introuvable")
	ErrOther     = errors.New("un autre agent s'est identifié")
	ErrSession   = errors.New("session inconnue ou terminée")
	ErrReplayed  = errors.New("demande de déconnexion déjà reçue")
	ErrEnrolling = errors.New("session d'enrôlement seulement")
)

// Role is what an agent may do.
type Role string

// The four roles. An agent may hold several.
const (
	RoleAidant         Role = "aidant"
	RoleReferent       Role = "referent"
	RoleAuditeur       Role = "auditeur"
	RoleAdministrateur Role = "administrateur"
)

// Label is the role in French.
func (r Role) Label() string {
	switch r {
	case RoleAidant:
		return "Aidant"
	case RoleReferent:
		return "Référent"
	case RoleAuditeur:
		return "Auditeur"
	case RoleAdministrateur:
		return "Administrateur"
	}
	return string(r)
}

// Aidant is one agent of one structure.
type Aidant struct {
	ID             string
	OrganisationID string
	Sub            string // ProConnect's identifier, "" before the first login
	Email          string // folded to lower case
	SIRET          string // the establishment ProConnect must name at the first login
	GivenName      string
	UsualName      string
	Roles          []Role
	SuspendedAt    time.Time // zero while admitted
}

// Name is how the mandat's text and the header name the agent.
func (a Aidant) Name() string { return strings.TrimSpace(a.GivenName + " " + a.UsualName) }

// Has tells whether the agent holds a role.
func (a Aidant) Has(r Role) bool { return slices.Contains(a.Roles, r) }

// Suspended tells whether the agent is kept out.
func (a Aidant) Suspended() bool { return !a.SuspendedAt.IsZero() }

// LogValue prints the identifier only.
func (a Aidant) LogValue() slog.Value { return slog.StringValue(a.ID) }

// Actor is the agent in the journal, with how they proved themselves.
func (a Aidant) Actor(auth string) journal.Actor {
	return journal.Actor{Type: journal.ActorAidant, Ref: a.ID, Auth: auth}
}

// Login is what an agent's identity provider said of them.
type Login struct {
	Issuer, Sub, Email, SIRET string
	ACR                       string
	SID                       string // the provider's session, "" when it names none
}

// Origin is where a session that begins with this login began.
func (l Login) Origin() Origin { return Origin{Issuer: l.Issuer, Sub: l.Sub, SID: l.SID} }

// multiFactor lists ProConnect's levels that include a second factor
// (ProConnect, "double authentification", 2026).
var multiFactor = []string{"eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"}

// MultiFactor lists the acr values that Relais asks for and accepts.
func MultiFactor() []string { return slices.Clone(multiFactor) }

// SignIn decides on a login: candidate is the agent found by sub, else by e-mail
// and SIRET; found says whether there was one. A candidate who is neither is
// unknown. It returns the agent, with the sub bound at the first login and again
// when the agent comes through another identity provider, and the fact, which the caller writes whether or
// not the error is nil.
func SignIn(candidate Aidant, found bool, l Login) (Aidant, journal.Fact, error) {
	auth := "proconnect:" + l.ACR
	refuse := func(by journal.Actor, reason string, err error) (Aidant, journal.Fact, error) {
		return Aidant{}, journal.NewFact(by, journal.SessionRefuse, journal.Object{Type: "session"}).Denied(reason), err
	}
	switch {
	case !found || !candidate.is(l):
		return refuse(journal.Nobody(), "agent_inconnu", ErrUnknown)
	case candidate.Suspended():
		return refuse(candidate.Actor(""), "agent_suspendu", ErrSuspended)
	case !slices.Contains(multiFactor, l.ACR):
		return refuse(candidate.Actor(""), noSecondFactor, ErrWeak)
	}
	candidate.Sub = l.Sub
	return candidate, journal.NewFact(candidate.Actor(auth), journal.SessionOpen, journal.Object{Type: "session"}), nil
}

// Unproven says why a login at the identity provider does not show that this very
// agent is there, as a code for the journal; "" when it does. Unlike [SignIn] it
// takes no other sub: the agent has come in already.
func (a Aidant) Unproven(l Login) (reason string) {
	switch {
	case a.Sub == "" || l.Sub != a.Sub:
		return otherAgent
	case !slices.Contains(multiFactor, l.ACR):
		return noSecondFactor
	}
	return ""
}

// The codes of refused identifications.
const (
	otherAgent     = "autre_agent"
	noSecondFactor = "second_facteur_absent"
)

// is tells whether the login is the agent's own: the sub, or else e-mail and
// SIRET, both of them, since the same agent behind another identity provider
// gets another sub (ProConnect, "données fournies").
func (a Aidant) is(l Login) bool {
	if l.Sub == "" {
		return false
	}
	return a.Sub == l.Sub ||
		a.Email != "" && a.SIRET != "" && a.SIRET == l.SIRET && a.Email == strings.ToLower(strings.TrimSpace(l.Email))
}

// LoginFailed is the fact of a login that ended before anyone was known.
func LoginFailed(reason string) journal.Fact {
	return journal.NewFact(journal.Nobody(), journal.SessionRefuse, journal.Object{Type: "session"}).Denied(reason)
}

// KeysSeen is the fact that commits to an identity provider's public keys as
// fetched: digest is the SHA-256 of the JWKS bytes, in hexadecimal.
func KeysSeen(issuer, digest string) journal.Fact {
	return journal.NewFact(journal.Systeme(), journal.KeysSeen, journal.Object{Type: "fournisseur", ID: issuer}).
		With("jwks_sha256", digest)
}

// SignedOut is the fact that an agent left.
func (a Aidant) SignedOut(reason string) journal.Fact {
	return journal.NewFact(a.Actor(""), journal.SessionClose, journal.Object{Type: "session"}).Because(reason)
}

// SessionRevoked is the fact that an agent ended one of their sessions; id is a
// reference to the session, never its secret.
func (a Aidant) SessionRevoked(id string) journal.Fact {
	return journal.NewFact(a.Actor(""), journal.SessionRevoke, journal.Object{Type: "session", ID: id})
}

// SessionsRevoked is the fact that somebody ended all sessions of an agent, but
// for the one they did it from; n says how many there were.
func (a Aidant) SessionsRevoked(by journal.Actor, n int, reason string) journal.Fact {
	return journal.NewFact(by, journal.SessionRevoke, journal.Object{Type: "aidant", ID: a.ID}).Because(reason).With("sessions", strconv.Itoa(n))
}

// SessionsRevokedIn is the fact that somebody ended the sessions of a whole
// structure; those of each agent have theirs.
func SessionsRevokedIn(organisationID string, by journal.Actor, sessions, agents int, reason string) journal.Fact {
	return journal.NewFact(by, journal.SessionRevoke, journal.Object{Type: "structure", ID: organisationID}).Because(reason).
		With("sessions", strconv.Itoa(sessions)).With("agents", strconv.Itoa(agents))
}

// Disowned is the fact that an agent says that a login in their name was not
// theirs; n says how many sessions end with it.
func (a Aidant) Disowned(auth, appareil string, n int) journal.Fact {
	return journal.NewFact(a.Actor(auth), journal.SessionDisown, journal.Object{Type: "appareil", ID: appareil}).With("sessions", strconv.Itoa(n))
}

// Elevated is the fact that an agent proved again who they are in a session they
// had; auth is how. With a reason it is the fact that they did not.
func (a Aidant) Elevated(auth, refused string) journal.Fact {
	f := journal.NewFact(a.Actor(auth), journal.SessionElevate, journal.Object{Type: "session"})
	if refused != "" {
		return f.Denied(refused)
	}
	return f
}

// Refused is the fact that an agent was turned away from a page or an act that
// their rights do not reach; route is the route's pattern without blanks.
func Refused(by journal.Actor, route, reason string) journal.Fact {
	return journal.NewFact(by, journal.AccessRefuse, journal.Object{Type: "route", ID: route}).Denied(reason)
}

// Searched is the fact of a search among the structure's usagers. What was
// typed is not in it.
func (a Aidant) Searched(screen string) journal.Fact {
	return journal.NewFact(a.Actor(""), journal.MandatSearch, journal.Object{Type: "ecran", ID: screen})
}

// Consulted is the fact of an auditeur's own search in the journal; filters are
// the names of the criteria used, never their values of people.
func (a Aidant) Consulted(filters []string) journal.Fact {
	return journal.NewFact(a.Actor(""), journal.JournalSearch, journal.Object{Type: "journal"}).
		With("filtres", strings.Join(filters, ","))
}
