package signal

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/identite"
	"relais/internal/journal"
)

// Errors that callers act on.
var (
	ErrNotFound = errors.New("signal introuvable")
	ErrInvalid  = errors.New("note refusée")
	ErrSeen     = errors.New("signal déjà marqué comme vu")
)

// NoteMax bounds a note, in characters.
const NoteMax = 500

// Seen is an auditeur's mark on a signal: they looked, and what they noted. It
// judges nobody, closes nothing, and is given once.
type Seen struct {
	By   string // the auditeur's identifier
	At   time.Time
	Note string // "" without one, and once the usager it may speak of is erased
	Salt []byte // of the commitment to the note
}

// ID names the signal: its entry and its rule.
func (f Found) ID() string { return strconv.FormatInt(f.Index, 10) + "." + string(f.Rule) }

// See marks the signal. The fact commits to the note without telling it.
func (f Found) See(note string, by journal.Actor, at time.Time) (Seen, journal.Fact, error) {
	if !f.SeenAt.IsZero() {
		return Seen{}, journal.Fact{}, ErrSeen
	}
	plain := strings.ReplaceAll(note, "\n", " ")
	if utf8.RuneCountInString(note) > NoteMax || strings.TrimSpace(note) != note || note != "" && !identite.Plain(plain) {
		return Seen{}, journal.Fact{}, ErrInvalid
	}
	s := Seen{By: by.Ref, At: at, Note: note, Salt: journal.NewSalt()}
	return s, journal.NewFact(by, journal.SignalSee, journal.Object{Type: "signal", ID: f.ID()}).
		With("entree", strconv.FormatInt(f.Index, 10)).With("regle", string(f.Rule)).With("engagement", s.Commitment(f)), nil
}

// Commitment binds the fact to the signal's name and the note.
func (s Seen) Commitment(f Found) string { return journal.Commit(s.Salt, f.ID(), s.Note) }
