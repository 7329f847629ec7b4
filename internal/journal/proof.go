package journal

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrInconsistent is returned when one tree is not the beginning of another.
var ErrInconsistent = errors.New("un arbre n’est pas la suite de l’autre")

// HashReader gives hashes of the tree by their stored index.
type HashReader = tlog.HashReader

// ProveInclusion shows that the entry at index stands in the tree of that size
// (RFC 6962 §2.1.1).
func ProveInclusion(r HashReader, size, index int64) ([]Hash, error) {
	p, err := tlog.ProveRecord(size, index, r)
	return p, err
}

// CheckInclusion undoes [ProveInclusion]: nil when the proof holds.
func CheckInclusion(proof []Hash, c Checkpoint, index int64, leaf Hash) error {
	if index < 0 || index >= c.Size {
		return fmt.Errorf("%w: rang %d hors d’un arbre de %d", ErrCheckpoint, index, c.Size)
	}
	return tlog.CheckRecord(proof, c.Size, c.Root, index, leaf)
}

// ProveConsistency shows that the tree of size older is the beginning of the
// tree of size newer (RFC 6962 §2.1.2). Empty for an empty or an equal tree.
func ProveConsistency(r HashReader, older, newer int64) ([]Hash, error) {
	if older == 0 || older == newer {
		return nil, nil
	}
	if older > newer {
		return nil, fmt.Errorf("%w: %d entrées, puis %d", ErrInconsistent, older, newer)
	}
	p, err := tlog.ProveTree(newer, older, r)
	return p, err
}

// CheckConsistency returns an error wrapping [ErrInconsistent] unless newer goes
// on from older. It compares no origins.
func CheckConsistency(proof []Hash, older, newer Checkpoint) error {
	if older.Size == 0 {
		if len(proof) != 0 || older.Root != EmptyRoot() {
			return fmt.Errorf("%w: arbre vide", ErrInconsistent)
		}
		return nil
	}
	if older.Size > newer.Size {
		return fmt.Errorf("%w: %d entrées, puis %d", ErrInconsistent, older.Size, newer.Size)
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	return nil
}

// Span is a run of hashes of one level that a store keeps: leaves (level 0) or
// roots of full tiles (levels 8, 16…).
type Span struct {
	Level  int
	Lo, Hi int64 // Hi excluded; at most 256 hashes, all of one tile
}

// TileReader reads the hashes of a span, all of them or an error.
type TileReader func(Span) ([]Hash, error)

// ReadHashes implements [HashReader]: what is not kept is computed from at most
// one tile a hash, and each tile is read once a call.
func (read TileReader) ReadHashes(indexes []int64) ([]Hash, error) {
	type tile struct {
		level int
		n     int64
	}
	spans := map[tile]Span{}
	for _, index := range indexes {
		level, lo, hi := baseSpan(index)
		key := tile{level, lo >> tileHeight}
		s, ok := spans[key]
		if !ok {
			s = Span{Level: level, Lo: lo, Hi: hi}
		}
		s.Lo, s.Hi = min(s.Lo, lo), max(s.Hi, hi)
		spans[key] = s
	}
	got := map[tile][]Hash{}
	for key, s := range spans {
		hashes, err := read(s)
		if err != nil {
			return nil, err
		}
		if int64(len(hashes)) != s.Hi-s.Lo {
			return nil, fmt.Errorf("%w: nœuds absents au niveau %d", ErrHead, s.Level)
		}
		got[key] = hashes
	}
	out := make([]Hash, len(indexes))
	for i, index := range indexes {
		level, lo, hi := baseSpan(index)
		key := tile{level, lo >> tileHeight}
		out[i] = perfect(got[key][lo-spans[key].Lo : hi-spans[key].Lo])
	}
	return out, nil
}

// baseSpan is where the hashes kept below a stored index lie.
func baseSpan(index int64) (level int, lo, hi int64) {
	l, n := tlog.SplitStoredHashIndex(index)
	above := l % tileHeight
	return l - above, n << above, (n + 1) << above
}

// perfect is the root of a perfect tree over hashes, whose number is a power of
// two.
func perfect(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(perfect(hashes[:half]), perfect(hashes[half:]))
}

// ParseTilePath reads a C2SP tlog-tiles path below "tile/", such as "0/x001/067"
// or "0/000.p/70". Only tiles of hashes exist here.
func ParseTilePath(path string) (Span, error) {
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, path))
	if err != nil || t.L < 0 || t.L > 7 || t.N < 0 || t.N > 1<<48 {
		return Span{}, ErrNotFound
	}
	lo := t.N << tileHeight
	return Span{Level: t.L * tileHeight, Lo: lo, Hi: lo + int64(t.W)}, nil
}

// Within tells whether every hash of the span is settled in a tree of that size.
func (s Span) Within(size int64) bool { return s.Hi <= size>>s.Level }

// Full tells a span that is a whole tile.
func (s Span) Full() bool { return s.Hi-s.Lo == 1<<tileHeight }
