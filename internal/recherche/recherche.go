// Package recherche is a search of the journal that an auditeur keeps under a
// name, to run it again.
//
//	Save    a new one, or another name
//	Delete  it is gone; the journal keeps that it was there
//
// It guarantees that only opaque codes and dates are kept as criteria, that the
// name (which people write) never reaches a fact, and that an auditeur keeps
// [Max] of them at most. It searches nothing: its address does ([Recherche.Query]).
package recherche

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/identite"
	"relais/internal/journal"
)

// Errors that callers act on.
var (
	ErrInvalid  = errors.New("recherche refusée")
	ErrNotFound = errors.New("recherche introuvable")
	ErrTooMany  = errors.New("trop de recherches enregistrées")
)

// Max is how many searches an auditeur keeps; NameMax is in characters.
const (
	Max     = 50
	NameMax = 80
)

// Periods lists the relative periods, in days; 0 keeps the dates of the search.
func Periods() []int { return []int{0, 7, 30, 90, 365} }

// Recherche is one saved search.
type Recherche struct {
	ID         string
	AuditeurID string
	Name       string
	Criteria   string // canonical parameters of the journal's address, without its period when Days is set
	Days       int    // the last so many days, today included; 0 for none
	CreatedAt  time.Time
}

// NewID is a fresh identifier.
func NewID() string { return "rc" + strings.ToLower(rand.Text()[:16]) }

var field = regexp.MustCompile(`^[a-z][a-z-]{0,30}$`)

// dates are the parameters that say a period.
var dates = regexp.MustCompile(`^(?:du|au)-(?:jour|mois|annee)$`)

// Canonical writes parameters of the journal's address canonically: empty ones
// and the page dropped, one value each, sorted, percent-encoded. The error wraps
// [ErrInvalid] for what is no code.
func Canonical(values url.Values) (string, error) {
	kept := url.Values{}
	for name := range values {
		value := strings.TrimSpace(values.Get(name))
		if value == "" || name == "avant" {
			continue
		}
		value = strings.ReplaceAll(value, " ", "") // a mandat's number may be typed in groups
		if !field.MatchString(name) || !isCode(value) {
			return "", fmt.Errorf("%w: critère %q", ErrInvalid, name)
		}
		kept.Set(name, value)
	}
	return kept.Encode(), nil
}

// isCode tells 1 to 200 printable ASCII characters without blanks.
func isCode(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (r Recherche) check() error {
	values, err := url.ParseQuery(r.Criteria)
	if err != nil {
		return fmt.Errorf("%w: critères", ErrInvalid)
	}
	again, err := Canonical(values)
	if err != nil {
		return err
	}
	n := utf8.RuneCountInString(r.Name)
	switch {
	case r.ID == "" || r.AuditeurID == "":
		return fmt.Errorf("%w: identifiant", ErrInvalid)
	case again != r.Criteria || r.Criteria == "" && r.Days == 0:
		return fmt.Errorf("%w: critères", ErrInvalid)
	case n == 0 || n > NameMax || strings.TrimSpace(r.Name) != r.Name || !identite.Plain(r.Name):
		return fmt.Errorf("%w: nom", ErrInvalid)
	}
	for _, days := range Periods() {
		if r.Days == days {
			return nil
		}
	}
	return fmt.Errorf("%w: période", ErrInvalid)
}

// Save keeps a new search; had is how many the auditeur has already.
func Save(r Recherche, had int, by journal.Actor, at time.Time) (Recherche, journal.Fact, error) {
	if r.Days > 0 {
		r.Criteria = withoutDates(r.Criteria)
	}
	if err := r.check(); err != nil {
		return Recherche{}, journal.Fact{}, err
	}
	if had >= Max {
		return Recherche{}, journal.Fact{}, ErrTooMany
	}
	r.CreatedAt = at
	return r, journal.NewFact(by, journal.RechercheSave, r.object()), nil
}

// Rename gives it another name.
func (r Recherche) Rename(name string, by journal.Actor) (Recherche, journal.Fact, error) {
	r.Name = name
	if err := r.check(); err != nil {
		return Recherche{}, journal.Fact{}, err
	}
	return r, journal.NewFact(by, journal.RechercheSave, r.object()).Because("nom"), nil
}

// Delete is the fact that it goes.
func (r Recherche) Delete(by journal.Actor) journal.Fact {
	return journal.NewFact(by, journal.RechercheDelete, r.object())
}

func (r Recherche) object() journal.Object { return journal.Object{Type: "recherche", ID: r.ID} }

func withoutDates(criteria string) string {
	values, err := url.ParseQuery(criteria)
	if err != nil {
		return criteria
	}
	for name := range values {
		if dates.MatchString(name) {
			values.Del(name)
		}
	}
	return values.Encode()
}

// Query is the parameters of the journal's address on a day: what an auditeur
// opens, and may send on.
func (r Recherche) Query(today time.Time) string {
	if r.Days == 0 {
		return r.Criteria
	}
	values, err := url.ParseQuery(r.Criteria)
	if err != nil {
		return r.Criteria
	}
	from := today.AddDate(0, 0, 1-r.Days)
	values.Set("du-jour", strconv.Itoa(from.Day()))
	values.Set("du-mois", strconv.Itoa(int(from.Month())))
	values.Set("du-annee", strconv.Itoa(from.Year()))
	return values.Encode()
}
