// Package usager is the person who gives the mandat: the mandant.
//
// It guarantees that an usager never prints their own name into a log and that
// only an e-mail they themselves called safe is ever handed to a service. How
// they are stored (encrypted under their own key) is the vault's business.
package usager

import (
	"errors"
	"log/slog"
	"net/mail"
	"strings"
	"time"

	"relais/internal/identite"
	"relais/internal/mandat"
)

// ErrNotFound is returned for an usager whom the asker may not know of.
var ErrNotFound = errors.New("usager inconnu")

// Usager is one person, as FranceConnect identified them.
type Usager struct {
	ID        string
	Identite  identite.Pivot
	Sub       string // FranceConnect's pairwise identifier of this person at Relais
	Email     string // as FranceConnect gave it, "" without
	EmailSafe bool   // they said that nobody else reads it
	Telephone string

	ErasedAt    time.Time // zero while their data is there
	ErasedEntry int64     // index of the journal's entry of the erasure
}

// LogValue prints the identifier only.
func (u Usager) LogValue() slog.Value { return slog.StringValue(u.ID) }

// EmailFor is the address to give to a hub that demands one: their own if they
// called it safe and a hub takes it, else the operator's, "" when there is neither.
func (u Usager) EmailFor(absent string) string {
	if u.EmailSafe && IsAddress(u.Email) {
		return u.Email
	}
	return absent
}

// IsAddress accepts plain ASCII addresses with a dotted domain: what a hub takes,
// which refuses the whole identity for any other.
func IsAddress(value string) bool {
	parsed, err := mail.ParseAddress(value)
	if err != nil || parsed.Address != value || len(value) > 254 {
		return false
	}
	local, host, _ := strings.Cut(value, "@")
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	outside := func(r rune) bool { return r < 0x21 || r > 0x7e }
	return len(labels) > 1 && len(local) <= 64 && !strings.ContainsAny(value, `"[]`) && !strings.ContainsFunc(value, outside)
}

// File is an usager with the mandats that one structure holds of them.
type File struct {
	Usager  Usager
	Mandats []mandat.Mandat
}
