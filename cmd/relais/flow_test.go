package main

import (
	"strings"
	"testing"
)

// TestFlow plays the one real path over plain HTTP on both databases: given,
// accepted, used, verified, revoked, refused.
func TestFlow(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			nadia.MustSee("Simone Jeanne Perrin")
			w.checkJournal()

			request := w.arrive(nadia, "allocations")
			w.choose(nadia, request, g.id, "logement")
			if nadia.Has("continuer") {
				nadia.Click("continuer")
			}
			nadia.MustSee("Perrin", "1942-04-18")
			w.checkJournal()

			if code, out := w.verb("mandat", "verify", g.number); code != 0 || !strings.Contains(out, "La preuve tient") {
				t.Errorf("mandat verify: %d\n%s", code, out)
			}
			if code, out := w.verb("journal", "verify"); code != 0 || !strings.Contains(out, "intact") {
				t.Errorf("journal verify: %d\n%s", code, out)
			}
		})
	}
}
