package main

import (
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
	"relais/internal/web/desk"
)

// quietViews are the pages for somebody signed in that leave no entry when they
// are shown, and why.
var quietViews = map[string]string{
	"GET /compte":                                   "one's own sessions",
	"GET /connexion/confirmer":                      "who asks for something sensitive is asked who they are; the answer is an entry",
	"GET /connexion/reprise":                        "what the visitor typed themselves; sending it is an entry",
	"GET /structure/sessions":                       "how many sessions the team has; ending them is an entry",
	"GET /structure/agents/{id}/sessions":           "likewise",
	"GET /administration/structures/{id}/sessions":  "likewise",
	"GET /administration/agents/{id}/sessions":      "likewise",
	"GET /compte/facteurs":                          "one's own factors; each change of them is an entry",
	"GET /compte/facteurs/cle":                      "a form; the enrolment is an entry",
	"GET /compte/facteurs/application":              "likewise",
	"GET /compte/facteurs/application/code.png":     "the picture of that form",
	"GET /compte/facteurs/codes":                    "shown once, right after the entry of their making",
	"GET /compte/facteurs/{id}/supprimer":           "a form; the removal is an entry",
	"GET /tour/reprise":                             "a form of the agent's own; taking the screen back, or failing to, is an entry",
	"GET /structure/inviter":                        "a form; the invitation is an entry",
	"GET /structure/fiche":                          "shown to who has just made the code, which was an entry",
	"GET /structure/agents/{id}/reinitialiser":      "a form; the demand is an entry",
	"GET /structure/reinitialisations":              "which colleagues wait for a decision; asking and deciding are entries",
	"GET /structure/reinitialisations/{id}":         "what the decision is about; it is an entry",
	"GET /administration/structures/{id}/inviter":   "a form; the invitation is an entry",
	"GET /administration/fiche":                     "shown to who has just made the code, which was an entry",
	"GET /administration/agents/{id}/reinitialiser": "a form; the demand is an entry",
	"GET /administration/reinitialisations":         "who waits for a decision; asking and deciding are entries",
	"GET /administration/reinitialisations/{id}":    "what the decision is about; it is an entry",
	"GET /guichet":                                  "the counter's latest mandats, as the list; opening one is an entry",
	"GET /mandats/nouveau":                          "an empty form",
	"GET /mandats/{id}/modifier":                    "a draft, which names nobody yet",
	"GET /mandats/{id}/acceptation":                 "a step of the signature, whose every act is an entry",
	"GET /mandats/{id}/revocation":                  "a form reached from the mandat, whose opening is an entry",
	"GET /mandats/{id}/renonciation":                "likewise",
	"GET /tour":                                     "the usager at their own mandat; each act there is an entry",
	"GET /tour/identite":                            "likewise",
	"GET /tour/remplacer":                           "likewise",
	"GET /tour/mandat":                              "likewise",
	"GET /tour/fin":                                 "likewise",
	"GET /identification/retour":                    "ends a login: an entry, whichever its end is",
	"GET /identification/deconnecte":                "comes back from a logout that is an entry",
	"GET /agir/{demande}/mandats/{mandat}":          "between the search, which is an entry, and the choice, which is another",
	"GET /demarche":                                 "the aidant's own open use",
	"GET /demarche/terminee":                        "its end was an entry",
	"GET /structure":                                "the référent's own team",
	"GET /structure/agents/{id}":                    "one of them; what is decided there is an entry",
	"GET /administration":                           "the list of structures",
	"GET /administration/structures/{id}":           "a structure and its agents; what is decided there is an entry",
	"GET /administration/agents/{id}":               "likewise",
	"GET /administration/missions":                  "missions, which name auditeurs only",
	"GET /administration/missions/nouvelle":         "an empty form",
	"GET /administration/missions/{id}":             "likewise",
	"GET /controle/mission":                         "the auditeur's own mission",
	"GET /controle/exporter":                        "what an export would hold; the export is an entry",
	"GET /controle/recherches":                      "the auditeur's own saved searches; running one is an entry",
	"GET /controle/recherches/nouvelle":             "a form; what is saved is an entry",
	"GET /controle/recherches/{id}":                 "likewise",
	"GET /controle/recherches/{id}/suppression":     "likewise",
	"GET /controle/revues":                          "titles of reviews",
	"GET /controle/revues/nouvelle":                 "a form; the draw is an entry",
	"GET /controle/revues/{id}":                     "the sample that the draw's entry names; the report of a closed one is an entry",
	"GET /controle/revues/{id}/cloture":             "a form; the conclusion is an entry",
	"GET /controle/sante":                           "sizes and states, nobody",
	"GET /controle/entrees/{index}/reveler":         "a form; the revelation is an entry",
	"GET /controle/revelation":                      "shown once, right after the entry of the revelation",
}

// recordedElsewhere are pages whose entry another test holds them to.
var recordedElsewhere = map[string]string{
	"GET /controle/agents/{ref}":            "internal/web/controle TestAgent",
	"GET /controle/signaux/{index}/{regle}": "internal/web/controle, the tests of signals",
}

// TestEveryViewIsRecorded holds each page for somebody signed in to the entry that
// it must leave, or to the reason why it leaves none: a new page has to be placed.
func TestEveryViewIsRecorded(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	auditeur := w.agent("thomas")
	var seen []string
	must := func(v *visitor.Visitor, pattern, path string, action journal.Action) {
		t.Helper()
		before := w.count(action)
		v.Open(w.relais + path).MustStatus(200)
		if w.count(action) != before+1 {
			t.Errorf("%s left %d entries %s, want 1", path, w.count(action)-before, action)
		}
		seen = append(seen, pattern)
	}
	must(nadia, "GET /mandats/{id}", "/mandats/"+g.id, journal.MandatView)
	must(nadia, "GET /mandats/{id}/acte", "/mandats/"+g.id+"/acte", journal.MandatPrint)
	before := w.count(journal.MandatSearch)
	nadia.Open(w.relais+"/mandats").Fill("q", "perrin").Submit("/mandats/recherche").MustStatus(200)
	request := w.arrive(nadia, "allocations")
	nadia.Fill("q", "perrin").Submit("/agir/" + request + "/recherche").MustStatus(200)
	if n := w.count(journal.MandatSearch) - before; n != 2 {
		t.Errorf("two searches left %d entries", n)
	}
	seen = append(seen, "GET /mandats", "GET /agir/{demande}")
	nadia.Open(w.relais+"/mandats/"+g.id+"/revocation").Choose("canal", "telephone").Submit("/mandats/" + g.id + "/revocation")
	must(nadia, "GET /mandats/{id}/avis", "/mandats/"+g.id+"/avis", journal.MandatPrint)
	must(auditeur, "GET /controle", "/controle?issue=ok", journal.JournalSearch)
	must(auditeur, "GET /controle/entrees/{index}", "/controle/entrees/3", journal.JournalSearch)
	must(auditeur, "GET /controle/mandats/{id}", "/controle/mandats/"+g.id, journal.JournalSearch)
	must(auditeur, "GET /controle/signaux", "/controle/signaux", journal.JournalSearch)
	must(auditeur, "GET /controle/activite", "/controle/activite", journal.JournalSearch)
	for pattern := range recordedElsewhere {
		seen = append(seen, pattern)
	}
	placed := strings.Join(seen, "\n") + "\n"
	for _, rt := range w.d.web.Routes() {
		if !strings.HasPrefix(rt.Pattern, "GET ") || rt.Access == desk.Public || rt.Access == desk.Protocol {
			continue
		}
		if recorded := strings.Contains(placed, rt.Pattern+"\n"); recorded == (quietViews[rt.Pattern] != "") {
			t.Errorf("%s: is its view an entry (this test), or is there a reason why not (quietViews)?", rt.Pattern)
		}
	}
}
