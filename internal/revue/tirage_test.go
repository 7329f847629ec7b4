package revue_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"relais/internal/revue"
)

// seedOf is a fixed seed for tests: its draws never change.
func seedOf(n int) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint("graine ", n))))
}

func below(size int64) []int64 {
	out := make([]int64, size)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

// TestDrawForever holds a sample of the first release: whoever kept a seed must
// be able to draw its sample in any later one.
func TestDrawForever(t *testing.T) {
	const seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	for _, x := range []struct {
		population []int64
		n          int
		want       string
	}{
		{below(1000), 12, "[155 347 454 462 481 496 537 586 606 693 766 814]"},
		{[]int64{3, 5, 8, 13, 21, 34, 55, 89, 144, 4181, 5_000_000_000}, 4, "[3 13 21 5000000000]"},
		{[]int64{7, 9}, 5, "[7 9]"},
		{nil, 5, "[]"},
	} {
		got, err := revue.Draw(seed, x.population, x.n)
		if err != nil || fmt.Sprint(got) != x.want {
			t.Errorf("Draw(%d of %d) = %v, %v, want %s", x.n, len(x.population), got, err, x.want)
		}
	}
	if got := revue.SampleDigest([]int64{3, 12}); got != fmt.Sprintf("%x", sha256.Sum256([]byte("3\n12\n"))) {
		t.Errorf("SampleDigest = %s", got)
	}
}

// TestDrawAsWritten draws again as docs/journal.md tells it, with other code.
func TestDrawAsWritten(t *testing.T) {
	for k := range 20 {
		seed, population := seedOf(k), below(300)[k:]
		var raw [32]byte
		if _, err := hex.Decode(raw[:], []byte(seed)); err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(population)
		slices.SortFunc(want, func(a, b int64) int {
			x := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(raw[:]), uint64(a)))
			y := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(raw[:]), uint64(b)))
			return bytes.Compare(x[:], y[:])
		})
		want = want[:30]
		slices.Sort(want)
		slices.Reverse(population) // its order does not matter
		got, err := revue.Draw(seed, population, 30)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v, want %v (%v)", k, got, want, err)
		}
	}
}

// TestDrawIsUniform draws with 20 000 fixed seeds: each entry, and each pair of
// neighbours, comes out as often as chance has it (chi-square, 0.1 %).
func TestDrawIsUniform(t *testing.T) {
	const size, n, rounds = 40, 8, 20_000
	var singles [size]float64
	var pairs [size - 1]float64
	for k := range rounds {
		sample, err := revue.Draw(seedOf(k), below(size), n)
		if err != nil || len(sample) != n || !slices.IsSorted(sample) || len(slices.Compact(slices.Clone(sample))) != n {
			t.Fatalf("%v, %v", sample, err)
		}
		for i, index := range sample {
			singles[index]++
			if i > 0 && sample[i-1] == index-1 {
				pairs[index-1]++
			}
		}
	}
	// Inclusions within one draw are not independent: the statistic of draws
	// without replacement is larger by (size-1)/(size-n) once brought to the
	// chi-square law with size-1 degrees of freedom.
	if x := chi2(singles[:], rounds*n/float64(size)) * (size - 1) / (size - n); x > 72.1 { // 39 degrees
		t.Errorf("entries: chi-square = %.1f", x)
	}
	if x := chi2(pairs[:], rounds*float64(n*(n-1))/float64(size*(size-1))); x > 70.7 { // 38 degrees
		t.Errorf("neighbours: chi-square = %.1f", x)
	}
}

func chi2(seen []float64, expected float64) (sum float64) {
	for _, n := range seen {
		sum += (n - expected) * (n - expected) / expected
	}
	return sum
}

// TestCandidates: the candidates that belong, in their order, are the sample.
func TestCandidates(t *testing.T) {
	for _, size := range []int64{1, 2, 31, 1000, 20_000} {
		for _, batch := range []int{1, 16, 700, 100_000} {
			if size == 20_000 && batch < 700 {
				continue // hashing all of them for each candidate takes its time
			}
			batches, err := revue.Candidates(seedOf(1), size, batch)
			if err != nil {
				t.Fatal(err)
			}
			var all []int64
			for b := range batches {
				all = append(all, b...)
			}
			n := min(len(all), 25)
			want, err := revue.Draw(seedOf(1), below(size), n)
			got := slices.Clone(all[:n])
			slices.Sort(got)
			if slices.Sort(all); err != nil || !slices.Equal(got, want) || !slices.Equal(all, below(size)) {
				t.Errorf("size %d, batch %d: %v, want %v (%v)", size, batch, got, want, err)
			}
		}
	}
}

func TestBadSeed(t *testing.T) {
	for _, seed := range []string{"", "00", strings.Repeat("g", 64), strings.Repeat("A", 64), strings.Repeat("0", 66)} {
		if _, err := revue.Draw(seed, below(3), 1); !errors.Is(err, revue.ErrInvalid) {
			t.Errorf("Draw(%q) = %v", seed, err)
		}
		if _, err := revue.Candidates(seed, 3, 1); !errors.Is(err, revue.ErrInvalid) {
			t.Errorf("Candidates(%q) = %v", seed, err)
		}
	}
	if a, b := revue.NewSeed(), revue.NewSeed(); a == b || len(a) != 64 {
		t.Errorf("NewSeed = %s, %s", a, b)
	}
}
