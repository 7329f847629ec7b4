package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"relais/internal/aidant"
)

// BenchmarkLag measures how long an entry of PostgreSQL waits for its number, from
// its commit, while 16 clients write as fast as they can for three seconds.
func BenchmarkLag(b *testing.B) {
	if testing.Short() {
		return
	}
	s := benchStore(b, PostgreSQL)
	until := time.Now().Add(3 * time.Second)
	waits, written := make([][]time.Duration, 16), make([]int, 16)
	var wg sync.WaitGroup
	for c := range waits {
		wg.Go(func() {
			for time.Now().Before(until) {
				if err := s.Append(context.Background(), aidant.LoginFailed(fmt.Sprint("n", c))); err != nil {
					b.Error(err)
					return
				}
				if written[c]++; written[c]%20 > 0 {
					continue
				}
				start := time.Now()
				if err := s.engine.settled(context.Background(), numberWait); err != nil {
					b.Error(err)
					return
				}
				waits[c] = append(waits[c], time.Since(start))
			}
		})
	}
	wg.Wait()
	all, entries := slices.Sorted(slices.Values(slices.Concat(waits...))), 0
	for _, n := range written {
		entries += n
	}
	if len(all) == 0 {
		b.Fatal("nothing was written")
	}
	b.ReportMetric(float64(all[len(all)/2].Milliseconds()), "ms-p50")
	b.ReportMetric(float64(all[len(all)*99/100].Milliseconds()), "ms-p99")
	b.ReportMetric(float64(entries)/3, "entries/s")
}
