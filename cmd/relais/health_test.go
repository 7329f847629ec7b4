package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

// TestNotSealing: while the journal cannot be signed, acts go on and the instance
// stays ready; a line of /readyz, a figure, the verb and the auditeur's page say
// so, and say it no more once it is mended.
func TestNotSealing(t *testing.T) {
	w := newWorld(t, config.SQLite)
	key := filepath.Join(w.d.cfg.Data, "journal.key")
	until := func(sealing bool) {
		t.Helper()
		for start := time.Now(); (w.d.sealer.State().Refusal == nil) != sealing || sealing && w.d.sealer.State().Last.Size == 0; time.Sleep(20 * time.Millisecond) {
			if time.Since(start) > 20*time.Second {
				t.Fatalf("sealing is not %v: %v", sealing, w.d.sealer.State().Refusal)
			}
		}
	}
	listen := append([]string{"RELAIS_LISTEN=" + strings.TrimPrefix(w.relais, "http://")}, w.environ...)
	until(true)
	v := visitor.New(t)
	v.Open(w.relais + "/readyz").MustStatus(200).MustNotSee("not sealing")
	v.Open(w.relais+"/metrics").MustSee("relais_journal_sealing 1", "relais_journal_epoch 1", "relais_journal_unnumbered_entries 0").MustNotSee("relais_journal_verified_ok", "relais_clock_offset")
	if err := os.Chmod(key, 0o644); err != nil { // which Relais refuses to sign with
		t.Fatal(err)
	}
	w.give(w.agent("nadia"), "nadia", "perrin", logement())
	until(false)
	v.Open(w.relais + "/readyz").MustStatus(200).MustSee("not sealing")
	v.Open(w.relais + "/metrics").MustSee("relais_journal_sealing 0")
	if code, said := verbOn(listen, "health"); code != 0 || !strings.Contains(said, "n’est plus signé") {
		t.Errorf("health: %d %s", code, said)
	}
	auditeur := w.agent("thomas")
	auditeur.Open(w.relais + "/controle").MustSee("n’est plus signé")
	auditeur.Open(w.relais+"/controle/sante").MustSee("n’est plus signé", "jamais encore")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	until(true)
	if code, said := w.verb("journal", "verify"); code != 0 {
		t.Error(said)
	}
	auditeur.Open(w.relais + "/controle/sante").MustSee("entrées intactes").MustNotSee("n’est plus signé")
	v.Open(w.relais + "/metrics").MustSee("relais_journal_verified_ok 1")
	if code, said := verbOn(listen, "health"); code != 0 || strings.Contains(said, "signé") {
		t.Errorf("health: %d %s", code, said)
	}
	if n := w.count(journal.JournalVerify); n != 1 {
		t.Errorf("%d entries of a verification", n)
	}
}
