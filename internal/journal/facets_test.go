package journal_test

import (
	"slices"
	"testing"

	"relais/internal/journal"
)

func TestScopeCovers(t *testing.T) {
	here := journal.Facets{Structure: "ccas", Departement: "22"}
	for scope, want := range map[journal.Scope][2]bool{
		{}:                  {true, true},
		{Structure: "ccas"}: {true, false}, {Structure: "mairie"}: {false, false},
		{Departement: "22"}: {true, false}, {Departement: "29"}: {false, false},
	} {
		if got := [2]bool{scope.Covers(here), scope.Covers(journal.Facets{Actor: "x"})}; got != want {
			t.Errorf("%+v covers %v, want %v", scope, got, want)
		}
	}
}

// TestCodes holds every combination of criteria against the lists of an entry:
// what matches field by field stands in all lists asked for, and nothing else.
func TestCodes(t *testing.T) {
	by := journal.Actor{Type: journal.ActorAidant, Ref: "a1"}
	r := journal.Record{Actor: by, Action: journal.DelegationUse, Mandat: "m1", Outcome: journal.Denied, Object: journal.Object{Type: "mandat", ID: "m1"},
		Details: map[string]string{"domaine": "logement", "client": "fc", "domaines": "social,logement"}}
	facets := r.Facets()
	facets.Structure, facets.Departement, facets.Usager = "ccas", "22", "u1"
	pick := func(n *int, values ...string) string { v := values[*n%len(values)]; *n /= len(values); return v }
	for n := range 4 * 3 * 3 * 3 * 3 * 3 * 3 * 3 {
		f, rest, want := journal.Filter{}, n, true
		switch pick(&rest, "", "ccas", "22", "29") {
		case "ccas":
			f.Scope.Structure = "ccas"
		case "22":
			f.Scope.Departement = "22"
		case "29":
			f.Scope.Departement, want = "29", false
		}
		is := func(right string) string {
			v := pick(&rest, "", right, "autre")
			want = want && v != "autre"
			return v
		}
		f.Structure, f.Actor, f.Usager, f.Service = is("ccas"), is("a1"), is("u1"), is("fc")
		f.Domaine = is("social")
		if a := is("delegation.use"); a != "" {
			f.Action = journal.Action(a)
		}
		if o := is("denied"); o != "" {
			f.Outcome = journal.Outcome(o)
		}
		if got := f.Matches(r, facets); got != want {
			t.Fatalf("%+v: %v, want %v (%v of %v)", f, got, want, f.Codes(), facets.Codes(r))
		}
	}
	if codes := facets.Codes(r); !slices.Contains(codes, "s:ccas|domaine:logement") || len(codes) != len(slices.Compact(slices.Sorted(slices.Values(codes)))) {
		t.Errorf("codes = %v", codes)
	}
}
