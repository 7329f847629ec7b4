// Package organisation is the structure that holds mandats: a town hall, a
// CCAS, a France services house. The structure is the mandataire, never the
// aidant as a person.
//
// It guarantees that a structure has what the mandat's text must name (name,
// address, telephone, SIRET) and a time zone, in which its mandats end. It does
// not check that a SIRET exists, only that it is well formed.
package organisation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a minimal container has no zone files, and a wrong end of day is a wrong mandat
	"unicode/utf8"

	"relais/internal/domaine"
	"relais/internal/identite"
	"relais/internal/journal"
)

// Errors that callers act on.
var (
	ErrInvalid  = errors.New("structure refusée")
	ErrNotFound = errors.New("structure inconnue")
)

// Organisation is one structure.
type Organisation struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	SIRET     string   `json:"siret"`
	Address   string   `json:"address"`
	Postcode  string   `json:"postcode"`
	City      string   `json:"city"`
	Telephone string   `json:"telephone"`
	Timezone  string   `json:"timezone"`
	Domaines  []string `json:"domaines"` // codes it may use; empty means all
	Suspended bool     `json:"suspended"`
	Opening   string   `json:"opening"` // see [ParseHours]; "" is [UsualHours]
}

// fieldMax bounds, in characters, what the mandat's text repeats of a structure.
const fieldMax = 200

// Check returns an error wrapping [ErrInvalid] that names the faulty field.
func (o Organisation) Check() error {
	for _, f := range []struct{ name, value string }{{"id", o.ID}, {"name", o.Name}, {"address", o.Address}, {"city", o.City}, {"telephone", o.Telephone}} {
		if strings.TrimSpace(f.value) == "" {
			return fmt.Errorf("%w: %s manque", ErrInvalid, f.name)
		}
		if !identite.Plain(f.value) || utf8.RuneCountInString(f.value) > fieldMax {
			return fmt.Errorf("%w: %s illisible", ErrInvalid, f.name)
		}
	}
	if !identite.Plain(o.Postcode) || len(o.Postcode) > 10 {
		return fmt.Errorf("%w: postcode illisible", ErrInvalid)
	}
	if !ValidSIRET(o.SIRET) {
		return fmt.Errorf("%w: siret", ErrInvalid)
	}
	if _, err := time.LoadLocation(o.Timezone); err != nil || o.Timezone == "" || o.Timezone == "Local" {
		return fmt.Errorf("%w: timezone", ErrInvalid)
	}
	if _, err := ParseHours(o.Opening); err != nil || len(o.Opening) > fieldMax {
		return fmt.Errorf("%w: opening illisible", ErrInvalid)
	}
	for _, code := range o.Domaines {
		if _, ok := domaine.Current().Find(code); !ok {
			return fmt.Errorf("%w: domaine %s", ErrInvalid, code)
		}
	}
	return nil
}

// ValidSIRET tells whether s is 14 digits with a right Luhn key. The postal
// service's establishments, whose key differs, are not mandataires.
func ValidSIRET(s string) bool {
	if len(s) != 14 {
		return false
	}
	sum := 0
	for i, r := range s {
		if r < '0' || r > '9' {
			return false
		}
		d := int(r - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// Location is the structure's time zone; UTC when it is unknown, which
// [Organisation.Check] never lets in.
func (o Organisation) Location() *time.Location {
	if known, ok := locations.Load(o.Timezone); ok {
		return known.(*time.Location)
	}
	loc, err := time.LoadLocation(o.Timezone)
	if err != nil {
		return time.UTC
	}
	locations.Store(o.Timezone, loc) // names that exist only: they are few
	return loc
}

// locations keeps time zones read from disk, by name: each page asks for one.
var locations sync.Map

// May tells whether the structure may use a domaine.
func (o Organisation) May(code string) bool {
	return len(o.Domaines) == 0 || slices.Contains(o.Domaines, code)
}

// Departement is the code of the territory in which the structure lies, from its
// postcode: two digits, three overseas ("974"), "" without a postcode. Corsica is
// "20": postcodes do not tell its two départements apart.
func (o Organisation) Departement() string { return DepartementOf(o.Postcode) }

// DepartementOf is [Organisation.Departement] of a postcode.
func DepartementOf(postcode string) string {
	digits := strings.ReplaceAll(postcode, " ", "")
	switch {
	case len(digits) < 3:
		return ""
	case strings.HasPrefix(digits, "97") || strings.HasPrefix(digits, "98"):
		return digits[:3]
	}
	return digits[:2]
}

// PostalAddress is the address on one line.
func (o Organisation) PostalAddress() string {
	return strings.TrimSpace(o.Address + ", " + strings.TrimSpace(o.Postcode+" "+o.City))
}

// Admit is the decision to let a structure in.
func Admit(o Organisation, by journal.Actor) (Organisation, journal.Fact, error) {
	if err := o.Check(); err != nil {
		return Organisation{}, journal.Fact{}, err
	}
	return o, journal.NewFact(by, journal.StructureAdmit, journal.Object{Type: "organisation", ID: o.ID}), nil
}
