package scellement_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
	"relais/internal/scellement"
)

func TestSeal(t *testing.T) {
	h := newHouse(t)
	if c := h.seal(); c.Size != 0 {
		t.Errorf("an empty journal was sealed: %+v", c)
	}
	h.grow(5)
	first := h.seal()
	if again := h.seal(); string(again.Note) != string(first.Note) {
		t.Error("sealed again without a new entry")
	}
	h.grow(3)
	h.restart()
	second := h.seal()
	keys, err := h.VKeys()
	h.ok(err)
	v, err := note.NewVerifier(keys[0])
	h.ok(err)
	for size, c := range map[int64]journal.Signed{5: first, 8: second} {
		if got, _, err := journal.OpenCheckpoint(c.Note, v); err != nil || got.Size != size || got.Origin != "relais.example" {
			t.Errorf("sealed %+v, %v", got, err)
		}
	}
	kept, err := h.st.LastCheckpoint(h.ctx, "relais.example")
	if err != nil || string(kept.Note) != string(second.Note) {
		t.Errorf("the database keeps %q, %v", kept.Note, err)
	}
	for _, name := range []string{"journal.key", "journal.checkpoint"} {
		if info, err := os.Stat(filepath.Join(h.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if p := h.State().Progress; p.State(7) != journal.Sealed || p.State(8) != journal.Recorded {
		t.Errorf("progress %+v", p)
	}
}

// TestTamper is the matrix of attacks on a journal whose attacker has all rights
// on the database: what the database's own check sees, what the last signed
// checkpoint outside of it sees, and what an older one in other hands sees.
func TestTamper(t *testing.T) {
	const edit = `UPDATE journal SET body = replace(body, '"ok"', '"ko"') WHERE id = 10` // same length, not canonical text
	const forge = `UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), '"mandat.view"', '"mandat.draft"') AS BLOB), action = 'mandat.draft' WHERE id = 10`
	for name, c := range map[string]struct {
		attack                 func(h *house)
		selfSees, sealSees     bool
		stolen, outsideCatches bool
	}{
		"edit one body":  {func(h *house) { h.raw(edit) }, true, false, false, true},
		"delete one row": {func(h *house) { h.raw("DELETE FROM journal WHERE id = 10") }, true, false, false, true},
		"swap two rows": {func(h *house) {
			h.raw("UPDATE journal SET id = 999 WHERE id = 10", "UPDATE journal SET id = 10 WHERE id = 11", "UPDATE journal SET id = 11 WHERE id = 999")
		}, true, false, false, true},
		"truncate the tail": {func(h *house) { h.raw("DELETE FROM journal WHERE id >= 40") }, true, false, false, false},
		"truncate and re-hash": {func(h *house) { h.raw("DELETE FROM journal WHERE id >= 40"); h.rehash() },
			false, true, false, false},
		"edit and re-hash all": {func(h *house) { h.raw(forge); h.rehash() }, false, true, false, true},
		"insert and re-hash all": {func(h *house) {
			h.raw("UPDATE journal SET id = id + 1000 WHERE id >= 30", "UPDATE journal SET id = id - 999 WHERE id >= 1000",
				"INSERT INTO journal (id, entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf) SELECT 30, 'x', ts, actor_type, actor_ref, action, object_type, object_id, '', 0, outcome, body, leaf FROM journal WHERE id = 0",
				"UPDATE journal SET entry_id = (SELECT entry_id FROM journal WHERE id = 0) WHERE id = 30")
			h.rehash()
		}, false, true, false, false},
		"roll back, grow, sign with the stolen key": {func(h *house) {
			h.raw("DELETE FROM journal WHERE id >= 15")
			h.rehash()
			h.ok(h.st.Close())
			h.open()
			h.grow(60)
			h.ok(os.Remove(filepath.Join(h.dir, "journal.checkpoint")))
			h.raw("DELETE FROM journal_checkpoint")
			h.restart()
		}, false, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.grow(20)
			outside := h.seal() // the auditeur keeps this one
			h.grow(30)
			last := h.seal()
			c.attack(h)
			_, self := h.st.VerifyJournal(h.ctx)
			if (self != nil) != c.selfSees {
				t.Errorf("the database's own check says %v", self)
			}
			h.restart()
			_, err := h.Seal(h.ctx)
			if refused := errors.Is(err, scellement.ErrBehind) || errors.Is(err, scellement.ErrRewritten); refused != c.sealSees {
				t.Errorf("sealing says %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "relais journal epoch") && !errors.Is(err, journal.ErrHead) {
				t.Errorf("the refusal does not say how to recover: %v", err)
			}
			if c.stolen && err != nil {
				t.Errorf("the stolen key was expected to sign: %v", err)
			}
			if err := h.auditFrom(outside); (err != nil) != c.outsideCatches {
				t.Errorf("the older checkpoint outside says %v", err)
			}
			if err := h.auditFrom(last); err == nil {
				t.Error("the last signed checkpoint sees nothing")
			}
		})
	}
}

// auditFrom is an outsider's check: the bodies as they are now, hashed by the
// outsider, against a checkpoint of theirs.
func (h *house) auditFrom(c journal.Signed) error {
	head := journal.Head{Root: journal.EmptyRoot()}
	for i := range c.Size {
		row, err := h.st.Entry(h.ctx, i)
		if err != nil {
			return err
		}
		head, _ = head.Append(journal.Leaf(row.Body))
	}
	if head.Root != c.Root {
		return errors.New("another root")
	}
	return nil
}

// TestRestoredBackup: a restored database is not signed until an epoch says so
// in the journal.
func TestRestoredBackup(t *testing.T) {
	h := newHouse(t)
	h.grow(20)
	h.seal()
	restore := h.backup()
	h.grow(10)
	lost := h.seal()
	restore()
	if _, err := h.Seal(h.ctx); !errors.Is(err, scellement.ErrBehind) || !strings.Contains(err.Error(), "relais journal epoch") {
		t.Fatalf("a restored database: %v", err)
	}
	h.grow(40) // longer than what was signed, but not its continuation
	if _, err := h.Seal(h.ctx); !errors.Is(err, scellement.ErrRewritten) {
		t.Fatalf("a restored database that grew: %v", err)
	}
	if !errors.Is(h.State().Refusal, scellement.ErrRewritten) {
		t.Errorf("the state says %v", h.State().Refusal)
	}
	opened, err := h.OpenEpoch(h.ctx, journal.Systeme(), h.st)
	h.ok(err)
	if opened.Origin != "relais.example/epoque-2" || opened.Size != 61 {
		t.Errorf("epoch %+v", opened.Checkpoint)
	}
	row, err := h.st.Entry(h.ctx, 60)
	h.ok(err)
	r, err := journal.Parse(row.Body)
	h.ok(err)
	if r.Action != journal.JournalEpoch || r.Details["ancienne_taille"] != "30" || r.Details["ancienne_racine"] != lost.Root.String() {
		t.Errorf("the epoch's first entry says %+v", r)
	}
	h.grow(1)
	if c := h.seal(); c.Origin != "relais.example/epoque-2" || c.Size != 62 {
		t.Errorf("after the epoch: %+v", c.Checkpoint)
	}
	if _, err := h.OpenEpoch(h.ctx, journal.Systeme(), h.st); !errors.Is(err, scellement.ErrHealthy) {
		t.Errorf("an epoch of a healthy journal: %v", err)
	}
}

func TestLostFiles(t *testing.T) {
	h := newHouse(t)
	h.grow(4)
	h.seal()
	path := func(name string) string { return filepath.Join(h.dir, name) }
	h.ok(os.Rename(path("journal.checkpoint"), path("aside")))
	if _, err := h.Seal(h.ctx); !errors.Is(err, scellement.ErrLost) {
		t.Errorf("without journal.checkpoint: %v", err)
	}
	opened, err := h.OpenEpoch(h.ctx, journal.Systeme(), h.st)
	if err != nil || opened.Origin != "relais.example/epoque-2" {
		t.Errorf("epoch %+v, %v", opened.Checkpoint, err)
	}
	h.ok(os.Remove(path("journal.key")))
	if _, err := h.Seal(h.ctx); !errors.Is(err, scellement.ErrLost) {
		t.Errorf("without journal.key: %v", err)
	}
	other := newHouse(t)
	other.grow(1)
	other.seal()
	other.opts.Name = "autre.example"
	other.restart()
	if _, err := other.Seal(h.ctx); !errors.Is(err, scellement.ErrKeys) || !strings.Contains(err.Error(), "RELAIS_JOURNAL_ORIGIN=relais.example") {
		t.Errorf("under another name: %v", err)
	}
	other.opts.Name = ""
	other.restart()
	other.seal()
	h.ok(os.Chmod(filepath.Join(other.dir, "journal.key"), 0o644))
	if _, err := other.Seal(h.ctx); !errors.Is(err, scellement.ErrKeys) {
		t.Errorf("with a key that others can read: %v", err)
	}
	h.ok(os.Chmod(filepath.Join(other.dir, "journal.key"), 0o600))
	h.ok(os.WriteFile(filepath.Join(other.dir, "journal.checkpoint"), []byte("relais.example\n1\n"), 0o600))
	if _, err := other.Seal(h.ctx); !errors.Is(err, journal.ErrCheckpoint) {
		t.Errorf("with a damaged checkpoint: %v", err)
	}
}

func TestRotation(t *testing.T) {
	h := newHouse(t)
	h.grow(3)
	h.seal()
	before, err := h.VKeys()
	h.ok(err)
	added, err := h.Rotate(h.ctx, journal.Systeme(), h.st)
	h.ok(err)
	if _, err := h.Rotate(h.ctx, journal.Systeme(), h.st); !errors.Is(err, scellement.ErrKeys) {
		t.Errorf("a second rotation: %v", err)
	}
	opens := func(c journal.Signed, vkey string) bool {
		v, err := note.NewVerifier(vkey)
		h.ok(err)
		_, _, err = journal.OpenCheckpoint(c.Note, v)
		return err == nil
	}
	h.grow(1)
	both := h.seal()
	if !opens(both, before[0]) || !opens(both, added) {
		t.Error("both keys must sign during a rotation")
	}
	_, err = h.FinishRotation(h.ctx, journal.Systeme(), h.st)
	h.ok(err)
	h.grow(1)
	h.restart()
	after := h.seal()
	if opens(after, before[0]) || !opens(after, added) {
		t.Error("only the new key must sign afterwards")
	}
	entries, err := h.st.Journal(h.ctx, journal.Filter{Action: journal.JournalRotate})
	h.ok(err)
	if len(entries) != 2 || entries[1].Details["cle"] != added {
		t.Errorf("the rotation's entries: %+v", entries)
	}
}

// TestRun seals in the background and stops with its context.
func TestRun(t *testing.T) {
	h := newHouse(t)
	ctx, stop := context.WithCancel(h.ctx)
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	h.grow(2)
	eventually(t, "sealed", func() bool { return h.State().Progress.Sealed == 2 })
	stop()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("does not stop")
	}
}
