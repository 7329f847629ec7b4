package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// TestExportFromThePages is an auditeur's way: a mandat's timeline, export, a
// file that verifies elsewhere with the checkpoint they kept; then a CSV and the
// raw entries, each with its entry.
func TestExportFromThePages(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			kept := w.checkpoint()
			m := w.give(w.agent("nadia"), "nadia", "perrin", logement())
			key := strings.TrimSpace(w.expect(0, "journal", "key"))
			v := w.agent("thomas")
			v.Open(w.relais+"/controle/mandats/"+m.id).Click("exporter").MustSee("aucune de ce mandat", "Exporter et télécharger")
			v.Choose("format", "preuve").Fill("since", strings.ReplaceAll(kept, "\n", "\r\n")).Click("exporter").MustStatus(200)
			r, err := preuve.Verify([]byte(v.Body), []string{key}, []byte(kept))
			if err != nil || r.Complete != preuve.OneMandat || r.Since == nil {
				t.Fatalf("%+v, %v", r, err)
			}
			if name := v.Header.Get("Content-Disposition"); !strings.Contains(name, "relais-export-entree-") || strings.Contains(name, "erri") {
				t.Errorf("called %q", name)
			}
			for _, clear := range []string{"PERRIN", "Perrin", "Nadia", "Thomas"} {
				if strings.Contains(v.Body, clear) {
					t.Errorf("the file holds %q", clear)
				}
			}
			for _, form := range []string{"csv", "jsonl"} {
				v.Open(w.relais + "/controle?action=mandat.sign").Click("exporter").MustSee("ne pourra pas montrer")
				v.Choose("format", form).Click("exporter").MustStatus(200)
				w.exportedAs(form, v.Body, 1)
				if form == "jsonl" {
					if _, err := journal.Parse([]byte(strings.TrimSuffix(v.Body, "\n"))); err != nil {
						t.Errorf("%q: %v", v.Body, err)
					}
				} else if !strings.HasPrefix(v.Body, "index,id,ts,") || strings.Contains(v.Body, w.idOf("nadia")) {
					t.Errorf("%q", v.Body)
				}
			}
			out := filepath.Join(t.TempDir(), "x.csv")
			w.expect(0, "journal", "export", "--format", "csv", "--action", "mandat.sign", "--out", out)
			w.expect(2, "journal", "export", "--format", "exe", "--action", "mandat.sign", "--out", out+"2")
			w.expect(1, "journal", "export", "--format", "csv", "--action", "mandat.sign", "--out", filepath.Join(out, "nowhere"))
			raw, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			w.exportedAs("csv", string(raw), 1)
			failed, err := w.d.store.Journal(t.Context(), journal.Filter{Action: journal.JournalExport, Outcome: journal.Failed})
			if err != nil || len(failed) != 1 || failed[0].Reason != "remise_interrompue" {
				t.Errorf("the delivery that failed: %+v, %v", failed, err)
			}
		})
	}
}

// exportedAs wants an entry that holds the digest of what was delivered.
func (w *world) exportedAs(form, body string, count int) {
	w.t.Helper()
	sum := sha256.Sum256([]byte(body))
	all, err := w.d.store.Journal(w.t.Context(), journal.Filter{Action: journal.JournalExport, Outcome: journal.OK})
	if err != nil || !slices.ContainsFunc(all, func(r journal.Record) bool {
		return r.Details["sha256"] == hex.EncodeToString(sum[:]) && r.Details["format"] == form && r.Details["filtres"] == "action" && r.Details["entrees"] == "1"
	}) {
		w.t.Errorf("no entry of the %s export of %d among %d: %v", form, count, len(all), err)
	}
}
