// Package revue is a review: an auditeur has N entries of the journal drawn at
// random among those that meet criteria, marks each of them, and concludes.
//
//	Open      the draw is fixed: seed, size of the tree, criteria, sample
//	Annotate  one entry of the sample gets its mark, with a note
//	Close     every entry is marked; the auditeur concludes, and it is over
//
// It guarantees that the sample follows from what the opening entry commits to
// and from the journal alone, so that anybody can draw it again ([Draw]); that
// nothing is marked after closing; and that what people write (title, notes,
// conclusion) never reaches a fact, while a keyed commitment does, so that a
// later change of it shows ([Revue.Sealed]).
//
// It does not prove that the seed was the first one tried: each opening leaves
// its entry, and it is for whoever reads a review to see how many there were. A
// mark is an opinion: it changes nothing elsewhere.
package revue

import (
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/identite"
	"relais/internal/journal"
)

// Errors that callers act on.
var (
	ErrInvalid    = errors.New("revue refusée")
	ErrNotFound   = errors.New("revue introuvable")
	ErrClosed     = errors.New("la revue est close")
	ErrUnfinished = errors.New("des entrées de la revue n’ont pas encore de marque")
	ErrEmpty      = errors.New("aucune entrée ne répond à ces critères")
	ErrOther      = errors.New("la revue est celle d’un autre auditeur")
	ErrScope      = errors.New("la revue dépasse le périmètre de la mission")
	ErrRaced      = errors.New("la revue a changé entre-temps")
)

// How much may be drawn and written, in entries and in characters.
const (
	Max           = 200
	TitleMax      = 120
	NoteMax       = 1000
	ConclusionMax = 4000
)

// Mark is what an auditeur says of one entry.
type Mark string

// The three marks; "" is not marked yet.
const (
	Fine    Mark = "conforme"
	Unclear Mark = "a_eclaircir"
	Anomaly Mark = "anomalie"
)

// Marks lists them in the order of the form.
func Marks() []Mark { return []Mark{Fine, Unclear, Anomaly} }

// Label is the mark in French.
func (m Mark) Label() string {
	switch m {
	case Fine:
		return "Conforme"
	case Unclear:
		return "À éclaircir"
	case Anomaly:
		return "Anomalie"
	}
	return "Pas encore marquée"
}

// Line is one entry of the sample.
type Line struct {
	Index int64
	Mark  Mark
	Note  string
	Salt  []byte // of the commitment to the note; nil while there is no mark
}

// Revue is one review.
type Revue struct {
	ID         string
	AuditeurID string
	MissionID  string // the mission under which it was opened, "" for none
	Scope      journal.Scope
	Title      string
	Criteria   string // canonical, see [Criteria]
	Seed       string // 32 random bytes in hexadecimal
	Size       int64  // of the tree at opening: the population lies below it
	N          int    // how many entries were asked for
	Lines      []Line // the sample, by index
	OpenedAt   time.Time
	ClosedAt   time.Time // zero while it is open
	Conclusion string
	Salt       []byte // of the commitments to criteria and conclusion, 32 random bytes
	Head       journal.Head
	Rev        int64 // version of the stored row
	OpenEntry  int64 // index of the opening entry, -1 while it has none
	CloseEntry int64 // index of the closing entry, -1 while it has none
	// Marked and Drawn stand for Lines in a list of reviews, where these are not read.
	Marked, Drawn int
}

// NewID is a fresh identifier.
func NewID() string { return "rv" + strings.ToLower(rand.Text()[:16]) }

// Closed tells whether the review is over.
func (r Revue) Closed() bool { return !r.ClosedAt.IsZero() }

// Count is how many entries bear a mark; "" counts those without.
func (r Revue) Count(m Mark) int {
	n := 0
	for _, l := range r.Lines {
		if l.Mark == m {
			n++
		}
	}
	return n
}

// Done is how many entries are marked.
func (r Revue) Done() int { return len(r.Lines) - r.Count("") }

// Indexes is the sample.
func (r Revue) Indexes() []int64 {
	out := make([]int64, 0, len(r.Lines))
	for _, l := range r.Lines {
		out = append(out, l.Index)
	}
	return out
}

// Readable returns nil when an auditeur may read the review: their mission
// covers its scope, and it is theirs or closed. departement is the one of the
// scope's structure, "" for none.
func (r Revue) Readable(auditeurID string, scope journal.Scope, departement string) error {
	if r.AuditeurID != auditeurID && !r.Closed() {
		return ErrOther
	}
	if !covers(scope, r.Scope, departement) {
		return ErrScope
	}
	return nil
}

// covers tells whether everything of b lies in a.
func covers(a, b journal.Scope, departement string) bool {
	if (b == journal.Scope{}) {
		return a == journal.Scope{}
	}
	if b.Departement != "" {
		departement = b.Departement
	}
	return a.Covers(journal.Facets{Structure: b.Structure, Departement: departement})
}

func (r Revue) object() journal.Object { return journal.Object{Type: "revue", ID: r.ID} }

// Open is the decision to review: r holds what was asked and drawn with, sample
// what came out of it. Its fact is written before anybody sees the sample.
func Open(r Revue, sample []int64, by journal.Actor, at time.Time) (Revue, journal.Fact, error) {
	if err := r.check(); err != nil {
		return Revue{}, journal.Fact{}, err
	}
	if len(sample) == 0 {
		return Revue{}, journal.Fact{}, ErrEmpty
	}
	if len(sample) > r.N || !slices.IsSorted(sample) || sample[0] < 0 || sample[len(sample)-1] >= r.Size {
		return Revue{}, journal.Fact{}, fmt.Errorf("%w: échantillon", ErrInvalid)
	}
	r.Lines = make([]Line, len(sample))
	for i, index := range sample {
		r.Lines[i].Index = index
	}
	r.OpenedAt, r.ClosedAt, r.Conclusion, r.Rev, r.OpenEntry, r.CloseEntry = at, time.Time{}, "", 1, -1, -1
	return r, journal.NewFact(by, journal.RevueOpen, r.object()).With("mission", r.MissionID).
		With("graine", r.Seed).With("taille", strconv.FormatInt(r.Size, 10)).With("n", strconv.Itoa(r.N)).
		With("criteres", r.CriteriaCommitment()).With("echantillon", SampleDigest(sample)), nil
}

func (r Revue) check() error {
	switch {
	case r.ID == "" || r.AuditeurID == "" || len(r.Salt) != 32:
		return fmt.Errorf("%w: identifiant", ErrInvalid)
	case !written(r.Title, TitleMax, false) || r.Title == "":
		return fmt.Errorf("%w: objet", ErrInvalid)
	case r.N < 1 || r.N > Max:
		return fmt.Errorf("%w: de 1 à %d entrées", ErrInvalid, Max)
	case r.Size < 1:
		return ErrEmpty
	}
	if f, err := ParseCriteria(r.Criteria); err != nil {
		return err
	} else if f.Scope != r.Scope {
		return fmt.Errorf("%w: périmètre", ErrInvalid)
	}
	_, err := seed(r.Seed)
	return err
}

// written holds what people write to its length and to readable characters.
func written(s string, max int, lines bool) bool {
	if utf8.RuneCountInString(s) > max || strings.TrimSpace(s) != s {
		return false
	}
	if lines {
		s = strings.ReplaceAll(s, "\n", " ")
	}
	return s == "" || identite.Plain(s)
}

// Annotate marks one entry of the sample, or changes its mark while the review
// is open.
func (r Revue) Annotate(index int64, m Mark, note string, by journal.Actor) (Revue, journal.Fact, error) {
	if err := r.open(by); err != nil {
		return r, journal.Fact{}, err
	}
	i := slices.IndexFunc(r.Lines, func(l Line) bool { return l.Index == index })
	if i < 0 {
		return r, journal.Fact{}, fmt.Errorf("%w: l’entrée %d n’est pas de l’échantillon", ErrNotFound, index)
	}
	if !slices.Contains(Marks(), m) || !written(note, NoteMax, true) || m != Fine && note == "" {
		return r, journal.Fact{}, fmt.Errorf("%w: marque ou note", ErrInvalid)
	}
	l := Line{Index: index, Mark: m, Note: note, Salt: journal.NewSalt()}
	r.Lines = slices.Clone(r.Lines)
	r.Lines[i] = l
	r.Rev++
	return r, journal.NewFact(by, journal.RevueAnnotate, r.object()).With("entree", strconv.FormatInt(index, 10)).
		With("marque", string(m)).With("engagement", l.commitment()), nil
}

// open refuses whoever may not work on the review, and work on a closed one.
func (r Revue) open(by journal.Actor) error {
	switch {
	case by.Ref != r.AuditeurID:
		return ErrOther
	case r.Closed():
		return ErrClosed
	}
	return nil
}

// Close ends the review; head is the journal at that moment.
func (r Revue) Close(conclusion string, head journal.Head, by journal.Actor, at time.Time) (Revue, journal.Fact, error) {
	if err := r.open(by); err != nil {
		return r, journal.Fact{}, err
	}
	if r.Done() < len(r.Lines) {
		return r, journal.Fact{}, ErrUnfinished
	}
	if conclusion == "" || !written(conclusion, ConclusionMax, true) {
		return r, journal.Fact{}, fmt.Errorf("%w: conclusion", ErrInvalid)
	}
	r.Conclusion, r.ClosedAt, r.Head = conclusion, at, head
	r.Rev++
	return r, journal.NewFact(by, journal.RevueClose, r.object()).
		With("conformes", strconv.Itoa(r.Count(Fine))).With("a_eclaircir", strconv.Itoa(r.Count(Unclear))).
		With("anomalies", strconv.Itoa(r.Count(Anomaly))).With("taille", strconv.FormatInt(head.Size, 10)).
		With("racine", head.Root.String()).With("engagement", r.commitment()), nil
}

// Read is the fact that a closed review was read; it changes nothing.
func (r Revue) Read(by journal.Actor) journal.Fact {
	return journal.NewFact(by, journal.RevueView, r.object())
}

func (l Line) commitment() string {
	return journal.Commit(l.Salt, strconv.FormatInt(l.Index, 10), string(l.Mark), l.Note)
}

// commitment covers the title, the conclusion, and each entry's mark and note.
func (r Revue) commitment() string {
	parts := []string{"revue", r.Title, r.Conclusion}
	for _, l := range r.Lines {
		parts = append(parts, l.commitment())
	}
	return journal.Commit(r.Salt, parts...)
}

// Sealed tells whether the review is what its opening and closing entries say,
// so that a change of the sample, a mark, a note, the title or the conclusion
// behind the journal's back shows.
func (r Revue) Sealed(opened, closed journal.Record) bool {
	o, c := opened.Details, closed.Details
	return opened.Action == journal.RevueOpen && closed.Action == journal.RevueClose &&
		opened.Object == r.object() && closed.Object == r.object() && opened.Index == r.OpenEntry && closed.Index == r.CloseEntry &&
		o["graine"] == r.Seed && o["taille"] == strconv.FormatInt(r.Size, 10) && o["n"] == strconv.Itoa(r.N) &&
		o["criteres"] == r.CriteriaCommitment() && o["echantillon"] == SampleDigest(r.Indexes()) &&
		c["taille"] == strconv.FormatInt(r.Head.Size, 10) && c["racine"] == r.Head.Root.String() &&
		hmac.Equal([]byte(c["engagement"]), []byte(r.commitment()))
}
