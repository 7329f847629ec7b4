package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
)

// TestSearchAgrees compares pages with a plain walk through all entries, for
// random criteria, at whatever place the lists have come to, and across a clock
// that is set back.
func TestSearchAgrees(t *testing.T) {
	onBoth(t, func(h *house) {
		random := rand.New(rand.NewPCG(2, 6))
		a, b := h.signed("ccas", martin, "social", "papiers"), h.signed("ccas", durand, "social")
		start := h.time()
		refs := []string{"a-jeanne", "a-paul"}
		grow := func(n int) {
			var facts []journal.Fact
			for range n {
				by := journal.Actor{Type: journal.ActorAidant, Ref: refs[random.IntN(2)], Auth: "x"}
				switch random.IntN(6) {
				case 0:
					facts = append(facts, a.Viewed(by))
				case 1:
					facts = append(facts, b.Printed(by, "acte"))
				case 2:
					facts = append(facts, aidant.Refused(by, "GET_/x", "role"))
				case 3:
					facts = append(facts, journal.Beat())
				default:
					facts = append(facts, a.Printed(by, "acte"))
				}
			}
			h.ok(h.Append(h.ctx, facts...))
			h.pass(time.Duration(random.IntN(20*24)) * time.Hour)
		}
		for n := range 12 {
			grow(150)
			if n == 5 {
				h.pass(-50 * 24 * time.Hour)
				h.ok(h.choose(a, "r1", "social"))
			}
			if n == 8 {
				h.ok(h.RunFollowers(h.ctx))
			}
		}
		h.compare(random, start, 120)
		h.ok(h.RunFollowers(h.ctx))
		h.compare(random, start, 240)
	})
}

// compare searches with random criteria.
func (h *house) compare(random *rand.Rand, start time.Time, searches int) {
	h.t.Helper()
	var all []journal.Record
	facets := map[int64]journal.Facets{}
	for index := h.size() - 1; index >= 0; index-- {
		row, err := h.Entry(h.ctx, index)
		h.ok(err)
		r, err := journal.Parse(row.Body)
		h.ok(err)
		r.Index = index
		if facets[index], err = h.Store.Facets(h.ctx, index); err != nil {
			h.t.Fatal(err)
		}
		r.Actor.Ref = facets[index].Actor
		all = append(all, r)
	}
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	mandats, usagers := []string{"", "", ""}, []string{"", "", ""}
	for _, r := range all {
		if f := facets[r.Index]; f.Usager != "" && !slices.Contains(usagers, f.Usager) {
			mandats, usagers = append(mandats, r.Mandat), append(usagers, f.Usager)
		}
	}
	for range searches {
		f := journal.Filter{Actor: pick("", "", "a-jeanne", "a-paul", "relais", "absent"), Structure: pick("", "", "", "ccas", "mairie"),
			Action: journal.Action(pick("", "", "mandat.print", "mandat.view", "delegation.use", "access.refuse")), Domaine: pick("", "", "", "social", "papiers"),
			Service: pick("", "", "", "", "franceconnect-fictif"), Outcome: journal.Outcome(pick("", "", "ok", "denied", "error")),
			Mandat: pick(mandats...), Usager: pick(usagers...), Limit: 1 + random.IntN(80)}
		switch random.IntN(4) {
		case 0:
			f.Scope.Structure = pick("ccas", "mairie")
		case 1:
			f.Scope.Departement = pick("99", "22")
		}
		if random.IntN(2) == 0 {
			f.From = start.Add(time.Duration(random.IntN(250*24)-24) * time.Hour)
		}
		if random.IntN(2) == 0 {
			f.To = start.Add(time.Duration(random.IntN(250*24)-24) * time.Hour)
		}
		var want, got []int64
		for _, r := range all {
			if f.Matches(r, facets[r.Index]) && f.Scope.Covers(facets[r.Index]) {
				want = append(want, r.Index)
			}
		}
		asked := f
		for {
			p, err := h.Search(h.ctx, f)
			h.ok(err)
			if p.Examined > 2600 || len(p.Records) > f.Limit || (p.Next != 0 && !p.Bounded && len(p.Records) != f.Limit) {
				h.t.Errorf("%+v: %d entries of %d, next %d, examined %d", f, len(p.Records), f.Limit, p.Next, p.Examined)
			}
			for _, r := range p.Records {
				got = append(got, r.Index)
			}
			if f.Before = p.Next; p.Next == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			h.t.Fatalf("%+v: %s", asked, fmt.Sprintf("got %d %v, want %d %v", len(got), got, len(want), want))
		}
	}
}
