package mission

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
)

// Kind is whose identity is revealed.
type Kind string

// The two kinds.
const (
	Agent  Kind = "agent"  // who acted in an entry
	Usager Kind = "usager" // who gave the mandat of an entry
)

// Target is whose identity an auditeur asks for, as the store found it.
type Target struct {
	Kind           Kind
	AidantID       string // of the agent
	MandatID       string // of the usager's mandat
	OrganisationID string // the structure to be told
	Erased         bool   // the usager's data is gone
	Found          bool   // there is somebody behind the entry
	Entry          int64  // index of the entry it was asked from
	Facets         journal.Facets
}

// Revelation is one identity that an auditeur was shown, kept for ever. It holds
// no name: what was shown is read again from the vault.
type Revelation struct {
	ID             string
	MissionID      string
	Kind           Kind
	AidantID       string
	MandatID       string
	OrganisationID string
	Entry          int64
	Reason         string // what the auditeur wrote
	Salt           []byte // of the commitment to the reason
	At             time.Time
}

// Reveal is the decision to show one identity; recent counts those of the last
// [RevealWindow]. Its fact stands in the mandat's stream when it concerns the
// usager. What is refused leaves a trace.
func (m Mission) Reveal(t Target, reason string, recent int, by journal.Actor, at time.Time) (Revelation, journal.Fact, error) {
	if err := CheckText(reason); err != nil {
		return Revelation{}, journal.Fact{}, fmt.Errorf("%w: motif", err)
	}
	r := Revelation{ID: "re" + strings.ToLower(rand.Text()[:16]), MissionID: m.ID, Kind: t.Kind, OrganisationID: t.OrganisationID,
		Entry: t.Entry, Reason: reason, Salt: journal.NewSalt(), At: at}
	fact := journal.NewFact(by, journal.MissionReveal, m.object()).With("identite", string(t.Kind)).
		With("entree", strconv.FormatInt(t.Entry, 10)).With("engagement", journal.Commit(r.Salt, reason))
	switch t.Kind {
	case Agent:
		r.AidantID, fact = t.AidantID, fact.With("aidant", t.AidantID)
	case Usager:
		r.MandatID, fact = t.MandatID, fact.OfMandat(t.MandatID)
	default:
		return Revelation{}, journal.Fact{}, fmt.Errorf("%w: identité %q", ErrInvalid, t.Kind)
	}
	switch {
	case by.Ref != m.AuditeurID:
		return Revelation{}, fact.Denied("autre_auditeur"), ErrScope
	case m.State(at) != Running:
		return Revelation{}, fact.Denied("mission_terminee"), ErrOver
	case !m.Scope.Covers(t.Facets):
		return Revelation{}, fact.Denied("hors_mission"), ErrScope
	case !t.Found:
		return Revelation{}, journal.Fact{}, ErrNobody
	case t.Erased:
		return Revelation{}, fact.Denied("efface"), ErrErased
	case recent >= RevealMax:
		return Revelation{}, fact.Denied("trop_nombreuses"), ErrTooMany
	}
	return r, fact, nil
}

// Visible is how long the page of a revelation can be opened.
const Visible = 5 * time.Minute

// Shown is what a revelation lets its auditeur read.
type Shown struct {
	Revelation
	Name      string // agent: usual name; usager: first names and birth name
	Birthdate string // usager only
	Structure string // agent only: the structure they work for
	Erased    bool   // the usager was erased meanwhile
}

// Notice is what those concerned learn of a revelation. Reason is left empty for
// who must not read it.
type Notice struct {
	Revelation
	Reference string // of the mission
	Agent     string // name of the agent whose identity was shown
	Number    string // of the mandat
}

// NoticeFilter chooses notices; zero fields ask nothing. Newest first.
type NoticeFilter struct {
	OrganisationID string // the structure concerned
	MissionID      string
	Reasons        bool // with what the auditeurs wrote
	Limit          int
}
