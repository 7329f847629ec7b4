package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

const (
	sequenceBatch = 5000                   // entries in one transaction
	sequencePace  = 20 * time.Millisecond  // from one batch to the next
	sequenceIdle  = 250 * time.Millisecond // to look for what another process left
	sequenceClose = 10 * time.Second       // to wait for numbers at the end
)

// place is where an entry stands in the order of numbering.
type place struct {
	xid uint64
	id  int64
}

func (p place) after(o place) bool { return p.xid > o.xid || p.xid == o.xid && p.id > o.id }

type placeRow struct {
	ID  int64  `db:"id"`
	XID string `db:"x"`
}

func (r placeRow) place() (place, error) {
	xid, err := strconv.ParseUint(r.XID, 10, 64)
	return place{xid, r.ID}, err
}

// sequencer gives PostgreSQL's entries their leaf numbers.
//
// An entry's id is taken before its transaction commits, may be rolled back, and
// becomes visible out of order: who follows ids skips the entry of a slow
// transaction. So numbers are given in the order of (xid, id), and only below the
// snapshot's horizon: every transaction below it is over, so that nothing can
// appear later behind what was numbered. Numbers have no gaps, whatever ids do.
//
// Each process runs one. For each batch one is elected by an advisory lock of the
// transaction; the real guard is the head's row, locked and moved by it alone, and
// behind it the unique leaf numbers and entries of journal_leaf. When the process
// that was elected dies, the next batch elects another.
type sequencer struct {
	s      *Store
	db     *sqlx.DB
	wake   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
	still  sync.Mutex // held while it works
	mu     sync.Mutex
	mark   place         // the furthest entry committed by this process
	cursor place         // everything up to it is numbered, as far as known
	era    int           // how often places of another cluster were given up
	moved  chan struct{} // closed when the cursor moves, or the era changes
	fresh  atomic.Bool   // the connection is new: which cluster it leads to is to be checked
	alarm  alarm
}

func startSequencer(s *Store, conf *pgx.ConnConfig) *sequencer {
	ctx, stop := context.WithCancel(context.Background())
	q := &sequencer{s: s, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}), moved: make(chan struct{})}
	q.db = postgresPool(conf, 1, func(ctx context.Context, c *pgx.Conn) error {
		q.fresh.Store(true)
		// Statements planned while the journal was small, or before it was analysed, would
		// walk all of it fifty times a second; what the sequencer asks always has an index.
		_, err := c.Exec(ctx, "SET enable_seqscan = off")
		return errors.Join(err, postgresSession(ctx, c))
	})
	go q.loop(ctx)
	return q
}

// committed says that an entry of this process waits for its number.
func (q *sequencer) committed(at place) {
	if at == (place{}) {
		return
	}
	q.mu.Lock()
	if at.after(q.mark) {
		q.mark = at
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (q *sequencer) loop(ctx context.Context) {
	defer close(q.done)
	timer := time.NewTimer(sequenceIdle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-timer.C:
		}
		started := time.Now()
		q.watch(ctx, q.advance(context.WithoutCancel(ctx)))
		next := sequenceIdle
		if q.lacks() {
			next = sequencePace
		}
		pause(ctx, sequencePace-time.Since(started))
		timer.Reset(next)
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// lacks tells whether an entry of this process has no number yet.
func (q *sequencer) lacks() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.mark.after(q.cursor)
}

// advance numbers all that can be numbered now.
func (q *sequencer) advance(ctx context.Context) error {
	q.still.Lock()
	defer q.still.Unlock()
	ctx, cancel := context.WithTimeout(ctx, postgresTimeout)
	defer cancel()
	for {
		var due bool
		if err := q.db.GetContext(ctx, &due, string(q.s.q.sequenceDue)); err != nil {
			return err
		}
		if q.fresh.Load() {
			if err := q.arrive(ctx); err != nil {
				return err
			}
			continue
		}
		if !due {
			return q.look(ctx)
		}
		n, err := q.batch(ctx)
		switch {
		case err != nil || n == 0: // another was elected, perhaps
			return errors.Join(err, q.look(ctx))
		case n < sequenceBatch:
			return nil // the cursor is where this batch put it
		}
	}
}

// batch numbers up to sequenceBatch entries in one transaction. It does nothing
// when another sequencer is elected.
func (q *sequencer) batch(ctx context.Context) (int, error) {
	dbtx, err := q.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return 0, err
	}
	defer func() { _ = dbtx.Rollback() }() // nothing after COMMIT
	if q.fresh.Load() {
		return 0, nil // not the connection that was checked
	}
	head, err := q.lockHead(ctx, dbtx, q.s.q.sequenceHead)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var rows []leafRow
	args := []any{head.at.XID, head.at.ID, head.floor, sequenceBatch, head.tree.Size}
	if err := dbtx.SelectContext(ctx, &rows, dbtx.Rebind(string(q.s.q.sequence)), args...); err != nil || len(rows) == 0 {
		return 0, err
	}
	last := rows[len(rows)-1].placeRow
	if err := q.grow(ctx, dbtx, head, rows, last); err != nil {
		return 0, err
	}
	if err := dbtx.Commit(); err != nil {
		return 0, err
	}
	at, err := last.place()
	q.reached(at)
	return len(rows), err
}

// leafRow is an entry that was just given its number.
type leafRow struct {
	placeRow
	Idx  int64  `db:"idx"`
	Leaf []byte `db:"leaf"`
}

// lockedHead is the head of the tree with the cursor.
type lockedHead struct {
	tree  journal.Head
	at    placeRow
	floor int64
}

func (q *sequencer) lockHead(ctx context.Context, dbtx *sqlx.Tx, statement query) (lockedHead, error) {
	var row struct {
		headRow
		placeRow
		Floor int64 `db:"cur_floor"`
	}
	if err := dbtx.GetContext(ctx, &row, string(statement)); err != nil {
		return lockedHead{}, err
	}
	tree, err := row.head()
	return lockedHead{tree, row.placeRow, row.Floor}, err
}

// grow adds numbered leaves to the tree and moves the head and the cursor.
func (q *sequencer) grow(ctx context.Context, dbtx *sqlx.Tx, head lockedHead, rows []leafRow, last placeRow) error {
	tree, nodes := head.tree, []journal.Node(nil)
	for _, r := range rows {
		var leaf journal.Hash
		if len(r.Leaf) != len(leaf) || r.Idx != tree.Size {
			return fmt.Errorf("%w: ligne %d au rang %d, attendu %d", journal.ErrHead, r.ID, r.Idx, tree.Size)
		}
		copy(leaf[:], r.Leaf)
		var more []journal.Node
		tree, more = tree.Append(leaf)
		nodes = append(nodes, more...)
	}
	for _, n := range nodes {
		if _, err := dbtx.ExecContext(ctx, dbtx.Rebind(string(q.s.q.nodeInsert)), n.Index, n.Hash[:]); err != nil {
			return err
		}
	}
	result, err := dbtx.ExecContext(ctx, dbtx.Rebind(string(q.s.q.sequenceMove)), tree.Size, tree.Root[:], tree.EncodeEdge(), last.XID, last.ID, head.floor, head.tree.Size)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errStale, err)
	}
	return nil
}

// look reads the cursor that another process may have moved.
func (q *sequencer) look(ctx context.Context) error {
	if !q.lacks() {
		return nil
	}
	var row placeRow
	if err := q.db.GetContext(ctx, &row, string(q.s.q.sequenceCursor)); err != nil {
		return err
	}
	at, err := row.place()
	q.reached(at)
	return err
}

func (q *sequencer) reached(at place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at.after(q.cursor) {
		q.cursor = at
		close(q.moved)
		q.moved = make(chan struct{})
	}
}

// settled waits until the cursor has passed what this process committed before the
// call.
func (q *sequencer) settled(ctx context.Context, limit time.Duration) error {
	q.mu.Lock()
	mark, era := q.mark, q.era
	q.mu.Unlock()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		q.mu.Lock()
		there, moved := q.era != era || !mark.after(q.cursor), q.moved
		q.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return ErrUnnumbered
		}
	}
}

// close stops the goroutine after it has numbered all that this process wrote. What
// a foreign transaction keeps from being numbered, the next start will number.
func (q *sequencer) close() error {
	err := q.settled(context.Background(), sequenceClose)
	q.stop()
	<-q.done
	if errors.Is(err, ErrUnnumbered) {
		q.s.log.Warn("arrêt : des entrées restent sans numéro ; le prochain démarrage les numérotera")
		err = nil
	}
	return errors.Join(err, q.db.Close())
}
