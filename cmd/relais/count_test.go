package main

import (
	"fmt"
	"net/http"
	"testing"

	"relais/internal/testkit/visitor"
)

// The budgets of one delegated login: authorize, the two pages of the choice,
// the choice, token, userinfo.
const (
	maxStatements = 20
	maxCommits    = 3
)

// TestBudget counts what a delegated login and a mandat ask of the database, on
// both engines, so that a page that grows a query is noticed.
func TestBudget(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			id, signing := w.sign(t, nadia)
			if signing.commits != 1 {
				t.Errorf("a mandat was signed in %d transactions, want 1", signing.commits)
			}
			d := newDriver(w.relais, w.d.conf.HubURL, 1)
			d.as(t, nadia)
			d.mandat, d.domaine = id, "logement"
			var worst counted
			for n := range 4 { // the first has no use open before it
				cost := w.cost(func() {
					if err := d.login(t.Context()); err != nil {
						t.Fatal(err)
					}
				})
				worst = counted{max(worst.statements, cost.statements), max(worst.commits, cost.commits)}
				t.Logf("login %d: %v", n+1, cost)
			}
			t.Logf("signing: %v; a delegated login: %v", signing, worst)
			if worst.statements > maxStatements || worst.commits > maxCommits {
				t.Errorf("a delegated login costs %v, budget %v", worst, counted{maxStatements, maxCommits})
			}
		})
	}
}

// counted is what something asked of the database.
type counted struct{ statements, commits int64 }

func (c counted) String() string {
	return fmt.Sprintf("%d statements, %d commits", c.statements, c.commits)
}

func (w *world) cost(do func()) counted {
	s, c := w.d.store.Counts()
	do()
	s2, c2 := w.d.store.Counts()
	return counted{s2 - s, c2 - c}
}

// sign plays the three screens and counts the last act, « J'accepte le mandat »,
// without the page that follows.
func (w *world) sign(t testing.TB, v *visitor.Visitor) (id string, cost counted) {
	t.Helper()
	id = w.readyToAccept(v)
	action, form := v.FormOf("accepter")
	browser := http.Client{Jar: v.Client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	cost = w.cost(func() {
		resp, err := browser.PostForm(action, form)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // a redirect: nothing to read
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s", action, resp.Status)
		}
	})
	return id, cost
}

// readyToAccept plays the screens up to the page where Nadia accepts the mandat
// of Madame Perrin.
func (w *world) readyToAccept(v *visitor.Visitor) (id string) {
	w.t.Helper()
	id = w.draft(v, logement())
	w.identify(v, id, "perrin")
	v.MustBeAt("/tour/identite").Click("oui").MustBeAt("/tour/mandat").Click("donner").MustBeAt("/tour/fin")
	w.takeBack(v, "nadia")
	v.MustBeAt("/mandats/" + id + "/acceptation")
	return id
}
