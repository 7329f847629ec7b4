package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/store"
	"relais/internal/testkit/pgtest"
)

// killChild makes this test binary the process that is killed: it opens the
// store of the environment and writes until it dies.
const killChild = "TEST_KILL_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(killChild) != "" {
		writeUntilKilled()
		return
	}
	if what := os.Getenv(benchChild); what != "" {
		serveBench(what)
		return
	}
	if os.Getenv(instanceChild) != "" {
		serveInstance()
		return
	}
	if os.Getenv(serveChild) != "" {
		os.Args = []string{"relais", "serve"}
		main()
	}
	os.Exit(m.Run())
}

// killStream is how many entries a child writes to each mandat.
const killStream = 8

// writeUntilKilled writes mandats and entries about them from many goroutines at
// once, and prints what the store acknowledged: a mandat and its counter.
func writeUntilKilled() {
	st := mustOpen(os.Environ())
	var wg sync.WaitGroup
	var print sync.Mutex
	for range 16 {
		wg.Go(func() {
			for {
				m, err := draftOne(context.Background(), st)
				for n := 1; err == nil && n <= killStream; n++ {
					print.Lock()
					fmt.Printf("%s %d.\n", m.ID, n)
					print.Unlock()
					err = st.Append(context.Background(), m.Printed(journal.Systeme(), "acte"))
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
			}
		})
	}
	wg.Wait()
}

func mustOpen(environ []string) *store.Store {
	var own []string
	for _, kv := range environ {
		if strings.HasPrefix(kv, "RELAIS_") {
			own = append(own, kv)
		}
	}
	cfg, err := config.LoadStorage(own)
	if err == nil {
		var st *store.Store
		if st, _, err = openStore(context.Background(), cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), true); err == nil {
			return st
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
	return nil
}

func draftOne(ctx context.Context, st *store.Store) (mandat.Mandat, error) {
	return st.Draft(ctx, func() (mandat.Mandat, journal.Fact, error) {
		o := organisation.Organisation{ID: "ccas-valfictif", Timezone: "Europe/Paris"}
		by := aidant.Aidant{ID: "akill"}.Actor("test")
		p := mandat.Plan{Autorisations: []mandat.Autorisation{{Domaine: "logement", Demarches: []string{"apl"}}},
			Aidants: []string{"akill"}, Duration: mandat.Duration{Days: 1}, Capacity: mandat.CapacityFull}
		return mandat.Draft("m"+strings.ToLower(rand.Text()), mandat.NewNumber(), o, p, by, time.Now())
	})
}

// killLoad is what is killed: how many processes write at once, and how often
// they are killed.
type killLoad struct {
	engine    string
	processes int
	rounds    int
}

// TestKill: kill -9 at random under load, of one process or of two on the same
// database, loses no acknowledged entry and forks nothing: the tree always goes
// on from each head that was seen, no mandat's counter has a hole, and in the end
// every entry verifies and every mandat is in the state that the journal says.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, load := range []killLoad{{config.SQLite, 1, 100}, {config.SQLite, 2, 100}, {config.Postgres, 1, 30}, {config.Postgres, 2, 30}} {
		t.Run(fmt.Sprintf("%s/%d", load.engine, load.processes), func(t *testing.T) {
			t.Parallel()
			k := newKilled(t, load)
			for range load.rounds {
				k.round()
			}
			if _, err := k.st.Replay(t.Context()); err != nil {
				t.Error(err)
			}
			head, err := k.st.VerifyJournal(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rounds, %d acknowledged, %d entries", load.rounds, k.sum, head.Size)
			if k.sum < load.rounds*load.processes {
				t.Errorf("only %d writes in %d rounds: the test loads nothing", k.sum, load.rounds)
			}
		})
	}
}

// killed is a database whose writers are killed.
type killed struct {
	*testing.T
	load         killLoad
	environ      []string
	st           *store.Store
	raw          *sql.DB
	acknowledged map[string]int // mandat → entries
	sum          int
	seen         journal.Checkpoint // the last head
}

func newKilled(t *testing.T, load killLoad) *killed {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	database := "sqlite:" + filepath.Join(dir, "relais.db")
	if load.engine == config.Postgres {
		database = pgtest.DSN(t)
	}
	environ := []string{"RELAIS_DATA=" + dir, "RELAIS_DATABASE_URL=" + database}
	if code := run(t.Context(), []string{"migrate"}, environ, io.Discard, os.Stderr); code != 0 {
		t.Fatal("migrate failed")
	}
	k := &killed{T: t, load: load, environ: environ, st: mustOpen(environ), acknowledged: map[string]int{}, raw: behind(t, database)}
	t.Cleanup(func() { _ = k.st.Close() })
	if err := admitFictional(t.Context(), k.st); err != nil {
		t.Fatal(err)
	}
	return k
}

// behind opens a database of a RELAIS_DATABASE_URL behind the store's back, to
// read.
func behind(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", database
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		driver, dsn = "sqlite3", "file:"+path+"?_query_only=1&_busy_timeout=5000"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// round lets the children write for a while, kills each at a moment of its own,
// and looks for everything that was ever acknowledged.
func (k *killed) round() {
	k.Helper()
	var all sync.WaitGroup
	said := make([][]string, k.load.processes)
	for i := range said {
		all.Go(func() { said[i] = k.child() })
	}
	all.Wait()
	for _, lines := range said {
		for _, line := range lines {
			id, seq, ok := strings.Cut(line, " ")
			n, err := strconv.Atoi(strings.TrimSuffix(seq, "."))
			if !ok || err != nil || !strings.HasSuffix(seq, ".") {
				continue // the last line may be cut
			}
			k.acknowledged[id] = max(k.acknowledged[id], n)
			k.sum++
		}
	}
	k.nothingLost()
	k.goesOn()
}

// child writes until it is killed and returns what it said.
func (k *killed) child() (lines []string) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), append(k.environ, killChild+"=1")...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		k.Error(err)
		return nil
	}
	scanner := bufio.NewScanner(out)
	if scanner.Scan() { // it writes: now let it run for a while
		lines = append(lines, scanner.Text())
	}
	timer := time.AfterFunc(time.Duration(20+mathrand.IntN(150))*time.Millisecond, func() { _ = child.Process.Kill() })
	defer timer.Stop()
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	_ = child.Wait() // killed: its error is the point
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		k.Errorf("a child ended by itself: %v", child.ProcessState)
	}
	return lines
}

// nothingLost compares each mandat's counter, as the database now has it, with
// the highest that was acknowledged.
func (k *killed) nothingLost() {
	k.Helper()
	rows, err := k.raw.QueryContext(k.Context(), "SELECT mandat_id, max(stream_seq), count(*) FROM journal WHERE mandat_id <> '' GROUP BY mandat_id")
	if err != nil {
		k.Fatal(err)
	}
	defer rows.Close()
	found := map[string]int{}
	for rows.Next() {
		var id string
		var last, count int
		if err := rows.Scan(&id, &last, &count); err != nil {
			k.Fatal(err)
		}
		if found[id] = last; last != count {
			k.Fatalf("mandat %s: %d entries numbered up to %d", id, count, last)
		}
	}
	if err := rows.Err(); err != nil {
		k.Fatal(err)
	}
	for id, n := range k.acknowledged {
		if found[id] < n {
			k.Fatalf("acknowledged and lost: mandat %s has %d entries of %d", id, found[id], n)
		}
	}
}

// goesOn proves that the tree is a continuation of the one seen before.
func (k *killed) goesOn() {
	k.Helper()
	head, err := k.st.Head(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	now := journal.Checkpoint{Origin: "test", Size: head.Size, Root: head.Root}
	if k.seen.Size > 0 {
		proof, err := journal.ProveConsistency(k.st.Hashes(k.Context()), k.seen.Size, now.Size)
		if err == nil {
			err = journal.CheckConsistency(proof, k.seen, now)
		}
		if err != nil {
			k.Fatalf("the tree of %d entries is not a continuation of the one of %d: %v", now.Size, k.seen.Size, err)
		}
	}
	k.seen = now
}
