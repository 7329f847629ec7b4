// Package identite is the identité pivot: the seven claims by which the French
// State names a person, their normal form, their partial dates and how two of
// them compare.
//
// It guarantees that an identity accepted by [Pivot.Check] is one that
// FranceConnect accepts from an identity provider (its own rules, observed on
// the published hub), and that no name of it can change a page's direction,
// hide a character or reach into the next line. It neither stores nor fetches anything, and knows nothing
// of e-mail or telephone.
package identite

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrInvalid is wrapped by every refusal of [Pivot.Check].
var ErrInvalid = errors.New("identité refusée")

// France is the COG code of France in birthcountry.
const France = "99100"

// Pivot holds the seven claims, named as OpenID Connect and FranceConnect name
// them. Names are those of the birth certificate; PreferredUsername is the
// usage name.
type Pivot struct {
	FamilyName        string    `json:"family_name"`
	GivenName         string    `json:"given_name"` // all given names, separated by blanks
	PreferredUsername string    `json:"preferred_username,omitempty"`
	Gender            string    `json:"gender"` // male, female or unspecified
	Birthdate         Birthdate `json:"birthdate"`
	Birthplace        string    `json:"birthplace"`   // COG code of the commune, "" when born abroad
	Birthcountry      string    `json:"birthcountry"` // COG code of the country
}

var cogPattern = regexp.MustCompile(`^(2[AB]|\d\d)\d{3}$`)

// Normal returns the pivot in normal form: NFC, single blanks, and no birthplace
// for a birth abroad, which FranceConnect fills with various words.
func (p Pivot) Normal() Pivot {
	p.FamilyName = tidy(p.FamilyName)
	p.GivenName = tidy(p.GivenName)
	p.PreferredUsername = tidy(p.PreferredUsername)
	if p.Birthcountry != France {
		p.Birthplace = ""
	}
	return p
}

func tidy(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }

// Check returns an error wrapping [ErrInvalid], naming the claim and never its
// value, unless FranceConnect would accept the pivot.
func (p Pivot) Check() error {
	for _, n := range []struct {
		claim, value string
		required     bool
	}{{"family_name", p.FamilyName, true}, {"given_name", p.GivenName, true}, {"preferred_username", p.PreferredUsername, false}} {
		if err := checkName(n.value, n.required); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInvalid, n.claim, err)
		}
	}
	switch p.Gender {
	case "male", "female", "unspecified":
	default:
		return fmt.Errorf("%w: gender", ErrInvalid)
	}
	if err := p.Birthdate.Check(); err != nil {
		return err
	}
	if !cogPattern.MatchString(p.Birthcountry) {
		return fmt.Errorf("%w: birthcountry", ErrInvalid)
	}
	if p.Birthcountry == France && !cogPattern.MatchString(p.Birthplace) {
		return fmt.Errorf("%w: birthplace", ErrInvalid)
	}
	return nil
}

var (
	errEmpty = errors.New("vide")
	errLong  = errors.New("plus de 256 caractères")
	errRune  = errors.New("caractère interdit")
)

func checkName(s string, required bool) error {
	if s == "" {
		if required {
			return errEmpty
		}
		return nil
	}
	if utf8.RuneCountInString(s) > 256 {
		return errLong
	}
	if strings.TrimSpace(s) == "" {
		return errEmpty
	}
	if !Plain(s) {
		return errRune
	}
	return nil
}

// hidden are the characters that a reader does not see, or that move others:
// controls, format characters (the bidirectional ones among them), line and
// paragraph separators, private ones, fillers.
var hidden = []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector}

// marksMax bounds the marks on one letter: languages written with two or three
// exist, piles that reach into the next line do not.
const marksMax = 4

// Plain tells whether text of one line shows every character it holds, each in
// its place: nothing hidden, valid UTF-8, no piles of combining marks.
// What enters a legal text or a page is held to it.
func Plain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	marks := 0
	for _, r := range s {
		if unicode.IsOneOf(hidden, r) {
			return false
		}
		if !unicode.Is(unicode.M, r) {
			marks = 0
			continue
		}
		if marks++; marks > marksMax {
			return false
		}
	}
	return true
}

// Display is the name as a counter writes it: given names, birth name, and the
// usage name when there is one.
func (p Pivot) Display() string {
	name := p.GivenName + " " + p.FamilyName
	if p.PreferredUsername != "" && p.PreferredUsername != p.FamilyName {
		name += " (nom d’usage " + p.PreferredUsername + ")"
	}
	return name
}

// LogValue keeps the identity out of logs.
func (p Pivot) LogValue() slog.Value { return slog.StringValue("«identité»") }

// Same tells whether two pivots name the same person: equal in normal form, case
// and accents folded, the usage name aside since it changes in a life.
func (p Pivot) Same(q Pivot) bool {
	p, q = p.Normal(), q.Normal()
	return Fold(p.FamilyName) == Fold(q.FamilyName) && Fold(p.GivenName) == Fold(q.GivenName) &&
		p.Gender == q.Gender && p.Birthdate == q.Birthdate &&
		p.Birthplace == q.Birthplace && p.Birthcountry == q.Birthcountry
}
