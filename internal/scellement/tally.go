package scellement

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// tally counts and sums up what passes through it.
type tally struct {
	to   io.Writer
	size int64
	sum  hash.Hash
}

func newTally(to io.Writer) *tally { return &tally{to: to, sum: sha256.New()} }

// Write implements io.Writer.
func (t *tally) Write(b []byte) (int, error) {
	n, err := t.to.Write(b)
	t.size += int64(n)
	_, _ = t.sum.Write(b[:n]) // sums never fail
	return n, err
}

func (t *tally) digest() string { return hex.EncodeToString(t.sum.Sum(nil)) }
