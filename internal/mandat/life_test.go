package mandat_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
)

func TestRevoke(t *testing.T) {
	m := after(t, toActif...)
	at := now.Add(2 * time.Hour)
	part, fact, err := revokePart(m)
	if err != nil || part.State != mandat.Actif || fact.Reason() != "telephone" || !strings.Contains(string(bytesOf(t, fact)), `"domaines":"logement"`) {
		t.Fatalf("part = %s, %+v, %v", part.State, fact, err)
	}
	if a := part.Autorisations[0]; !a.EndedAt.Equal(at) || a.EndReason != mandat.Revocation || !part.Autorisations[1].EndedAt.IsZero() {
		t.Errorf("autorisations %+v", part.Autorisations)
	}
	if _, ok := part.Active("logement", at); ok {
		t.Error("a revoked autorisation still runs")
	}
	if _, ok := part.Active("argent", at); !ok {
		t.Error("the other autorisation stopped too")
	}
	_, fact, err = revokePart(part)
	refusal(t, "the same part twice", fact, err, mandat.ErrEnded, "")
	whole, fact, err := revoke(part)
	if err != nil || whole.State != mandat.Termine || whole.EndReason != mandat.Revocation || !whole.EndedAt.Equal(at) || !strings.Contains(string(bytesOf(t, fact)), `"domaines":"argent"`) {
		t.Errorf("whole = %+v, %v", whole, err)
	}
	_, fact, err = revoke(whole)
	refusal(t, "the whole twice", fact, err, mandat.ErrState, "")
	_, fact, err = m.Revoke([]string{"justice"}, mandat.AtCounter, by("a-1"), at)
	refusal(t, "a domaine that it lacks", fact, err, mandat.ErrEnded, "")
	_, fact, err = m.Revoke(nil, "pigeon", by("a-1"), at)
	refusal(t, "an unknown channel", fact, err, mandat.ErrInvalid, "")
	_, fact, err = m.Revoke(nil, mandat.ByPost, by("a-1"), endsAt)
	refusal(t, "after its end", fact, err, mandat.ErrEnded, "")
	both, _, err := m.Revoke([]string{"argent", "logement"}, mandat.ByEmail, by("a-1"), endsAt.Add(-time.Second))
	if err != nil || both.State != mandat.Termine {
		t.Errorf("both domaines, in the last second: %s, %v", both.State, err)
	}
}

func TestRenounceAndReplace(t *testing.T) {
	m := after(t, toActif...)
	for _, r := range mandat.RenounceReasons() {
		ended, fact, err := m.Renounce(nil, r[0], by("a-1"), now.Add(time.Hour))
		if err != nil || ended.EndReason != mandat.Renonciation || fact.Reason() != r[0] || fact.Check() != nil || r[1] == "" {
			t.Errorf("%s: %+v, %v", r[0], fact, err)
		}
	}
	_, fact, err := m.Renounce(nil, "Jeanne déménage", by("a-1"), now)
	refusal(t, "a reason in words", fact, err, mandat.ErrInvalid, "")
	m, fact, err = replace(m)
	if err != nil || m.State != mandat.Actif || m.Autorisations[0].EndReason != mandat.Remplacement || fact.Reason() != "m-2" {
		t.Errorf("Replace = %+v, %v", fact, err)
	}
	m, _, err = m.Replace("argent", "m-2", by("a-1"), now.Add(3*time.Hour))
	if err != nil || m.State != mandat.Termine || m.EndReason != mandat.Remplacement {
		t.Errorf("the last one replaced = %s, %v", m.State, err)
	}
}

func TestExpire(t *testing.T) {
	m := after(t, append(append([]step{}, toActif...), revokePart)...)
	_, fact, err := m.Expire(endsAt.Add(-time.Nanosecond))
	refusal(t, "too early", fact, err, mandat.ErrState, "")
	ended, fact, err := m.Expire(endsAt.AddDate(0, 2, 0))
	if err != nil || ended.State != mandat.Termine || ended.EndReason != mandat.Echeance || !ended.EndedAt.Equal(endsAt) ||
		fact.Actor() != journal.Systeme() {
		t.Fatalf("Expire = %+v, %v", ended, err)
	}
	if a := ended.Autorisations; a[0].EndReason != mandat.Revocation || a[1].EndReason != mandat.Echeance || !a[1].EndedAt.Equal(endsAt) {
		t.Errorf("autorisations %+v: each keeps its own end", a)
	}
	_, fact, err = ended.Expire(endsAt)
	refusal(t, "twice", fact, err, mandat.ErrState, "")
}

func TestStatus(t *testing.T) {
	for state, want := range map[string][2]mandat.State{ // before and at the end
		"draft": {mandat.Brouillon, mandat.Brouillon}, "abandoned": {mandat.SansSuite, mandat.SansSuite},
		"actif": {mandat.Actif, mandat.Termine}, "in part": {mandat.Actif, mandat.Termine},
		"suspendu": {mandat.Suspendu, mandat.Termine}, "terminé": {mandat.Termine, mandat.Termine},
	} {
		m := after(t, states[state]...)
		if got := [2]mandat.State{m.Status(endsAt.Add(-time.Second)), m.Status(endsAt)}; got != want {
			t.Errorf("%s: Status = %v, want %v", state, got, want)
		}
		if n := len(m.ActiveAutorisations(endsAt)); n != 0 {
			t.Errorf("%s: %d autorisations run past the end", state, n)
		}
	}
	if got := after(t, states["suspendu"]...).ActiveAutorisations(now); got != nil {
		t.Errorf("a suspended mandat allows %v", got)
	}
}

func TestUse(t *testing.T) {
	actif := after(t, toActif...)
	within := []string{"logement", "argent", "justice"}
	at := now.Add(time.Hour)
	m, fact, err := use(actif)
	if b := string(bytesOf(t, fact)); err != nil || m.State != mandat.Actif || fact.Outcome() != journal.OK ||
		!strings.Contains(b, `"client":"hub"`) || !strings.Contains(b, `"delegation":"d-1"`) || !strings.Contains(b, `"domaine":"logement"`) {
		t.Errorf("Use = %s, %v", b, err)
	}
	colleagues := actif
	colleagues.Colleagues = true
	if _, _, err := colleagues.Use("logement", within, "ccas", "hub", "d-1", by("a-9"), at); err != nil {
		t.Errorf("a colleague, where the text says so: %v", err)
	}
	for name, x := range map[string]struct {
		m            mandat.Mandat
		domaine, org string
		within       []string
		by           journal.Actor
		at           time.Time
		err          error
		reason       string
	}{
		"another structure":      {actif, "logement", "mairie", within, by("a-1"), at, mandat.ErrNotFound, ""},
		"another's colleague":    {colleagues, "logement", "mairie", within, by("a-9"), at, mandat.ErrNotFound, ""},
		"not named":              {actif, "logement", "ccas", within, by("a-9"), at, mandat.ErrNotNamed, "aidant_non_nomme"},
		"nobody":                 {colleagues, "logement", "ccas", within, journal.Nobody(), at, mandat.ErrNotNamed, "aidant_non_nomme"},
		"a domaine it lacks":     {actif, "justice", "ccas", within, by("a-1"), at, mandat.ErrScope, "hors_perimetre"},
		"no domaine":             {actif, "", "ccas", within, by("a-1"), at, mandat.ErrScope, "hors_perimetre"},
		"a sentence for domaine": {actif, "Jeanne Lefèvre", "ccas", within, by("a-1"), at, mandat.ErrScope, "hors_perimetre"},
		"out of perimeter":       {actif, "argent", "ccas", []string{"logement"}, by("a-1"), at, mandat.ErrScope, "hors_perimetre"},
		"nothing in perimeter":   {actif, "argent", "ccas", nil, by("a-1"), at, mandat.ErrScope, "hors_perimetre"},
		"past its end":           {actif, "logement", "ccas", within, by("a-1"), endsAt, mandat.ErrEnded, "mandat_termine"},
		"revoked":                {after(t, states["terminé"]...), "logement", "ccas", within, by("a-1"), at, mandat.ErrEnded, "mandat_termine"},
		"revoked in part":        {after(t, states["in part"]...), "logement", "ccas", within, by("a-1"), at, mandat.ErrEnded, "mandat_termine"},
		"suspended":              {after(t, states["suspendu"]...), "logement", "ccas", within, by("a-1"), at, mandat.ErrEnded, "mandat_termine"},
		"a draft":                {after(t), "logement", "ccas", within, by("a-1"), at, mandat.ErrEnded, "mandat_termine"},
		"given, not accepted":    {after(t, states["returned"]...), "logement", "ccas", within, by("a-1"), at, mandat.ErrEnded, "mandat_termine"},
	} {
		_, fact, err := x.m.Use(x.domaine, x.within, x.org, "hub", "d-1", x.by, x.at)
		refusal(t, name, fact, err, x.err, x.reason)
	}
}

func TestViewsAndPrints(t *testing.T) {
	m := after(t, toActif...)
	if f := m.Viewed(by("a-1")); f.Action() != journal.MandatView || f.Stream() != m.ID || f.Check() != nil {
		t.Errorf("Viewed = %+v", f)
	}
	if f := m.Printed(by("a-1"), "acte"); f.Action() != journal.MandatPrint || f.Check() != nil {
		t.Errorf("Printed = %+v", f)
	}
	if !m.Covers("logement") || m.Covers("justice") || !m.Names("a-2") || m.Names("a-3") || m.Names("") {
		t.Error("Covers, Names")
	}
	if !slices.Contains(mandat.Channels(), mandat.ByTelephone) || errors.Is(mandat.ErrEnded, mandat.ErrState) {
		t.Error("Channels")
	}
}
