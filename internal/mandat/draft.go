package mandat

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// numberAlphabet has no vowels and no look-alikes, so that a number can be read
// aloud and never spells a word.
const numberAlphabet = "346789BCDFGHJKMPQRTVWXY"

// NumberLength is the length of a mandat's number: 23^12, about 2^54 numbers.
const NumberLength = 12

// IsNumber tells whether s is written as a number is, without blanks.
func IsNumber(s string) bool {
	return len(s) == NumberLength && strings.Trim(s, numberAlphabet) == ""
}

// NewNumber draws a number.
func NewNumber() string {
	out := make([]byte, NumberLength)
	for i := range out {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(numberAlphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail since Go 1.24
		}
		out[i] = numberAlphabet[n.Int64()]
	}
	return string(out)
}

// Duration is how long a mandat lasts: a number of days, or a last day.
type Duration struct {
	Days    int       // 1, 31, 182 or 365; 0 when LastDay is given
	LastDay time.Time // midnight, in the structure's zone, of the last day
}

// Days that may be offered, the shortest first since it is the default.
func Days() []int { return []int{1, 31, 182, 365} }

// End is 23:59:59 of the last day in the structure's zone. "1 day" ends tomorrow
// night, so that a mandat given in the evening is of use.
func (d Duration) End(at time.Time, zone *time.Location) (time.Time, error) {
	local := at.In(zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	last := d.LastDay.In(zone)
	if d.Days != 0 {
		if !slices.Contains(Days(), d.Days) || !d.LastDay.IsZero() {
			return time.Time{}, fmt.Errorf("%w: durée", ErrInvalid)
		}
		last = today.AddDate(0, 0, d.Days)
	}
	if last.Before(today) || last.After(today.AddDate(0, 0, 365)) {
		return time.Time{}, fmt.Errorf("%w: durée", ErrInvalid)
	}
	return time.Date(last.Year(), last.Month(), last.Day(), 23, 59, 59, 0, zone), nil
}

// Capacity is what the usager declares of their own legal capacity.
type Capacity string

// The declarations. Every one but CapacityFull leads to a refusal and a page
// that says whom to turn to.
const (
	CapacityFull         Capacity = "aucune"
	CapacityTutelle      Capacity = "tutelle"
	CapacityCuratelle    Capacity = "curatelle"
	CapacityHabilitation Capacity = "habilitation_familiale"
	CapacityFuture       Capacity = "protection_future"
)

// Capacities lists the declarations in the order of the form.
func Capacities() []Capacity {
	return []Capacity{CapacityFull, CapacityTutelle, CapacityCuratelle, CapacityHabilitation, CapacityFuture}
}

// Plan is what the first screen says.
type Plan struct {
	Autorisations []Autorisation
	Aidants       []string // ids, all of the structure: the desk checks that
	Colleagues    bool
	Duration      Duration
	Capacity      Capacity
}

// Draft opens a mandat. Its errors wrap [ErrInvalid], or are [ErrProtected] with
// the trace of the refusal.
func Draft(id, number string, o organisation.Organisation, p Plan, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	m := Mandat{ID: id, Number: number, OrganisationID: o.ID, CreatedBy: by.Ref, CreatedAt: at, State: Brouillon}
	return m.plan(o, p, journal.MandatDraft, by, at)
}

// Redraft changes a draft that nobody has given yet; a text that was fixed is
// thrown away with all that was bound to it.
func (m Mandat) Redraft(o organisation.Organisation, p Plan, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon || !m.Signature.GivenAt.IsZero() {
		return m, journal.Fact{}, ErrState
	}
	return m.plan(o, p, journal.MandatCompose, by, at)
}

func (m Mandat) plan(o organisation.Organisation, p Plan, action journal.Action, by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if !slices.Contains(Capacities(), p.Capacity) {
		return m, journal.Fact{}, fmt.Errorf("%w: capacité", ErrInvalid)
	}
	if p.Capacity != CapacityFull {
		return m, journal.NewFact(by, action, m.object()).Denied("protection_declaree"), ErrProtected
	}
	if err := checkAutorisations(o, p.Autorisations); err != nil {
		return m, journal.Fact{}, err
	}
	if len(p.Aidants) == 0 || slices.Contains(p.Aidants, "") || repeats(p.Aidants) {
		return m, journal.Fact{}, fmt.Errorf("%w: aidants", ErrInvalid)
	}
	ends, err := p.Duration.End(at, o.Location())
	if err != nil {
		return m, journal.Fact{}, err
	}
	m.Autorisations, m.Aidants, m.Colleagues = fresh(p.Autorisations), slices.Clone(p.Aidants), p.Colleagues
	m.Duration, m.EndsAt = p.Duration, ends
	return m.unfixed(), m.fact(by, action).With("domaines", m.codes()), nil
}

// codes lists the domaines, for the journal.
func (m Mandat) codes() string {
	list := make([]string, len(m.Autorisations))
	for i, a := range m.Autorisations {
		list[i] = a.Domaine
	}
	return strings.Join(list, ",")
}

// unfixed is the draft without text and without any step of a signature.
func (m Mandat) unfixed() Mandat {
	var empty Mandat
	m.Texte, m.Signature, m.Replaces = empty.Texte, empty.Signature, nil
	return m
}

// fresh keeps of autorisations what a plan may say: domaines and démarches.
func fresh(list []Autorisation) []Autorisation {
	out := make([]Autorisation, len(list))
	for i, a := range list {
		out[i] = Autorisation{Domaine: a.Domaine, Demarches: slices.Clone(a.Demarches)}
	}
	return out
}

func repeats(list []string) bool {
	sorted := slices.Sorted(slices.Values(list))
	return len(slices.Compact(sorted)) != len(list)
}

func checkAutorisations(o organisation.Organisation, list []Autorisation) error {
	if len(list) == 0 {
		return fmt.Errorf("%w: domaines", ErrInvalid)
	}
	seen := map[string]bool{}
	for _, a := range list {
		d, ok := domaine.Current().Find(a.Domaine)
		if !ok || seen[a.Domaine] || !o.May(a.Domaine) {
			return fmt.Errorf("%w: domaines", ErrInvalid)
		}
		seen[a.Domaine] = true
		if len(a.Demarches) == 0 || repeats(a.Demarches) {
			return fmt.Errorf("%w: démarches", ErrInvalid)
		}
		for _, code := range a.Demarches {
			if _, ok := d.Demarche(code); !ok {
				return fmt.Errorf("%w: démarches", ErrInvalid)
			}
		}
	}
	return nil
}

// Abandon ends a draft « sans suite »; what was bound to it is forgotten.
func (m Mandat) Abandon(by journal.Actor, at time.Time) (Mandat, journal.Fact, error) {
	if m.State != Brouillon {
		return m, journal.Fact{}, ErrState
	}
	m = m.unfixed()
	m.State, m.EndedAt = SansSuite, at
	return m, m.fact(by, journal.MandatAbandon), nil
}
