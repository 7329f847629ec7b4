package store

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/coffre"
	"relais/internal/journal"
)

// BenchmarkVerify verifies a journal whole, as `relais journal verify` does.
func BenchmarkVerify(b *testing.B) {
	if testing.Short() {
		return
	}
	const entries = 200_000
	vault, err := coffre.Open(filepath.Join(b.TempDir(), "cles"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Options{Engine: SQLite, DSN: filepath.Join(b.TempDir(), "relais.db"), Vault: vault, App: "0123456789ab"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() }) // nothing of it is used again
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	for range entries / 1000 {
		var facts []journal.Fact
		for range 1000 / 20 {
			m := newBenchMandat(b, time.Now())
			for range 20 {
				facts = append(facts, m.fact)
			}
		}
		if err := s.Append(journal.WithRequest(b.Context(), strings.ToLower(rand.Text())), facts...); err != nil {
			b.Fatal(err)
		}
	}
	start, used := time.Now(), cpuTime(b)
	if err := s.RunFollowers(b.Context()); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\nFollowers, all of them, SQLite, %d entries: %.0f entries a second, %.1f µs of processor an entry\n", entries,
		entries/time.Since(start).Seconds(), (cpuTime(b)-used)/entries)
	var best, cpu float64
	b.ResetTimer()
	for range 5 {
		start, used := time.Now(), cpuTime(b)
		if _, err := s.VerifyJournal(b.Context()); err != nil {
			b.Fatal(err)
		}
		if speed := entries / time.Since(start).Seconds(); speed > best {
			best, cpu = speed, (cpuTime(b)-used)/entries
		}
	}
	b.ReportMetric(best, "entries/s")
	b.ReportMetric(cpu, "µs-CPU/entry")
	fmt.Printf("\nFull verification, SQLite, %d entries: %.0f entries a second, %.2f µs of processor an entry, garbage collection included\n", entries, best, cpu)
}
