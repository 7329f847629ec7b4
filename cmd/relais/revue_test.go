package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/recherche"
	"relais/internal/revue"
	"relais/internal/testkit/visitor"
)

// revueOf is an agent's newest review; one of three entries is opened behind the
// pages when there is none.
func (w *world) revueOf(agent string) string {
	w.t.Helper()
	id := w.idOf(agent)
	own, _, err := w.d.store.Revues(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(own) > 0 {
		return own[0].ID
	}
	by := journal.Actor{Type: journal.ActorAidant, Ref: id}
	asked := revue.Revue{ID: revue.NewID(), AuditeurID: id, Title: "Revue de " + agent, Seed: revue.NewSeed(), N: 3, Salt: journal.NewSalt()}
	r, err := w.d.store.OpenRevue(context.Background(), asked, func(r revue.Revue, sample []int64) (revue.Revue, journal.Fact, error) {
		return revue.Open(r, sample, by, time.Now())
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.ID
}

// rechercheOf is one of an agent's saved searches, made when there is none.
func (w *world) rechercheOf(agent string) string {
	w.t.Helper()
	id := w.idOf(agent)
	own, err := w.d.store.Recherches(context.Background(), id)
	if err == nil && len(own) == 0 {
		err = w.d.store.SaveRecherche(context.Background(), id, func(had int) (recherche.Recherche, journal.Fact, error) {
			r := recherche.Recherche{ID: recherche.NewID(), AuditeurID: id, Name: "Refus du mois", Criteria: "issue=denied", Days: 30}
			return recherche.Save(r, had, journal.Actor{Type: journal.ActorAidant, Ref: id}, time.Now())
		})
		if err == nil {
			own, err = w.d.store.Recherches(context.Background(), id)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return own[0].ID
}

// openRevue opens a review from the journal's page and returns its id.
func (w *world) openRevue(v *visitor.Visitor, query string, n int) string {
	w.t.Helper()
	v.Open(w.relais + "/controle" + query).Click("nouvelle-revue").MustBeAt("/controle/revues/nouvelle")
	v.Fill("objet", "Échantillon de contrôle").Fill("n", strconv.Itoa(n)).Submit("/controle/revues").MustStatus(http.StatusOK).MustBeAt("/controle/revues/rv")
	return strings.TrimPrefix(v.URL.Path, "/controle/revues/")
}

// mark marks the entry that the work page shows.
func (w *world) mark(v *visitor.Visitor, m revue.Mark) {
	w.t.Helper()
	index := v.Match(`id="ouvrir-entree" href="/controle/entrees/([0-9]+)"`)
	v.Choose("marque", string(m)).Fill("note", "Vu.\nRien à dire de plus.").Submit("/entrees/" + index).MustStatus(http.StatusOK)
}

func (w *world) revue(id string) revue.Revue {
	w.t.Helper()
	r, err := w.d.store.Revue(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// TestReview follows a review through the house: the draw stands in the journal
// before its sample is shown, each mark is an entry, the report is drawn again,
// and after closing nothing changes any more.
func TestReview(t *testing.T) {
	w := newWorld(t, config.SQLite)
	w.give(w.agent("nadia"), "nadia", "perrin", logement())
	v := w.agent("thomas")
	id := w.openRevue(v, "", 5)
	r := w.revue(id)
	opened, err := w.d.store.Entries(context.Background(), []int64{r.OpenEntry})
	if err != nil || len(opened) != 1 || opened[0].Action != journal.RevueOpen || opened[0].Details["graine"] != r.Seed ||
		opened[0].Details["mission"] != w.missionOf("thomas").ID || r.OpenEntry < r.Size || slices.Max(r.Indexes()) >= r.Size {
		t.Fatalf("the opening entry is %+v (%v), of a draw below %d", opened, err, r.Size)
	}
	v.MustSee("0 sur 5")
	v.Open(w.relais + "/controle/revues/" + id + "/cloture").MustStatus(http.StatusConflict)
	for i := range 5 {
		v.Open(w.relais + "/controle/revues/" + id).MustSee(fmt.Sprint(i, " sur 5"))
		w.mark(v, revue.Marks()[i%3])
	}
	if got := w.count(journal.RevueAnnotate); got != 5 {
		t.Errorf("%d entries of 5 marks", got)
	}
	v.Click("clore").Fill("conclusion", "Une anomalie sur cinq.").Submit("/cloture").MustStatus(http.StatusUnprocessableEntity)
	v.Fill("conclusion", "Une anomalie sur cinq.").Choose("confirmer", "oui").Submit("/cloture").MustStatus(http.StatusOK)
	v.MustSee("Rapport de revue", "il est identique", "sont ceux dont l’empreinte est au journal", "Une anomalie sur cinq.", r.Seed)

	r = w.revue(id)
	if got := again(t, r.Seed, r.Size, 5); !slices.Equal(got, r.Indexes()) {
		t.Errorf("drawn again as documented: %v, the sample is %v", got, r.Indexes())
	}
	before := w.count(journal.RevueAnnotate)
	v.Post(w.relais+"/controle/revues/"+id+"/entrees/"+strconv.FormatInt(r.Lines[0].Index, 10), url.Values{"marque": {"conforme"}}).MustStatus(http.StatusConflict)
	v.Post(w.relais+"/controle/revues/"+id+"/cloture", url.Values{"conclusion": {"x"}, "confirmer": {"oui"}}).MustStatus(http.StatusConflict)
	if w.count(journal.RevueAnnotate) != before || w.count(journal.RevueClose) != 1 {
		t.Error("a closed review changed")
	}
	w.otherReview(v)
	w.checkJournal()
}

// otherReview: another auditeur's review opens once it is closed, and not before.
func (w *world) otherReview(v *visitor.Visitor) {
	w.t.Helper()
	id, by := w.revueOf("claire"), journal.Actor{Type: journal.ActorAidant, Ref: w.idOf("claire")}
	refused := w.count(journal.AccessRefuse)
	v.Open(w.relais + "/controle/revues").MustNotSee("Revue de claire")
	v.Open(w.relais + "/controle/revues/" + id).MustStatus(http.StatusNotFound)
	v.Post(w.relais+"/controle/revues/"+id+"/entrees/0", url.Values{"marque": {"conforme"}}).MustStatus(http.StatusNotFound)
	if got := w.count(journal.AccessRefuse); got != refused+2 {
		w.t.Errorf("two refusals left %d entries", got-refused)
	}
	change := func(f func(r revue.Revue) (revue.Revue, journal.Fact, error)) {
		w.t.Helper()
		if _, err := w.d.store.ChangeRevue(context.Background(), id, f); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, index := range w.revue(id).Indexes() {
		change(func(r revue.Revue) (revue.Revue, journal.Fact, error) { return r.Annotate(index, revue.Fine, "", by) })
	}
	head, err := w.d.store.Head(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	change(func(r revue.Revue) (revue.Revue, journal.Fact, error) { return r.Close("Rien.", head, by, time.Now()) })
	v.Open(w.relais + "/controle/revues").MustSee("Revue de claire").Open(w.relais + "/controle/revues/" + id).MustStatus(http.StatusOK).
		MustSee("il est identique").MustNotSee(w.idOf("claire"))
}

// again draws as docs/journal.md says, with nothing of the product's.
func again(t *testing.T, seed string, size int64, n int) []int64 {
	t.Helper()
	raw, err := hex.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]int64, size)
	for i := range all {
		all[i] = int64(i)
	}
	rank := func(i int64) string {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(raw), uint64(i)))
		return string(sum[:])
	}
	slices.SortFunc(all, func(a, b int64) int { return strings.Compare(rank(a), rank(b)) })
	all = all[:n]
	slices.Sort(all)
	return all
}

// TestRedrawExample runs the Python of docs/journal.md on a sample of the product's.
func TestRedrawExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)```python\n(# redraw.*?)```").FindSubmatch(doc)
	if script == nil {
		t.Fatal("docs/journal.md has no example")
	}
	var population []int64
	for i := range int64(200) {
		population = append(population, 7+i*i)
	}
	seed := strings.Repeat("0123456789abcdef", 4)
	want, err := revue.Draw(seed, population, 12)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", string(script[1]), seed, "12")
	cmd.Stdin = strings.NewReader(strings.Join(decimal(population), "\n"))
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != strings.Join(decimal(want), " ") {
		t.Errorf("python: %s (%v), want %v", out, err, want)
	}
}

func decimal(numbers []int64) []string {
	var out []string
	for _, n := range numbers {
		out = append(out, strconv.FormatInt(n, 10))
	}
	return out
}

// TestSavedSearch: what is saved runs again from its link, and goes for good.
func TestSavedSearch(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := w.agent("thomas")
	v.Open(w.relais + "/controle?action=mission.open").Click("nouvelle-recherche").MustBeAt("/controle/recherches/nouvelle")
	v.Fill("nom", "Missions ouvertes").Choose("periode", "7").Submit("/controle/recherches").MustBeAt("/controle/recherches").MustSee("Missions ouvertes")
	link := v.Match(`href="(/controle\?[^"]*)"`)
	v.Open(w.relais + strings.ReplaceAll(link, "&amp;", "&")).MustStatus(http.StatusOK).MustSee("Mission d’un auditeur ouverte")
	id := w.rechercheOf("thomas")
	v.Open(w.relais+"/controle/recherches/"+id).Fill("nom", "Autre nom").Submit("/nom").MustSee("Autre nom")
	v.Open(w.relais + "/controle/recherches/" + id).Click("supprimer").Submit("/suppression").MustBeAt("/controle/recherches").MustSee("Aucune recherche enregistrée")
	if w.count(journal.RechercheSave) != 2 || w.count(journal.RechercheDelete) != 1 {
		t.Error("the entries do not tell the story")
	}
	w.checkJournal()
}

// playRevue sends each form of reviews and saved searches once.
func (w *world) playRevue(v *visitor.Visitor) {
	w.t.Helper()
	id := w.openRevue(v, "", 1)
	w.mark(v, revue.Fine)
	v.Click("clore").Fill("conclusion", "Rien.").Choose("confirmer", "oui").Submit("/cloture").MustSee("Rapport de revue")
	v.Open(w.relais+"/controle?issue=ok").Click("nouvelle-recherche").Fill("nom", "Tout").Choose("periode", "7").Submit("/controle/recherches")
	v.Open(w.relais+"/controle/recherches/"+w.rechercheOf("thomas")).Fill("nom", "Autre").Submit("/nom").MustSee("Autre")
	v.Open(w.relais + "/controle/recherches/" + w.rechercheOf("thomas") + "/suppression").Submit("/suppression")
	if !w.revue(id).Closed() {
		w.t.Error("the review is not closed")
	}
}

// revues plays reviews and saved searches for the album.
func (a *album) revues() {
	w, v := a.w, a.agent("thomas")
	v.Open(w.relais + "/controle/revues").Open(w.relais + "/controle/recherches")
	v.Open(w.relais + "/controle/revues/nouvelle?issue=denied").Submit("/controle/revues").MustStatus(http.StatusUnprocessableEntity)
	id := w.openRevue(v, "", 22)
	v.Submit("/entrees/" + v.Match(`id="ouvrir-entree" href="/controle/entrees/([0-9]+)"`)).MustStatus(http.StatusUnprocessableEntity)
	v.Open(w.relais + "/controle/revues/" + id).Click("apres").Click("avant")
	v.Open(w.relais + "/controle/revues/inconnue").MustStatus(http.StatusNotFound)
	v.Open(w.relais + "/controle/revues/" + id + "/cloture").MustStatus(http.StatusConflict)
	for i := range 22 {
		v.Open(w.relais + "/controle/revues/" + id)
		w.mark(v, revue.Marks()[max(0, 2-i)]) // one of each, and a list of twenty that no narrow window holds
	}
	v.Open(w.relais + "/controle/revues").Open(w.relais + "/controle/revues/" + id).Click("clore")
	v.Submit("/cloture").MustStatus(http.StatusUnprocessableEntity)
	v.Fill("conclusion", "Une anomalie.").Choose("confirmer", "oui").Submit("/cloture").MustStatus(http.StatusOK).MustSee("Rapport de revue")
	v.Post(w.relais+"/controle/revues/"+id+"/cloture", url.Values{}).MustStatus(http.StatusConflict)
	v.Open(w.relais + "/controle/revues")

	v.Open(w.relais + "/controle?issue=denied").Click("nouvelle-recherche").Submit("/controle/recherches").MustStatus(http.StatusUnprocessableEntity)
	v.Fill("nom", "Refus").Choose("periode", "30").Submit("/controle/recherches").MustSee("Refus")
	path := w.relais + "/controle/recherches/" + w.rechercheOf("thomas")
	v.Open(path).Fill("nom", "").Submit("/nom").MustStatus(http.StatusUnprocessableEntity)
	v.Open(path).Click("supprimer")
	v.Open(w.relais + "/controle/recherches/inconnue").MustStatus(http.StatusNotFound)
}
