package journal_test

import (
	"testing"
	"time"

	"relais/internal/journal"
)

func TestAccessLimit(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for months, want := range map[int]int{0: 6, 6: 6, 12: 12, 36: 36, 400: 36} {
		if got := journal.AccessLimit(now, months); !got.Equal(now.AddDate(0, -want, 0)) {
			t.Errorf("%d months: %v", months, got)
		}
	}
}

// TestClasses: what proves a mandat is never pruned.
func TestClasses(t *testing.T) {
	for _, a := range journal.AccessActions() {
		switch a {
		case journal.MandatSign, journal.MandatGive, journal.MandatRevoke, journal.DelegationUse, journal.JournalPrune, journal.UsagerErase:
			t.Errorf("%s would be pruned", a)
		}
	}
	for _, a := range journal.Actions() {
		if c := a.Class(); c != journal.Access && c != journal.Evidence {
			t.Errorf("%s has no clock", a)
		}
		if a.Label() == string(a) {
			t.Errorf("%s has no French", a)
		}
	}
}

func TestFactsOfConservation(t *testing.T) {
	sum := journal.NewPruneSum()
	sum.Add(journal.Record{Index: 3, Action: journal.MandatView, At: time.Unix(0, 0)})
	for _, f := range []journal.Fact{sum.Fact(journal.Systeme()), journal.Beat(), journal.SteppedBack(time.Hour),
		journal.Replayed(2, ""), journal.Replayed(2, "m-1"), journal.Rotated(journal.Systeme(), 4)} {
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", f.Action(), err)
		}
	}
}
