package aidant

import (
	"strings"
	"time"

	"relais/internal/journal"
)

// How an agent proved themselves, as [Session.Auth] and the journal say it. One
// who came by ProConnect has "proconnect:" and the level.
const (
	AuthPasskey    = "relais:passkey"        // a passkey, with user verification
	AuthTOTP       = "relais:totp"           // pass phrase and code of an application
	AuthPhrase     = "relais:phrase-secours" // pass phrase and a recovery code in the place of the other
	AuthSecours    = "relais:secours"        // a recovery code alone: enrols, and nothing else
	AuthInvitation = "relais:invitation"     // an invitation's or a reset's code: enrols, and nothing else
)

// EnrolmentLife is how long a session lasts that may only enrol a factor,
// whatever happens in it.
const EnrolmentLife = 15 * time.Minute

// Session is an agent's session as the server keeps it. The browser holds an
// opaque identifier; Ref is its SHA-256 in hexadecimal, and all that is stored.
type Session struct {
	Ref            string
	AidantID       string
	OrganisationID string
	CreatedAt      time.Time // absolute limit counts from here
	SeenAt         time.Time // idle limit counts from here; written at most once a minute
	AuthAt         time.Time // last identification, at the provider or here
	Auth           string    // "proconnect:eidas1-mfa", or one of the constants above
	Device         string    // a word on the browser, such as "Firefox sur Windows"
	Entrusted      string    // the mandat whose signature the screen is entrusted for (« confiée »), or ""
	Data           []byte    // sealed by the session package
	Browser        string    // the random word of the browser's cookie; given as Origin is
	Appareil       string    // the browser among the agent's, "" when it is not known
	Notice         string    // the Appareil that the agent has yet to be told of, "" for none
	Origin         Origin    // given when the session is stored; only keyed hashes are kept, and none is given back
}

// Enrolling tells a session that reaches nothing but the enrolment of a factor.
func (s Session) Enrolling() bool { return s.Auth == AuthSecours || s.Auth == AuthInvitation }

// ByOwn tells a session that the agent opened by a factor of their own, not at an
// identity provider.
func (s Session) ByOwn() bool { return strings.HasPrefix(s.Auth, "relais:") }

// Origin is the login at an identity provider that a session began with, so that
// the provider may end it. The zero Origin is none, or the one it had before.
type Origin struct {
	Issuer string
	Sub    string
	SID    string // the provider's own session, "" when it names none
}

// Closing is the end of sessions by a decision of somebody else's, or of their
// agent elsewhere.
type Closing struct {
	Spare  string                                                  // reference of a session that stays, "" for none
	Alive  func(Session) bool                                      // tells those that count: a row may outlive its session
	Decide func(a Aidant, open int) (fact journal.Fact, err error) // as a transition: pure; an error's fact is written too
}

// ClosingReasons lists the codes of why somebody ends other people's sessions, in
// the order of the form, with their French.
func ClosingReasons() [][2]string {
	return [][2]string{
		{"appareil_perdu", "Un appareil est perdu ou volé"},
		{"poste_ouvert", "Une session est restée ouverte sur un poste"},
		{"soupcon", "Quelqu’un d’autre a peut-être utilisé une session"},
		{"depart", "Un départ, ou un changement de poste"},
		{"incident", "Un incident de sécurité"},
	}
}

// Ended tells whether the session is past one of its limits.
func (s Session) Ended(at time.Time, idle, max time.Duration) bool {
	return at.Sub(s.SeenAt) >= idle || at.Sub(s.CreatedAt) >= s.Max(max)
}

// Max is the session's absolute limit, where max is the others'.
func (s Session) Max(max time.Duration) time.Duration {
	if s.Enrolling() {
		return min(max, EnrolmentLife)
	}
	return max
}

// ahead is how much later than now an identification may be dated: instances'
// clocks, and the provider's, differ a little.
const ahead = time.Minute

// Recent tells whether the agent proved who they are within a while before at.
// One dated from further ahead is not: a clock was set back since, and nobody
// knows how long ago it was.
func (s Session) Recent(at time.Time, within time.Duration) bool {
	age := at.Sub(s.AuthAt)
	return !s.AuthAt.IsZero() && age >= -ahead && age <= within
}
