package main

import (
	"context"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

// quietRoutes are the mutation routes whose answer may leave no entry, and why.
var quietRoutes = map[string]string{
	"POST /compte/prolonger":         "keeps a session that is open: nothing is decided",
	"POST /connexion":                "only starts a login; its end is an entry, whichever it is",
	"POST /connexion/confirmer":      "only starts a confirmation; its end is an entry, whichever it is",
	"POST /connexion/cle/defi":       "asks for a passkey; what comes of it is an entry",
	"POST /connexion/confirmer/defi": "the same",
	"POST /compte/facteurs/cle/defi": "the same",
	"POST /tour/reprise/defi":        "the same",
	"POST /session/end":              "ends nothing without an open use; the end of one is an entry",
}

// startsLogin are routes that, at the entrusted screen, only start a login. Their
// refusals are entries like all others.
var startsLogin = []string{"POST /tour/identification", "POST /tour/reprendre"}

// quietAnswer tells answers that neither changed nor refused anything: a form to fill
// in again, an object that is not there or not in that state, a page to go to.
func quietAnswer(answer string) bool {
	status, to, _ := strings.Cut(answer, "→")
	switch status {
	case "422", "409", "404":
		return true
	case "303":
		return to == "/tour" || to == "/guichet" || to == "/structure" || to == "/controle" || to == "/administration" || to == "/demarche" || to == "/mandats"
	}
	return false
}

// TestEveryMutationIsRecorded sends every mutation of the route table as every
// kind of visitor. Whatever is answered with a refusal (403) or as done leaves an
// entry.
func TestEveryMutationIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	mandat := w.give(w.agent("nadia"), "nadia", "perrin", logement())
	w.revueOf("thomas") // their entries are not the routes'
	w.rechercheOf("thomas")
	for _, rt := range w.d.web.Routes() {
		if strings.HasPrefix(rt.Pattern, "GET ") || quietRoutes[rt.Pattern] != "" {
			continue
		}
		for i, k := range kinds {
			before := w.entries()
			signIns := w.count(journal.SessionOpen)
			answer := w.try(rt.Pattern, i, mandat.id)
			// try signs in, and may entrust a screen first: those entries are not the route's.
			own := w.entries() - before - w.preparation(signIns, k.lend)
			if own == 0 && !quietAnswer(answer) && !(answer == "200" && slices.Contains(startsLogin, rt.Pattern)) {
				t.Errorf("%s by %s: answered %s and left no entry", rt.Pattern, k.name, answer)
			}
		}
	}
}

func (w *world) entries() int64 {
	w.t.Helper()
	head, err := w.d.store.Head(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return head.Size
}

// count asks the database itself: reading the entries costs a hundred times more.
func (w *world) count(a journal.Action) (n int) {
	w.t.Helper()
	if w.behind == nil {
		w.behind = behind(w.t, strings.TrimPrefix(w.environ[1], "RELAIS_DATABASE_URL="))
	}
	if err := w.behind.QueryRow("SELECT count(*) FROM journal WHERE action = '" + string(a) + "'").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// preparation is what visitor kinds write before the route is asked.
func (w *world) preparation(signIns int, lend bool) int64 {
	n := int64(w.count(journal.SessionOpen) - signIns)
	if lend {
		n += w.lending()
	}
	return n
}

// lending measures once what entrusting a screen writes, the sign-in aside.
func (w *world) lending() int64 {
	w.t.Helper()
	if w.lent == 0 {
		v := visitor.New(w.t)
		w.signIn(v, "nadia")
		before := w.entries()
		id := w.draft(v, logement())
		v.Open(w.relais + "/mandats/" + id).Submit("/mandats/" + id + "/confier").MustBeAt("/tour")
		w.lent = w.entries() - before
	}
	return w.lent
}

// TestRefusalsOfRights: a page that somebody's role does not reach leaves an
// entry too, whoever is signed in.
func TestRefusalsOfRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config.SQLite)
	for _, rt := range w.d.web.Routes() {
		if rt.Access.Role() == "" || !strings.HasPrefix(rt.Pattern, "GET ") || strings.Contains(rt.Pattern, "{") {
			continue
		}
		for _, k := range kinds {
			if k.agent == "" || k.lend {
				continue
			}
			v := visitor.New(t)
			w.become(v, k.agent, k.enrol)
			before := w.count(journal.AccessRefuse)
			_, path, _ := strings.Cut(rt.Pattern, " ")
			if answer := w.ask(v.Client.Jar.(*cookiejar.Jar), "GET", path); answer == "403" && w.count(journal.AccessRefuse) != before+1 {
				t.Errorf("%s by %s: %s and no entry", rt.Pattern, k.name, answer)
			}
		}
	}
}

// TestHeartbeat: silence is evidence, because Relais writes while it runs.
func TestHeartbeat(t *testing.T) {
	w := newWorld(t, config.SQLite, func(c *config.Config) { c.Heartbeat = 20 * time.Millisecond })
	for deadline := time.Now().Add(10 * time.Second); w.count(journal.Heartbeat) < 3; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no heartbeat")
		}
	}
}

// TestNight runs the nightly work.
func TestNight(t *testing.T) {
	w := newWorld(t, config.SQLite)
	w.give(w.agent("nadia"), "nadia", "perrin", logement())
	w.d.night(context.Background())
	all, err := w.d.store.Journal(context.Background(), journal.Filter{Action: journal.JournalReplay})
	if err != nil || len(all) != 1 || all[0].Outcome != journal.OK || all[0].Details["mandats"] != "1" {
		t.Errorf("%v %+v", err, all)
	}
	if w.count(journal.JournalDay) != 1 {
		t.Error("no daily summary")
	}
}
