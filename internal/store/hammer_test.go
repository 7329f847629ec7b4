package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
	"relais/internal/store"
)

// TestHammer writes from 64 goroutines while others prove, against signed
// checkpoints that move on, that random entries are in the tree and that it goes on
// from every checkpoint ever seen. TEST_HAMMER is how long, such as 10m.
func TestHammer(t *testing.T) {
	long := 2 * time.Second
	if s := os.Getenv("TEST_HAMMER"); s != "" {
		var err error
		if long, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			newHammer(t, engine, long).run(64, 4)
		})
	}
}

// hammer is a journal under load, with its checkpoints.
type hammer struct {
	*house
	ctx      context.Context
	signer   note.Signer
	verifier note.Verifier
	mu       sync.Mutex
	notes    [][]byte // every checkpoint, in order
	written  atomic.Int64
	proofs   atomic.Int64
}

func newHammer(t *testing.T, engine string, long time.Duration) *hammer {
	h := &hammer{house: newHouse(t, engine)}
	skey, vkey, err := note.GenerateKey(rand.Reader, "relais.example")
	h.ok(err)
	h.signer, err = note.NewSigner(skey)
	h.ok(err)
	h.verifier, err = note.NewVerifier(vkey)
	h.ok(err)
	var stop context.CancelFunc
	h.ctx, stop = context.WithTimeout(h.house.ctx, long)
	t.Cleanup(stop)
	return h
}

func (h *hammer) run(writers, readers int) {
	base := h.size()
	h.ok(h.sign())
	var all sync.WaitGroup
	again := func(do func() error) {
		all.Go(func() {
			for h.ctx.Err() == nil {
				if err := do(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					h.t.Error(err)
					return
				}
			}
		})
	}
	for w := range writers {
		m := fmt.Sprintf("m-marteau-%d", w)
		again(func() error { return h.write(m) })
	}
	for range readers {
		again(h.prove)
	}
	again(func() error { time.Sleep(20 * time.Millisecond); return h.sign() })
	all.Wait()
	head, err := h.VerifyJournal(h.house.ctx)
	h.ok(err)
	h.t.Logf("%d entries, %d checkpoints, %d proofs", h.written.Load(), len(h.notes), h.proofs.Load())
	if head.Size != base+h.written.Load() {
		h.t.Errorf("%d entries, %d acknowledged", head.Size-base, h.written.Load())
	}
	if h.proofs.Load() < 20 || len(h.notes) < 5 {
		h.t.Error("the test proves nothing")
	}
}

// write is not given the deadline: what it has begun, it finishes.
func (h *hammer) write(m string) error {
	err := h.Append(h.house.ctx, journal.NewFact(by, journal.MandatView, journal.Object{Type: "mandat", ID: m}).OfMandat(m))
	if err == nil {
		h.written.Add(1)
	}
	return err
}

func (h *hammer) sign() error {
	head, err := h.Head(h.house.ctx)
	if err != nil {
		return err
	}
	signed, err := journal.Checkpoint{Origin: "relais.example", Size: head.Size, Root: head.Root}.Sign(h.signer)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, signed)
	return nil
}

// checkpoint opens the newest one, and any of the older ones.
func (h *hammer) checkpoints() (newest, older journal.Checkpoint, err error) {
	h.mu.Lock()
	last, other := h.notes[len(h.notes)-1], h.notes[mathrand.IntN(len(h.notes))]
	h.mu.Unlock()
	newest, _, err = journal.OpenCheckpoint(last, h.verifier)
	if err != nil {
		return newest, older, err
	}
	older, _, err = journal.OpenCheckpoint(other, h.verifier)
	return newest, older, err
}

// prove checks one entry and one continuation.
func (h *hammer) prove() error {
	c, older, err := h.checkpoints()
	if err != nil {
		return err
	}
	index := mathrand.Int64N(c.Size)
	row, err := h.Entry(h.house.ctx, index)
	if err != nil {
		return fmt.Errorf("entry %d of %d: %w", index, c.Size, err)
	}
	hashes := h.Hashes(h.house.ctx)
	proof, err := journal.ProveInclusion(hashes, c.Size, index)
	if err != nil {
		return fmt.Errorf("entry %d of %d: %w", index, c.Size, err)
	}
	if err := journal.CheckInclusion(proof, c, index, journal.Leaf(row.Body)); err != nil {
		return fmt.Errorf("entry %d of %d: %w", index, c.Size, err)
	}
	if proof, err = journal.ProveConsistency(hashes, older.Size, c.Size); err != nil {
		return fmt.Errorf("from %d to %d: %w", older.Size, c.Size, err)
	}
	if err := journal.CheckConsistency(proof, older, c); err != nil {
		return fmt.Errorf("from %d to %d: %w", older.Size, c.Size, err)
	}
	h.proofs.Add(2)
	return nil
}
