package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"relais/internal/journal"
)

// batchMax bounds a group: what queued up while the last one was committed.
const batchMax = 512

// errStale means that another process moved the journal's head since this one
// read it. The group is run again from the head as it is now.
var errStale = errors.New("la tête du journal a changé")

// errUndone means that an action has to be undone in a group without savepoints.
var errUndone = errors.New("une action du groupe ne laisse rien")

// writer is SQLite's one writer: a goroutine that owns one connection and
// commits in groups, where an action that fails leaves its neighbours' alone.
type writer struct {
	s        *Store
	conn     *sole
	head     *journal.Head // nil: to be read
	requests chan *request
	mu       sync.RWMutex // guards closed, and requests against a send after close
	closed   bool
	done     chan struct{}
	commit   func() error // replaced by tests that break the disk
}

type request struct {
	ctx   context.Context // without cancel: carries the request's id only
	run   func(*tx) error
	taken atomic.Bool // by the writer, which runs it, or by the caller, who gave up
	err   error
	done  chan error
}

func startWriter(s *Store, conn *sole) *writer {
	w := &writer{s: s, conn: conn, requests: make(chan *request, batchMax), done: make(chan struct{})}
	w.commit = func() error { return w.control("COMMIT") }
	go w.loop()
	return w
}

// write queues an action and waits. A caller may give up until the action is
// begun: then it is never run. Later half of it may be done, by another goroutine
// and into what the caller would read, so the caller learns how it ended.
func (w *writer) write(ctx context.Context, _ hold, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: context.WithoutCancel(ctx), run: run, done: make(chan error, 1)}
	if err := w.queue(ctx, r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-r.done
	}
}

func (w *writer) queue(ctx context.Context, r *request) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	select {
	case w.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets the goroutine finish what was queued.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.requests)
	w.mu.Unlock()
	<-w.done
	return w.conn.close()
}

func (w *writer) loop() {
	defer close(w.done)
	batch := make([]*request, 0, batchMax)
	for first := range w.requests {
		if batch = w.gather(batch[:0], first); len(batch) > 0 {
			w.answer(batch, w.group(batch))
		}
	}
}

// gather takes what is queued and whose caller still waits. Those who were about to
// write when the last group was answered get their turn first: what they bring
// shares this commit. When nobody is, nothing is waited for.
func (w *writer) gather(batch []*request, r *request) []*request {
	runtime.Gosched()
	for ok := true; ok; {
		if r.taken.CompareAndSwap(false, true) {
			batch = append(batch, r)
		}
		if len(batch) == batchMax {
			break
		}
		select {
		case r, ok = <-w.requests:
		default:
			ok = false
		}
	}
	return batch
}

// group commits a batch; its error refuses all of it. It goes without savepoints
// first: an action that leaves nothing behind is rare, and takes the group through
// a second time, where it alone is undone.
func (w *writer) group(batch []*request) error {
	if err := w.s.broken.Load(); err != nil {
		return *err
	}
	var err error
	savepoints, stale := false, false
	for {
		err = w.attempt(batch, savepoints)
		switch {
		case errors.Is(err, errUndone) && len(batch) == 1:
			return nil // nothing was written: the action's own error is its answer
		case errors.Is(err, errUndone) && !savepoints:
			savepoints = true
		case errors.Is(err, errStale) && !stale:
			stale = true
		case ruinous(err):
			return w.s.breakDown(err)
		default:
			return err
		}
	}
}

func (w *writer) answer(batch []*request, err error) {
	for _, r := range batch {
		if err != nil {
			r.done <- fmt.Errorf("écriture refusée: %w", err)
			continue
		}
		r.done <- r.err
	}
}

func (w *writer) attempt(batch []*request, savepoints bool) (err error) {
	if err := w.control("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.head = nil
			_ = w.control("ROLLBACK") // an error may have ended the transaction already
		}
	}()
	before, err := w.readHead()
	if err != nil {
		return err
	}
	head := before
	for _, r := range batch {
		if head, err = w.action(r, head, savepoints); err != nil {
			return err
		}
	}
	if head.Size != before.Size {
		n, err := w.exec(context.Background(), w.s.q.headMove, head.Size, head.Root[:], head.EncodeEdge(), before.Size, before.Root[:])
		if err != nil {
			return err
		}
		if n != 1 {
			return errStale
		}
	}
	if err := w.s.hindrance(); err != nil {
		return err
	}
	if err := w.commit(); err != nil {
		return err
	}
	w.committed(batch)
	w.head = &head
	return nil
}

// readHead trusts memory between groups, since the move of the head is a
// compare-and-set and an entry's number must follow the last one.
func (w *writer) readHead() (journal.Head, error) {
	if w.head != nil {
		return *w.head, nil
	}
	var row headRow
	if err := w.get(context.Background(), &row, w.s.q.head); err != nil {
		return journal.Head{}, fmt.Errorf("tête du journal: %w", err)
	}
	return row.head()
}

// action runs one request. Its own error stays in it; the returned one ends the
// group.
func (w *writer) action(r *request, head journal.Head, savepoint bool) (journal.Head, error) {
	if !savepoint {
		t, err := w.play(r, head)
		if err == nil && !kept(r.err) {
			err = errUndone
		}
		return t.head, err
	}
	if err := w.control("SAVEPOINT action"); err != nil {
		return head, err
	}
	t, err := w.play(r, head)
	if err != nil {
		return head, err
	}
	if !kept(r.err) {
		if err := w.control("ROLLBACK TO action"); err != nil {
			return head, errors.Join(err, r.err)
		}
		t.head = head
	}
	return t.head, w.control("RELEASE action")
}

// play runs the action itself; its error is one that ends the group.
func (w *writer) play(r *request, head journal.Head) (*tx, error) {
	t := newTx(r.ctx, w.s, w, head)
	r.err = r.run(t)
	if errors.Is(r.err, errStale) || ruinous(r.err) {
		return t, r.err
	}
	return t, nil
}

// control runs a statement of transaction control.
func (w *writer) control(statement query) error {
	_, err := w.conn.exec(statement)
	return err
}

func (w *writer) exec(ctx context.Context, q query, args ...any) (int64, error) {
	if err := w.s.step(ctx); err != nil {
		return 0, err
	}
	return w.conn.exec(q, args...)
}

func (w *writer) get(ctx context.Context, dest any, q query, args ...any) error {
	if err := w.s.step(ctx); err != nil {
		return err
	}
	return w.conn.get(dest, q, args...)
}

func (w *writer) list(ctx context.Context, dest any, q query, args ...any) error {
	if err := w.s.step(ctx); err != nil {
		return err
	}
	return w.conn.list(dest, q, args...)
}

// persist inserts the entry under the next number; the head's row moves once a
// group.
func (w *writer) persist(t *tx, e entryRow, leaf journal.Hash) (int64, error) {
	after, nodes := t.head.Append(leaf)
	e.ID = t.head.Size
	if _, err := t.exec(w.s.q.entryInsert, args(e)...); err != nil {
		if outOfOrder(err) {
			return 0, errStale
		}
		return 0, err
	}
	for _, n := range nodes {
		if _, err := t.exec(w.s.q.nodeInsert, n.Index, n.Hash[:]); err != nil {
			return 0, err
		}
	}
	t.head = after
	return e.ID, nil
}

// settled: what is written is numbered.
func (w *writer) settled(context.Context, time.Duration) error { return nil }
