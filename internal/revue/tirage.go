package revue

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"relais/internal/journal"
)

// The draw. Each entry of the tree has a rank in a review: the SHA-256 of the
// seed's 32 bytes followed by the entry's index as 8 bytes, most significant
// first. The sample is the N entries of the population with the lowest ranks.
//
// Ranks of different indexes are as good as independent and uniform, so that
// every set of N entries is as likely as any other, without replacement, without
// a remainder to reduce, and whatever the population is. Whoever has the seed
// and the population sorts and has the sample.

// NewSeed is 32 fresh random bytes in hexadecimal.
func NewSeed() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the program instead
	return hex.EncodeToString(b[:])
}

func seed(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 || hex.EncodeToString(b) != text {
		return nil, fmt.Errorf("%w: graine", ErrInvalid)
	}
	return b, nil
}

// ranked is an index with its rank.
type ranked struct {
	index int64
	rank  [sha256.Size]byte
}

func (a ranked) compare(b ranked) int {
	return cmp.Or(bytes.Compare(a.rank[:], b.rank[:]), cmp.Compare(a.index, b.index))
}

// Draw is the sample: the n indexes of the population with the lowest ranks, in
// the order of the journal; all of it when it holds no more. The population has
// no index twice; its order does not matter.
func Draw(seedHex string, population []int64, n int) ([]int64, error) {
	s, err := seed(seedHex)
	if err != nil {
		return nil, err
	}
	all := make([]ranked, 0, len(population))
	for _, index := range population {
		all = append(all, rank(s, index))
	}
	slices.SortFunc(all, ranked.compare)
	return indexes(all[:min(n, len(all))]), nil
}

func rank(seed []byte, index int64) ranked {
	var in [40]byte
	copy(in[:], seed)
	binary.BigEndian.PutUint64(in[32:], uint64(index))
	return ranked{index, sha256.Sum256(in[:])}
}

func indexes(all []ranked) []int64 {
	out := make([]int64, 0, len(all))
	for _, r := range all {
		out = append(out, r.index)
	}
	slices.Sort(out)
	return out
}

// Candidates is all indexes below size from the lowest rank to the highest, in
// batches of about batch: for a large population, where asking which candidates
// belong to it is less work than listing it. The first n that do are the sample.
// Each batch hashes all indexes once and holds its own in memory.
func Candidates(seedHex string, size int64, batch int) (iter.Seq[[]int64], error) {
	s, err := seed(seedHex)
	if err != nil {
		return nil, err
	}
	return func(yield func([]int64) bool) {
		for low, high := uint64(0), uint64(0); high < math.MaxUint64; low = high {
			high = bound(low, size, batch)
			if all := between(s, size, low, high); len(all) > 0 && !yield(inRankOrder(all)) {
				return
			}
		}
	}, nil
}

// bound is the end of a slice of the ranks, by their first 8 bytes, that holds
// about a batch.
func bound(low uint64, size int64, batch int) uint64 {
	if int64(batch) >= size {
		return math.MaxUint64
	}
	share := uint64(float64(math.MaxUint64) / float64(size) * float64(batch))
	if low > math.MaxUint64-share {
		return math.MaxUint64
	}
	return low + share
}

// between lists the indexes whose rank begins in [low, high), the last slice
// with its end.
func between(seed []byte, size int64, low, high uint64) []ranked {
	var all []ranked
	for index := range size {
		r := rank(seed, index)
		if head := binary.BigEndian.Uint64(r.rank[:8]); head >= low && (head < high || high == math.MaxUint64) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, ranked.compare)
	return all
}

func inRankOrder(all []ranked) []int64 {
	out := make([]int64, 0, len(all))
	for _, r := range all {
		out = append(out, r.index)
	}
	return out
}

// SampleDigest is the SHA-256 in hexadecimal of the sample's indexes, rising, in
// decimal and each followed by a line feed.
func SampleDigest(sample []int64) string {
	var text []byte
	for _, index := range sample {
		text = append(strconv.AppendInt(text, index, 10), '\n')
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// CriteriaCommitment binds the opening entry to the criteria without telling
// whom they name: see the keyed commitments in docs/journal.md.
func (r Revue) CriteriaCommitment() string { return journal.Commit(r.Salt, "criteres", r.Criteria) }
