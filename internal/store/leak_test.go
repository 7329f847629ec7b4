package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relais/internal/store"
)

// TestCloseLetsGo: a closed store holds none of its files any more, and what was
// in the log is in the database itself.
func TestCloseLetsGo(t *testing.T) {
	h := newHouse(t, store.SQLite)
	h.ok(h.Close())
	fds, err := os.ReadDir("/proc/self/fd")
	h.ok(err)
	for _, fd := range fds {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && strings.HasPrefix(name, h.dsn) {
			t.Errorf("%s is still open", name)
		}
	}
	if _, err := os.Stat(h.dsn + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log was not copied home: %v", err)
	}
}
