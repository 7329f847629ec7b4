package main

import (
	"testing"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

const news = "nouvelle connexion à votre compte"

// TestNewBrowser: a login in a browser that an agent had not used is told once in
// each of their sessions, and stays on their account's page. « Ce n’était pas moi »
// ends everything in their name and tells their référent.
func TestNewBrowser(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine)
			office := w.agent("nadia")
			office.Open(w.relais + "/guichet").MustNotSee(news).Open(w.relais + "/compte").MustSee("Celui-ci")
			home := w.agent("nadia")
			home.MustSee(news, "(cet appareil)").Open(w.relais + "/guichet").MustNotSee(news)
			office.Open(w.relais+"/guichet").MustSee(news, "Ce n’était pas moi").MustNotSee("(cet appareil)")
			office.Open(w.relais + "/guichet").MustNotSee(news)
			home.Submit("/deconnexion")
			w.signIn(home, "nadia")
			home.MustBeAt("/guichet").MustNotSee(news) // known again
			office.Submit("/deconnexion")
			thief := w.agent("nadia")
			w.signIn(office, "nadia")
			office.MustSee(news).Open(w.relais + "/compte").MustSee("Nouvelles connexions")
			julien := w.agent("julien") // another agent on any machine is another matter
			julien.MustNotSee(news)
			open := len(w.sessionsOf("nadia"))
			office.Click("signaler-0").MustBeAt("/connexion/signalee").MustSee("Toutes vos sessions Relais sont fermées")
			for _, v := range []*visitor.Visitor{office, home, thief} {
				v.Open(w.relais + "/guichet").MustBeAt("/connexion")
			}
			julien.Open(w.relais + "/guichet").MustBeAt("/guichet")
			if open != 3 || len(w.sessionsOf("nadia")) != 0 || w.count(journal.SessionDisown) != 1 {
				t.Errorf("%d sessions before, %d after", open, len(w.sessionsOf("nadia")))
			}
			w.agent("claire").Open(w.relais+"/structure").MustSee("Connexions signalées", "Navigateur inconnu")
			w.agent("sophie").Open(w.relais + "/administration/structures/" + w.structureOf("nadia")).MustSee("Connexions signalées")
			thief.Open(w.relais + "/connexion").Submit("/connexion").MustBeAt("/guichet").MustSee(news) // not known any more
		})
	}
}

// TestNewBrowserOnALentScreen: nothing of the aidant's account is shown to the usager.
func TestNewBrowserOnALentScreen(t *testing.T) {
	w := newWorld(t, config.SQLite)
	office := w.agent("nadia")
	id := w.entrust(office)
	w.agent("nadia")
	office.Open(w.relais + "/tour").MustBeAt("/tour").MustNotSee(news)
	office.Open(w.relais + "/tour/fin")
	w.takeBack(office, "nadia")
	office.MustBeAt("/mandats/" + id).MustSee(news)
}
