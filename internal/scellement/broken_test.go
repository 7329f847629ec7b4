package scellement_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// TestBrokenFile fails each step of each file that sealing writes, one after the
// other: nobody is shown a checkpoint that was not kept, and once the disk is
// repaired sealing goes on from what was shown.
func TestBrokenFile(t *testing.T) {
	for name, steps := range map[string]int{"first": 8, "grown": 4, "rotate": 12, "finish": 12} {
		t.Run(name, func(t *testing.T) {
			failed := 0
			for k := 1; breakFile(t, name, k); k++ {
				failed++
			}
			if failed != steps {
				t.Errorf("%d steps, want %d", failed, steps)
			}
		})
	}
}

// breakFile fails the k-th step of an act; false when it has fewer.
func breakFile(t *testing.T, act string, k int) bool {
	h := newHouse(t)
	h.grow(3)
	if act != "first" {
		h.seal()
		h.grow(2)
	}
	if act == "finish" {
		_, err := h.Rotate(h.ctx, journal.Systeme(), h.st)
		h.ok(err)
		h.grow(2)
	}
	before, _, err := h.Published(h.ctx)
	h.ok(err)
	head, err := h.st.Head(h.ctx)
	h.ok(err)
	n := 0
	h.Hinder(func(string) error {
		if n++; n == k {
			before = h.untouched(before, head.Size, act, k)
			return syscall.ENOSPC
		}
		return nil
	})
	switch act {
	case "rotate":
		_, err = h.Rotate(h.ctx, journal.Systeme(), h.st)
	case "finish":
		_, err = h.FinishRotation(h.ctx, journal.Systeme(), h.st)
	default:
		_, err = h.Seal(h.ctx)
	}
	if n < k {
		h.ok(err)
		return false
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("step %d: %v", k, err)
	}
	if shown, size, err := h.Published(h.ctx); err != nil || !bytes.Equal(shown, before) {
		t.Errorf("step %d: %d entries are published, %v", k, size, err)
	}
	h.shownIsKept()
	h.Hinder(nil)
	h.restart() // memory must not be what saves it
	h.grow(1)
	h.seal()
	h.shownIsKept()
	return true
}

// untouched is what must still be published once the k-th step has failed: what
// was before, unless the act first seals the head that it found, in four steps,
// and so publishes it.
func (h *house) untouched(before []byte, size int64, act string, k int) []byte {
	h.t.Helper()
	shown, n, err := h.Published(h.ctx)
	h.ok(err)
	sealed := k > 4 && (act == "rotate" || act == "finish")
	if !sealed && !bytes.Equal(shown, before) || sealed && n != size {
		h.t.Errorf("step %d: %d entries are published, there were %d", k, n, size)
	}
	return shown
}

// shownIsKept: the file holds what the world was shown, or what goes on from it;
// so does the database.
func (h *house) shownIsKept() {
	h.t.Helper()
	shown, size, err := h.Published(h.ctx)
	h.ok(err)
	raw, err := os.ReadFile(filepath.Join(h.dir, "journal.checkpoint"))
	if size == 0 && errors.Is(err, fs.ErrNotExist) {
		return
	}
	h.ok(err)
	keys, err := h.VKeys()
	h.ok(err)
	verifier, err := note.NewVerifier(keys[len(keys)-1])
	h.ok(err)
	kept, _, err := journal.OpenCheckpoint(raw, verifier)
	h.ok(err)
	if kept.Size < size || kept.Size == size && !bytes.Equal(raw, shown) {
		h.t.Errorf("published %q, kept %q", shown, raw)
	}
	if last, err := h.st.LastCheckpoint(h.ctx, "relais.example"); err == nil && last.Size > kept.Size {
		h.t.Errorf("the database knows %d signed entries, the file %d", last.Size, kept.Size)
	}
}

// TestHalfKept: a checkpoint whose folder did not reach the disk is written anew
// before it is shown, by this process and by the next.
func TestHalfKept(t *testing.T) {
	h := newHouse(t)
	h.grow(3)
	h.seal()
	h.grow(2)
	h.Hinder(func(step string) error {
		if step == "sync the folder" {
			return syscall.EIO
		}
		return nil
	})
	if _, err := h.Seal(h.ctx); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sealed over a failed sync: %v", err)
	}
	if _, err := h.Seal(h.ctx); !errors.Is(err, syscall.EIO) {
		t.Fatalf("what a failed sync left was taken for kept: %v", err)
	}
	h.restart()
	written := 0
	h.Hinder(func(string) error { written++; return nil })
	h.seal()
	if written == 0 {
		t.Error("the next process did not write it again")
	}
	h.shownIsKept()
}
