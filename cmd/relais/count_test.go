package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"relais/internal/testkit/visitor"
)

// The budgets of one delegated login: authorize, the two pages of the choice,
// the choice, token, userinfo; and without the two pages.
const (
	maxStatements     = 20
	maxBareStatements = 14
	maxCommits        = 3
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
			t.Logf("signing: %v", signing)
			w.within(t, "a delegated login", counted{maxStatements, maxCommits}, d.login)
			w.within(t, "a delegated login without its pages", counted{maxBareStatements, maxCommits}, d.bare)
		})
	}
}

// within plays logins, the first without an open use before it, and holds the
// dearest to its budget.
func (w *world) within(t *testing.T, what string, budget counted, login func(context.Context) error) {
	t.Helper()
	var worst counted
	for range 4 {
		cost := w.cost(func() {
			if err := login(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		worst = counted{max(worst.statements, cost.statements), max(worst.commits, cost.commits)}
	}
	t.Logf("%s: %v", what, worst)
	if worst.statements > budget.statements || worst.commits > budget.commits {
		t.Errorf("%s costs %v, budget %v", what, worst, budget)
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
