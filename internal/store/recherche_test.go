package store_test

import (
	"errors"
	"fmt"
	"testing"

	"relais/internal/journal"
	"relais/internal/recherche"
)

func (h *house) saveRecherche(id, name, criteria string, days int) error {
	return h.SaveRecherche(h.ctx, "a-thomas", func(had int) (recherche.Recherche, journal.Fact, error) {
		return recherche.Save(recherche.Recherche{ID: id, AuditeurID: "a-thomas", Name: name, Criteria: criteria, Days: days}, had, auditeur, h.time())
	})
}

func TestRecherches(t *testing.T) {
	onBoth(t, func(h *house) {
		h.admitAuditeur("a-thomas")
		h.admitAuditeur("a-autre")
		h.ok(h.saveRecherche("rc1", "Émargements", "issue=denied", 0))
		h.expect(journal.RechercheSave, journal.OK)
		h.ok(h.saveRecherche("rc2", "Accès", "action=mandat.use", 30))
		list, err := h.Recherches(h.ctx, "a-thomas")
		h.ok(err)
		if len(list) != 2 || list[0].Name != "Accès" || list[0].Days != 30 || list[1].Criteria != "issue=denied" || !list[1].CreatedAt.Equal(h.time()) {
			t.Errorf("%+v", list)
		}
		if list, err := h.Recherches(h.ctx, "a-autre"); err != nil || len(list) != 0 {
			t.Errorf("another auditeur's: %+v, %v", list, err)
		}
		if _, err := h.Recherche(h.ctx, "a-autre", "rc1"); !errors.Is(err, recherche.ErrNotFound) {
			t.Error(err)
		}
		rename := func(r recherche.Recherche) (recherche.Recherche, journal.Fact, error) {
			return r.Rename("Refus", auditeur)
		}
		h.ok(h.RenameRecherche(h.ctx, "a-thomas", "rc1", rename))
		if r, err := h.Recherche(h.ctx, "a-thomas", "rc1"); err != nil || r.Name != "Refus" {
			t.Errorf("%+v, %v", r, err)
		}
		gone := func(r recherche.Recherche) journal.Fact { return r.Delete(auditeur) }
		before := h.size()
		for _, err := range []error{h.RenameRecherche(h.ctx, "a-autre", "rc1", rename), h.DeleteRecherche(h.ctx, "a-autre", "rc1", gone),
			h.DeleteRecherche(h.ctx, "a-thomas", "rc9", gone)} {
			if !errors.Is(err, recherche.ErrNotFound) {
				t.Error(err)
			}
		}
		if h.size() != before {
			t.Error("what did not happen left an entry")
		}
		for _, raw := range []string{"DELETE FROM recherche", "UPDATE recherche SET days = 7", "UPDATE recherche SET journal_id = journal_id + 1 WHERE id = 'rc2'"} {
			if _, err := h.raw(raw); err == nil {
				t.Errorf("the database accepts %s", raw)
			}
		}
		h.ok(h.DeleteRecherche(h.ctx, "a-thomas", "rc1", gone))
		h.expect(journal.RechercheDelete, journal.OK)
		if _, err := h.Recherche(h.ctx, "a-thomas", "rc1"); !errors.Is(err, recherche.ErrNotFound) {
			t.Error(err)
		}
		for i := range recherche.Max - 1 {
			h.ok(h.saveRecherche(fmt.Sprint("n", i), "Nom", "issue=ok", 0))
		}
		if err := h.saveRecherche("trop", "Nom", "issue=ok", 0); !errors.Is(err, recherche.ErrTooMany) {
			t.Errorf("the 51st: %v", err)
		}
	})
}
