package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	os.Exit(m.Run())
}

// writeUntilKilled drafts mandats from many goroutines at once and prints the id
// of each one that the store acknowledged.
func writeUntilKilled() {
	st := mustOpen(os.Environ())
	var wg sync.WaitGroup
	var print sync.Mutex
	for range 16 {
		wg.Go(func() {
			for {
				m, err := draftOne(context.Background(), st)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
				print.Lock()
				fmt.Println(m.ID)
				print.Unlock()
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

// TestKill: kill -9 under load loses no acknowledged mandat, and the journal
// verifies after each round. 30 rounds on SQLite, 10 on PostgreSQL.
func TestKill(t *testing.T) {
	for engine, rounds := range map[string]int{config.SQLite: 30, config.Postgres: 10} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			database := "sqlite:" + filepath.Join(dir, "relais.db")
			if engine == config.Postgres {
				database = pgtest.DSN(t)
			}
			environ := []string{"RELAIS_DATA=" + dir, "RELAIS_DATABASE_URL=" + database}
			if code := run(t.Context(), []string{"migrate"}, environ, io.Discard, os.Stderr); code != 0 {
				t.Fatal("migrate failed")
			}
			st := mustOpen(environ)
			defer st.Close()
			if err := admitFictional(t.Context(), st); err != nil {
				t.Fatal(err)
			}
			acknowledged := 0
			for range rounds {
				acknowledged += killRound(t, st, environ)
			}
			head, err := st.VerifyJournal(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rounds, %d acknowledged, %d entries", rounds, acknowledged, head.Size)
			if acknowledged < rounds {
				t.Errorf("only %d writes in %d rounds: the test loads nothing", acknowledged, rounds)
			}
		})
	}
}

// killRound lets a child write for a while, kills it, and looks for everything
// that it had acknowledged.
func killRound(t *testing.T, st *store.Store, environ []string) int {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), append(environ, killChild+"=1")...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var ids []string
	if lines.Scan() { // it writes: now let it run for a while
		ids = append(ids, lines.Text())
	}
	timer := time.AfterFunc(time.Duration(20+mathrand.IntN(150))*time.Millisecond, func() { _ = child.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		if id := lines.Text(); len(id) == 27 { // the last line may be cut
			ids = append(ids, id)
		}
	}
	_ = child.Wait() // killed: its error is the point
	for _, id := range ids {
		if _, err := st.Mandat(t.Context(), "ccas-valfictif", id); err != nil {
			t.Fatalf("acknowledged and lost: %s: %v", id, err)
		}
	}
	if _, err := st.VerifyJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	return len(ids)
}
