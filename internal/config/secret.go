package config

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what any printing of a Secret shows, also of an empty one.
const redacted = "«secret»"

// Secret is a text that no log, page or error shows by accident. Only Reveal
// gives it.
type Secret string

// Reveal returns the secret itself. Each call is a place to review.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return redacted }

// Format hides the secret from every verb; without it a wrong verb such as %d
// makes fmt print the text.
func (s Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, redacted) // fmt reports its own write errors
}

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the secret from encoding/json.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText hides the secret from encoders of text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
