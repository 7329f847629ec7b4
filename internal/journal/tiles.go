package journal

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// CacheTiles reads a tree of that size through at most max tiles kept at once,
// each worked out to its root: many proofs of one tree then cost one read a tile.
// The reader is for one goroutine.
func CacheTiles(read TileReader, size int64, max int) HashReader {
	return &tileCache{read: read, size: size, max: max, tiles: map[tileID]tile{}}
}

type tileID struct {
	level int
	n     int64
}

// tile is the hashes of one tile, level by level, as far as they are perfect.
type tile [tileHeight + 1][]Hash

type tileCache struct {
	read  TileReader
	size  int64
	max   int
	tiles map[tileID]tile
	order []tileID // the oldest first
}

// ReadHashes implements [HashReader].
func (c *tileCache) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		above := level % tileHeight
		id := tileID{level - above, n << above >> tileHeight}
		t, err := c.tile(id)
		if err != nil {
			return nil, err
		}
		at := n - id.n<<(tileHeight-above)
		if at >= int64(len(t[above])) {
			return nil, fmt.Errorf("%w: nœud absent au niveau %d", ErrHead, level)
		}
		out[i] = t[above][at]
	}
	return out, nil
}

func (c *tileCache) tile(id tileID) (tile, error) {
	if t, ok := c.tiles[id]; ok {
		return t, nil
	}
	lo := id.n << tileHeight
	hi := min(lo+1<<tileHeight, c.size>>id.level)
	if hi <= lo {
		return tile{}, fmt.Errorf("%w: nœuds absents au niveau %d", ErrHead, id.level)
	}
	var t tile
	var err error
	if t[0], err = c.read(Span{Level: id.level, Lo: lo, Hi: hi}); err != nil {
		return t, err
	}
	for level := 1; level <= tileHeight; level++ {
		below := t[level-1]
		for i := 0; i+1 < len(below); i += 2 {
			t[level] = append(t[level], tlog.NodeHash(below[i], below[i+1]))
		}
	}
	if len(c.order) >= c.max {
		delete(c.tiles, c.order[0])
		c.order = c.order[1:]
	}
	c.tiles[id], c.order = t, append(c.order, id)
	return t, nil
}
