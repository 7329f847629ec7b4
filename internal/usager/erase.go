package usager

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
)

// Errors of an erasure that callers act on.
var (
	ErrMotif   = errors.New("motif d’effacement inconnu")
	ErrRunning = errors.New("un mandat est en cours : l’usager doit d’abord y mettre fin")
	ErrKept    = errors.New("la preuve doit encore être conservée")
	ErrFrozen  = errors.New("un litige gèle la suppression")
	ErrErased  = errors.New("les données de cet usager sont déjà effacées")
)

// Motif is the legal basis of an erasure.
type Motif string

// The bases. Demande and Duree wait for the end of the evidence's retention
// (RGPD, art. 17(3)(b) and (e)); Illicite and Injonction do not.
const (
	Duree      Motif = "duree"
	Demande    Motif = "demande"
	Illicite   Motif = "traitement_illicite"
	Injonction Motif = "injonction"
)

// Motifs lists the bases, in the order of the help.
func Motifs() []Motif { return []Motif{Duree, Demande, Illicite, Injonction} }

// Label is the basis in French.
func (m Motif) Label() string {
	switch m {
	case Duree:
		return "Durée de conservation écoulée (RGPD, art. 5(1)(e))"
	case Demande:
		return "Demande de la personne (RGPD, art. 17(1))"
	case Illicite:
		return "Traitement illicite (RGPD, art. 17(1)(d))"
	case Injonction:
		return "Injonction d’un juge ou de la CNIL"
	}
	return string(m)
}

// Erased tells whether the usager's data is gone.
func (u Usager) Erased() bool { return !u.ErasedAt.IsZero() }

// Traces is what an erasure takes away, in numbers.
type Traces struct {
	Dossiers int64 // sealed evidence of mandats
	Index    int64 // search tokens
	Uses     int64 // delegated logins that were still open
}

// KeptUntil is when the last of the mandats' evidence may go; zero when nothing
// holds it back.
func KeptUntil(mandats []mandat.Mandat, at time.Time) time.Time {
	var last time.Time
	for _, m := range mandats {
		if end := m.Ended(at); !end.IsZero() && !m.SignedAt.IsZero() {
			if until := end.AddDate(mandat.CurrentYears+mandat.ArchiveYears, 0, 0); until.After(at) && until.After(last) {
				last = until
			}
		}
	}
	return last
}

// Erase decides on the erasure of an usager with all the mandats they ever
// gave, in whatever structure. It is refused while one of them runs, while a
// dispute is open (unless a judge orders it) and while evidence must be kept
// (unless the processing was unlawful, or a judge or the CNIL orders it). The
// refusal leaves a trace; neither it nor the fact names the person.
func (f File) Erase(motif Motif, gone Traces, by journal.Actor, at time.Time) (File, journal.Fact, error) {
	if !slices.Contains(Motifs(), motif) {
		return f, journal.Fact{}, ErrMotif
	}
	if f.Usager.Erased() {
		return f, journal.Fact{}, ErrErased
	}
	fact := journal.NewFact(by, journal.UsagerErase, journal.Object{Type: "usager"}).With("base", string(motif))
	for _, m := range f.Mandats {
		if phase, _ := m.Retention(at); phase == mandat.Running && !m.SignedAt.IsZero() {
			return f, fact.Denied("mandat_en_cours"), ErrRunning
		}
		if m.Disputed() && motif != Injonction {
			return f, fact.Denied("litige"), ErrFrozen
		}
	}
	if until := KeptUntil(f.Mandats, at); !until.IsZero() && motif != Illicite && motif != Injonction {
		return f, fact.Denied("conservation"), fmt.Errorf("%w jusqu’au %s", ErrKept, until.UTC().Format("02/01/2006"))
	}
	f.Usager = Usager{ID: f.Usager.ID, ErasedAt: at}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return f, fact.With("mandats", strconv.Itoa(len(f.Mandats))).With("dossiers", count(gone.Dossiers)).
		With("index", count(gone.Index)).With("utilisations", count(gone.Uses)), nil
}

// Name is how pages name the usager: their own name, or that it was erased,
// when, and which entry of the journal says so.
func (u Usager) Name(zone *time.Location) string {
	if u.Erased() {
		return fmt.Sprintf("effacé le %s, entrée %d", u.ErasedAt.In(zone).Format("02/01/2006"), u.ErasedEntry)
	}
	return u.Identite.Display()
}

// Exported is the fact that one mandat's data was handed to its usager.
func Exported(m mandat.Mandat, by journal.Actor) journal.Fact {
	return journal.NewFact(by, journal.UsagerExport, journal.Object{Type: "mandat", ID: m.ID}).OfMandat(m.ID).Because("acces")
}
