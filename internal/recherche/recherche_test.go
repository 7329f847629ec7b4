package recherche_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/recherche"
)

var (
	at     = time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)
	thomas = journal.Actor{Type: journal.ActorAidant, Ref: "a-thomas"}
)

func asked() recherche.Recherche {
	return recherche.Recherche{ID: "rc1", AuditeurID: "a-thomas", Name: "Refus du mois", Criteria: "du-annee=2026&du-jour=1&du-mois=3&issue=denied"}
}

func TestSave(t *testing.T) {
	r, fact, err := recherche.Save(asked(), 49, thomas, at)
	if err != nil || fact.Check() != nil || fact.Action() != journal.RechercheSave || !r.CreatedAt.Equal(at) || r.Query(at) != asked().Criteria {
		t.Fatalf("%+v, %+v, %v", r, fact, err)
	}
	if _, _, err := recherche.Save(asked(), 50, thomas, at); !errors.Is(err, recherche.ErrTooMany) {
		t.Errorf("the 51st: %v", err)
	}
	for name, change := range map[string]func(r *recherche.Recherche){
		"no name":       func(r *recherche.Recherche) { r.Name = "" },
		"long name":     func(r *recherche.Recherche) { r.Name = strings.Repeat("é", 81) },
		"hidden":        func(r *recherche.Recherche) { r.Name = "a\u200bb" },
		"blanks":        func(r *recherche.Recherche) { r.Name = " a" },
		"not canonical": func(r *recherche.Recherche) { r.Criteria = "issue=denied&action=mandat.use" },
		"a page":        func(r *recherche.Recherche) { r.Criteria = "avant=12" },
		"a name":        func(r *recherche.Recherche) { r.Criteria = "acteur=Mme+D%C3%A9" },
		"no criteria":   func(r *recherche.Recherche) { r.Criteria = "" },
		"days":          func(r *recherche.Recherche) { r.Days = 8 },
		"owner":         func(r *recherche.Recherche) { r.AuditeurID = "" },
		"unreadable":    func(r *recherche.Recherche) { r.Criteria = "%" },
	} {
		bad := asked()
		change(&bad)
		if _, fact, err := recherche.Save(bad, 0, thomas, at); !errors.Is(err, recherche.ErrInvalid) || !fact.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRelative: the last N days move on with the day, across months and years.
func TestRelative(t *testing.T) {
	r := asked()
	r.Days = 30
	r, _, err := recherche.Save(r, 0, thomas, at)
	if err != nil || r.Criteria != "issue=denied" {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := r.Query(at); got != "du-annee=2026&du-jour=4&du-mois=2&issue=denied" {
		t.Errorf("Query = %s", got)
	}
	if got := r.Query(time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)); got != "du-annee=2026&du-jour=4&du-mois=12&issue=denied" {
		t.Errorf("Query = %s", got)
	}
}

func TestRenameAndDelete(t *testing.T) {
	r, fact, err := asked().Rename("Refus", thomas)
	if err != nil || r.Name != "Refus" || fact.Check() != nil || fact.Reason() != "nom" {
		t.Errorf("%+v, %+v, %v", r, fact, err)
	}
	if _, _, err := asked().Rename("", thomas); !errors.Is(err, recherche.ErrInvalid) {
		t.Error(err)
	}
	if fact := r.Delete(thomas); fact.Check() != nil || fact.Action() != journal.RechercheDelete || fact.Object().ID != "rc1" {
		t.Error(fact)
	}
}

func TestCanonical(t *testing.T) {
	got, err := recherche.Canonical(url.Values{"issue": {"ok", "denied"}, "mandat": {" 3467 89BC DFGH "}, "acteur": {""}, "avant": {"9"}})
	if err != nil || got != "issue=ok&mandat=346789BCDFGH" {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []url.Values{{"acteur": {"Zoé"}}, {"A": {"1"}}, {"a": {strings.Repeat("x", 201)}}, {"a=b": {"1"}}} {
		if _, err := recherche.Canonical(bad); !errors.Is(err, recherche.ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
