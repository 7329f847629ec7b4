// Package brokendisk makes writes and syncs of chosen files fail in a child
// process, by a small C library compiled with gcc and preloaded there: a full
// disk, a short write, a failed fsync, at the call that a test names. Test-only.
//
// It reaches what goes through the C library, that is SQLite. What Go's own os
// package writes does not pass there. A missing gcc fails the test; nothing is
// ever skipped.
package brokendisk

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"relais/internal/testkit/watchdog"
)

//go:embed preload/brokendisk.c
var source []byte

// The variables that carry the control to the child.
const (
	controlVar = "BROKEN_DISK"
	matchVar   = "BROKEN_DISK_MATCH"
)

// Op is what fails.
type Op int64

// The operations, as the C half numbers them.
const (
	Write Op = 1
	Sync  Op = 2
)

// Fault is one failure to come.
type Fault struct {
	Op    Op
	At    int64         // the call of this kind that fails first, from 1
	Errno syscall.Errno // what it says
	After bool          // the later ones fail too
	Short bool          // the first writes half and says so, as a disk that fills up
}

// The fields of the control, in the order of the C half.
const (
	fieldWhat = iota
	fieldAt
	fieldErrno
	fieldAfter
	fieldShort
	fieldCalls
	fieldFailed
	fields
)

// Disk is the control of one child's disk. Use it from one goroutine at a time.
type Disk struct{ control []byte }

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		return "", err
	}
	if err := watchdog.Remove(dir); err != nil {
		return "", err
	}
	code, library := filepath.Join(dir, "brokendisk.c"), filepath.Join(dir, "brokendisk.so")
	if err := os.WriteFile(code, source, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", library, code).CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return library, nil
})

// New makes a disk without fault and the environment that puts a child on it, for
// the files whose path contains match.
func New(t testing.TB, match string) (d *Disk, environ []string) {
	t.Helper()
	library, err := build()
	if err != nil {
		t.Fatalf("brokendisk: %v", err)
	}
	path := filepath.Join(t.TempDir(), "control")
	if err := os.WriteFile(path, make([]byte, 8*fields), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err = open(path); err != nil {
		t.Fatal(err)
	}
	return d, []string{"LD_PRELOAD=" + library, controlVar + "=" + path, matchVar + "=" + match}
}

// Inherited is the disk that this process was put on; false when it was not.
func Inherited(t testing.TB) (*Disk, bool) {
	t.Helper()
	path := os.Getenv(controlVar)
	if path == "" {
		return nil, false
	}
	d, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, true
}

func open(path string) (*Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	control, err := syscall.Mmap(int(f.Fd()), 0, 8*fields, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return &Disk{control: control}, err
}

func (d *Disk) set(field int, v int64) {
	binary.NativeEndian.PutUint64(d.control[8*field:], uint64(v))
}

func (d *Disk) get(field int) int64 {
	return int64(binary.NativeEndian.Uint64(d.control[8*field:]))
}

// Break arms a fault and counts from here.
func (d *Disk) Break(f Fault) {
	d.Repair()
	for field, v := range []int64{fieldAt: f.At, fieldErrno: int64(f.Errno), fieldAfter: bit(f.After), fieldShort: bit(f.Short), fieldCalls: 0, fieldFailed: 0} {
		if field != fieldWhat {
			d.set(field, v)
		}
	}
	d.set(fieldWhat, int64(f.Op)) // last: it arms
}

// Repair lets everything pass again. The counts stay.
func (d *Disk) Repair() { d.set(fieldWhat, 0) }

// Calls and Failed count since Break: operations of its kind, and failures.
func (d *Disk) Calls() int64  { return d.get(fieldCalls) }
func (d *Disk) Failed() int64 { return d.get(fieldFailed) }

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
