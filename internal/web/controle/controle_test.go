package controle_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/scellement"
	"relais/internal/signal"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/controle"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

var at = time.Date(2026, 11, 21, 9, 5, 7, 0, time.UTC)

type house struct {
	dir       string
	request   scellement.Request
	exportErr error
	during    func()
	failed    int
	seal      scellement.State
	vitals    journal.Vitals
	facets    journal.Facets
	facetsErr error
	recent    int // identities revealed lately
	erased    bool
	revealed  string // mission of the identity to show, "" for the visitor's
	cookies   map[string]any
	rows      []journal.Row
	asked     journal.Filter
	facts     []journal.Fact
	number    string
	bounded   int64 // where a search stops for having read enough

	found   []signal.Found
	seen    signal.Seen
	watched signal.Filter
	counted signal.Releve
	period  signal.Period

	*shelf
}

func (h *house) Search(_ context.Context, f journal.Filter) (journal.Page, error) {
	h.asked = f
	if h.bounded > 0 {
		return journal.Page{Next: h.bounded, Bounded: true, Examined: 2004}, nil
	}
	var out journal.Page
	for i := len(h.rows) - 1; i >= 0; i-- {
		if f.Before > 0 && int64(i) >= f.Before {
			continue
		}
		if len(out.Records) == f.Limit {
			out.Next = int64(i) + 1
			break
		}
		out.Records = append(out.Records, record(h.rows[i]))
	}
	return out, nil
}

func record(row journal.Row) journal.Record {
	rec, err := journal.Parse(row.Body)
	if err != nil {
		panic(err)
	}
	rec.Index = row.Index
	return rec
}

func (h *house) Entry(_ context.Context, index int64) (journal.Row, error) {
	if index >= int64(len(h.rows)) {
		return journal.Row{}, journal.ErrNotFound
	}
	return h.rows[index], nil
}

func (h *house) MandatEntries(_ context.Context, id string) ([]journal.Record, error) {
	var out []journal.Record
	for _, row := range h.rows {
		if rec := record(row); rec.Mandat == id {
			out = append(out, rec)
		}
	}
	return out, nil
}

func (h *house) Head(context.Context) (journal.Head, error) {
	return journal.Head{Size: int64(len(h.rows)), Root: journal.EmptyRoot()}, nil
}

func (h *house) Append(_ context.Context, facts ...journal.Fact) error {
	h.facts = append(h.facts, facts...)
	return nil
}

func (h *house) MandatByNumber(_ context.Context, number string) (mandat.Mandat, error) {
	if number != h.number {
		return mandat.Mandat{}, mandat.ErrNotFound
	}
	return mandat.Mandat{ID: "mandat-un", OrganisationID: "ccas"}, nil
}

func (h *house) Facets(_ context.Context, index int64) (journal.Facets, error) {
	if index >= int64(len(h.rows)) {
		return journal.Facets{}, journal.ErrNotFound
	}
	return h.facets, h.facetsErr
}

func (h *house) Agent(_ context.Context, ref string) (string, error) { return ref, nil }

func (h *house) AidantIDs(context.Context) ([]string, error) { return []string{"autre", agentID}, nil }

func (h *house) State() scellement.State { return h.seal }

func (h *house) Vitals(context.Context) (journal.Vitals, error) { return h.vitals, nil }

func (h *house) add(t *testing.T, seq int64) {
	t.Helper()
	m := mandat.Mandat{ID: "mandat-un"}
	e := journal.Entry{ID: "e", At: at, StreamSeq: seq,
		Fact: m.Printed(journal.Actor{Type: journal.ActorAidant, Ref: agentID}, "acte")}
	body, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	h.rows = append(h.rows, journal.Row{Index: int64(len(h.rows)), Body: body, Leaf: journal.Leaf(body)})
}

const agentID = "agent-0123456789"

var order = mission.Mission{ID: "mi1", AuditeurID: "audit", Purpose: "Contrôle des usages de nuit, structure par structure.", Reference: "OM 17",
	From: at.AddDate(0, -1, 0), To: at.AddDate(0, 1, 0), Salt: []byte("salt")}

func newDesk(t *testing.T) (*house, []desk.Route, desk.Visit) {
	t.Helper()
	return newDeskBeating(t, time.Minute)
}

// newDeskBeating is a desk of a Relais that says so often that it runs.
func newDeskBeating(t *testing.T, beat time.Duration) (*house, []desk.Route, desk.Visit) {
	t.Helper()
	h := &house{number: "346789BCDFGH", cookies: map[string]any{}, shelf: newShelf()}
	v := desk.Visit{Aidant: aidant.Aidant{ID: "audit", GivenName: "Aude", UsualName: "Iteuse", Roles: []aidant.Role{aidant.RoleAuditeur}},
		Organisation: organisation.Organisation{ID: "org", Timezone: "Europe/Paris"}, Mission: &order, Missions: []mission.Mission{order}, Within: "Tout le journal"}
	return h, (&controle.Desk{Pages: pagecheck.Pages(t), Journal: h, Numbers: h, Facets: h, Agents: h, Revelations: h, Cookies: h, Seal: h, Vitals: h, Watch: h, Revues: h, Samples: h, Saved: h, Exports: h, Beat: beat,
		Now: func() time.Time { return at }}).Routes(), v
}

func TestList(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle", nil, 200), "Aucune entrée", "/controle/sante")
	if len(h.facts) != 0 {
		t.Error("a look without criteria was written")
	}
	for seq := range int64(60) {
		h.add(t, seq+1)
	}
	body := pagecheck.Read(t, routes, v, "GET", "/controle", nil, 200)
	pagecheck.MustShow(t, body, "21 novembre 2026 à 10:05:07", "Mandat imprimé", "Agent "+order.Label(agentID), "Contrôle des usages de nuit", "/controle?avant=20", "/controle/mandats/mandat-un")
	pagecheck.MustHide(t, body, "Plus récent")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle?avant=20", nil, 200), "Plus récent")
	body = pagecheck.Read(t, routes, v, "GET", "/controle?mandat=3467+89bc+dfgh&issue=ok&du-jour=1&du-mois=11&du-annee=2026&au-jour=21&au-mois=11&au-annee=2026&acteur=a&action=mandat.print"+
		"&structure=ccas&domaine=logement&usager=u-1&service=fc", nil, 200)
	pagecheck.MustShow(t, body, "Effacer les critères")
	paris, _ := time.LoadLocation("Europe/Paris")
	want := journal.Filter{From: time.Date(2026, 11, 1, 0, 0, 0, 0, paris), To: time.Date(2026, 11, 22, 0, 0, 0, 0, paris),
		Actor: "a", Action: journal.MandatPrint, Mandat: "mandat-un", Outcome: journal.OK, Limit: 40,
		Structure: "ccas", Domaine: "logement", Usager: "u-1", Service: "fc"}
	if !h.asked.From.Equal(want.From) || !h.asked.To.Equal(want.To) {
		t.Errorf("period = %v – %v", h.asked.From, h.asked.To)
	}
	h.asked.From, h.asked.To = want.From, want.To
	if h.asked != want {
		t.Errorf("filter = %+v, want %+v", h.asked, want)
	}
	if len(h.facts) != 1 || h.facts[0].Action() != journal.JournalSearch || h.facts[0].Check() != nil {
		t.Errorf("trace = %v", h.facts)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle?mandat=XXXXXXXXXXXX", nil, 200), "Aucune entrée ne répond")
	if len(h.facts) != 2 {
		t.Error("a search for an unknown number left no trace")
	}
}

// TestFurther: a search that read enough before it found a page says so, and goes
// on with the same criteria.
func TestFurther(t *testing.T) {
	h, routes, v := newDesk(t)
	h.bounded = 1234
	body := pagecheck.Read(t, routes, v, "GET", "/controle?usager=u-1&issue=denied", nil, 200)
	pagecheck.MustShow(t, body, page.Count(2004)+" lignes examinées", "/controle?avant=1234&issue=denied&usager=u-1", "Continuer la recherche", "Rien encore ne répond")
	pagecheck.MustHide(t, body, "Aucune entrée", "Plus ancien")
}

func TestBadCriteria(t *testing.T) {
	h, routes, v := newDesk(t)
	for _, query := range []string{"action=inconnue", "issue=peut-etre", "du-jour=31&du-mois=2&du-annee=2026",
		"du-jour=2&du-mois=1&du-annee=2026&au-jour=1&au-mois=1&au-annee=2026", "structure=absente", "domaine=inconnu",
		"usager=a%00b", "service=%E2%80%AEabc", "acteur=a%00b", "mandat=%E2%80%AEabc"} {
		body := pagecheck.Read(t, routes, v, "GET", "/controle?"+query, nil, http.StatusUnprocessableEntity)
		pagecheck.MustShow(t, body, "1 réponse à corriger")
	}
	if len(h.facts) != 0 {
		t.Error("a search that was not made was written")
	}
}

func TestEntry(t *testing.T) {
	h, routes, v := newDesk(t)
	h.add(t, 1)
	body := pagecheck.Read(t, routes, v, "GET", "/controle/entrees/0", nil, 200)
	pagecheck.MustShow(t, body, `"action":"mandat.print"`, h.rows[0].Leaf.String(), "Enregistrée", "agent-0123456789", "document")
	pagecheck.MustHide(t, body, "modifiée après")
	h.rows[0].Leaf[0] ^= 1
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/entrees/0", nil, 200), "modifiée après son enregistrement")
	if len(h.facts) != 2 {
		t.Errorf("%d traces of 2 entries opened", len(h.facts))
	}
	for _, index := range []string{"1", "-1", "x", "99999999999999999999"} {
		_, err := pagecheck.Serve(t, routes, v, "GET", "/controle/entrees/"+index, nil)
		var p *desk.Problem
		if !errors.As(err, &p) || p.Status != http.StatusNotFound {
			t.Errorf("entry %s: %v", index, err)
		}
	}
}

// TestReasons: codes are said in words; the entry's own page gives the code too.
func TestReasons(t *testing.T) {
	h, routes, v := newDesk(t)
	for code, words := range map[string]string{"hors_mission": "Hors de la mission", "autre_structure": "Autre structure", "terminee": "Terminée"} {
		h.rows = nil
		body, err := journal.Entry{ID: "e", At: at, Fact: aidant.Refused(journal.Actor{Type: journal.ActorAidant, Ref: agentID}, "route", code)}.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		h.rows = append(h.rows, journal.Row{Body: body, Leaf: journal.Leaf(body)})
		list := pagecheck.Read(t, routes, v, "GET", "/controle", nil, 200)
		pagecheck.MustShow(t, list, words)
		pagecheck.MustHide(t, list, code)
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/entrees/0", nil, 200), words+" ("+code+")")
	}
}

func TestTimeline(t *testing.T) {
	h, routes, v := newDesk(t)
	h.add(t, 1)
	h.add(t, 2)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/mandats/mandat-un", nil, 200), "2/2", "sans trou ni répétition")
	h.add(t, 4)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/mandats/mandat-un", nil, 200), "4/4", "Le compteur a un trou")
	if _, err := pagecheck.Serve(t, routes, v, "GET", "/controle/mandats/autre", nil); !errors.Is(err, mandat.ErrNotFound) {
		t.Errorf("unknown mandat: %v", err)
	}
}

// TestSilence: a pulsation is late by what the operator set, and none is awaited
// where there are to be none.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		beat, age time.Duration
		late      bool
	}{
		"each minute, 9 minutes ago":  {time.Minute, 9 * time.Minute, false},
		"each minute, 11 minutes ago": {time.Minute, 11 * time.Minute, true},
		"each hour, 2 hours ago":      {time.Hour, 2 * time.Hour, false},
		"each hour, 4 hours ago":      {time.Hour, 4 * time.Hour, true},
		"none, a day ago":             {0, 24 * time.Hour, false},
	} {
		h, routes, v := newDeskBeating(t, c.beat)
		h.vitals = journal.Vitals{Beat: journal.Record{Index: 9, Action: journal.Heartbeat, At: at.Add(-c.age), Outcome: journal.OK}}
		body := pagecheck.Read(t, routes, v, "GET", "/controle/sante", nil, 200)
		if got := strings.Contains(body, "n’a pas écrit qu’il fonctionne"); got != c.late {
			t.Errorf("%s: late %v, want %v", name, got, c.late)
		}
	}
}

// TestHealth: the page tells what is known, that what is not known is not, and
// what is wrong.
func TestHealth(t *testing.T) {
	h, routes, v := newDesk(t)
	read := func() string { return pagecheck.Read(t, routes, v, "GET", "/controle/sante", nil, 200) }
	pagecheck.MustShow(t, read(), "0 entrées", "aucun encore", "jamais encore", "inconnu", "n’a pas été vérifié récemment", "Entrées sans numéro")
	h.add(t, 1)
	h.add(t, 2)
	h.seal.Progress = journal.Progress{Sealed: 1}
	h.seal.Last = journal.Signed{Checkpoint: journal.Checkpoint{Origin: "relais.example", Size: 1}, At: at}
	h.seal.Keys = []string{"relais.example+0a1b2c3d+key"}
	h.seal.Witnesses = map[string]string{"cour": "", "voisin": "404"}
	h.seal.Clocks = map[string]scellement.Clock{"cour": {Ahead: time.Second / 5, Give: time.Second}, scellement.Authority: {Ahead: -7 * time.Second, Give: time.Second / 2}}
	h.vitals = journal.Vitals{Verified: journal.Record{Index: 7, Action: journal.JournalVerify, At: at, Outcome: journal.OK, Details: map[string]string{"taille": "7", "duree_ms": "1234"}},
		Replayed: journal.Record{Index: 8, Action: journal.JournalReplay, At: at, Outcome: journal.OK, Details: map[string]string{"mandats": "3"}},
		Beat:     journal.Record{Index: 9, Action: journal.Heartbeat, At: at, Outcome: journal.OK}}
	body := read()
	pagecheck.MustShow(t, body, "relais.example", "0a1b2c3d", "la première", "Témoin cour", "d’accord", "sans réponse valable", "/journal/checkpoint",
		"7 entrées intactes, en 1,2 s", "/controle/entrees/7", "3 mandats", "Dernière pulsation", "aucun, à 1,0 s près", "en retard de 7,0 s", "Les horloges ne s’accordent pas")
	pagecheck.MustHide(t, body, "n’a pas été vérifié récemment", "jamais encore", "NE TIENT PAS", "inconnu")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/entrees/0", nil, 200), "Scellée", "clé du journal")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/entrees/1", nil, 200), "Enregistrée", "pas encore sous un point")
	for text, change := range map[string]func(){
		"n’est plus signé":               func() { h.seal.Refusal = errors.New("the database is behind") },
		"Le journal ne tient pas":        func() { h.vitals.Verified.Outcome = journal.Failed },
		"n’est pas dans l’état":          func() { h.vitals.Replayed.Outcome = journal.Failed },
		"ne sont pas scellées":           func() { h.seal.Last.At = at.Add(-time.Hour) },
		"attendent leur numéro":          func() { h.vitals.Waiting, h.vitals.WaitedFor = 3, 2*time.Minute },
		"n’a pas écrit qu’il fonctionne": func() { h.vitals.Beat.At = at.Add(-time.Hour) },
		"n’a pas été vérifié récemment":  func() { h.vitals.Verified.At = at.AddDate(0, 0, -3) },
		"Les recherches sont en retard":  func() { h.vitals.Behind = 5000 },
		"n’ont pas pu être lues":         func() { h.vitals.Unread, h.vitals.UnreadAt = 2, 12 },
		"2, la première au rang 12":      func() { h.vitals.Unread, h.vitals.UnreadAt = 2, 12 },
		"2 document(s) gardé(s)":         func() { h.seal.RenewFail, h.seal.RenewLeft = "jeton gardé à 4 entrées", 2 },
		"le dernier essai a échoué":      func() { h.seal.RenewFail = "sans réponse" },
		"des entrées ont été perdues":    func() { h.seal.Last.Origin = "relais.example/epoque-2" },
		"NE TIENT PAS":                   func() { h.vitals.Verified.Outcome = journal.Failed },
	} {
		seal, vitals := h.seal, h.vitals
		change()
		pagecheck.MustShow(t, read(), text)
		h.seal, h.vitals = seal, vitals
	}
	h.seal.RenewFail, h.seal.RenewLeft, h.seal.Renewed, h.seal.RenewedAt = "jeton gardé à 4 entrées", 1, 2, at
	pagecheck.MustHide(t, read(), "le dernier essai a échoué")
	h.seal.Refusal = errors.New("the database is behind")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle", nil, 200), "n’est plus signé")
	if len(h.facts) != 2 { // the two entries opened
		t.Errorf("looking at the journal's health left %d entries", len(h.facts)-2)
	}
}
