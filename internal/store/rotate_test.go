package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"relais/internal/coffre"
	"relais/internal/journal"
)

// TestRotate renews the master key, interrupted once: everything stays readable
// with the new key, nothing opens with the old one, and an instance that still
// holds the old one makes no more keys.
func TestRotate(t *testing.T) {
	onBoth(t, func(h *house) {
		dir := t.TempDir()
		old, err := coffre.Open(dir)
		h.ok(err)
		h.vault = old
		h.Store = h.open()
		// The house's own agents were sealed by another vault: play on fresh ones.
		_, err = h.raw("DELETE FROM coffre_key WHERE subject LIKE 'agents:%'")
		h.ok(err)
		h.ok(h.AdmitAidant(h.ctx, agent("a-rotation", "ccas", "26999901700016"), exploitant))
		_, err = h.raw("DELETE FROM coffre_key WHERE subject <> 'aidant:a-rotation' AND subject NOT LIKE 'agents:%'")
		h.ok(err)
		saved, err := os.ReadFile(filepath.Join(dir, "coffre.json"))
		h.ok(err)
		_, err = coffre.StartRotation(dir, "")
		h.ok(err) // and interrupted here
		both, err := coffre.StartRotation(dir, "")
		h.ok(err)
		probe, err := both.NewKey("essai")
		h.ok(err)
		n, err := h.RewrapKeys(h.ctx, probe, both.Rewrap, exploitant)
		h.ok(err)
		if n != 2 { // the agent's, and that of the month's entries
			t.Errorf("%d keys", n)
		}
		h.expect(journal.CoffreRotate, journal.OK)
		h.ok(coffre.FinishRotation(dir, ""))
		if err := h.AdmitAidant(h.ctx, agent("a-vieux", "ccas", "26999901700016"), exploitant); err == nil {
			t.Error("an instance with the old key makes keys")
		}
		moved := filepath.Join(t.TempDir(), "maitresse.json")
		h.ok(os.Rename(filepath.Join(dir, "coffre.json"), moved))
		h.vault, err = coffre.OpenAt(dir, moved)
		h.ok(err)
		h.Store = h.open()
		if a, err := h.Aidant(h.ctx, "a-rotation"); err != nil || a.UsualName != "Nomsecreta-rotation" {
			t.Errorf("with the new key: %v", err)
		}
		h.ok(h.AdmitAidant(h.ctx, agent("a-neuf", "ccas", "26999901700016"), exploitant))
		h.ok(os.WriteFile(filepath.Join(dir, "coffre.json"), saved, 0o600))
		stale, err := coffre.OpenExisting(dir)
		h.ok(err)
		h.vault = stale
		h.Store = h.open()
		if _, err := h.Aidant(h.ctx, "a-rotation"); !errors.Is(err, coffre.ErrSealed) {
			t.Errorf("with the old key: %v", err)
		}
		if _, err := coffre.OpenAt(t.TempDir(), moved); !errors.Is(err, coffre.ErrMissing) {
			t.Errorf("no index key: %v", err)
		}
	})
}
