package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

func TestFacets(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.choose(m, "r1", "social"))
		h.ok(h.Append(h.ctx, aidant.LoginFailed("essai"), aidant.Refused(journal.Actor{Type: journal.ActorAidant, Ref: "a-paul"}, "GET_/x", "role")))
		h.suspended("a-paul")
		u := h.value("SELECT usager_id FROM mandat WHERE id = '" + m.ID + "'")
		for index, want := range map[int64]journal.Facets{
			0:            {Structure: "ccas", Departement: "99", Actor: "relais"},
			3:            {Structure: "mairie", Departement: "99", Actor: "relais"}, // the agent it is about, not who acted
			4:            {Structure: "ccas", Departement: "99", Actor: "a-jeanne", Usager: u},
			h.size() - 4: {Structure: "ccas", Departement: "99", Actor: "a-jeanne", Usager: u, Domaine: "social", Service: "franceconnect-fictif"},
			h.size() - 3: {},
			h.size() - 2: {Structure: "mairie", Departement: "99", Actor: "a-paul"},
			h.size() - 1: {Structure: "mairie", Departement: "99", Actor: "relais"},
		} {
			got, err := h.Facets(h.ctx, index)
			h.ok(err)
			same(t, fmt.Sprint("facets of ", index), got, want)
		}
		for _, index := range []int64{-1, h.size()} {
			if _, err := h.Facets(h.ctx, index); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("entry %d: %v", index, err)
			}
		}
	})
}

// suspended suspends an agent.
func (h *house) suspended(id string) {
	h.t.Helper()
	_, err := h.ChangeAidant(h.ctx, id, func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
		return habilitation.Suspend(a, journal.Systeme(), h.time())
	})
	h.ok(err)
}

// postings is the whole index, as text.
func (h *house) postings() string {
	h.t.Helper()
	const line = "f.code || ' ' || p.idx"
	list := "group_concat(" + line + ", char(10) ORDER BY " + line + ")"
	if h.engine == "postgres" {
		list = "string_agg(" + line + ", chr(10) ORDER BY " + line + ")"
	}
	return h.value("SELECT coalesce(" + list + ", '') FROM journal_facette p JOIN facette f ON f.id = p.facette")
}

// TestFollowersAgree: several instances at once, a mandat signed between two
// rounds, and a rebuild leave the same lists as one instance that comes last.
func TestFollowersAgree(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.given("ccas", martin, nil, "social")
		h.ok(h.RunFollowers(h.ctx))
		if strings.Contains(h.postings(), "usager:") {
			t.Error("an usager before the signature")
		}
		m, err := h.sign(m, martin)
		h.ok(err)
		var many []journal.Fact
		for n := range 1300 {
			many = append(many, m.Printed(by, fmt.Sprint("d", n)))
		}
		h.ok(h.Append(h.ctx, many...))
		other := h.open()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { h.ok(h.RunFollowers(h.ctx)) })
			wg.Go(func() { h.ok(other.RunFollowers(h.ctx)) })
		}
		wg.Wait()
		h.ok(h.RunFollowers(h.ctx))
		was := h.postings()
		if n := strings.Count(was, "usager:"); n != len(h.stream(m.ID)) {
			t.Errorf("%d entries of the usager", n)
		}
		n, err := other.Reindex(h.ctx)
		h.ok(err)
		if n != h.size() || h.postings() != was {
			t.Errorf("the index differs once it is made again (%d entries)", n)
		}
		statements, commits := h.Counts()
		h.ok(h.Append(h.ctx, m.Viewed(by)))
		s1, c1 := h.Counts()
		h.ok(h.RunFollowers(h.ctx))
		if s2, c2 := h.Counts(); s2 != s1 || c2 != c1 || s1 == statements || c1 == commits {
			t.Error("what followers do is counted as if a page did it")
		}
	})
}

func (h *house) stream(mandatID string) []journal.Record {
	h.t.Helper()
	all, err := h.MandatEntries(h.ctx, mandatID)
	h.ok(err)
	return all
}

// TestPrunedIsUnlisted: what an emptied entry does not say any more, the lists do
// not say either, and a rebuild changes nothing.
func TestPrunedIsUnlisted(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.Append(h.ctx, m.Viewed(by), aidant.Refused(journal.Actor{Type: journal.ActorAidant, Ref: "a-paul"}, "GET_/x", "role")))
		refused := h.size() - 1
		h.ok(h.RunFollowers(h.ctx))
		if was := h.postings(); !listed(was, "acteur:", refused) || strings.Contains(was, "acteur:a-paul") {
			t.Fatalf("not listed under a hidden reference:\n%s", was)
		}
		h.pass(400 * 24 * 3600e9)
		_, err := h.Retain(h.ctx, 12, false)
		h.ok(err)
		h.ok(h.RunFollowers(h.ctx))
		was := h.postings()
		if listed(was, "acteur:", refused) || listed(was, "structure:", refused) || listed(was, "s:", refused) || !listed(was, "action:", refused) {
			t.Error("the lists say who acted after the entry was emptied")
		}
		if !listed(was, "structure:ccas", h.viewed(m)) {
			t.Error("an emptied entry of a mandat is not found by its structure any more")
		}
		_, err = h.Reindex(h.ctx)
		h.ok(err)
		same(t, "index", h.postings(), was)
	})
}

// listed tells whether some list whose code begins so holds an entry.
func listed(postings, prefix string, index int64) bool {
	for line := range strings.Lines(postings) {
		if strings.HasPrefix(line, prefix) && strings.HasSuffix(strings.TrimSpace(line), fmt.Sprint(" ", index)) {
			return true
		}
	}
	return false
}

// viewed is the index of the entry that says the mandat was looked at.
func (h *house) viewed(m mandat.Mandat) int64 {
	h.t.Helper()
	for _, r := range h.stream(m.ID) {
		if r.Action == journal.MandatView {
			return r.Index
		}
	}
	h.t.Fatal("no view")
	return 0
}
