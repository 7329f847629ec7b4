package mandat_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func ccas() organisation.Organisation {
	return organisation.Organisation{ID: "ccas", Name: "CCAS de Valfictif", SIRET: "26999901700016", Address: "12 rue de l’Exemple",
		Postcode: "99001", City: "Valfictif", Telephone: "+33199000110", Timezone: "Europe/Paris"}
}

func by(id string) journal.Actor {
	return journal.Actor{Type: journal.ActorAidant, Ref: id, Auth: "proconnect:eidas1-mfa"}
}

func plan() mandat.Plan {
	return mandat.Plan{Aidants: []string{"a-1", "a-2"}, Duration: mandat.Duration{Days: 31}, Capacity: mandat.CapacityFull,
		Autorisations: []mandat.Autorisation{
			{Domaine: "logement", Demarches: []string{"apl", "fsl"}},
			{Domaine: "argent", Demarches: []string{"declaration-revenus"}},
		}}
}

func texte() acte.Texte {
	return acte.Texte{Version: "2026-11-21", Body: "Mandat\n", Salt: []byte(strings.Repeat("s", acte.SaltSize))}
}

func pivot() identite.Pivot {
	return identite.Pivot{FamilyName: "Lefèvre", GivenName: "Jeanne", Gender: "female", Birthdate: "1948-03-12",
		Birthplace: "75112", Birthcountry: identite.France}
}

func who() mandat.Identified {
	return mandat.Identified{Pivot: pivot(), IDP: "idp-1", OwnIDP: "relais", ACR: "eidas1", JWKS: strings.Repeat("a", 64)}
}

// step is a transition with everything but the mandat given.
type step func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)

var endsAt = now.AddDate(0, 0, 31)

func redraft(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Redraft(ccas(), plan(), by("a-1"), now)
}
func entrust(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Entrust(texte(), []mandat.Replacement{{MandatID: "old", Number: "3333", Domaine: "logement"}}, endsAt, by("a-1"), now)
}
func identify(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Identify(who(), time.UTC, now.Add(time.Minute))
}
func unidentify(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Unidentify("pas_moi")
}
func confirm(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Confirm(true, now.Add(2*time.Minute))
}
func give(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Give(now.Add(3 * time.Minute))
}
func decline(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Decline(now.Add(3 * time.Minute))
}
func takeBack(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.TakeBack(by("a-1"), now.Add(4*time.Minute))
}
func sign(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Sign("u-1", nil, strings.Repeat("e", 64), by("a-1"), now.Add(5*time.Minute))
}
func abandon(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Abandon(by("a-1"), now.Add(5*time.Minute))
}
func use(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Use("logement", []string{"logement"}, "ccas", "hub", "d-1", by("a-1"), now.Add(time.Hour))
}
func revoke(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Revoke(nil, mandat.AtCounter, by("a-1"), now.Add(2*time.Hour))
}
func revokePart(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Revoke([]string{"logement"}, mandat.ByTelephone, by("a-1"), now.Add(2*time.Hour))
}
func renounce(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Renounce(nil, "desaccord", by("a-1"), now.Add(2*time.Hour))
}
func replace(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	return m.Replace("logement", "m-2", by("a-1"), now.Add(2*time.Hour))
}
func expire(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Expire(endsAt) }

// after runs steps on a fresh draft; each of them must succeed.
func after(t *testing.T, steps ...step) mandat.Mandat {
	t.Helper()
	m, fact, err := mandat.Draft("m-1", "346789BCDFGH", ccas(), plan(), by("a-1"), now)
	if err != nil || fact.Check() != nil || fact.Action() != journal.MandatDraft || fact.Stream() != "m-1" {
		t.Fatalf("Draft = %+v, %v", fact, err)
	}
	for i, s := range steps {
		next, fact, err := s(m)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if err := fact.Check(); err != nil || fact.Stream() != "m-1" {
			t.Fatalf("step %d: fact %+v: %v", i, fact, err)
		}
		m = next
	}
	return m
}

// The ways of a mandat, by name.
var (
	toGiven = []step{entrust, identify, confirm, give}
	toActif = []step{entrust, identify, confirm, give, takeBack, sign}
)

func suspended(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
	m.State = mandat.Suspendu // no transition of this package leads there yet
	return m, journal.NewFact(journal.Systeme(), journal.MandatSuspend, journal.Object{Type: "mandat", ID: m.ID}).OfMandat(m.ID), nil
}

func way(start []step, more ...step) []step { return append(append([]step{}, start...), more...) }

// states are the places where a mandat can stand.
var states = map[string][]step{
	"draft":      {},
	"entrusted":  {entrust},
	"identified": {entrust, identify},
	"confirmed":  {entrust, identify, confirm},
	"given":      toGiven,
	"declined":   {entrust, identify, decline},
	"taken back": {entrust, identify, confirm, takeBack},
	"returned":   way(toGiven, takeBack),
	"abandoned":  {abandon},
	"actif":      toActif,
	"in part":    way(toActif, revokePart),
	"suspendu":   way(toActif, suspended),
	"terminé":    way(toActif, revoke),
	"expired":    way(toActif, expire),
}

// TestLifeCycle is the table of the package comment: every transition from
// every state. A state that is not listed refuses the transition with ErrState
// and no fact.
func TestLifeCycle(t *testing.T) {
	live := map[string]string{"actif": "termine", "in part": "termine", "suspendu": "termine"}
	for _, row := range []struct {
		name   string
		step   step
		action journal.Action
		next   map[string]string // state → State it leads to
	}{
		{"Redraft", redraft, journal.MandatCompose, drafts("draft", "entrusted", "identified", "confirmed", "declined", "taken back")},
		{"Entrust", entrust, journal.MandatEntrust, drafts("draft", "entrusted", "identified", "confirmed", "given", "declined", "taken back", "returned")},
		{"Identify", identify, journal.MandatIdentify, drafts("entrusted", "identified", "confirmed")},
		{"Unidentify", unidentify, journal.MandatIdentify, drafts("entrusted", "identified", "confirmed")},
		{"Confirm", confirm, journal.MandatConfirm, drafts("identified", "confirmed")},
		{"Give", give, journal.MandatGive, drafts("confirmed")},
		{"Decline", decline, journal.MandatDecline, drafts("entrusted", "identified", "confirmed")},
		{"TakeBack", takeBack, journal.MandatTakeBack, drafts("draft", "entrusted", "identified", "confirmed", "given", "declined", "taken back", "returned")},
		{"Sign", sign, journal.MandatSign, map[string]string{"returned": "actif"}},
		{"Abandon", abandon, journal.MandatAbandon, map[string]string{"draft": "sans_suite", "entrusted": "sans_suite", "identified": "sans_suite",
			"confirmed": "sans_suite", "given": "sans_suite", "declined": "sans_suite", "taken back": "sans_suite", "returned": "sans_suite"}},
		{"Revoke", revoke, journal.MandatRevoke, live},
		{"Renounce", renounce, journal.MandatRenounce, live},
		{"Replace", replace, journal.MandatReplace, map[string]string{"actif": "actif", "suspendu": "suspendu"}},
		{"Expire", expire, journal.MandatExpire, live},
	} {
		for state, steps := range states {
			m := after(t, steps...)
			next, fact, err := row.step(m)
			want, allowed := row.next[state]
			if !allowed {
				if !errors.Is(err, mandat.ErrState) && !errors.Is(err, mandat.ErrEnded) || !fact.IsZero() || !reflect.DeepEqual(next, m) {
					t.Errorf("%s from %s = %v, fact %v, want a refusal that changes nothing", row.name, state, err, fact.Action())
				}
				continue
			}
			if err != nil || string(next.State) != want || fact.Action() != row.action || fact.Stream() != m.ID || fact.Check() != nil {
				t.Errorf("%s from %s = %s, %v, %v; want %s", row.name, state, next.State, fact.Action(), err, want)
			}
		}
	}
}

func drafts(from ...string) map[string]string {
	next := map[string]string{}
	for _, s := range from {
		next[s] = string(mandat.Brouillon)
	}
	return next
}

// TestPurity: no transition changes the value it is called on, slices included.
func TestPurity(t *testing.T) {
	steps := []step{redraft, entrust, identify, unidentify, confirm, give, decline, takeBack, sign, abandon, use, revoke, revokePart, renounce, replace, expire}
	for state, path := range states {
		m := after(t, path...)
		frozen := deep(m)
		for i, s := range steps {
			next, _, _ := s(m)
			if next.State == mandat.Brouillon || next.State == mandat.Actif {
				_, _, _ = revoke(next)
			}
			if !reflect.DeepEqual(m, frozen) {
				t.Fatalf("step %d from %s changed its receiver", i, state)
			}
		}
	}
	p := plan()
	m, _, err := mandat.Draft("m-1", "346789BCDFGH", ccas(), p, by("a-1"), now)
	if err != nil {
		t.Fatal(err)
	}
	p.Aidants[0], p.Autorisations[0].Domaine, p.Autorisations[0].Demarches[0] = "x", "x", "x"
	if m.Aidants[0] != "a-1" || m.Autorisations[0].Domaine != "logement" || m.Autorisations[0].Demarches[0] != "apl" {
		t.Error("a draft shares the slices of its plan")
	}
}

func deep(m mandat.Mandat) mandat.Mandat {
	c := m
	c.Aidants = append([]string(nil), m.Aidants...)
	c.Autorisations = append([]mandat.Autorisation(nil), m.Autorisations...)
	for i, a := range c.Autorisations {
		c.Autorisations[i].Demarches = append([]string(nil), a.Demarches...)
	}
	if m.Replaces != nil {
		c.Replaces = append([]mandat.Replacement{}, m.Replaces...)
	}
	c.Texte.Salt = append([]byte(nil), m.Texte.Salt...)
	if m.Texte.Salt == nil {
		c.Texte.Salt = nil
	}
	return c
}

func TestWords(t *testing.T) {
	for _, s := range []mandat.State{mandat.Brouillon, mandat.Actif, mandat.Suspendu, mandat.Termine, mandat.SansSuite} {
		if s.Label() == string(s) {
			t.Errorf("state %s has no French", s)
		}
	}
	for _, r := range []mandat.Reason{mandat.Echeance, mandat.Revocation, mandat.Renonciation, mandat.Remplacement, mandat.Deces, mandat.Protection, mandat.Retrait} {
		if r.Label() == string(r) {
			t.Errorf("reason %s has no French", r)
		}
	}
	for _, c := range mandat.Channels() {
		if c.Label() == string(c) {
			t.Errorf("channel %s has no French", c)
		}
	}
	if mandat.State("x").Label() != "x" || mandat.Reason("x").Label() != "x" || mandat.Channel("x").Label() != "x" {
		t.Error("an unknown word is not shown as it is")
	}
	seen := map[string]bool{}
	for range 2000 {
		n := mandat.NewNumber()
		if len(n) != mandat.NumberLength || strings.ContainsAny(n, "AEIOU012LNSZ5 ") || seen[n] {
			t.Fatalf("number %q", n)
		}
		seen[n] = true
	}
}
