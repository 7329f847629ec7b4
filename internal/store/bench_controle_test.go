package store

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkControle counts what the auditeur's pages read, and times them, in a
// journal of 50 000 entries and in one of 5 000 000: the rows are the same.
// TEST_BENCH_ENTRIES changes the larger size.
func BenchmarkControle(b *testing.B) {
	if testing.Short() {
		return
	}
	large := 5_000_000
	if n, err := strconv.Atoi(os.Getenv("TEST_BENCH_ENTRIES")); err == nil && n > 0 {
		large = n
	}
	sizes := []int{50_000, large}
	stores := []*Store{bulkStore(b, sizes[0]), bulkStore(b, sizes[1])}
	var out strings.Builder
	fmt.Fprintf(&out, "\nThe auditeur's pages, SQLite, 50 entries each, best and median of 25\n%-38s %26s %26s\n", "",
		fmt.Sprintf("%d: rows, µs", sizes[0]), fmt.Sprintf("%d: rows, µs", sizes[1]))
	for i := range bulkSearches(1) {
		fmt.Fprintf(&out, "%-38s", bulkSearches(1)[i].name)
		for j, s := range stores {
			f := bulkSearches(sizes[j])[i].filter
			var took []float64
			rows, note := 0, ""
			for range 25 {
				start := time.Now()
				p, err := s.Search(b.Context(), f)
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, float64(time.Since(start).Microseconds()))
				rows = p.Examined
				if note = ""; p.Bounded {
					note = "*"
				}
			}
			_, mid, _ := quartiles(took)
			fmt.Fprintf(&out, " %12s %6.0f %6.0f", fmt.Sprint(rows, note), slices.Min(took), mid)
		}
		fmt.Fprintln(&out)
	}
	fmt.Fprintln(&out, "Rows: of posting lists, of the journal, and of its dates at a period's ends. *: the bound was met, the page says so.")
	fmt.Print(out.String())
}
