package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"relais/internal/journal"
)

const (
	ratioRounds = 40
	ratioSlice  = 250 * time.Millisecond
	ratioActs   = 1000
)

// lane is one variant on a base of its own.
type lane struct {
	s     *Store
	write func(t *tx, act string, n int64) error
	count atomic.Int64
	cpu   time.Duration
	bytes int64
	ops   int64
}

// BenchmarkJournalRatio measures what the journal costs: the throughput of an
// action with its entry over that of the same action (UPDATE, vault row, counter,
// savepoint) with a bare INSERT of as many bytes under the same indexes. Slices
// are paired and interleaved, since absolute figures wander; the ratio is taken
// within a round, and its median and quartiles are reported.
func BenchmarkJournalRatio(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			for range b.N {
				measureRatio(b, clients)
			}
		})
	}
}

func measureRatio(b *testing.B, clients int) {
	full, bare := newLane(b, writeEntry), newLane(b, writeBare)
	lanes := []*lane{full, bare}
	for _, l := range lanes {
		l.run(b, clients) // warm
		l.cpu, l.bytes, l.ops = 0, 0, 0
	}
	var ratios []float64
	for range ratioRounds {
		rate := map[*lane]float64{}
		rand.Shuffle(len(lanes), func(i, j int) { lanes[i], lanes[j] = lanes[j], lanes[i] })
		for _, l := range lanes {
			rate[l] = l.run(b, clients)
		}
		ratios = append(ratios, rate[full]/rate[bare])
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(ratios[len(ratios)/4], "ratio-q1")
	b.ReportMetric(ratios[len(ratios)*3/4], "ratio-q3")
	for name, l := range map[string]*lane{"entry": full, "bare": bare} {
		b.ReportMetric(float64(l.cpu.Microseconds())/float64(l.ops), "cpu-µs/"+name)
		b.ReportMetric(float64(l.bytes)/1024/float64(l.ops), "KiB/"+name)
		b.ReportMetric(float64(l.ops)/(ratioRounds*ratioSlice.Seconds()), name+"/s")
	}
	if _, err := full.s.VerifyJournal(context.Background()); err != nil {
		b.Error(err)
	}
}

func newLane(b *testing.B, write func(*tx, string, int64) error) *lane {
	b.Helper()
	ctx := context.Background()
	s, err := Open(ctx, Options{Engine: SQLite, DSN: filepath.Join(b.TempDir(), "relais.db"), Vault: noVault{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() }) // measured already
	if err := s.Migrate(ctx); err != nil {
		b.Fatal(err)
	}
	l := &lane{s: s, write: write}
	err = s.write(ctx, func(t *tx) error {
		var ddl []query // the journal's table and indexes under another name, without its guards
		if err := t.list(&ddl, "SELECT replace(sql, 'journal', 'bare') FROM sqlite_schema WHERE tbl_name = 'journal' AND type IN ('table', 'index')"); err != nil {
			return err
		}
		for _, statement := range append(ddl, "CREATE TABLE act (id TEXT PRIMARY KEY, state TEXT NOT NULL, rev BIGINT NOT NULL)") {
			if _, err := t.exec(statement); err != nil {
				return err
			}
		}
		for i := range ratioActs {
			if _, err := t.exec("INSERT INTO act (id, state, rev) VALUES (?, 'actif', 0)", actID(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func actID(i int) string { return fmt.Sprintf("m-%026d", i) }

func (l *lane) run(b *testing.B, clients int) float64 {
	var wg sync.WaitGroup
	var ops atomic.Int64
	cpu, written := usage()
	start := time.Now()
	for range clients {
		wg.Go(func() {
			for time.Since(start) < ratioSlice {
				n := l.count.Add(1)
				err := l.s.write(context.Background(), func(t *tx) error { return l.write(t, actID(int(n)%ratioActs), n) })
				if err != nil {
					b.Error(err)
					return
				}
				ops.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	cpuAfter, writtenAfter := usage()
	l.cpu += cpuAfter - cpu
	l.bytes += writtenAfter - written
	l.ops += ops.Load()
	return float64(ops.Load()) / took.Seconds()
}

// act is what both variants do alike.
func act(t *tx, id string, n int64) error {
	if err := t.must(errStale, "UPDATE act SET state = 'actif', rev = rev + 1 WHERE id = ?", id); err != nil {
		return err
	}
	_, err := t.exec(t.s.q.keyInsert, fmt.Sprintf("usager:%d", n), make([]byte, 150))
	return err
}

func writeEntry(t *tx, id string, n int64) error {
	if err := act(t, id, n); err != nil {
		return err
	}
	by := journal.Actor{Type: journal.ActorAidant, Ref: "a-jeanne", Auth: "proconnect:eidas1-mfa"}
	_, err := t.append(journal.NewFact(by, journal.DelegationUse, journal.Object{Type: "mandat", ID: id}).OfMandat(id).
		With("client", "franceconnect-fictif").With("domaine", "social").With("delegation", "0123456789abcdef0123456789"))
	return err
}

var bareBody = []byte(strings.Repeat("x", 430))

func writeBare(t *tx, id string, n int64) error {
	if err := act(t, id, n); err != nil {
		return err
	}
	var end streamRow
	var ends []streamRow
	if err := t.list(&ends, "SELECT stream_seq AS seq, leaf FROM bare WHERE mandat_id = ? AND mandat_id <> '' ORDER BY stream_seq DESC LIMIT 1", id); err != nil {
		return err
	}
	if len(ends) > 0 {
		end = ends[0]
	}
	row := entryRow{ID: n, EntryID: newEntryID(t.now), TS: instant(t.now), ActorType: "aidant", ActorRef: "a-jeanne", Action: "delegation.use",
		ObjectType: "mandat", ObjectID: id, MandatID: id, StreamSeq: int64(end.Seq) + 1, Outcome: "ok", Body: bareBody, Leaf: bareBody[:32]}
	_, err := t.exec(insertBare, args(row)...)
	return err
}

var insertBare = insertInto("bare", entryRow{})

// usage is the processor time and the bytes written by this process so far.
func usage() (time.Duration, int64) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, 0
	}
	var written int64
	io, err := os.ReadFile("/proc/self/io")
	if err == nil {
		for line := range strings.Lines(string(io)) {
			_, _ = fmt.Sscanf(line, "write_bytes: %d", &written) // other lines do not match
		}
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), written
}
