package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/signal"
	"relais/internal/store"
	"relais/internal/usager"
)

// uses is an agent using a mandat.
func (h *house) uses(m mandat.Mandat, agent, id, domaine string) {
	h.t.Helper()
	l := delegation.Login{ID: id, ClientID: "franceconnect-fictif", MandatID: m.ID, Domaine: domaine, AidantID: agent, OrganisationID: m.OrganisationID,
		SessionRef: "ref", ChosenAt: h.time(), CodeHash: delegation.Hash("code-" + id), CodeExpiresAt: h.time().Add(30 * time.Second), Protocol: []byte("{}")}
	h.ok(h.UseMandat(h.ctx, l, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Use(domaine, []string{domaine}, m.OrganisationID, l.ClientID, id, journal.Actor{Type: journal.ActorAidant, Ref: agent}, h.time())
	}))
}

// until moves the clock to a moment in Paris.
func (h *house) until(local string) {
	h.t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	h.ok(err)
	at, err := time.ParseInLocation("2006-01-02 15:04", local, paris)
	h.ok(err)
	h.pass(at.Sub(h.time()))
}

// signals lists all signals, oldest first, in words of the story.
func (h *house) signals(f signal.Filter) []string {
	h.t.Helper()
	f.Limit = 1000
	found, err := h.Signals(h.ctx, f)
	h.ok(err)
	var out []string
	for _, s := range slices.Backward(found) {
		row, err := h.Entry(h.ctx, s.Index)
		h.ok(err)
		if !row.Copies.At.Equal(s.At) || row.Copies.Mandat != s.Mandat {
			h.t.Errorf("signal %+v of entry %+v", s, row.Copies)
		}
		out = append(out, fmt.Sprintf("%s %s %s", s.Rule, s.Aidant, s.Structure))
	}
	return out
}

// derived is all that the two followers wrote, as text.
func (h *house) derived() string {
	h.t.Helper()
	var all []string
	for table, line := range map[string]string{
		"signal":         "rule || ' ' || idx || ' ' || at || ' ' || mandat_id || ' ' || aidant_ref || ' ' || organisation_id || ' ' || departement",
		"signal_fait":    "idx || ' ' || at || ' ' || action || ' ' || mandat_id || ' ' || aidant_id || ' ' || organisation_id || ' ' || coalesce(usager_id, '-')",
		"journal_releve": "portee || ' ' || day || ' ' || action || ' ' || outcome || ' ' || domaine || ' ' || n",
	} {
		list := "group_concat(" + line + ", char(10) ORDER BY " + line + ")"
		if h.engine == store.PostgreSQL {
			list = "string_agg(" + line + ", chr(10) ORDER BY " + line + ")"
		}
		all = append(all, h.value("SELECT coalesce("+list+", '') FROM "+table))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// tell plays a story of mandats. After each step it calls then.
func (h *house) tell(then func()) (first mandat.Mandat) {
	h.t.Helper()
	namesake := agent("a-martin", "ccas", "26999901700016")
	namesake.UsualName = "Martinsecret"
	h.ok(h.AdmitAidant(h.ctx, namesake, journal.Systeme()))
	m := h.signed("ccas", martin, "social") // Sunday; text given as soon as it was shown
	then()
	h.pass(10 * time.Second)
	h.uses(m, "a-martin", "r1", "social")
	then()
	h.pass(2 * time.Minute)
	h.uses(m, "a-martin", "r2", "social")
	h.until("2026-11-23 10:00")
	for n := range 8 {
		h.uses(m, "a-jeanne", fmt.Sprint("s", n), "social")
		h.pass(time.Second)
		then()
	}
	h.until("2026-11-24 10:00")
	for _, domaine := range []string{"papiers", "famille", "social", "travail", "logement", "transports", "argent"} {
		h.signed("ccas", durand, domaine)
		h.pass(time.Minute)
	}
	then()
	h.until("2026-12-23 11:00")
	h.uses(m, "a-jeanne", "u1", "social")
	then()
	h.uses(m, "a-jeanne", "u2", "social")
	if err := h.choose(m, "u3", "logement"); err == nil {
		h.t.Error("used beyond what it allows")
	}
	h.until("2027-01-05 11:00")
	h.signed("ccas", durand, "social")
	h.signed("ccas", martin, "social")
	slow, ref := h.entrusted(h.draft("ccas", "loisirs"))
	slow = h.identified(slow, martin)
	slow = h.change(slow, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Confirm(true, h.time()) })
	h.pass(time.Duration(slow.Texte.Words()) * time.Minute / signal.ReadingSpeed)
	h.change(slow, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Give(h.time()) })
	_ = ref
	then()
	return m
}

var story = slices.Concat([]string{
	"lecture_rapide a-jeanne ccas",
	"horaires a-martin ccas", "meme_nom a-martin ccas", "usage_immediat a-martin ccas",
	"horaires a-martin ccas",
	"rafale a-jeanne ccas",
}, slices.Repeat([]string{"lecture_rapide a-jeanne ccas"}, 7), []string{
	"serie_signatures a-jeanne ccas",
	"fin_proche a-jeanne ccas",
	"lecture_rapide a-jeanne ccas", "renouvellement_sans_usage a-jeanne ccas",
	"lecture_rapide a-jeanne ccas",
})

// TestSignals: a story gives exactly its signals, looked at entry by entry, all
// at once, again, and once everything is derived anew.
func TestSignals(t *testing.T) {
	onBoth(t, func(h *house) {
		h.tell(func() { h.ok(h.RunFollowers(h.ctx)) })
		same(t, "signals", strings.Join(h.signals(signal.Filter{}), "\n"), strings.Join(story, "\n"))
		was := h.derived()
		h.ok(h.RunFollowers(h.ctx))
		if h.derived() != was {
			t.Error("running again changed what was derived")
		}
		_, err := h.Reindex(h.ctx)
		h.ok(err)
		if now := h.derived(); now != was {
			t.Errorf("all at once the journal gives\n%s\nentry by entry it gave\n%s", now, was)
		}
	})
}

func TestSignalFilters(t *testing.T) {
	onBoth(t, func(h *house) {
		h.tell(func() {})
		paul := h.draft("mairie", "social")
		_ = paul
		h.ok(h.RunFollowers(h.ctx))
		day := func(s string) time.Time {
			at, err := time.Parse(time.DateOnly, s)
			h.ok(err)
			return at
		}
		for _, c := range []struct {
			what string
			f    signal.Filter
			want int
		}{
			{"rule", signal.Filter{Rule: signal.OutsideHours}, 2},
			{"from", signal.Filter{From: day("2026-12-01")}, 4},
			{"to", signal.Filter{To: day("2026-11-23")}, 5},
			{"structure", signal.Filter{Structure: "ccas"}, len(story)},
			{"other structure", signal.Filter{Structure: "mairie"}, 0},
			{"scope of a structure", signal.Filter{Scope: journal.Scope{Structure: "ccas"}, Rule: signal.Burst}, 1},
			{"structure beyond the scope", signal.Filter{Scope: journal.Scope{Structure: "mairie"}, Structure: "ccas"}, 0},
			{"scope of a département", signal.Filter{Scope: journal.Scope{Departement: "99"}}, len(story)},
			{"scope of another", signal.Filter{Scope: journal.Scope{Departement: "22"}, Structure: "ccas"}, 0},
		} {
			if got := h.signals(c.f); len(got) != c.want {
				t.Errorf("%s: %d signals, want %d: %v", c.what, len(got), c.want, got)
			}
		}
		var paged []signal.Found
		for f := (signal.Filter{Limit: 3}); ; {
			part, err := h.Signals(h.ctx, f)
			h.ok(err)
			paged = append(paged, part...)
			if len(part) < 3 {
				break
			}
			f.After = signal.Cursor{Index: part[2].Index, Rule: part[2].Rule}
		}
		whole, err := h.Signals(h.ctx, signal.Filter{Limit: 1000})
		h.ok(err)
		same(t, "page by page", paged, whole)
	})
}

func TestReleve(t *testing.T) {
	onBoth(t, func(h *house) {
		h.tell(func() {})
		h.ok(h.RunFollowers(h.ctx))
		count := func(p signal.Period) string {
			if p.From == "" {
				p.From, p.To = "2026-11-01", "2027-01-31"
			}
			r, err := h.Releve(h.ctx, p)
			h.ok(err)
			if r.Upto != h.size() && len(r.Days) > 0 {
				t.Errorf("counted up to %d of %d", r.Upto, h.size())
			}
			var uses, signatures, refusals, social int64
			for _, d := range r.Days {
				uses, signatures, refusals = uses+d.Uses, signatures+d.Signatures, refusals+d.Refusals
			}
			for _, c := range r.Counts {
				if c.Domaine == "social" && c.Action == journal.DelegationUse && c.Outcome == journal.OK {
					social += c.N
				}
			}
			return fmt.Sprint(len(r.Days), " ", uses, " ", signatures, " ", refusals, " ", social)
		}
		same(t, "all", count(signal.Period{}), "5 12 10 1 12")
		same(t, "the structure", count(signal.Period{Scope: journal.Scope{Structure: "ccas"}}), "5 12 10 1 12")
		same(t, "the département", count(signal.Period{Scope: journal.Scope{Departement: "99"}}), "5 12 10 1 12")
		same(t, "chosen in the département", count(signal.Period{Scope: journal.Scope{Departement: "99"}, Structure: "ccas"}), "5 12 10 1 12")
		same(t, "beyond the scope", count(signal.Period{Scope: journal.Scope{Departement: "22"}, Structure: "ccas"}), "0 0 0 0 0")
		same(t, "beyond the structure", count(signal.Period{Scope: journal.Scope{Structure: "mairie"}, Structure: "ccas"}), "0 0 0 0 0")
		same(t, "one day", count(signal.Period{From: "2026-11-23", To: "2026-11-23"}), "1 8 0 0 8")
	})
}

// TestSignalsAreForgotten: nothing says any more that an erased usager bore an
// agent's name, and a forgotten month names no agent.
func TestSignalsAreForgotten(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.tell(func() {})
		h.ok(h.RunFollowers(h.ctx))
		if n := len(h.signals(signal.Filter{Rule: signal.SameName})); n != 1 {
			t.Fatalf("%d namesakes", n)
		}
		h.until("2027-04-01 10:00")
		h.ok(h.Sweep(h.ctx))
		_, _, err := h.EraseUsager(h.ctx, h.value("SELECT usager_id FROM mandat WHERE id = '"+m.ID+"'"), usager.Injonction, journal.Systeme(), false)
		h.ok(err)
		if got := h.signals(signal.Filter{Rule: signal.SameName}); len(got) != 0 {
			t.Errorf("after the erasure: %v", got)
		}
		_, err = h.Reindex(h.ctx)
		h.ok(err)
		if got := h.signals(signal.Filter{Rule: signal.SameName}); len(got) != 0 {
			t.Errorf("made again after the erasure: %v", got)
		}
		h.pass(9 * 366 * 24 * time.Hour)
		_, err = h.Retain(h.ctx, 12, false)
		h.ok(err)
		if out := h.derived(); strings.Contains(out, "a-jeanne") || strings.Contains(out, "a-martin") {
			t.Errorf("an agent is still named:\n%s", out)
		}
	})
}

// TestSeen: a mark is written once with its entry, is not derived, and its note goes
// with the usager.
func TestSeen(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.tell(func() {})
		h.ok(h.RunFollowers(h.ctx))
		h.ok(h.AdmitAidant(h.ctx, agent("a-audit", "mairie", "21999902600012"), journal.Systeme()))
		all, err := h.Signals(h.ctx, signal.Filter{Rule: signal.Burst})
		h.ok(err)
		one := all[0]
		auditeur := journal.Actor{Type: journal.ActorAidant, Ref: "a-audit"}
		see := func(note string) error {
			return h.SeeSignal(h.ctx, one.Index, one.Rule, func(f signal.Found) (signal.Seen, journal.Fact, error) {
				return f.See(note, auditeur, h.time())
			})
		}
		if err := see("\x00"); !errors.Is(err, signal.ErrInvalid) {
			t.Errorf("a control character: %v", err)
		}
		h.ok(see("Atelier secret"))
		h.expect(journal.SignalSee, journal.OK)
		if err := see("encore"); !errors.Is(err, signal.ErrSeen) {
			t.Errorf("twice: %v", err)
		}
		if err := h.SeeSignal(h.ctx, one.Index, signal.OutsideHours, nil); !errors.Is(err, signal.ErrNotFound) {
			t.Errorf("no such signal: %v", err)
		}
		_, err = h.Reindex(h.ctx)
		h.ok(err)
		found, seen, err := h.Signal(h.ctx, one.Index, one.Rule)
		h.ok(err)
		if found.SeenAt.IsZero() || seen.Note != "Atelier secret" || seen.By != "a-audit" || h.last().Details["engagement"] != seen.Commitment(found) {
			t.Errorf("%+v %+v", found, seen)
		}
		if n := len(h.signals(signal.Filter{Rule: signal.Burst, Unseen: true})); n != 0 || len(h.signals(signal.Filter{Unseen: true})) != len(story)-1 {
			t.Errorf("%d still unseen", n)
		}
		for _, behind := range []string{"DELETE FROM signal_vu", "UPDATE signal_vu SET auditeur_id = 'a-paul'", "UPDATE signal_vu SET sealed = journal.body FROM journal",
			"INSERT INTO signal_vu (idx, rule, mandat_id, auditeur_id, at, journal_id) SELECT 1, 'rafale', mandat_id, auditeur_id, at, journal_id FROM signal_vu"} {
			if _, err := h.raw(behind); err == nil {
				t.Errorf("allowed: %s", behind)
			}
		}
		h.until("2027-04-01 10:00")
		h.ok(h.Sweep(h.ctx))
		_, _, err = h.EraseUsager(h.ctx, h.value("SELECT usager_id FROM mandat WHERE id = '"+m.ID+"'"), usager.Injonction, journal.Systeme(), false)
		h.ok(err)
		found, seen, err = h.Signal(h.ctx, one.Index, one.Rule)
		h.ok(err)
		if found.SeenAt.IsZero() || seen.Note != "" || seen.Salt != nil || h.value("SELECT count(*) || '' FROM coffre_key WHERE subject LIKE 'signal:%'") != "0" {
			t.Errorf("after the erasure: %+v", seen)
		}
	})
}
