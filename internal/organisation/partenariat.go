package organisation

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"relais/internal/journal"
)

// Errors of partnerships that callers act on.
var (
	ErrPartner  = errors.New("ces structures sont déjà partenaires")
	ErrStranger = errors.New("ces structures ne sont pas partenaires")
	ErrSame     = errors.New("une structure n’est pas sa propre partenaire")
)

// Partenariat says that the référents of two structures may be the second person
// for each other's agents. It lets neither read anything else of the other.
type Partenariat struct {
	ID       string
	A, B     string // ids of the structures, in the order of [Pair]
	OpenedBy string
	OpenedAt time.Time
	EndedBy  string
	EndedAt  time.Time // zero while it holds
}

// Pair is two ids in the one order in which a partnership keeps them: it holds in
// both directions.
func Pair(a, b string) (string, string) {
	if b < a {
		return b, a
	}
	return a, b
}

// Other is the partner of one of the two, "" for a third.
func (p Partenariat) Other(id string) string {
	switch id {
	case p.A:
		return p.B
	case p.B:
		return p.A
	}
	return ""
}

func (p Partenariat) fact(by journal.Actor, action journal.Action) journal.Fact {
	return journal.NewFact(by, action, journal.Object{Type: "partenariat", ID: p.ID}).With("structure", p.A).With("partenaire", p.B)
}

// Associate makes two structures partners.
func Associate(a, b Organisation, by journal.Actor, at time.Time) (Partenariat, journal.Fact, error) {
	if a.ID == b.ID {
		return Partenariat{}, journal.Fact{}, ErrSame
	}
	p := Partenariat{ID: "pa" + strings.ToLower(rand.Text()[:16]), OpenedBy: by.Ref, OpenedAt: at}
	p.A, p.B = Pair(a.ID, b.ID)
	return p, p.fact(by, journal.StructureAssociate), nil
}

// Dissociate ends the partnership.
func (p Partenariat) Dissociate(by journal.Actor, at time.Time) (Partenariat, journal.Fact, error) {
	if !p.EndedAt.IsZero() {
		return p, journal.Fact{}, ErrStranger
	}
	p.EndedBy, p.EndedAt = by.Ref, at
	return p, p.fact(by, journal.StructureDissociate), nil
}
