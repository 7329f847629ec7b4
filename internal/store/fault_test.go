package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
	"relais/internal/usager"
)

var errHindered = errors.New("empêché par le test")

// intents are the main writes, each on a state of its own: prepare returns what
// is to be done, which succeeds once after any number of failures.
var intents = map[string]func(h *house) func() error{
	"draft": func(h *house) func() error {
		o, err := h.Organisation(h.ctx, "ccas")
		h.ok(err)
		p := mandat.Plan{Aidants: []string{"a-jeanne"}, Duration: mandat.Duration{Days: 31}, Capacity: mandat.CapacityFull,
			Autorisations: []mandat.Autorisation{autorisation("social"), autorisation("logement")}}
		return func() error {
			_, err := h.Draft(h.ctx, func() (mandat.Mandat, journal.Fact, error) {
				return mandat.Draft("m-panne", mandat.NewNumber(), o, p, by, h.time())
			})
			return err
		}
	},
	"entrust": func(h *house) func() error {
		m := h.draft("ccas", "social")
		rival := h.session("s-jeanne", "a-jeanne", "26999901700016")
		ref := h.session("s-jeanne", "a-jeanne", "26999901700016")
		entrust := func(ref string) error {
			texte := acte.Texte{Version: "2026-11-21", Body: "Texte du mandat", Salt: acte.NewSalt()}
			_, err := h.EntrustScreen(h.ctx, ref, "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
				return m.Entrust(texte, nil, m.EndsAt, by, h.time())
			})
			return err
		}
		h.ok(entrust(rival))
		return func() error { return entrust(ref) }
	},
	"identify": func(h *house) func() error {
		m, _ := h.entrusted(h.draft("ccas", "social"))
		return func() error {
			_, err := h.IdentifyUsager(h.ctx, "ccas", m.ID, h.dossier(m, martin), func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
				return m.Identify(mandat.Identified{Pivot: martin.pivot, IDP: "autre", OwnIDP: "relais", ACR: "eidas1", JWKS: "abc"}, time.UTC, h.time())
			})
			return err
		}
	},
	"sign, replacing": func(h *house) func() error {
		old := h.signed("ccas", martin, "social", "logement")
		h.ok(h.choose(old, "r-avant", "logement"))
		m := h.given("ccas", martin, []mandat.Replacement{{MandatID: old.ID, Number: old.Number, Domaine: "social"}}, "social")
		return func() error { _, err := h.sign(m, martin); return err }
	},
	"use": func(h *house) func() error {
		m := h.signed("ccas", martin, "social")
		return func() error { return h.choose(m, "r1", "social") }
	},
	"redeem": func(h *house) func() error {
		h.ok(h.choose(h.signed("ccas", martin, "social"), "r1", "social"))
		return func() error { return h.Redeem(h.ctx, delegation.Hash("code-r1"), h.token("r1")) }
	},
	"show": func(h *house) func() error {
		h.ok(h.choose(h.signed("ccas", martin, "social"), "r1", "social"))
		h.ok(h.Redeem(h.ctx, delegation.Hash("code-r1"), h.token("r1")))
		return func() error { _, err := h.Show(h.ctx, delegation.Hash("token-r1")); return err }
	},
	"revoke": func(h *house) func() error {
		m := h.signed("ccas", martin, "social", "logement")
		h.ok(h.choose(m, "r1", "social"))
		return func() error {
			_, err := h.ChangeMandat(h.ctx, "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
				return m.Revoke(nil, mandat.AtCounter, by, h.time())
			})
			return err
		}
	},
	"erase": func(h *house) func() error {
		m := h.signed("ccas", zelie, "social")
		h.ok(h.choose(m, "r1", "social"))
		h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Revoke(nil, mandat.AtCounter, by, h.time())
		})
		return func() error {
			_, _, err := h.EraseUsager(h.ctx, m.UsagerID, usager.Injonction, exploitant, false)
			return err
		}
	},
	"prune": func(h *house) func() error {
		m := h.draft("ccas", "social")
		h.ok(h.Append(h.ctx, m.Viewed(by), m.Printed(by, "acte"), aidant.LoginFailed("essai")))
		h.pass(400 * 24 * time.Hour)
		return func() error { _, err := h.Retain(h.ctx, 12, false); return err }
	},
	"refuse": func(h *house) func() error { // a code shown twice: refused, revoked, with an entry
		h.ok(h.choose(h.signed("ccas", martin, "social"), "r1", "social"))
		h.ok(h.Redeem(h.ctx, delegation.Hash("code-r1"), h.token("r1")))
		return func() error {
			err := h.Redeem(h.ctx, delegation.Hash("code-r1"), h.token("r1"))
			if errors.Is(err, delegation.ErrConsumed) {
				return nil
			}
			return errors.Join(err, errors.New("redeemed twice"))
		}
	},
}

// TestFaultAtEachStatement fails the first statement of an intent, then the
// second, up to the commit: each time nothing of it is left, neither action nor
// entry, and the next attempt meets the database as it was.
func TestFaultAtEachStatement(t *testing.T) {
	for name, prepare := range intents {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(h *house) {
				act := prepare(h)
				size := h.size() // and every number is given
				before := h.dump()
				k := 1
				for ; ; k++ {
					n := 0
					h.Hinder(func() error {
						if n++; n == k {
							return errHindered
						}
						return nil
					})
					err := act()
					h.Hinder(nil)
					if err == nil && n < k {
						break
					}
					if !errors.Is(err, errHindered) {
						t.Fatalf("statement %d of %d: %v", k, n, err)
					}
					if after := h.dump(); after != before {
						t.Fatalf("statement %d left\n%s", k, difference(before, after))
					}
				}
				if k < 4 || h.size() == size {
					t.Errorf("%d statements, %d entries", k-1, h.size()-size)
				}
				if _, err := h.Replay(h.ctx); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// derived are tables that followers fill from the journal, in transactions of
// their own.
var derived = []string{"facette", "journal_facette", "journal_follower", "journal_illisible", "journal_releve", "signal", "signal_fait"}

// dump is every row of every table, as text, what is derived aside.
func (h *house) dump() string {
	h.t.Helper()
	if h.engine == store.PostgreSQL {
		tables := strings.Fields(h.value("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"))
		tables = slices.DeleteFunc(tables, func(table string) bool { return slices.Contains(derived, table) })
		for i, table := range tables {
			tables[i] = "SELECT '" + table + " ' || x::text FROM " + table + " x"
		}
		return h.value(strings.Join(tables, " UNION ALL ") + " ORDER BY 1")
	}
	db, err := sql.Open("sqlite3", "file:"+h.dsn+"?_query_only=1")
	h.ok(err)
	defer func() { _ = db.Close() }() // it only read
	var all []string
	for _, table := range column(h, db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1") {
		if slices.Contains(derived, table) {
			continue
		}
		for _, row := range column(h, db, "SELECT * FROM "+table) {
			all = append(all, table+" "+row)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// column reads whole rows, each as one text.
func column(h *house, db *sql.DB, query string) (out []string) {
	h.t.Helper()
	rows, err := db.Query(query)
	h.ok(err)
	defer rows.Close()
	names, err := rows.Columns()
	h.ok(err)
	for rows.Next() {
		values := make([]any, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		h.ok(rows.Scan(into...))
		words := make([]string, len(values))
		for i, v := range values {
			if words[i] = fmt.Sprint(v); len(values) > 1 {
				words[i] = fmt.Sprintf("%x", v)
			}
		}
		out = append(out, strings.Join(words, "|"))
	}
	h.ok(rows.Err())
	return out
}

// difference is what two dumps do not share.
func difference(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out []string
	for _, line := range is {
		if !slices.Contains(was, line) {
			out = append(out, "+ "+line[:min(len(line), 200)])
		}
	}
	for _, line := range was {
		if !slices.Contains(is, line) {
			out = append(out, "- "+line[:min(len(line), 200)])
		}
	}
	return strings.Join(out, "\n")
}
