package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/store"
)

func TestJournalFilters(t *testing.T) {
	onBoth(t, func(h *house) {
		start := h.time()
		m := h.draft("ccas", "social")
		h.pass(time.Hour)
		ctx := journal.WithRequest(h.ctx, "req-1")
		h.ok(h.Append(ctx, m.Viewed(by), aidant.LoginFailed("essai"), aidant.Refused(journal.Actor{Type: journal.ActorAidant, Ref: "a-paul"}, "GET_/x", "role")))
		h.pass(time.Hour)
		h.ok(h.Append(h.ctx, m.Printed(by, "acte")))
		if r := h.last(); r.Action != journal.MandatPrint || r.StreamSeq != 3 || r.Mandat != m.ID || !r.At.Equal(h.time()) || r.Index != h.size()-1 {
			t.Errorf("last entry = %+v", r)
		}
		for name, c := range map[string]struct {
			filter journal.Filter
			want   int
		}{
			"all":           {journal.Filter{}, 9},
			"limit":         {journal.Filter{Limit: 2}, 2},
			"before":        {journal.Filter{Before: 3}, 3},
			"actor":         {journal.Filter{Actor: "a-jeanne"}, 3},
			"other actor":   {journal.Filter{Actor: "a-paul"}, 1},
			"action":        {journal.Filter{Action: journal.StructureAdmit}, 2},
			"mandat":        {journal.Filter{Mandat: m.ID}, 3},
			"ok":            {journal.Filter{Outcome: journal.OK}, 7},
			"denied":        {journal.Filter{Outcome: journal.Denied}, 2},
			"failed":        {journal.Filter{Outcome: journal.Failed}, 0},
			"from":          {journal.Filter{From: start.Add(time.Minute)}, 4},
			"to":            {journal.Filter{To: start.Add(time.Minute)}, 5},
			"period":        {journal.Filter{From: start.Add(time.Minute), To: start.Add(2 * time.Hour)}, 3},
			"empty period":  {journal.Filter{From: start.AddDate(1, 0, 0)}, 0},
			"all of it":     {journal.Filter{From: start, To: start.AddDate(1, 0, 0), Actor: "a-jeanne", Action: journal.MandatView, Mandat: m.ID, Outcome: journal.OK, Before: 100}, 1},
			"action denied": {journal.Filter{Action: journal.SessionRefuse, Outcome: journal.Denied}, 1},
		} {
			got, err := h.Journal(h.ctx, c.filter)
			h.ok(err)
			if len(got) != c.want {
				t.Errorf("%s: %d entries, want %d", name, len(got), c.want)
			}
			if !slices.IsSortedFunc(got, func(a, b journal.Record) int { return int(b.Index - a.Index) }) {
				t.Errorf("%s: not newest first", name)
			}
		}
		seen, err := h.Journal(h.ctx, journal.Filter{Action: journal.MandatView})
		h.ok(err)
		same(t, "request", seen[0].RequestID, "req-1")
		row, err := h.Entry(h.ctx, seen[0].Index)
		h.ok(err)
		if journal.Leaf(row.Body) != row.Leaf || row.Index != seen[0].Index || row.Copies.Action != journal.MandatView {
			t.Errorf("entry = %+v", row)
		}
		for _, index := range []int64{-1, h.size()} {
			if _, err := h.Entry(h.ctx, index); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("entry %d = %v", index, err)
			}
		}
		size := h.size()
		if err := h.Append(h.ctx, m.Viewed(by), journal.Fact{}); !errors.Is(err, journal.ErrFact) || h.size() != size {
			t.Errorf("a zero fact among others = %v, %d entries more", err, h.size()-size)
		}
	})
}

func TestKeysAreCommittedOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		size := h.size()
		commit := func(issuer, digest string, grows int64) {
			h.ok(h.CommitKeys(h.ctx, issuer, digest))
			if size += grows; h.size() != size {
				t.Errorf("%s %s: %d entries, want %d", issuer, digest, h.size(), size)
			}
		}
		commit("https://fc", "aa", 1)
		commit("https://fc", "aa", 0)
		commit("https://pc", "aa", 1)
		commit("https://fc", "bb", 1)
		commit("https://fc", "aa", 1)
		for _, c := range []struct {
			issuer, digest string
			before         int64
			want           bool
		}{{"https://fc", "aa", size, true}, {"https://fc", "bb", size, true}, {"https://fc", "cc", size, false}, {"https://pc", "bb", size, false},
			{"https://fc", "bb", size - 2, false}, {"https://fc", "aa", size - 4, false}, {"https://fc", "aa", size - 3, true}} {
			got, err := h.KeysCommittedBefore(h.ctx, c.issuer, c.digest, c.before)
			h.ok(err)
			if got != c.want {
				t.Errorf("%+v = %v", c, got)
			}
		}
	})
}

// TestTree crosses several tiles, then opens the base again and goes on.
func TestTree(t *testing.T) {
	onBoth(t, func(h *house) {
		var facts []journal.Fact
		for i := range 100 {
			facts = append(facts, aidant.LoginFailed(fmt.Sprint("n", i)))
		}
		for range 7 {
			h.ok(h.Append(h.ctx, facts...))
		}
		size := h.size() // and every number is given
		if n := h.value("SELECT count(*) FROM journal_node"); n != "2" {
			t.Errorf("%s nodes for %d entries, want 2", n, size)
		}
		before, err := h.VerifyJournal(h.ctx)
		h.ok(err)
		h.ok(h.Close())
		h.Store = h.open()
		h.ok(h.Ready(h.ctx))
		h.ok(h.Append(h.ctx, facts...))
		if h.size() != before.Size+100 {
			t.Errorf("%d entries after reopening, want %d", h.size(), before.Size+100)
		}
	})
}

// TestGuards tries what the triggers refuse, behind the store's back.
func TestGuards(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.choose(m, "r1", "social"))
		var many []journal.Fact
		for range 260 {
			many = append(many, aidant.LoginFailed("x"))
		}
		h.ok(h.Append(h.ctx, many...))
		blob := map[string]string{store.SQLite: "zeroblob(32)", store.PostgreSQL: `decode(repeat('00', 32), 'hex')`}[h.engine]
		_, err := h.raw("INSERT INTO journal_checkpoint (origin, size, note, created_at) VALUES ('o', 3, " + blob + ", '2026-11-22T09:00:00.000000Z')")
		h.ok(err)
		tries := []string{
			"UPDATE journal SET outcome = 'ok'", "UPDATE journal SET body = body WHERE id = 0", "DELETE FROM journal WHERE id = 3", "DELETE FROM journal",
			"UPDATE journal_node SET h = " + blob, "DELETE FROM journal_node", "UPDATE journal_checkpoint SET note = " + blob, "DELETE FROM journal_checkpoint",
			"UPDATE journal_head SET size = size - 1", "DELETE FROM journal_head",
			"UPDATE mandat SET state = 'termine' WHERE id = '" + m.ID + "'",
			"UPDATE mandat SET state = 'actif', journal_id = (SELECT max(id) FROM journal) WHERE id = '" + m.ID + "'", // an entry that is not the mandat's
			"UPDATE mandat SET ends_at = '2030-01-01T00:00:00.000000Z', journal_id = 0 WHERE id = '" + m.ID + "'",
			"UPDATE autorisation SET ended_at = NULL WHERE mandat_id = '" + m.ID + "'",
			"UPDATE delegation SET revoked_at = NULL WHERE id = 'r1'", "UPDATE delegation SET consumed_at = NULL, journal_id = journal_id WHERE id = 'r1'",
			"UPDATE aidant SET suspended_at = NULL WHERE id = 'a-jeanne'", "UPDATE aidant SET roles = '[\"administrateur\"]' WHERE id = 'a-jeanne'",
			"UPDATE organisation SET suspended = 0", "DELETE FROM mandat", "DELETE FROM autorisation", "DELETE FROM delegation", "DELETE FROM aidant WHERE id = 'a-paul'",
			"INSERT INTO aidant SELECT 'a-nul', organisation_id, NULL, 'x', siret, roles, NULL, sealed, NULL FROM aidant WHERE id = 'a-paul'",
		}
		columns := "entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf FROM journal WHERE id = 5"
		into := " INTO journal (id, entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf) SELECT "
		tries = append(tries, "INSERT"+into+"100000, "+columns)
		if h.engine == store.SQLite {
			tries = append(tries, "INSERT OR REPLACE"+into+"5, "+columns, "REPLACE"+into+"5, "+columns, "INSERT OR REPLACE INTO journal_node SELECT idx, zeroblob(32) FROM journal_node",
				"INSERT OR REPLACE INTO journal_checkpoint SELECT * FROM journal_checkpoint", "INSERT OR REPLACE INTO journal_head SELECT * FROM journal_head",
				"INSERT OR REPLACE INTO mandat SELECT * FROM mandat", "INSERT OR REPLACE INTO delegation SELECT * FROM delegation", "UPDATE OR REPLACE journal SET id = 4 WHERE id = 5")
		} else {
			tries = append(tries, "TRUNCATE journal CASCADE", "TRUNCATE journal_leaf", "TRUNCATE journal_node", "TRUNCATE journal_checkpoint", "TRUNCATE journal_head",
				"TRUNCATE mandat CASCADE", "TRUNCATE delegation", "UPDATE journal_leaf SET h = "+blob, "DELETE FROM journal_leaf")
		}
		for _, try := range tries {
			if _, err := h.raw(try); err == nil {
				t.Errorf("passes: %s", try)
			}
		}
	})
}

// TestExchangedEntries: two entries of different streams in each other's place,
// leaves and copies with them, are found in their tile, or in the tree's last part.
func TestExchangedEntries(t *testing.T) {
	for _, c := range []struct{ a, b, found int64 }{{10, 200, 0}, {300, 301, 256}, {513, 515, 512}} {
		h := newHouse(t, store.SQLite)
		var many []journal.Fact
		for n := range 600 {
			many = append(many, aidant.LoginFailed(fmt.Sprint("x", n)))
		}
		h.ok(h.Append(h.ctx, many...))
		h.dropGuards("journal")
		_, err := h.raw(fmt.Sprintf("PRAGMA foreign_keys = off; UPDATE journal SET id = 99999 WHERE id = %d; UPDATE journal SET id = %d WHERE id = %d; UPDATE journal SET id = %d WHERE id = 99999",
			c.a, c.a, c.b, c.b))
		h.ok(err)
		_, err = h.VerifyJournal(h.ctx)
		var f *journal.Finding
		if !errors.As(err, &f) || f.Index != c.found {
			t.Errorf("%d and %d exchanged: %v, want it at %d", c.a, c.b, err, c.found)
		}
	}
}

// TestTamperingIsFound changes rows with the guards dropped, and expects the
// index of the first entry that does not hold.
func TestTamperingIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		do    string
		index int64 // -1: the journal's size
	}{
		"a body":     {"journal", "UPDATE journal SET body = (SELECT body FROM journal WHERE id = 2) WHERE id = 3", 3},
		"a leaf":     {"journal", "UPDATE journal SET leaf = (SELECT leaf FROM journal WHERE id = 2) WHERE id = 3", 3},
		"a copy":     {"journal", "UPDATE journal SET actor_ref = 'a-autre' WHERE id = 4", 4},
		"a date":     {"journal", "UPDATE journal SET ts = '2026-11-22T08:00:00.000000Z' WHERE id = 4", 4},
		"a deletion": {"journal", "DELETE FROM journal WHERE id = 6", 6},
		"the tail":   {"journal", "DELETE FROM journal WHERE id = (SELECT max(id) FROM journal)", -1},
		"a head":     {"journal_head", "UPDATE journal_head SET root = (SELECT leaf FROM journal WHERE id = 0)", -1},
		"an edge":    {"journal_head", "UPDATE journal_head SET edge = root", -1},
		"a node":     {"journal_node", "UPDATE journal_node SET h = (SELECT leaf FROM journal WHERE id = 0)", 0},
		"no node":    {"journal_node", "DELETE FROM journal_node", 0}, // the first entry that it is over
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(h *house) {
				h.broken = true
				var many []journal.Fact
				for range 260 {
					many = append(many, aidant.LoginFailed("x"))
				}
				h.ok(h.Append(h.ctx, many...))
				size := h.size()
				h.dropGuards(c.table)
				_, err := h.raw(c.do)
				h.ok(err)
				_, err = h.VerifyJournal(h.ctx)
				var f *journal.Finding
				if !errors.As(err, &f) {
					t.Fatalf("not found: %v", err)
				}
				want := c.index
				if want < 0 {
					want = f.Index
					if f.Index < size-1 || f.Index > size {
						t.Errorf("found at %d, size %d", f.Index, size)
					}
				}
				if f.Index != want {
					t.Errorf("found at %d (%v), want %d", f.Index, f, want)
				}
			})
		})
	}
}

func (h *house) dropGuards(table string) {
	h.t.Helper()
	if h.engine == store.PostgreSQL {
		_, err := h.raw("ALTER TABLE " + table + " DISABLE TRIGGER ALL")
		h.ok(err)
		return
	}
	for _, name := range strings.Split(h.value("SELECT group_concat(name) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '"+table+"'"), ",") {
		_, err := h.raw("DROP TRIGGER " + name)
		h.ok(err)
	}
}
