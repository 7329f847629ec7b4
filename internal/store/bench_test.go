package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"relais/internal/coffre"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/testkit/pgtest"
)

// BenchmarkJournal measures what the journal costs: the same action with its
// entry in the tree, and with a bare INSERT of the entry. Both run through the
// store's own writer on a durable database of their own, in slices of 250 ms in
// random order within each round, so that the ratios are paired. Only the
// ratios are worth keeping. TEST_BENCH_ROUNDS changes the 40 rounds.
//
// The action, in both: an UPDATE of a mandat's row, the INSERT of a sealed value
// (600 bytes sealed before, so that no cryptography dilutes the ratio), a gapless
// counter of the mandat, the savepoint of the group. The base keeps the counter in
// a row of its own and inserts the entry's canonical bytes with its filter columns
// and the two indexes that the journal has, but no leaf, no tree, no head and no guard. The journal is
// [tx.append], whole: its counter is the mandat's stream.
func BenchmarkJournal(b *testing.B) {
	if testing.Short() {
		return
	}
	rounds := 40
	if n, err := strconv.Atoi(os.Getenv("TEST_BENCH_ROUNDS")); err == nil && n > 0 {
		rounds = n
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\nThe journal's cost, paired: %d rounds of 250 ms a variant in random order\n", rounds)
	fmt.Fprintf(&out, "%-24s %20s %21s %9s %21s %15s %15s\n", "", "ratio (quartiles)", "µs CPU/entry b → j", "CPU b/j", "KiB/entry b → j", "base/s", "journal/s")
	for _, c := range []struct {
		engine  string
		clients int
		rounds  int
	}{{SQLite, 1, rounds}, {SQLite, 64, rounds}, {PostgreSQL, 1, max(1, rounds/4)}, {PostgreSQL, 16, max(1, rounds/4)}} {
		r := newRace(b, c.engine, c.clients)
		for range c.rounds {
			r.round(b)
		}
		if _, err := r.variants[1].s.VerifyJournal(b.Context()); err != nil {
			b.Error(err)
		}
		r.print(&out)
		if c.engine == SQLite {
			_, mid, _ := quartiles(r.ratios)
			b.ReportMetric(mid, fmt.Sprintf("ratio-%d", c.clients))
		}
	}
	fmt.Fprintln(&out, "Ratio: entries a second with the journal over entries a second with a bare INSERT. PostgreSQL: client, server and sequencer "+
		"share the machine; its CPU is that of the client and of all backends, its KiB are not counted.")
	fmt.Print(out.String())
}

// race is two variants that take turns.
type race struct {
	engine   string
	clients  int
	variants [2]*variant // base, journal
	ratios   []float64
}

// variant is one way to write, on a database of its own.
type variant struct {
	s               *Store
	write           func(t *tx, m *benchMandat) error
	mandats         []*benchMandat
	speed, cpu, kib []float64
	unlocked        bool // PostgreSQL: holds nothing
	used, entries   float64
}

// benchMandat is a row to act on. Each client has its own ones, so that next is
// touched by one goroutine at a time.
type benchMandat struct {
	id   string
	fact journal.Fact
}

const benchMandats = 512

func newRace(b *testing.B, engine string, clients int) *race {
	b.Helper()
	r := &race{engine: engine, clients: clients}
	for i := range r.variants {
		v := &variant{s: benchStore(b, engine)}
		v.prepare(b, engine)
		v.write = v.withJournal()
		if i == 0 {
			v.write, v.unlocked = v.bare(), true
		}
		r.variants[i] = v
	}
	return r
}

func benchStore(b *testing.B, engine string) *Store {
	b.Helper()
	dsn := filepath.Join(b.TempDir(), "relais.db")
	if engine == PostgreSQL {
		dsn = pgtest.DSN(b)
	}
	vault, err := coffre.Open(filepath.Join(b.TempDir(), "cles"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Options{Engine: engine, DSN: dsn, Vault: vault, App: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s
}

// bareSchema is the base's journal, and what both variants act on.
const bareSchema = `
CREATE TABLE bench_mandat (id TEXT PRIMARY KEY, number TEXT NOT NULL, state TEXT NOT NULL, ends_at TIMESTAMPTZ, rev BIGINT NOT NULL, journal_id BIGINT NOT NULL, texte TEXT NOT NULL);
CREATE TABLE bench_counter (mandat_id TEXT PRIMARY KEY, seq BIGINT NOT NULL);
CREATE TABLE bench_vault (id TEXT PRIMARY KEY, mandat_id TEXT NOT NULL, sealed BYTEA NOT NULL);
CREATE TABLE bench_journal (id ENTRY_ID PRIMARY KEY, entry_id TEXT NOT NULL, ts TIMESTAMPTZ NOT NULL, actor_type TEXT NOT NULL, actor_ref TEXT NOT NULL, action TEXT NOT NULL,
  object_type TEXT NOT NULL, object_id TEXT NOT NULL, mandat_id TEXT NOT NULL, stream_seq BIGINT NOT NULL, outcome TEXT NOT NULL, body BYTEA NOT NULL);
CREATE INDEX bench_mandat_id ON bench_journal (mandat_id, id);
CREATE INDEX bench_ts ON bench_journal (ts)`

const (
	benchUpdate  query = "UPDATE bench_mandat SET rev = rev + 1, state = ?, ends_at = ?, journal_id = ? WHERE id = ?"
	benchVault   query = "INSERT INTO bench_vault (id, mandat_id, sealed) VALUES (?, ?, ?)"
	benchCount   query = "UPDATE bench_counter SET seq = seq + 1 WHERE mandat_id = ? RETURNING seq"
	benchColumns       = "entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
	benchInsert  query = "INSERT INTO bench_journal (" + benchColumns
)

func (v *variant) prepare(b *testing.B, engine string) {
	b.Helper()
	id := "INTEGER"
	if engine == PostgreSQL {
		id = "BIGINT GENERATED ALWAYS AS IDENTITY"
	}
	sealed, now := make([]byte, 100), time.Now()
	_, _ = rand.Read(sealed)
	err := v.s.write(b.Context(), func(t *tx) error {
		for _, statement := range strings.Split(strings.ReplaceAll(bareSchema, "ENTRY_ID", id), ";") {
			if _, err := t.exec(query(statement)); err != nil {
				return err
			}
		}
		for range benchMandats {
			m := newBenchMandat(b, now)
			if _, err := t.exec("INSERT INTO bench_mandat VALUES (?, ?, 'actif', ?, 0, 0, ?)", m.id, mandat.NewNumber(), instant(now), strings.Repeat("x", 300)); err != nil {
				return err
			}
			if _, err := t.exec("INSERT INTO bench_counter VALUES (?, 0)", m.id); err != nil {
				return err
			}
			v.mandats = append(v.mandats, m)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func newBenchMandat(b *testing.B, now time.Time) *benchMandat {
	b.Helper()
	m := mandat.Mandat{ID: "m" + strings.ToLower(rand.Text()), OrganisationID: "ccas", State: mandat.Actif, Aidants: []string{"abench"},
		EndsAt: now.AddDate(0, 1, 0), Autorisations: []mandat.Autorisation{{Domaine: "logement", Demarches: []string{"apl"}}}}
	by := journal.Actor{Type: journal.ActorAidant, Ref: "abench", Auth: "proconnect:eidas1-mfa"}
	_, fact, err := m.Use("logement", []string{"logement"}, "ccas", "franceconnect-fictif", strings.ToLower(rand.Text()), by, now)
	if err != nil {
		b.Fatal(err)
	}
	return &benchMandat{id: m.ID, fact: fact}
}

// actOn is what both variants do beside the entry; the entry comes between, since
// the mandat's row names it.
func actOn(t *tx, m *benchMandat, entry func() (int64, error)) error {
	var sealed [600]byte
	_, _ = rand.Read(sealed[:])
	if _, err := t.exec(benchVault, rand.Text(), m.id, sealed[:]); err != nil {
		return err
	}
	id, err := entry()
	if err != nil {
		return err
	}
	_, err = t.exec(benchUpdate, "actif", instant(t.now), id, m.id)
	return err
}

func (v *variant) withJournal() func(*tx, *benchMandat) error {
	return func(t *tx, m *benchMandat) error {
		return actOn(t, m, func() (int64, error) { return t.append(m.fact) })
	}
}

func (v *variant) bare() func(*tx, *benchMandat) error {
	return func(t *tx, m *benchMandat) error {
		return actOn(t, m, func() (id int64, err error) {
			f, err := t.hidden(m.fact)
			if err != nil {
				return 0, err
			}
			var seq int64
			if err := t.get(&seq, benchCount, m.id); err != nil {
				return 0, err
			}
			e := journal.Entry{ID: newEntryID(t.now), At: t.now, Fact: f, App: t.s.app, StreamSeq: seq}
			body, err := e.Canonical()
			if err != nil {
				return 0, err
			}
			err = t.get(&id, benchInsert, e.ID, instant(e.At), string(f.Actor().Type), f.Actor().Ref, string(f.Action()),
				f.Object().Type, f.Object().ID, f.Stream(), seq, string(f.Outcome()), body)
			return id, err
		})
	}
}

// round runs each variant for one slice, in random order.
func (r *race) round(b *testing.B) {
	b.Helper()
	var speed [2]float64
	for _, i := range mathrand.Perm(2) {
		speed[i] = r.variants[i].slice(b, r.clients)
	}
	r.ratios = append(r.ratios, speed[1]/speed[0])
}

// do runs one action through the store's door, holding what it acts on;
// PostgreSQL's base in a transaction that holds nothing, since a bare INSERT need
// not.
func (v *variant) do(m *benchMandat) error {
	run := func(t *tx) error { return v.write(t, m) }
	p, ok := v.s.engine.(*postgres)
	if !ok || !v.unlocked {
		return v.s.beside(context.Background(), streams(m.id).withEnds(), run)
	}
	ctx := context.Background()
	conn, err := p.db.Connx(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := run(newTx(ctx, v.s, pgTx{p: p, conn: conn}, journal.Head{})); err != nil {
		return errors.Join(err, p.rollback(ctx, conn))
	}
	return p.commit(ctx, conn)
}

// slice writes for 250 ms and returns entries a second.
func (v *variant) slice(b *testing.B, clients int) float64 {
	b.Helper()
	cpu, kib, start := v.cpuTime(b), written(b), time.Now()
	until := start.Add(250 * time.Millisecond)
	done, failed := make([]int, clients), make([]error, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for failed[c] == nil && time.Now().Before(until) {
				m := v.mandats[mathrand.IntN(len(v.mandats)/clients)*clients+c]
				failed[c] = v.do(m)
				done[c]++
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, d := range done {
		n += d
	}
	speed := float64(n) / time.Since(start).Seconds()
	v.speed = append(v.speed, speed)
	cpu = v.cpuTime(b) - cpu
	v.cpu = append(v.cpu, cpu/float64(n))
	v.used, v.entries = v.used+cpu, v.entries+float64(n)
	v.kib = append(v.kib, (written(b)-kib)/float64(n))
	return speed
}

// cpuTime is what this process has used, in µs, and the backends of this variant's
// database with it.
func (v *variant) cpuTime(b *testing.B) float64 {
	b.Helper()
	sum := cpuTime(b)
	p, ok := v.s.engine.(*postgres)
	if !ok {
		return sum
	}
	var pids []int
	if err := p.db.Select(&pids, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"); err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		words := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, ticks := range words[11:13] { // user and system, in hundredths of a second
			n, err := strconv.ParseFloat(ticks, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += n * 10_000
		}
	}
	return sum
}

// cpuTime is what this process has used, in µs.
func cpuTime(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1000
}

// written is what this process has sent to disks, in KiB; 0 where the kernel
// does not say.
func written(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			bytes, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
			if err != nil {
				b.Fatal(err)
			}
			return bytes / 1024
		}
	}
	return 0
}

func (r *race) print(out *strings.Builder) {
	low, mid, high := quartiles(r.ratios)
	base, tree := r.variants[0], r.variants[1]
	mean := func(values []float64) float64 { _, m, _ := quartiles(values); return m }
	fmt.Fprintf(out, "%-24s %6.2f (%.2f–%.2f) %12.0f → %3.0f %12.2f %14.1f → %4.1f %15.0f %15.0f\n", fmt.Sprintf("%s, %d client(s)", r.engine, r.clients),
		mid, low, high, base.used/base.entries, tree.used/tree.entries, base.used/base.entries/(tree.used/tree.entries), mean(base.kib), mean(tree.kib), mean(base.speed), mean(tree.speed))
}

// quartiles returns the quartiles of values.
func quartiles(values []float64) (low, mid, high float64) {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return 0, 0, 0
	}
	return v[len(v)/4], v[len(v)/2], v[len(v)*3/4]
}
