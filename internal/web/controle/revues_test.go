package controle_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"relais/internal/journal"
	"relais/internal/recherche"
	"relais/internal/revue"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
)

// TestUnknownCriteria: what was typed and is nowhere in this mission is shown as
// such, never left out as if nothing had been asked.
func TestUnknownCriteria(t *testing.T) {
	_, routes, v := newDesk(t)
	for _, c := range []struct{ query, says string }{
		{"mandat=XXXX+XXXX+XXXX", "« XXXX XXXX XXXX », inconnu dans cette mission"},
		{"acteur=A-BBBBBBB", "« A-BBBBBBB », inconnu dans cette mission"},
	} {
		for _, path := range []string{"/controle", "/controle/revues/nouvelle", "/controle/recherches/nouvelle"} {
			pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path+"?"+c.query, nil, http.StatusOK), c.says)
		}
	}
	elsewhere := outside(v) // the number is one of another structure
	pagecheck.MustShow(t, pagecheck.Read(t, routes, elsewhere, "GET", "/controle/revues/nouvelle?mandat=3467+89BC+DFGH", nil, http.StatusOK),
		"« 3467 89BC DFGH », inconnu dans cette mission")
}

// shelf is where the reviews and saved searches of the tests lie.
type shelf struct {
	revues   map[string]revue.Revue
	drawn    []int64 // what the next draw gives
	entries  map[int64]journal.Record
	searches map[string]recherche.Recherche
	raced    bool
}

func newShelf() *shelf {
	return &shelf{revues: map[string]revue.Revue{}, entries: map[int64]journal.Record{}, searches: map[string]recherche.Recherche{}}
}

func (h *house) OpenRevue(_ context.Context, r revue.Revue, open func(revue.Revue, []int64) (revue.Revue, journal.Fact, error)) (revue.Revue, error) {
	r.Size = 1000
	r, fact, err := open(r, h.drawn)
	if err != nil {
		return r, err
	}
	r.OpenEntry, r.Drawn = h.write(fact), len(r.Lines)
	h.revues[r.ID] = r
	return r, nil
}

// write keeps a fact as an entry of its own and returns its index.
func (h *house) write(fact journal.Fact) int64 {
	h.facts = append(h.facts, fact)
	body, err := journal.Entry{ID: "e", At: at, Fact: fact}.Canonical()
	if err != nil {
		panic(err)
	}
	index := int64(2000 + len(h.facts))
	rec := record(journal.Row{Index: index, Body: body})
	h.entries[index] = rec
	return index
}

func (h *house) Revue(_ context.Context, id string) (revue.Revue, error) {
	r, ok := h.revues[id]
	if !ok {
		return r, revue.ErrNotFound
	}
	return r, nil
}

func (h *house) Revues(_ context.Context, id string) (own, others []revue.Revue, err error) {
	for _, r := range h.revues {
		r.Marked = r.Done()
		if r.AuditeurID == id {
			own = append(own, r)
		} else if r.Closed() {
			others = append(others, r)
		}
	}
	return own, others, nil
}

func (h *house) ChangeRevue(_ context.Context, id string, change func(revue.Revue) (revue.Revue, journal.Fact, error)) (revue.Revue, error) {
	if h.raced {
		return revue.Revue{}, revue.ErrRaced
	}
	r, fact, err := change(h.revues[id])
	if err != nil {
		return r, err
	}
	if index := h.write(fact); r.Closed() {
		r.CloseEntry = index
	}
	h.revues[id] = r
	return r, nil
}

func (h *house) Entries(_ context.Context, indexes []int64) (out []journal.Record, _ error) {
	for _, index := range indexes {
		if rec, ok := h.entries[index]; ok {
			out = append(out, rec)
		}
	}
	return out, nil
}

func (h *house) Redraw(context.Context, revue.Revue) ([]int64, error) { return h.drawn, nil }

func (h *house) Recherches(_ context.Context, auditeur string) (out []recherche.Recherche, _ error) {
	for _, r := range h.searches {
		if r.AuditeurID == auditeur {
			out = append(out, r)
		}
	}
	return out, nil
}

func (h *house) Recherche(_ context.Context, auditeur, id string) (recherche.Recherche, error) {
	r, ok := h.searches[id]
	if !ok || r.AuditeurID != auditeur {
		return recherche.Recherche{}, recherche.ErrNotFound
	}
	return r, nil
}

func (h *house) SaveRecherche(_ context.Context, auditeur string, save func(int) (recherche.Recherche, journal.Fact, error)) error {
	all, _ := h.Recherches(context.Background(), auditeur)
	r, fact, err := save(len(all))
	if err == nil {
		h.searches[r.ID] = r
		h.write(fact)
	}
	return err
}

func (h *house) RenameRecherche(_ context.Context, auditeur, id string, rename func(recherche.Recherche) (recherche.Recherche, journal.Fact, error)) error {
	r, err := h.Recherche(context.Background(), auditeur, id)
	if err != nil {
		return err
	}
	r, fact, err := rename(r)
	if err == nil {
		h.searches[id] = r
		h.write(fact)
	}
	return err
}

func (h *house) DeleteRecherche(_ context.Context, auditeur, id string, gone func(recherche.Recherche) journal.Fact) error {
	r, err := h.Recherche(context.Background(), auditeur, id)
	if err == nil {
		delete(h.searches, id)
		h.write(gone(r))
	}
	return err
}

// sample lets the next review draw n entries.
func (h *house) sample(t *testing.T, n int) {
	t.Helper()
	h.add(t, 1)
	rec := record(h.rows[0])
	for i := range int64(n) {
		rec.Index = 10 + 3*i
		h.drawn, h.entries[rec.Index] = append(h.drawn, rec.Index), rec
	}
}

// begin opens a review of the sample and returns its address.
func begin(t *testing.T, routes []desk.Route, v desk.Visit) string {
	t.Helper()
	w, err := pagecheck.Serve(t, routes, v, "POST", "/controle/revues", url.Values{"objet": {"Signatures " + pagecheck.Uhoh}, "n": {"40"},
		"criteres": {"action=mandat.print&du-jour=1&du-mois=11&du-annee=2026&acteur=" + order.Label(agentID)}})
	if err != nil || w.Code != http.StatusSeeOther {
		t.Fatalf("open: %v %d %s", err, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

func TestOpenRevue(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/revues", nil, 200), "Vous n’avez pas de revue", "Aucune dans le périmètre")
	h.add(t, 1)
	body := pagecheck.Read(t, routes, v, "GET", "/controle?action=mandat.print&avant=9", nil, 200)
	pagecheck.MustShow(t, body, "/controle/revues/nouvelle?action=mandat.print", "/controle/recherches/nouvelle?action=mandat.print")
	body = pagecheck.Read(t, routes, v, "GET", "/controle/revues/nouvelle?action=mandat.print&acteur="+order.Label(agentID), nil, 200)
	pagecheck.MustShow(t, body, "Mandat imprimé", order.Label(agentID), "Tout le journal", `value="acteur=A-`)
	pagecheck.MustHide(t, body, agentID)
	if w, err := pagecheck.Serve(t, routes, v, "GET", "/controle/revues/nouvelle?action=autre", nil); err != nil || w.Code != http.StatusSeeOther {
		t.Errorf("bad criteria: %d %v", w.Code, err)
	}
	h.facts = nil
	for _, form := range []url.Values{{"objet": {"x"}, "n": {"0"}}, {"objet": {"x"}, "n": {"201"}}, {"objet": {"x"}, "n": {"dix"}}, {"objet": {""}, "n": {"3"}},
		{"objet": {"x"}, "n": {"3"}, "criteres": {"action=autre"}}, {"objet": {"x"}, "n": {"3"}, "criteres": {"mandat=XXXXXXXXXXXX"}}, {"objet": {"x"}, "n": {"3"}}} {
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/controle/revues", form, 422), "1 réponse à corriger")
	}
	if len(h.facts) != 0 {
		t.Errorf("refused forms left %+v", h.facts)
	}
	h.sample(t, 3)
	begin(t, routes, v)
	var x revue.Revue
	for _, x = range h.revues {
	}
	f, err := revue.ParseCriteria(x.Criteria)
	if err != nil || f.Actor != agentID || f.Action != journal.MandatPrint || f.From.IsZero() || x.Scope != v.Scope() || x.MissionID != order.ID || x.N != 40 {
		t.Errorf("opened %+v (%v)", x, err)
	}
	if len(h.facts) != 1 || h.facts[0].Action() != journal.RevueOpen || h.facts[0].Check() != nil {
		t.Errorf("trace %+v", h.facts)
	}
}

func TestReview(t *testing.T) {
	h, routes, v := newDesk(t)
	h.sample(t, 25)
	path := begin(t, routes, v)
	body := pagecheck.Read(t, routes, v, "GET", path, nil, 200)
	pagecheck.MustShow(t, body, "0 sur 25", "(1 sur 25)", "Entrée 10", "Agent "+order.Label(agentID), "Entrées suivantes", "/controle/entrees/10", "Pas encore marquée")
	pagecheck.MustHide(t, body, agentID, "Entrées précédentes", "cloture")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path+"?entree=82", nil, 200), "(25 sur 25)", "Entrées précédentes")
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/revues", nil, 200), "0 sur 25", "En cours")

	mark := func(index int64, m, note string) (int, string) {
		w, err := pagecheck.Serve(t, routes, v, "POST", path+"/entrees/"+strconv.FormatInt(index, 10), url.Values{"marque": {m}, "note": {note}})
		if err != nil {
			t.Fatal(err)
		}
		pagecheckIf(t, w.Code, w.Body.String())
		return w.Code, w.Body.String()
	}
	for _, x := range [][2]string{{"", ""}, {"autre", "x"}, {"anomalie", ""}, {"a_eclaircir", " "}, {"conforme", strings.Repeat("x", 1001)}} {
		if code, _ := mark(13, x[0], x[1]); code != 422 {
			t.Errorf("%v: %d", x, code)
		}
	}
	if _, body := mark(13, "anomalie", ""); !strings.Contains(body, "(2 sur 25)") {
		t.Error("a refused mark shows another entry")
	}
	wantGone(t, routes, v, "POST", path+"/entrees/11", url.Values{"marque": {"conforme"}}, http.StatusNotFound)
	wantGone(t, routes, v, "GET", path+"/cloture", nil, http.StatusConflict)
	h.raced = true
	wantGone(t, routes, v, "POST", path+"/entrees/13", url.Values{"marque": {"conforme"}}, http.StatusConflict)
	h.raced = false
	for i, index := range h.drawn {
		if code, _ := mark(index, string(revue.Marks()[i%3]), "Note "+pagecheck.Uhoh); code != http.StatusSeeOther {
			t.Fatalf("mark %d: %d", index, code)
		}
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), "25 sur 25", "Conclure et clore la revue")
	closeIt(t, h, routes, v, path)
}

// pagecheckIf checks a page that was shown.
func pagecheckIf(t *testing.T, code int, body string) {
	t.Helper()
	if code < 300 || code >= 400 {
		pagecheck.Check(t, "a page", body)
	}
}

func closeIt(t *testing.T, h *house, routes []desk.Route, v desk.Visit, path string) {
	t.Helper()
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path+"/cloture", nil, 200), "Entrées examinées", "25")
	for _, form := range []url.Values{{"conclusion": {""}, "confirmer": {"oui"}}, {"conclusion": {"x"}}, {"conclusion": {strings.Repeat("x", 4001)}, "confirmer": {"oui"}}} {
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", path+"/cloture", form, 422), "1 réponse à corriger")
	}
	stranger := v
	stranger.Aidant.ID = "autre"
	h.facts = nil
	for _, x := range [][2]string{{"GET", path}, {"GET", path + "/cloture"}, {"POST", path + "/cloture"}, {"POST", path + "/entrees/13"}} {
		wantGone(t, routes, stranger, x[0], x[1], url.Values{"conclusion": {"x"}, "confirmer": {"oui"}}, http.StatusNotFound)
	}
	if len(h.facts) != 4 || h.facts[0].Reason() != "autre_auditeur" {
		t.Errorf("the refusals left %+v", h.facts)
	}
	w, err := pagecheck.Serve(t, routes, v, "POST", path+"/cloture", url.Values{"conclusion": {"Une ligne.\r\nDeux " + pagecheck.Uhoh}, "confirmer": {"oui"}})
	if err != nil || w.Code != http.StatusSeeOther {
		t.Fatalf("close: %v %d", err, w.Code)
	}
	h.facts = nil
	body := pagecheck.Read(t, routes, v, "GET", path, nil, 200)
	pagecheck.MustShow(t, body, "Rapport de revue", "il est identique", "sont ceux dont l’empreinte est au journal", "Deux <em>", "OM 17", "Entrées conformes", "Graine")
	pagecheck.MustHide(t, body, agentID)
	if len(h.facts) != 1 || h.facts[0].Action() != journal.RevueView {
		t.Errorf("reading left %+v", h.facts)
	}
	body = pagecheck.Read(t, routes, stranger, "GET", path, nil, 200)
	pagecheck.MustShow(t, body, order.Label("audit"))
	pagecheck.MustShow(t, pagecheck.Read(t, routes, stranger, "GET", "/controle/revues", nil, 200), order.Label("audit"), "Close le")
	wantGone(t, routes, outside(stranger), "GET", path, nil, http.StatusNotFound)
	wantGone(t, routes, v, "POST", path+"/entrees/13", url.Values{"marque": {"conforme"}}, http.StatusConflict)
	wantGone(t, routes, v, "POST", path+"/cloture", url.Values{"conclusion": {"x"}}, http.StatusConflict)
	for id, x := range h.revues {
		entry := x.CloseEntry
		x.CloseEntry = -1
		h.revues[id] = x
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), "rechargez la page", "pas encore numérotée")
		x.Conclusion, x.CloseEntry = "Rien.", entry
		h.revues[id] = x
	}
	h.drawn = slices.Clone(h.drawn)
	h.drawn[0]++
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), "ne correspond pas au journal", "l’échantillon diffère")
	wantGone(t, routes, v, "GET", "/controle/revues/inconnue", nil, http.StatusNotFound)
}

func wantGone(t *testing.T, routes []desk.Route, v desk.Visit, method, path string, form url.Values, status int) {
	t.Helper()
	_, err := pagecheck.Serve(t, routes, v, method, path, form)
	var p *desk.Problem
	if !errors.As(err, &p) || p.Status != status {
		t.Errorf("%s %s: %v, want %d", method, path, err, status)
	}
}

func TestRecherches(t *testing.T) {
	h, routes, v := newDesk(t)
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/recherches", nil, 200), "Aucune recherche enregistrée")
	if w, err := pagecheck.Serve(t, routes, v, "GET", "/controle/recherches/nouvelle", nil); err != nil || w.Code != http.StatusSeeOther {
		t.Errorf("without criteria: %d %v", w.Code, err)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/recherches/nouvelle?issue=denied", nil, 200), "Refusé", "30 derniers jours")
	good := url.Values{"criteres": {"issue=denied&du-jour=1&du-mois=11&du-annee=2026"}, "nom": {"Refus " + pagecheck.Uhoh}, "periode": {"30"}}
	for field, value := range map[string]string{"nom": "", "periode": "8", "criteres": "issue=bof"} {
		form := url.Values{}
		for k, values := range good {
			form[k] = values
		}
		form.Set(field, value)
		pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/controle/recherches", form, 422), "1 réponse à corriger")
	}
	w, err := pagecheck.Serve(t, routes, v, "POST", "/controle/recherches", good)
	if err != nil || w.Code != http.StatusSeeOther || len(h.searches) != 1 {
		t.Fatalf("save: %v %d", err, w.Code)
	}
	var id string
	for id = range h.searches {
	}
	const link = "/controle?du-annee=2026&du-jour=23&du-mois=10&issue=denied" // the last 30 days at the test's date
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", "/controle/recherches", nil, 200), link, "30 derniers jours", "Renommer ou supprimer « Refus")
	path := "/controle/recherches/" + id
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path, nil, 200), link, "23 octobre 2026")
	pagecheck.Read(t, routes, v, "POST", path+"/nom", url.Values{"nom": {""}}, 422)
	if w, err := pagecheck.Serve(t, routes, v, "POST", path+"/nom", url.Values{"nom": {"Autre"}}); err != nil || w.Code != http.StatusSeeOther || h.searches[id].Name != "Autre" {
		t.Errorf("rename: %v %d", err, w.Code)
	}
	stranger := v
	stranger.Aidant.ID = "autre"
	for _, x := range [][2]string{{"GET", path}, {"POST", path + "/nom"}, {"GET", path + "/suppression"}, {"POST", path + "/suppression"}} {
		wantGone(t, routes, stranger, x[0], x[1], url.Values{"nom": {"x"}}, http.StatusNotFound)
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "GET", path+"/suppression", nil, 200), "Autre", "Supprimer la recherche")
	if w, err := pagecheck.Serve(t, routes, v, "POST", path+"/suppression", nil); err != nil || w.Code != http.StatusSeeOther || len(h.searches) != 0 {
		t.Errorf("delete: %v %d", err, w.Code)
	}
	for i := range recherche.Max {
		h.searches[strconv.Itoa(i)] = recherche.Recherche{ID: strconv.Itoa(i), AuditeurID: "audit", Name: "x", Criteria: "issue=ok"}
	}
	pagecheck.MustShow(t, pagecheck.Read(t, routes, v, "POST", "/controle/recherches", good, 422), "vous en gardez déjà 50")
}
