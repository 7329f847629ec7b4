package mandat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"relais/internal/journal"
)

// replayDrift is how far an entry's date may lie behind the moment of the
// transition: the time that a write waits for its turn.
const replayDrift = 5 * time.Minute

// Replay is the state of a mandat as its entries tell it. What entries do not
// tell (the usager, the named aidants) is not in it.
type Replay struct {
	State     State
	CreatedBy string
	Created   time.Time // dates are those of the entries
	Given     time.Time
	Signed    time.Time
	Accepted  string // the aidant
	Ended     time.Time
	Reason    Reason
	EndsAt    time.Time // zero when an older entry did not say it
	Dispute   string    // the reason, "" for none
	Domaines  map[string]Reason
	Last      int64 // index of the last entry that changed the state
	unknown   bool  // which domaines the draft held is not told
	problem   string
}

// Rebuild replays the entries of one mandat, oldest first.
func Rebuild(entries []journal.Record) Replay {
	r := Replay{Domaines: map[string]Reason{}, Last: -1}
	for _, e := range entries {
		if e.PrunedBy == 0 && e.Outcome == journal.OK && r.apply(e) {
			r.Last = e.Index
		}
	}
	return r
}

// apply takes one entry and tells whether it changes the mandat.
func (r *Replay) apply(e journal.Record) bool {
	switch e.Action {
	case journal.MandatDraft, journal.MandatCompose:
		r.plan(e)
	case journal.MandatEntrust:
		r.Given = time.Time{}
		r.EndsAt, _ = time.Parse(time.RFC3339, e.Details["fin"]) // zero for older entries
	case journal.MandatIdentify, journal.MandatConfirm, journal.MandatTakeBack:
	case journal.MandatDecline:
		r.Given = time.Time{}
	case journal.MandatGive:
		r.Given = e.At
	case journal.MandatSign:
		r.need(Brouillon, e)
		r.State, r.Signed, r.Accepted = Actif, e.At, e.Actor.Ref
	case journal.MandatAbandon:
		r.need(Brouillon, e)
		r.State, r.Ended = SansSuite, e.At
	case journal.MandatRevoke:
		r.end(e, Revocation)
	case journal.MandatRenounce:
		r.end(e, Renonciation)
	case journal.MandatReplace:
		r.end(e, Remplacement)
	case journal.MandatExpire:
		r.expire(e)
	case journal.MandatDispute:
		r.Dispute = e.Reason
	case journal.MandatLift:
		r.Dispute = ""
	default:
		return false
	}
	return true
}

func (r *Replay) plan(e journal.Record) {
	if e.Action == journal.MandatDraft {
		r.State, r.Created, r.CreatedBy = Brouillon, e.At, e.Actor.Ref
	}
	r.need(Brouillon, e)
	r.Domaines, r.Given = map[string]Reason{}, time.Time{}
	if r.unknown = e.Details["domaines"] == ""; !r.unknown {
		for code := range strings.SplitSeq(e.Details["domaines"], ",") {
			r.Domaines[code] = ""
		}
	}
}

func (r *Replay) need(s State, e journal.Record) {
	if r.State != s && r.problem == "" {
		r.problem = fmt.Sprintf("l’entrée %d (%s) ne peut pas suivre l’état %q", e.Index, e.Action, r.State)
	}
}

func (r *Replay) end(e journal.Record, why Reason) {
	r.need(Actif, e)
	for code := range strings.SplitSeq(e.Details["domaines"], ",") {
		if was, known := r.Domaines[code]; (!known && !r.unknown) || was != "" {
			r.problem = fmt.Sprintf("l’entrée %d met fin au domaine %s, qui ne courait pas", e.Index, code)
		}
		r.Domaines[code] = why
	}
	if !r.unknown && !r.runs() {
		r.State, r.Ended, r.Reason = Termine, e.At, why
	}
}

func (r *Replay) runs() bool {
	for _, why := range r.Domaines {
		if why == "" {
			return true
		}
	}
	return false
}

func (r *Replay) expire(e journal.Record) {
	r.need(Actif, e)
	for code, why := range r.Domaines {
		if why == "" {
			r.Domaines[code] = Echeance
		}
	}
	r.State, r.Ended, r.Reason = Termine, e.At, Echeance
}

// Differs compares a mandat with what its entries tell; it returns the first
// thing that does not agree, "" when all does. journalID is the entry that the
// mandat's row names as its last.
func (r Replay) Differs(m Mandat, journalID int64) string {
	if r.problem != "" {
		return r.problem
	}
	if r.unknown { // older entries do not say when the last domaine ended
		return ""
	}
	switch {
	case m.State != r.State:
		return fmt.Sprintf("état %q, le journal dit %q", m.State, r.State)
	case !sameAgent(m.CreatedBy, r.CreatedBy) || !near(m.CreatedAt, r.Created):
		return "auteur ou date du brouillon"
	case !sameAgent(m.AcceptedBy, r.Accepted) || !near(m.SignedAt, r.Signed):
		return "acceptation : agent ou date"
	case m.State != SansSuite && !near(m.Signature.GivenAt, r.Given):
		return "date à laquelle le mandat a été donné"
	case !r.EndsAt.IsZero() && !m.SignedAt.IsZero() && !m.EndsAt.Truncate(time.Second).Equal(r.EndsAt):
		return "échéance"
	case m.EndReason != r.Reason:
		return fmt.Sprintf("motif de fin %q, le journal dit %q", m.EndReason, r.Reason)
	case m.EndReason == Echeance && (m.EndedAt.After(r.Ended) || !m.EndedAt.Equal(m.EndsAt)),
		m.EndReason != Echeance && !near(m.EndedAt, r.Ended):
		return "date de fin"
	case m.Litige.Reason != r.Dispute || m.Disputed() != (r.Dispute != ""):
		return "litige"
	case !m.SignedAt.IsZero() && journalID != r.Last:
		return fmt.Sprintf("dernière entrée %d, le journal dit %d", journalID, r.Last)
	}
	return r.domaines(m)
}

func (r Replay) domaines(m Mandat) string {
	codes := make([]string, 0, len(m.Autorisations))
	for _, a := range m.Autorisations {
		codes = append(codes, a.Domaine)
		if why, known := r.Domaines[a.Domaine]; !known || why != a.EndReason || (why == "") != a.EndedAt.IsZero() {
			return fmt.Sprintf("domaine %s : fin %q, le journal dit %q", a.Domaine, a.EndReason, why)
		}
	}
	for code := range r.Domaines {
		if !slices.Contains(codes, code) {
			return "le domaine " + code + " manque"
		}
	}
	return ""
}

// sameAgent tells that an entry may name that agent: one whose month's key is
// destroyed names nobody any more.
func sameAgent(id, ref string) bool { return id == ref || journal.Hidden(ref) }

// near tells that an entry of this date may tell of that moment.
func near(moment, entry time.Time) bool {
	if moment.IsZero() || entry.IsZero() {
		return moment.IsZero() && entry.IsZero()
	}
	return moment.Sub(entry).Abs() <= replayDrift
}
