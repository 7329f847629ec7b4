package scellement_test

import (
	"flag"
	"os"
	"testing"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
)

var update = flag.Bool("update", false, "write testdata/evidence anew: only ever together with a new format of evidence files")

const golden = "../../testdata/evidence/"

// TestWriteGolden writes the bundle that internal/preuve verifies for ever; it
// does nothing without -update. golden.zip, of the first version, cannot be
// written any more.
func TestWriteGolden(t *testing.T) {
	if !*update {
		return
	}
	h, _, _ := withWitness(t, nil)
	h.opts.TSA, _ = authority(t)
	h.restart()
	h.prune(4)
	h.grow(4)
	since := h.seal()
	h.grow(5)
	keys, err := h.VKeys()
	h.ok(err)
	zip := h.export(scellement.Request{Filter: preuve.Selection{Mandat: "m-1", Number: "BCDF-GHJK"}, By: journal.Systeme(), Since: since.Note, App: "golden"})
	for name, content := range map[string][]byte{"golden2.zip": zip, "golden2.vkey": []byte(keys[0] + "\n"), "golden2.since": since.Note} {
		h.ok(os.WriteFile(golden+name, content, 0o600))
	}
}
