// Package pgtest gives tests an empty database on a PostgreSQL that they start
// themselves. Test-only.
//
// The server belongs to the test process: one per process, started by the first
// call of DSN, in a private directory, on a Unix socket only, with durability
// left on (fsync), because durability is one of the things under test. It ends
// with the process, however that ends (package watchdog). As root it runs under
// the account postgres or nobody, since PostgreSQL refuses to run as root.
//
// It does not use, need or touch a cluster that Debian may have started. A
// missing PostgreSQL fails the test and says what to install; nothing is ever
// skipped.
package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Missing is what a test says when no PostgreSQL server is installed.
const Missing = "PostgreSQL is not installed: run `make test`, or: apt-get install -y --no-install-recommends postgresql"

// socketMax leaves room for "/.s.PGSQL.5432" within the 107 bytes that a Unix
// socket's path may have.
const socketMax = 90

var (
	started  = sync.OnceValues(start)
	second   = sync.OnceValues(start)
	sequence atomic.Int64
)

// DSN makes a fresh empty database (UTF-8, C locale, time zone UTC) and returns
// its URL, fit for RELAIS_DATABASE_URL and for pgx. The database is dropped
// when the test ends, with whatever is still connected to it.
func DSN(t testing.TB) string {
	t.Helper()
	s, err := started()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := fmt.Sprintf("t%d", sequence.Add(1))
	if err := s.sql("CREATE DATABASE " + name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := s.sql("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Logf("pgtest: %v", err)
		}
	})
	return s.url(name)
}

// Elsewhere dumps the database that DSN named and restores it in a fresh database
// of another server, whose transaction numbers have nothing to do with the first
// one's. It returns the URL there; for pgx only, not for [Exec].
func Elsewhere(t testing.TB, dsn string) string {
	t.Helper()
	from, err := started()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	to, err := second()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := fmt.Sprintf("r%d", sequence.Add(1))
	if err := to.sql("CREATE DATABASE " + name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	file := filepath.Join(t.TempDir(), "dump.sql")
	dump := exec.Command(filepath.Join(from.bin, "pg_dump"), "-h", from.dir, "-U", "relais", "-d", strings.TrimPrefix(u.Path, "/"), "-f", file)
	if out, err := dump.CombinedOutput(); err != nil {
		t.Fatalf("pg_dump: %v: %s", err, out)
	}
	restore := exec.Command(filepath.Join(to.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", to.dir, "-U", "relais", "-d", name, "-f", file)
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v: %s", err, out)
	}
	return to.url(name)
}

// Exec runs statements with psql in the database that DSN named, as its owner:
// for tests that must reach behind the store (tampering, append-only guards).
// It returns psql's unaligned output and the server's complaint as the error.
func Exec(dsn, statements string) (string, error) {
	s, err := started()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("pgtest: %w", err)
	}
	return s.psql(strings.TrimPrefix(u.Path, "/"), statements)
}

// server is one running PostgreSQL.
type server struct {
	bin string // the folder of its programs
	dir string // holds data/, the socket and the log
}

func (s server) url(name string) string {
	q := url.Values{"host": {s.dir}, "sslmode": {"disable"}}
	return "postgres://relais@/" + name + "?" + q.Encode()
}

func (s server) sql(statement string) error {
	_, err := s.psql("postgres", statement)
	return err
}

func (s server) psql(database, statements string) (string, error) {
	cmd := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-h", s.dir, "-U", "relais", "-d", database, "-c", statements)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// programs finds the newest installed server. Debian keeps each major version
// in a folder of its own, outside PATH.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		path, err := exec.LookPath("initdb")
		if err != nil {
			return "", fmt.Errorf("%s", Missing)
		}
		return filepath.Dir(path), nil
	}
	sort.Slice(found, func(i, j int) bool { return major(found[i]) < major(found[j]) })
	return filepath.Dir(found[len(found)-1]), nil
}

func major(initdb string) (n int) {
	_, _ = fmt.Sscanf(filepath.Base(filepath.Dir(filepath.Dir(initdb))), "%d", &n) // 0 sorts first
	return n
}

func privateDir() (string, error) {
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return "", err
	}
	if len(dir) <= socketMax {
		return dir, nil
	}
	if err := os.Remove(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp("/tmp", "pg")
}

func (s server) ready(limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := s.sql("SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // the error below stands without it
			return fmt.Errorf("PostgreSQL did not start within %s: %w\n%s", limit, err, log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
