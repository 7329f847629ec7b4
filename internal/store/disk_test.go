package store_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
	"relais/internal/testkit/brokendisk"
	"relais/internal/usager"
)

// victim is the database whose disk breaks.
const victim = "/victime.db"

// TestDisk breaks the disk under SQLite at each write and at each sync of a
// sequence of actions, one after the other, until the sequence ends without a
// fault: the disk is full from there on, for that one write, or in the middle of
// it; a sync fails. It runs in a child of its own, whose C library lies.
func TestDisk(t *testing.T) {
	if disk, ok := brokendisk.Inherited(t); ok {
		newDiskTest(t, disk).all()
		return
	}
	_, environ := brokendisk.New(t, victim)
	child := exec.Command(os.Args[0], "-test.run=^TestDisk$", "-test.v", "-test.count=1")
	child.Env = append(os.Environ(), environ...)
	out, err := child.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// diskTest is a database to copy, and the disk to break under the copy.
type diskTest struct {
	*house
	disk     *brokendisk.Disk
	template []byte
	base     int64         // entries in it
	inForce  mandat.Mandat // of martin
	ended    mandat.Mandat // of zelie
}

func newDiskTest(t *testing.T, disk *brokendisk.Disk) *diskTest {
	d := &diskTest{house: newHouse(t, store.SQLite), disk: disk}
	d.inForce = d.signed("ccas", martin, "social")
	d.ended = d.change(d.signed("ccas", zelie, "papiers"), func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Revoke(nil, mandat.AtCounter, by, d.time())
	})
	d.base = d.size()
	whole := filepath.Join(t.TempDir(), "entiere.db")
	_, err := d.raw("VACUUM INTO '" + whole + "'")
	d.ok(err)
	d.ok(d.Close())
	d.template, err = os.ReadFile(whole)
	d.ok(err)
	d.dsn = filepath.Join(t.TempDir(), victim)
	return d
}

// all breaks the disk everywhere, and in some places for the variants: everywhere
// too with TEST_LONG.
func (d *diskTest) all() {
	some := int64(4)
	if os.Getenv("TEST_LONG") != "" {
		some = 1
	}
	for _, c := range []struct {
		name    string
		closing bool // the store is closed on the broken disk
		step    int64
		fault   brokendisk.Fault
	}{
		{"full", false, 1, brokendisk.Fault{Op: brokendisk.Write, Errno: syscall.ENOSPC, After: true}},
		{"full", true, some, brokendisk.Fault{Op: brokendisk.Write, Errno: syscall.ENOSPC, After: true}},
		{"filling up", false, some, brokendisk.Fault{Op: brokendisk.Write, Errno: syscall.ENOSPC, After: true, Short: true}},
		{"full once", false, some, brokendisk.Fault{Op: brokendisk.Write, Errno: syscall.ENOSPC}},
		{"sync", false, 1, brokendisk.Fault{Op: brokendisk.Sync, Errno: syscall.EIO}},
		{"sync", true, 1, brokendisk.Fault{Op: brokendisk.Sync, Errno: syscall.EIO}},
	} {
		faults, fatal := 0, 0
		for c.fault.At = 1; ; c.fault.At += c.step {
			r := d.round(c.fault, c.closing)
			if d.t.Failed() {
				d.t.Fatalf("%s at %d, closing %v: %v", c.name, c.fault.At, c.closing, r.errs)
			}
			if r.clean {
				break
			}
			faults++
			if r.fatal {
				fatal++
			}
		}
		d.t.Logf("%s, closing %v: %d faults, of which %d end the process", c.name, c.closing, faults, fatal)
		if faults < 10 || (c.fault.Op == brokendisk.Sync) != (fatal > 0) {
			d.t.Errorf("%s: %d faults, %d fatal", c.name, faults, fatal)
		}
	}
}

// told is what the actions of a round were answered.
type told struct {
	mu      sync.Mutex
	drafts  []string // acknowledged
	entries int64    // acknowledged
	refused int64    // entries of refused actions
	fatal   bool     // the store gave up
	clean   bool     // no fault was met
	errs    []error
}

func (r *told) note(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.entries++
		return true
	}
	r.refused++
	r.errs = append(r.errs, err)
	r.fatal = r.fatal || errors.Is(err, store.ErrFatal)
	return false
}

// round acts on a broken disk, repairs it, and looks at what is there. With
// closing the store is closed before the repair.
func (d *diskTest) round(f brokendisk.Fault, closing bool) *told {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(d.dsn + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.t.Fatal(err)
		}
	}
	d.ok(os.WriteFile(d.dsn, d.template, 0o600))
	r := &told{}
	d.disk.Break(f)
	s, err := d.tryOpen()
	if err == nil {
		d.Store = s
		d.act(r)
		if !closing {
			d.disk.Repair()
			d.goesOn(r)
		}
		_ = s.Close() // what it says changes nothing to what was promised
	}
	d.disk.Repair()
	r.clean = d.disk.Failed() == 0
	if r.clean && (len(r.errs) > 0 || err != nil) {
		d.t.Errorf("refused on a sound disk: %v %v", err, r.errs)
	}
	d.Store = d.open()
	d.check(r)
	d.ok(d.Close())
	return r
}

func (d *diskTest) tryOpen() (*store.Store, error) {
	return store.Open(d.ctx, store.Options{Engine: store.SQLite, DSN: d.dsn, Vault: d.vault, Now: d.time, App: "test"})
}

// act writes alone, in a group, and from memory to the file itself.
func (d *diskTest) act(r *told) {
	d.draftTo(r)
	r.note(d.Append(d.ctx, d.inForce.Viewed(by)))
	r.note(d.choose(d.inForce, "r-disque", "social"))
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { d.draftTo(r) })
	}
	all.Wait()
	r.note(d.erase())
	d.draftTo(r)
}

func (d *diskTest) erase() error {
	_, _, err := d.EraseUsager(d.ctx, d.ended.UsagerID, usager.Injonction, exploitant, false)
	return err
}

func (d *diskTest) draftTo(r *told) {
	o, err := d.Organisation(d.ctx, "ccas")
	var m mandat.Mandat
	if err == nil {
		p := mandat.Plan{Aidants: []string{"a-jeanne"}, Duration: mandat.Duration{Days: 31}, Capacity: mandat.CapacityFull, Autorisations: []mandat.Autorisation{autorisation("social")}}
		m, err = d.Draft(d.ctx, func() (mandat.Mandat, journal.Fact, error) {
			return mandat.Draft("m-"+mandat.NewNumber(), mandat.NewNumber(), o, p, by, d.time())
		})
	}
	if r.note(err) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.drafts = append(r.drafts, m.ID)
	}
}

// goesOn: after the disk was enlarged the next append works; after a failed sync
// nothing is ever acknowledged again.
func (d *diskTest) goesOn(r *told) {
	err := d.Append(d.ctx, d.inForce.Viewed(by))
	if !r.fatal {
		if !r.note(err) {
			d.t.Errorf("after the disk was enlarged: %v (before: %v)", err, r.errs)
		}
		return
	}
	r.note(err)
	if !errors.Is(err, store.ErrFatal) || !errors.Is(d.Ready(d.ctx), store.ErrFatal) {
		d.t.Errorf("after a fatal error a write was answered %v", err)
	}
	select {
	case <-d.Fatal():
	default:
		d.t.Error("nobody was told of a fatal error")
	}
}

// check: everything acknowledged is there, nothing refused is, no action without
// its entry and no entry without its action.
func (d *diskTest) check(r *told) {
	d.ok(d.Ready(d.ctx))
	if said := d.value("SELECT integrity_check FROM pragma_integrity_check"); said != "ok" {
		d.t.Errorf("integrity: %s", said)
	}
	head, err := d.VerifyJournal(d.ctx)
	d.ok(err)
	for _, id := range r.drafts {
		if _, err := d.Mandat(d.ctx, "ccas", id); err != nil {
			d.t.Errorf("acknowledged and lost: %v", err)
		}
	}
	unsure := int64(0) // erased, though the disk could not be cleaned
	for _, err := range r.errs {
		if strings.Contains(err.Error(), "nettoyé") {
			unsure = 1
		}
	}
	if r.fatal {
		unsure = r.refused
	}
	if n := head.Size - d.base; n < r.entries || n > r.entries+unsure {
		d.t.Errorf("%d entries for %d acknowledged (and %d of which nobody knows): %v", n, r.entries, unsure, r.errs)
	}
	drafts := d.value("SELECT count(*) FROM mandat")
	if entries := d.value("SELECT count(*) FROM journal WHERE action = 'mandat.draft'"); drafts != entries {
		d.t.Errorf("%s mandats for %s entries", drafts, entries)
	}
	if made, used := d.value("SELECT count(*) FROM delegation"), d.value("SELECT count(*) FROM journal WHERE action = 'delegation.use'"); made != used {
		d.t.Errorf("%s uses for %s entries", made, used)
	}
	if _, err := d.Replay(d.ctx); err != nil {
		d.t.Error(err)
	}
}
