package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/revue"
)

var auditeur = journal.Actor{Type: journal.ActorAidant, Ref: "a-thomas"}

// admitAuditeur lets one in.
func (h *house) admitAuditeur(id string) {
	h.t.Helper()
	a := agent(id, "mairie", "21999902600012")
	a.Roles = []aidant.Role{aidant.RoleAuditeur}
	h.ok(h.AdmitAidant(h.ctx, a, journal.Systeme()))
}

func (h *house) openRevue(f journal.Filter, n int) (revue.Revue, error) {
	r := revue.Revue{ID: revue.NewID(), AuditeurID: "a-thomas", MissionID: "mi1", Scope: f.Scope, Title: "Titresecret",
		Criteria: revue.Criteria(f), Seed: revue.NewSeed(), N: n, Salt: journal.NewSalt()}
	return h.OpenRevue(h.ctx, r, func(r revue.Revue, sample []int64) (revue.Revue, journal.Fact, error) {
		return revue.Open(r, sample, auditeur, h.time())
	})
}

func (h *house) annotate(id string, index int64, m revue.Mark, note string) (revue.Revue, error) {
	return h.ChangeRevue(h.ctx, id, func(r revue.Revue) (revue.Revue, journal.Fact, error) { return r.Annotate(index, m, note, auditeur) })
}

func (h *house) closeRevue(id, conclusion string) (revue.Revue, error) {
	head, err := h.Head(h.ctx)
	h.ok(err)
	return h.ChangeRevue(h.ctx, id, func(r revue.Revue) (revue.Revue, journal.Fact, error) {
		return r.Close(conclusion, head, auditeur, h.time())
	})
}

func (h *house) at(index int64) journal.Record {
	h.t.Helper()
	all, err := h.Entries(h.ctx, []int64{index})
	h.ok(err)
	if len(all) != 1 {
		h.t.Fatalf("no entry %d", index)
	}
	return all[0]
}

// TestRevue follows one review from its draw to its end.
func TestRevue(t *testing.T) {
	onBoth(t, func(h *house) {
		h.admitAuditeur("a-thomas")
		h.signed("ccas", martin, "social")
		size := h.size()
		r, err := h.openRevue(journal.Filter{}, 4)
		h.ok(err)
		h.expect(journal.RevueOpen, journal.OK)
		if r.Size != size || len(r.Lines) != 4 || slices.Max(r.Indexes()) >= size {
			t.Fatalf("%+v", r)
		}
		kept, err := h.Revue(h.ctx, r.ID)
		h.ok(err)
		r.OpenEntry, r.Drawn = size, 4
		same(t, "the review read back", kept, r)
		same(t, "the actor", h.at(size).Actor.Ref, "a-thomas")

		for i, index := range r.Indexes() {
			_, err := h.closeRevue(r.ID, "Conclusionsecrete")
			if !errors.Is(err, revue.ErrUnfinished) {
				t.Errorf("closed with %d marks: %v", i, err)
			}
			_, err = h.annotate(r.ID, index, revue.Marks()[i%3], "Notesecrete")
			h.ok(err)
			h.expect(journal.RevueAnnotate, journal.OK)
		}
		_, err = h.annotate(r.ID, r.Lines[0].Index, revue.Anomaly, "Notesecrete encore")
		h.ok(err)
		closed, err := h.closeRevue(r.ID, "Conclusionsecrete")
		h.ok(err)
		h.expect(journal.RevueClose, journal.OK)
		kept, err = h.Revue(h.ctx, r.ID)
		h.ok(err)
		if kept.CloseEntry != h.size()-1 || !kept.Sealed(h.at(kept.OpenEntry), h.at(kept.CloseEntry)) {
			t.Errorf("the entries do not hold the review: %+v", kept)
		}
		closed.OpenEntry, closed.CloseEntry, closed.Drawn, closed.Marked = size, h.size()-1, 4, 4
		closed.Head.Edge = nil
		same(t, "the closed review", kept, closed)
		before := h.size()
		if _, err := h.annotate(r.ID, r.Lines[0].Index, revue.Fine, ""); !errors.Is(err, revue.ErrClosed) || h.size() != before {
			t.Errorf("marked after closing: %v", err)
		}
		if _, err := h.Revue(h.ctx, "inconnue"); !errors.Is(err, revue.ErrNotFound) {
			t.Error(err)
		}
		again, err := h.Redraw(h.ctx, kept)
		h.ok(err)
		same(t, "the sample drawn again", again, kept.Indexes())
		h.listsRevues(kept.ID)
		h.refusesRawRevues(kept.ID)
	})
}

func (h *house) listsRevues(closed string) {
	h.t.Helper()
	h.admitAuditeur("a-autre")
	h.pass(time.Minute)
	r, err := h.openRevue(journal.Filter{Action: journal.MandatSign}, 9)
	h.ok(err)
	own, others, err := h.Revues(h.ctx, "a-thomas")
	h.ok(err)
	if len(own) != 2 || own[0].ID != r.ID || own[1].ID != closed || own[1].Marked != 4 || own[0].Drawn != 1 || len(others) != 0 {
		h.t.Errorf("own = %+v, others = %+v", own, others)
	}
	own, others, err = h.Revues(h.ctx, "a-autre")
	h.ok(err)
	if len(own) != 0 || len(others) != 1 || others[0].ID != closed || others[0].Title != "Titresecret" {
		h.t.Errorf("own = %+v, others = %+v", own, others)
	}
}

// refusesRawRevues: nothing of a review changes behind the journal's back, and
// nothing at all of a closed one.
func (h *house) refusesRawRevues(closed string) {
	h.t.Helper()
	for _, statement := range []string{
		"UPDATE revue SET sealed = sealed WHERE closed_at IS NULL",
		"UPDATE revue SET rev = rev + 1, journal_id = (SELECT max(id) FROM journal WHERE action = 'session.open') WHERE closed_at IS NULL",
		"UPDATE revue SET seed = 'x', journal_id = journal_id + 1 WHERE closed_at IS NULL",
		"UPDATE revue SET rev = rev + 1, journal_id = journal_id + 1 WHERE id = '" + closed + "'",
		"UPDATE revue_entree SET mark = 'conforme'",
		"UPDATE revue_entree SET mark = 'anomalie', journal_id = (SELECT max(id) FROM journal WHERE action = 'revue.annotate') WHERE revue_id = '" + closed + "'",
		"DELETE FROM revue_entree", "DELETE FROM revue",
		"INSERT INTO revue_entree (revue_id, idx, mark, journal_id) VALUES ('" + closed + "', 999, '', 3)",
		"INSERT INTO revue SELECT 'raw', auditeur_id, mission_id, criteria, seed, size, n, opened_at, closed_at, closed_size, closed_root, sealed, rev, opened_id, journal_id FROM revue WHERE id = '" + closed + "'",
	} {
		if _, err := h.raw(statement); err == nil {
			h.t.Errorf("the database accepts %s", statement)
		}
	}
}

// TestRevuesAreSealed: what people write about entries stands nowhere clear.
func TestRevuesAreSealed(t *testing.T) {
	onBoth(t, func(h *house) {
		h.admitAuditeur("a-thomas")
		r, err := h.openRevue(journal.Filter{}, 1)
		h.ok(err)
		_, err = h.annotate(r.ID, r.Lines[0].Index, revue.Anomaly, "Notesecrete")
		h.ok(err)
		_, err = h.closeRevue(r.ID, "Conclusionsecrete")
		h.ok(err)
		h.ok(h.saveRecherche("rc1", "Nomsecret", "issue=denied", 0))
		for _, q := range []string{"SELECT sealed FROM revue", "SELECT sealed FROM revue_entree", "SELECT sealed FROM recherche"} {
			if got := h.value(q); got == "" || strings.Contains(got, "secret") {
				t.Errorf("%s: %q", q, got)
			}
		}
		all, err := h.Journal(h.ctx, journal.Filter{Limit: 100})
		h.ok(err)
		for _, rec := range all {
			for key, value := range rec.Details {
				if strings.Contains(value, "secret") {
					t.Errorf("entry %d holds %s = %s", rec.Index, key, value)
				}
			}
		}
	})
}

// TestRedraw compares what the store draws with a plain draw from the whole
// list, for rare and frequent criteria, and later too.
func TestRedraw(t *testing.T) {
	onBoth(t, func(h *house) {
		h.admitAuditeur("a-thomas")
		h.signed("ccas", martin, "social")
		row, err := h.Entry(h.ctx, h.size()-1)
		h.ok(err)
		r, err := h.openRevue(journal.Filter{Actor: row.Copies.Actor.Ref}, 3) // as an export shows her
		h.ok(err)
		for _, index := range r.Indexes() {
			same(t, "the actor drawn", h.at(index).Actor.Ref, "a-jeanne")
		}
		same(t, "the same again", len(r.Indexes()), 3)
		for range 11 {
			var many []journal.Fact
			for range 400 {
				many = append(many, journal.Beat())
			}
			h.ok(h.Append(h.ctx, many...))
		}
		h.signed("ccas", durand, "papiers")
		h.ok(h.RunFollowers(h.ctx))
		h.signed("ccas", durand, "famille") // not followed yet
		h.pass(time.Second)
		records, facets := h.readAll()
		until := h.time() // the reviews below are entries too
		for name, f := range map[string]journal.Filter{
			"all":         {},
			"frequent":    {Action: journal.Heartbeat},
			"rare":        {Action: journal.MandatSign},
			"very rare":   {Action: journal.MandatSign, Structure: "ccas"},
			"in scope":    {Scope: journal.Scope{Structure: "mairie"}},
			"territory":   {Scope: journal.Scope{Departement: "99"}, Outcome: journal.OK},
			"one agent":   {Actor: "a-jeanne"},
			"one service": {Service: "inconnu"},
		} {
			f.To = until
			r, err := h.openRevue(f, 20)
			if name == "one service" {
				if !errors.Is(err, revue.ErrEmpty) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			h.ok(err)
			want, err := revue.Draw(r.Seed, population(f, records, facets, r.Size), 20)
			h.ok(err)
			same(t, name, r.Indexes(), want)
			h.ok(h.RunFollowers(h.ctx))
			again, err := h.Redraw(h.ctx, r)
			h.ok(err)
			same(t, name+" again", again, want)
		}
	})
}

// population looks at each entry of records below size.
func population(f journal.Filter, records []journal.Record, facets []journal.Facets, size int64) (out []int64) {
	for i, r := range records {
		if r.Index < size && f.Matches(r, facets[i]) {
			out = append(out, r.Index)
		}
	}
	return out
}

// readAll reads the journal entry by entry.
func (h *house) readAll() ([]journal.Record, []journal.Facets) {
	h.t.Helper()
	records, err := h.Entries(h.ctx, slices.Collect(func(yield func(int64) bool) {
		for index := range h.size() {
			if !yield(index) {
				return
			}
		}
	}))
	h.ok(err)
	facets := make([]journal.Facets, len(records))
	for i, r := range records {
		if r.Action == journal.Heartbeat {
			continue // nobody's and nowhere
		}
		facets[i], err = h.Facets(h.ctx, r.Index)
		h.ok(err)
	}
	return records, facets
}

// TestRevueRace: of two marks at the same moment none is lost.
func TestRevueRace(t *testing.T) {
	onBoth(t, func(h *house) {
		h.admitAuditeur("a-thomas")
		r, err := h.openRevue(journal.Filter{}, 6)
		h.ok(err)
		failed := make(chan error, len(r.Lines))
		for _, index := range r.Indexes() {
			go func() {
				for {
					_, err := h.annotate(r.ID, index, revue.Fine, "")
					if !errors.Is(err, revue.ErrRaced) {
						failed <- err
						return
					}
				}
			}()
		}
		for range r.Lines {
			h.ok(<-failed)
		}
		kept, err := h.Revue(h.ctx, r.ID)
		h.ok(err)
		if n := len(r.Lines); kept.Done() != n || kept.Rev != int64(n)+1 {
			t.Errorf("%d marks at version %d", kept.Done(), kept.Rev)
		}
	})
}
