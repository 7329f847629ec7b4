package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"time"
)

// The months for which access entries keep their bodies (CNIL, délibération
// 2021-122: 6 to 12 months, up to 36 for internal control with proof of need).
const (
	AccessMonths    = 12
	AccessMonthsMax = 36
)

// AccessLimit is the moment before which access entries have run their time.
// months outside 6…36 count as the nearest of them.
func AccessLimit(now time.Time, months int) time.Time {
	return now.AddDate(0, -min(max(months, 6), AccessMonthsMax), 0)
}

// AccessActions lists the actions whose entries may be pruned.
func AccessActions() []Action {
	return slices.DeleteFunc(Actions(), func(a Action) bool { return a.Class() != Access })
}

// PruneSum is a digest over what stays readable of pruned entries. The entry
// that prunes holds it, so that nothing more can be emptied under its name and
// no evidence be passed off as an access entry afterwards.
type PruneSum struct {
	h         hash.Hash
	count     int64
	low, high int64
}

// NewPruneSum starts with no entry.
func NewPruneSum() *PruneSum { return &PruneSum{h: sha256.New()} }

// Add takes the next entry, in the order of the index.
func (s *PruneSum) Add(r Record) {
	if s.count == 0 {
		s.low = r.Index
	}
	s.count, s.high = s.count+1, r.Index
	fmt.Fprintf(s.h, "%d %s %s %s %d %s\n", r.Index, r.Action, r.At.UTC().Format(timeLayout), r.Mandat, r.StreamSeq, r.Outcome)
}

// Count is how many entries were added.
func (s *PruneSum) Count() int64 { return s.count }

func (s *PruneSum) hex() string { return hex.EncodeToString(s.h.Sum(nil)) }

// Fits tells whether what was added may have been emptied by the entry that
// claims so: ok. all tells that it is everything that entry emptied, and that
// the digests agree.
func (s *PruneSum) Fits(claim Record) (all, ok bool) {
	low, errLow := strconv.ParseInt(claim.Details["premiere"], 10, 64)
	high, errHigh := strconv.ParseInt(claim.Details["derniere"], 10, 64)
	count, errCount := strconv.ParseInt(claim.Details["nombre"], 10, 64)
	if errLow != nil || errHigh != nil || errCount != nil || claim.Action != JournalPrune || claim.Outcome != OK ||
		s.count == 0 || s.count > count || s.low < low || s.high > high {
		return false, false
	}
	all = s.count == count
	return all, !all || claim.Details["empreinte"] == s.hex()
}

// Fact is the entry under which the bodies go.
func (s *PruneSum) Fact(by Actor) Fact {
	return NewFact(by, JournalPrune, Object{Type: "journal"}).Because("duree").
		With("nombre", strconv.FormatInt(s.count, 10)).With("empreinte", s.hex()).
		With("premiere", strconv.FormatInt(s.low, 10)).With("derniere", strconv.FormatInt(s.high, 10))
}

// Beat is the fact that Relais runs, so that silence is evidence.
func Beat() Fact { return NewFact(Systeme(), Heartbeat, Object{Type: "journal"}) }

// SteppedBack is the fact that the clock shows less than at the entry before.
// The dates of entries stay as the clock gave them: the order is the tree's.
func SteppedBack(by time.Duration) Fact {
	return NewFact(Systeme(), ClockBack, Object{Type: "horloge"}).With("secondes", strconv.FormatInt(int64(by/time.Second), 10))
}

// Replayed is the fact that the states of all mandats were rebuilt from their
// entries; disagrees is the first mandat that differs, "" for none.
func Replayed(mandats int, disagrees string) Fact {
	f := NewFact(Systeme(), JournalReplay, Object{Type: "journal"}).With("mandats", strconv.Itoa(mandats))
	if disagrees == "" {
		return f
	}
	return f.With("mandat", disagrees).Failed("etat_different")
}

// pruning holds what a [Verifier] saw of emptied entries and of the entries
// that claim to have emptied them.
type pruning struct {
	sums   map[int64]*PruneSum
	claims map[int64]Record
	total  int64
}

func newPruning() pruning { return pruning{sums: map[int64]*PruneSum{}, claims: map[int64]Record{}} }

func (p *pruning) claim(index int64, r Record) {
	if r.Action == JournalPrune && r.Outcome == OK {
		r.Index = index
		p.claims[index] = r
	}
}

// check compares the emptied entries with what the journal says was emptied.
func (p *pruning) check() error {
	for _, index := range slices.Sorted(maps.Keys(p.sums)) {
		sum, claim := p.sums[index], p.claims[index]
		if claim.ID == "" {
			return &Finding{Index: sum.low, Why: fmt.Sprintf("le contenu manque, et l’entrée %d ne dit pas l’avoir supprimé", index)}
		}
		if claim.Details["nombre"] != strconv.FormatInt(sum.count, 10) || claim.Details["empreinte"] != sum.hex() {
			return &Finding{Index: index, Why: "les entrées vidées ne sont pas celles que cette entrée annonce"}
		}
	}
	for _, index := range slices.Sorted(maps.Keys(p.claims)) {
		if p.sums[index] == nil {
			return &Finding{Index: index, Why: "les entrées que celle-ci annonce vidées ne le sont pas"}
		}
	}
	return nil
}

// addPruned takes an entry whose body is gone: its leaf stands for it in the
// tree and in its mandat's stream. It returns why it does not hold, "" if it does.
func (v *Verifier) addPruned(row Row) string {
	r := row.Copies
	r.Index = row.Index
	if row.Altered || len(row.Body) != 0 || row.PrunedBy <= row.Index {
		return "une entrée vidée garde un contenu ou une marque illisible"
	}
	if r.Action.Class() != Access {
		return fmt.Sprintf("le contenu d’une entrée de preuve (%s) a été supprimé", r.Action)
	}
	if r.Mandat != "" {
		end := v.end([]byte(r.Mandat))
		if r.StreamSeq != end.seq+1 {
			return fmt.Sprintf("le fil du mandat est rompu (numéro %d après %d)", r.StreamSeq, end.seq)
		}
		end.seq, end.leaf, end.at = r.StreamSeq, row.Leaf, row.Index
		v.days.move(end)
	}
	sum := v.pruning.sums[row.PrunedBy]
	if sum == nil {
		sum = NewPruneSum()
		v.pruning.sums[row.PrunedBy] = sum
	}
	sum.Add(r)
	v.pruning.total++
	return ""
}

// Pruned is how many of the entries added so far have lost their body.
func (v *Verifier) Pruned() int64 { return v.pruning.total }

// Rotated is the fact that the vault's master key was renewed and so many keys
// wrapped again.
func Rotated(by Actor, keys int) Fact {
	return NewFact(by, CoffreRotate, Object{Type: "coffre"}).With("cles", strconv.Itoa(keys))
}

// ProviderRotated is the fact that so many signing keys of the provider were added,
// the first of which is named, beside so many that were there.
func ProviderRotated(by Actor, kid string, added, before int) Fact {
	return NewFact(by, KeysRotate, Object{Type: "cle", ID: kid}).With("ajoutees", strconv.Itoa(added)).With("avant", strconv.Itoa(before))
}
