package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"relais/internal/aidant"
	"relais/internal/testkit/pgtest"
)

func openEmpty(t *testing.T, engine string) *Store {
	t.Helper()
	dsn := filepath.Join(t.TempDir(), "relais.db")
	if engine == PostgreSQL {
		dsn = pgtest.DSN(t)
	}
	return openAt(t, engine, dsn)
}

func openAt(t *testing.T, engine, dsn string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Engine: engine, DSN: dsn, Vault: noVault{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // closed twice by some tests
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func size(t *testing.T, s *Store) int64 {
	t.Helper()
	head, err := s.VerifyJournal(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return head.Size
}

// TestNeighbours: in one crowd some cancel, some panic, some fail, some break a
// constraint; exactly those that were told nil count.
func TestNeighbours(t *testing.T) {
	for _, engine := range []string{SQLite, PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			s := openEmpty(t, engine)
			var wg sync.WaitGroup
			var mu sync.Mutex
			good := int64(0)
			for i := range 400 {
				wg.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					if i%5 == 0 {
						time.AfterFunc(time.Duration(i)*10*time.Microsecond, cancel)
					}
					err := s.write(ctx, func(tx *tx) error {
						if _, err := tx.append(aidant.LoginFailed(fmt.Sprint("n", i))); err != nil {
							return err
						}
						switch i % 5 {
						case 1:
							panic("boum")
						case 2:
							return errors.New("non")
						case 3:
							_, err := tx.exec("INSERT INTO coffre_key (subject, wrapped) VALUES ('x', NULL)")
							return err
						}
						return nil
					})
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil && (i%5 == 0 || i%5 == 4):
						good++
					case i%5 == 0 && errors.Is(err, context.Canceled): // not written
					case err == nil || i%5 == 4:
						t.Errorf("%d = %v", i, err)
					}
				})
			}
			wg.Wait()
			if n := size(t, s); n != good {
				t.Errorf("%d entries for %d acknowledged", n, good)
			}
			if _, commits := s.Counts(); engine == SQLite {
				t.Logf("%d commits for %d writes", commits, good)
			}
		})
	}
}

// TestCloseDrains: what was acknowledged is there after Close, and later writes
// are refused.
func TestCloseDrains(t *testing.T) {
	for _, engine := range []string{SQLite, PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			dsn := filepath.Join(t.TempDir(), "relais.db")
			if engine == PostgreSQL {
				dsn = pgtest.DSN(t)
			}
			s := openAt(t, engine, dsn)
			var wg sync.WaitGroup
			var mu sync.Mutex
			acknowledged := int64(0)
			for range 100 {
				wg.Go(func() {
					err := s.Append(context.Background(), aidant.LoginFailed("x"))
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						acknowledged++
					case !errors.Is(err, ErrClosed):
						t.Error(err)
					}
				})
			}
			time.Sleep(5 * time.Millisecond)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if err := s.Append(context.Background(), aidant.LoginFailed("x")); !errors.Is(err, ErrClosed) {
				t.Errorf("a write after Close = %v", err)
			}
			if n := size(t, openAt(t, engine, dsn)); n != acknowledged {
				t.Errorf("%d entries, %d acknowledged", n, acknowledged)
			}
		})
	}
}

// TestTwoProcesses: two stores on one base, as two processes, never fork the
// journal.
func TestTwoProcesses(t *testing.T) {
	for _, engine := range []string{SQLite, PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			a := openEmpty(t, engine)
			b := openAt(t, engine, a.dsn)
			var wg sync.WaitGroup
			for i := range 100 {
				for _, s := range []*Store{a, b} {
					wg.Go(func() {
						if err := s.Append(context.Background(), aidant.LoginFailed(fmt.Sprint("n", i))); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			for _, s := range []*Store{a, b} { // each waits for the numbers of what it wrote
				if err := s.engine.settled(t.Context(), numberWait); err != nil {
					t.Error(err)
				}
			}
			if n := size(t, a); n != 200 {
				t.Errorf("%d entries, want 200", n)
			}
		})
	}
}

// TestBrokenDisk: a COMMIT that fails refuses its group; one that fails on the
// disk ends all writing.
func TestBrokenDisk(t *testing.T) {
	s := openEmpty(t, SQLite)
	ctx := context.Background()
	w := s.engine.(*writer)
	commit := w.commit
	write := func() error { return s.Append(ctx, aidant.LoginFailed("x")) }
	if err := write(); err != nil {
		t.Fatal(err)
	}
	set := func(f func() error) { // inside a write, so that the writer's goroutine sees it
		if err := s.write(ctx, func(*tx) error { w.commit = f; return nil }); err != nil && f == nil {
			t.Fatal(err)
		}
	}
	set(func() error { w.commit = commit; return sqlite3.Error{Code: sqlite3.ErrFull} })
	if err := write(); err != nil {
		t.Errorf("after a full disk that was enlarged: %v", err)
	}
	set(func() error { return sqlite3.Error{Code: sqlite3.ErrIoErr} })
	if err := write(); !errors.Is(err, ErrFatal) {
		t.Errorf("after a failed fsync: %v, want ErrFatal", err)
	}
	if err := s.Ready(ctx); !errors.Is(err, ErrFatal) {
		t.Errorf("ready after a failed fsync: %v", err)
	}
	select {
	case err := <-s.Fatal():
		if !errors.Is(err, ErrFatal) {
			t.Errorf("fatal = %v", err)
		}
	default:
		t.Error("nobody was told")
	}
	if n := size(t, s); n != 2 {
		t.Errorf("%d entries, want the 2 acknowledged", n)
	}
}

// TestUnsafeSettings: what Open reads back must be what it asked for.
func TestUnsafeSettings(t *testing.T) {
	for _, o := range []Options{{Engine: SQLite, DSN: ":memory:", Vault: noVault{}}, {Engine: SQLite, Vault: noVault{}}, {Engine: "autre", DSN: "x", Vault: noVault{}},
		{Engine: SQLite, DSN: filepath.Join(t.TempDir(), "a.db")}} {
		if s, err := Open(context.Background(), o); err == nil {
			t.Errorf("opened %+v", o)
			_ = s.Close() // it should not exist
		}
	}
	dsn := pgtest.DSN(t)
	if _, err := pgtest.Exec(dsn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), Options{Engine: PostgreSQL, DSN: dsn, Vault: noVault{}}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("synchronous_commit = off: %v", err)
	}
}

// TestEntryIDs are UUIDv7 in time order.
func TestEntryIDs(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	a, b := newEntryID(at), newEntryID(at.Add(time.Millisecond))
	if len(a) != 36 || a[14] != '7' || !strings.ContainsAny(a[19:20], "89ab") || a >= b {
		t.Errorf("%s, %s", a, b)
	}
}

func TestInstant(t *testing.T) {
	local := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.FixedZone("x", 3600))
	v, err := instant(local).Value()
	if err != nil || v != "2026-11-22T09:00:00.123456Z" {
		t.Errorf("%v, %v", v, err)
	}
	for _, src := range []any{v, []byte(v.(string)), local.Truncate(time.Microsecond)} {
		var i instant
		if err := i.Scan(src); err != nil || !i.time().Equal(local.Truncate(time.Microsecond)) || i.time().Location() != time.UTC {
			t.Errorf("scan %T = %v, %v", src, i.time(), err)
		}
	}
	if v, err := (instant{}).Value(); v != nil || err != nil {
		t.Errorf("zero = %v, %v", v, err)
	}
	var i instant
	if err := i.Scan(nil); err != nil || !i.time().IsZero() {
		t.Errorf("NULL = %v, %v", i, err)
	}
	if i.Scan("hier") == nil || i.Scan(3) == nil {
		t.Error("reads what is no time")
	}
}
