package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// reader is what never writes: a source for one statement at a time, and a pool
// for reads of several that see one state.
type reader struct {
	source
	db       *sqlx.DB
	bind     func(query) string // the text that this engine is given
	snapshot *sql.TxOptions     // a transaction that sees one state
}

// source answers single statements, of several goroutines.
type source interface {
	// get reads one row; sql.ErrNoRows when there is none.
	get(ctx context.Context, dest any, q query, args ...any) error
	// list appends all rows to a slice.
	list(ctx context.Context, dest any, q query, args ...any) error
	close() error
}

func (r reader) close() error { return errors.Join(r.source.close(), r.db.Close()) }

// pooled prepares each statement once on a pool of database/sql.
type pooled struct {
	db       *sqlx.DB
	bind     func(query) string
	prepared sync.Map // query → *sqlx.Stmt
	quick    bool     // a read is over before it could be cancelled
}

// patience is the context of one read. Watching for cancellation costs two
// goroutines a statement, more than SQLite's answer itself.
func (p *pooled) patience(ctx context.Context) context.Context {
	if p.quick && ctx.Err() == nil {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (p *pooled) statement(ctx context.Context, q query) (*sqlx.Stmt, error) {
	if st, ok := p.prepared.Load(q); ok {
		return st.(*sqlx.Stmt), nil
	}
	st, err := p.db.PreparexContext(context.WithoutCancel(ctx), p.bind(q))
	if err != nil {
		return nil, err
	}
	if was, loaded := p.prepared.LoadOrStore(q, st); loaded {
		_ = st.Close() // another goroutine prepared the same one first
		return was.(*sqlx.Stmt), nil
	}
	return st, nil
}

func (p *pooled) get(ctx context.Context, dest any, q query, args ...any) error {
	st, err := p.statement(ctx, q)
	if err != nil {
		return err
	}
	return st.GetContext(p.patience(ctx), dest, args...)
}

func (p *pooled) list(ctx context.Context, dest any, q query, args ...any) error {
	st, err := p.statement(ctx, q)
	if err != nil {
		return err
	}
	return st.SelectContext(p.patience(ctx), dest, args...)
}

func (p *pooled) close() error {
	p.prepared.Range(func(_, st any) bool {
		_ = st.(*sqlx.Stmt).Close() // the pool closes next
		return true
	})
	return nil
}

// How long a reader waits for the numbers of what this process wrote: to show them,
// to show it at all, and where nothing is right without it.
const (
	glanceWait  = 100 * time.Millisecond
	catchUpWait = time.Second
	numberWait  = 10 * time.Second
)

// catchUp waits a moment, so that who has written something finds it in the journal.
func (s *Store) catchUp(ctx context.Context) {
	_ = s.engine.settled(ctx, catchUpWait) // what has no number yet is not shown
}

// numbered is the index of an entry that this process wrote.
func (s *Store) numbered(ctx context.Context, id int64) (int64, error) {
	if err := s.engine.settled(ctx, numberWait); err != nil {
		return -1, err
	}
	return one[int64](ctx, s, s.q.indexOf, id)
}

// one reads one row; sql.ErrNoRows when there is none.
func one[T any](ctx context.Context, s *Store, q query, args ...any) (T, error) {
	var row T
	s.counted(ctx)
	return row, s.read.get(ctx, &row, q, args...)
}

// many reads all rows.
func many[T any](ctx context.Context, s *Store, q query, args ...any) ([]T, error) {
	var rows []T
	s.counted(ctx)
	return rows, s.read.list(ctx, &rows, q, args...)
}
