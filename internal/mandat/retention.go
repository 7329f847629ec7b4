package mandat

import (
	"fmt"
	"slices"
	"time"

	"relais/internal/journal"
)

// How long the evidence of a mandat is kept after its end: the time in which a
// use may be contested (Code civil, art. 2224, and as long again for what is
// discovered late). Both in years.
const (
	CurrentYears = 3
	ArchiveYears = 3
)

// Phase is where the evidence of a mandat stands between its end and its
// erasure.
type Phase string

// The phases.
const (
	Running Phase = "en_cours" // draft or mandat that has not ended
	Current Phase = "courant"  // ended, at hand
	Archive Phase = "archive"  // opened with a reason only, which is recorded
	Due     Phase = "echu"     // to be erased
	Frozen  Phase = "gele"     // would be due, but a dispute is open
)

// Errors of retention that callers act on.
var (
	ErrFrozen = fmt.Errorf("%w: un litige est ouvert", ErrState)
	ErrClosed = fmt.Errorf("%w: la preuve est archivée", ErrState)
)

// Ended is when the mandat ended, or was past its end without anybody having
// closed it; zero while it runs.
func (m Mandat) Ended(at time.Time) time.Time {
	switch {
	case !m.EndedAt.IsZero():
		return m.EndedAt
	case m.running() && !at.Before(m.EndsAt):
		return m.EndsAt
	}
	return time.Time{}
}

// Retention tells where the evidence stands and when that phase ends; the time
// is zero while the mandat runs, and for what is due or frozen.
func (m Mandat) Retention(at time.Time) (Phase, time.Time) {
	end := m.Ended(at)
	if end.IsZero() {
		return Running, time.Time{}
	}
	if until := end.AddDate(CurrentYears, 0, 0); at.Before(until) {
		return Current, until
	}
	if until := end.AddDate(CurrentYears+ArchiveYears, 0, 0); at.Before(until) {
		return Archive, until
	}
	if m.Disputed() {
		return Frozen, time.Time{}
	}
	return Due, time.Time{}
}

// Dispute freezes the deletion of a mandat's evidence until it is lifted. The
// review date only reminds: a forgotten dispute keeps the evidence.
type Dispute struct {
	Reason   string // one of DisputeReasons; "" for no dispute
	OpenedAt time.Time
	ReviewAt time.Time
}

// Disputed tells whether a dispute is open.
func (m Mandat) Disputed() bool { return !m.Litige.OpenedAt.IsZero() }

// DisputeReasons lists the codes of why deletion is frozen, with their French.
func DisputeReasons() [][2]string {
	return [][2]string{
		{"contestation_usager", "L’usager conteste un acte fait en son nom"},
		{"plainte", "Une plainte a été déposée"},
		{"procedure", "Une procédure est en cours devant un juge"},
		{"controle", "Une autorité contrôle la structure"},
	}
}

// reviewMax bounds the review date: a freeze without end would be no freeze.
const reviewMax = 2 // years

// OpenDispute freezes deletion. review lies ahead, within two years.
func (m Mandat) OpenDispute(reason string, review time.Time, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	known := slices.ContainsFunc(DisputeReasons(), func(r [2]string) bool { return r[0] == reason })
	if !known || !review.After(at) || review.After(at.AddDate(reviewMax, 0, 1)) {
		return m, journal.Fact{}, fmt.Errorf("%w: motif ou date de revue du litige", ErrInvalid)
	}
	if m.SignedAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	if !m.Disputed() {
		m.Litige.OpenedAt = at
	}
	m.Litige.Reason, m.Litige.ReviewAt = reason, review
	return m, m.fact(by, journal.MandatDispute).Because(reason).With("revue", review.UTC().Format(time.DateOnly)), nil
}

// LiftDispute ends a dispute; deletion goes on by the clock.
func (m Mandat) LiftDispute(by journal.Actor) (Mandat, journal.Fact, error) {
	if !m.Disputed() {
		return m, journal.Fact{}, ErrState
	}
	m.Litige = Dispute{}
	return m, m.fact(by, journal.MandatLift), nil
}

// ArchiveReasons lists the codes for opening an archive, with their French.
func ArchiveReasons() [][2]string {
	return append(DisputeReasons(), [2]string{"demande_usager", "L’usager demande ses données"})
}

// OpenArchive is the fact that the archived evidence of a mandat was opened.
func (m Mandat) OpenArchive(reason string, by journal.Actor) (journal.Fact, error) {
	if !slices.ContainsFunc(ArchiveReasons(), func(r [2]string) bool { return r[0] == reason }) {
		return journal.Fact{}, fmt.Errorf("%w: motif d’ouverture de l’archive", ErrInvalid)
	}
	return m.fact(by, journal.MandatArchive).Because(reason), nil
}
