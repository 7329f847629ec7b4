package scellement_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
)

// BenchmarkExport measures what an evidence file costs: time, the largest heap
// met while it is made and verified, and its size. The heap must not grow with
// the entries of a period or of a mandat; a search keeps 8 bytes for each.
func BenchmarkExport(b *testing.B) {
	for _, n := range []int{5000, 100000} {
		h := newBenchHouse(b, n)
		ever := preuve.Selection{From: time.Now().AddDate(-1, 0, 0), To: time.Now().AddDate(1, 0, 0)}
		for what, r := range map[string]scellement.Request{
			"period": {Filter: ever},
			"search": {Filter: preuve.Selection{Action: string(journal.MandatView)}},
			"csv":    {Filter: ever, Form: preuve.CSV},
		} {
			b.Run(fmt.Sprintf("%s-%d", what, n), func(b *testing.B) {
				r.By = journal.Systeme()
				for b.Loop() {
					peak, stop := watchHeap()
					e, err := scellement.Exporter{Sealer: h.Sealer, From: h.st}.Make(context.Background(), r)
					if err != nil {
						b.Fatal(err)
					}
					stop()
					b.ReportMetric(float64(peak.Load())/1e6, "peak-MB")
					b.ReportMetric(float64(e.Size)/float64(max(1, e.Count)), "bytes/entry")
					b.ReportMetric(float64(e.Count), "entries")
					if err := e.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// watchHeap follows the heap in use above what it is now.
func watchHeap() (peak *atomic.Int64, stop func()) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, done, over := int64(m.HeapAlloc), make(chan struct{}), make(chan struct{})
	peak = new(atomic.Int64)
	go func() {
		defer close(over)
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), int64(m.HeapAlloc)-base))
		}
	}()
	return peak, func() { close(done); <-over }
}

// newBenchHouse has a journal of n views, every second one of a mandat.
func newBenchHouse(b *testing.B, n int) *house {
	b.Helper()
	h := newHouse(b)
	for done := 0; done < n; done += 500 {
		facts := make([]journal.Fact, 500)
		for i := range facts {
			facts[i] = view([]string{"", fmt.Sprintf("m-%d", i%100)}[i%2])
		}
		h.ok(h.st.Append(h.ctx, facts...))
	}
	return h
}
