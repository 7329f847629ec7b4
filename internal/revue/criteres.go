package revue

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"relais/internal/journal"
)

// criterion is one field of a filter with its name in the canonical form.
type criterion struct {
	name string
	read func(f journal.Filter) string
	set  func(f *journal.Filter, value string) error
}

func plain(name string, field func(f *journal.Filter) *string) criterion {
	return criterion{name,
		func(f journal.Filter) string { return *field(&f) },
		func(f *journal.Filter, value string) error { *field(f) = value; return nil }}
}

func instant(name string, field func(f *journal.Filter) *time.Time) criterion {
	return criterion{name,
		func(f journal.Filter) string {
			if field(&f).IsZero() {
				return ""
			}
			return field(&f).UTC().Format(time.RFC3339)
		},
		func(f *journal.Filter, value string) (err error) {
			*field(f), err = time.Parse(time.RFC3339, value)
			return err
		}}
}

// criteria lists all that a population may be asked for.
func criteria() []criterion {
	return []criterion{
		instant("depuis", func(f *journal.Filter) *time.Time { return &f.From }),
		instant("avant", func(f *journal.Filter) *time.Time { return &f.To }),
		plain("acteur", func(f *journal.Filter) *string { return &f.Actor }),
		plain("action", func(f *journal.Filter) *string { return (*string)(&f.Action) }),
		plain("mandat", func(f *journal.Filter) *string { return &f.Mandat }),
		plain("issue", func(f *journal.Filter) *string { return (*string)(&f.Outcome) }),
		plain("structure", func(f *journal.Filter) *string { return &f.Structure }),
		plain("usager", func(f *journal.Filter) *string { return &f.Usager }),
		plain("domaine", func(f *journal.Filter) *string { return &f.Domaine }),
		plain("service", func(f *journal.Filter) *string { return &f.Service }),
		plain("perimetre-structure", func(f *journal.Filter) *string { return &f.Scope.Structure }),
		plain("perimetre-departement", func(f *journal.Filter) *string { return &f.Scope.Departement }),
	}
}

// Criteria writes a filter with its scope canonically: name=value pairs in the
// order of their names, joined by &, percent-encoded as in an address; "" is the
// whole journal. Values are opaque codes and instants, never names. The page
// (Before, Limit) is no criterion.
func Criteria(f journal.Filter) string {
	values := url.Values{}
	for _, c := range criteria() {
		if v := c.read(f); v != "" {
			values.Set(c.name, v)
		}
	}
	return values.Encode()
}

// ParseCriteria undoes [Criteria]. It accepts what Criteria writes and nothing
// else; the error wraps [ErrInvalid].
func ParseCriteria(text string) (journal.Filter, error) {
	var f journal.Filter
	values, err := url.ParseQuery(text)
	if err != nil {
		return f, fmt.Errorf("%w: critères", ErrInvalid)
	}
	for _, c := range criteria() {
		value := values.Get(c.name)
		if value == "" {
			continue
		}
		if len(value) > 200 || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return f, fmt.Errorf("%w: critère %s", ErrInvalid, c.name)
		}
		if err := c.set(&f, value); err != nil {
			return f, fmt.Errorf("%w: critère %s", ErrInvalid, c.name)
		}
	}
	if Criteria(f) != text {
		return f, fmt.Errorf("%w: critères", ErrInvalid)
	}
	return f, nil
}
