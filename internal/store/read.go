package store

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// reader is the pool of connections that never write. Statements are prepared
// once each.
type reader struct {
	db       *sqlx.DB
	bind     func(query) string // the text that this engine is given
	prepared *sync.Map          // query → *sqlx.Stmt
	snapshot *sql.TxOptions     // a transaction that sees one state
	quick    bool               // a read is over before it could be cancelled
}

func newReader(db *sqlx.DB, snapshot *sql.TxOptions, bind func(query) string) reader {
	return reader{db: db, bind: bind, prepared: &sync.Map{}, snapshot: snapshot}
}

// patience is the context of one read. Watching for cancellation costs two
// goroutines a statement, more than SQLite's answer itself.
func (r reader) patience(ctx context.Context) context.Context {
	if r.quick && ctx.Err() == nil {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (r reader) statement(ctx context.Context, q query) (*sqlx.Stmt, error) {
	if st, ok := r.prepared.Load(q); ok {
		return st.(*sqlx.Stmt), nil
	}
	st, err := r.db.PreparexContext(context.WithoutCancel(ctx), r.bind(q))
	if err != nil {
		return nil, err
	}
	if was, loaded := r.prepared.LoadOrStore(q, st); loaded {
		_ = st.Close() // another goroutine prepared the same one first
		return was.(*sqlx.Stmt), nil
	}
	return st, nil
}

func (r reader) close() error {
	r.prepared.Range(func(_, st any) bool {
		_ = st.(*sqlx.Stmt).Close() // the pool closes next
		return true
	})
	return r.db.Close()
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
	st, err := s.read.statement(ctx, q)
	if err != nil {
		return row, err
	}
	s.counted(ctx)
	err = st.GetContext(s.read.patience(ctx), &row, args...)
	return row, err
}

// many reads all rows.
func many[T any](ctx context.Context, s *Store, q query, args ...any) ([]T, error) {
	st, err := s.read.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	s.counted(ctx)
	var rows []T
	err = st.SelectContext(s.read.patience(ctx), &rows, args...)
	return rows, err
}
