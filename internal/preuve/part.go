package preuve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"
)

// Spool is room for one file being made, written once from its beginning and
// then read. An *os.File is one.
type Spool interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// part is one file of a bundle being made, summed up as it is written.
type part struct {
	name  string
	spool Spool // nil: the content is only summed up
	size  int64
	crc   hash.Hash32
	sum   hash.Hash
}

func newPart(name string, spool Spool) *part {
	return &part{name: name, spool: spool, crc: crc32.NewIEEE(), sum: sha256.New()}
}

// smallPart is a part that is there already.
func smallPart(name string, data []byte) *part {
	p := newPart(name, nil)
	_, _ = p.Write(data) // sums never fail
	p.spool = held{bytes.NewReader(data)}
	return p
}

// Write implements io.Writer.
func (p *part) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	_, _ = p.crc.Write(b) // sums never fail
	_, _ = p.sum.Write(b)
	if p.spool == nil {
		return len(b), nil
	}
	return p.spool.Write(b)
}

func (p *part) digest() string { return hex.EncodeToString(p.sum.Sum(nil)) }

func (p *part) reader() io.Reader { return io.NewSectionReader(p.spool, 0, p.size) }

// held is a part's content in memory.
type held struct{ *bytes.Reader }

func (held) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func (held) Close() error { return nil }
