package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"sync"

	"github.com/mattn/go-sqlite3"
)

// lite is one connection to SQLite with its prepared statements, for one goroutine
// at a time. It stands below database/sql: an answer of SQLite takes less time than
// the pool, the locks and the conversions of a layer that must serve every driver.
type lite struct {
	conn     *sqlite3.SQLiteConn
	prepared map[query]*liteStatement
	args     []driver.NamedValue // of the statement that runs
}

type liteStatement struct {
	*sqlite3.SQLiteStmt
	columns []string
	plan    plan // of the type that last took its rows
	values  []driver.Value
}

func openLite(path, settings string) (*lite, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open(sqliteDSN(path, settings))
	if err != nil {
		return nil, err
	}
	return &lite{conn: conn.(*sqlite3.SQLiteConn), prepared: map[query]*liteStatement{}}, nil
}

func (c *lite) close() error {
	for _, st := range c.prepared {
		_ = st.Close() // or SQLite keeps the connection, with its files, for as long as the process
	}
	return c.conn.Close()
}

func (c *lite) statement(q query) (*liteStatement, error) {
	if st, ok := c.prepared[q]; ok {
		return st, nil
	}
	prepared, err := c.conn.Prepare(steady(q))
	if err != nil {
		return nil, err
	}
	st := &liteStatement{SQLiteStmt: prepared.(*sqlite3.SQLiteStmt)}
	c.prepared[q] = st
	return st, nil
}

// exec tells how many rows it changed.
func (c *lite) exec(q query, args ...any) (int64, error) {
	st, err := c.statement(q)
	if err != nil {
		return 0, err
	}
	bound, err := c.bind(args)
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(context.Background(), bound)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// get reads one row into dest; sql.ErrNoRows when there is none.
func (c *lite) get(dest any, q query, args ...any) error {
	found := false
	err := c.rows(reflect.TypeOf(dest).Elem(), q, args, func(st *liteStatement) (bool, error) {
		found = true
		return false, st.plan.fill(reflect.ValueOf(dest).Elem(), st.values)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// list appends all rows to the slice behind dest.
func (c *lite) list(dest any, q query, args ...any) error {
	slice := reflect.ValueOf(dest).Elem()
	return c.rows(slice.Type().Elem(), q, args, func(st *liteStatement) (bool, error) {
		slice.Grow(1)
		slice.SetLen(slice.Len() + 1)
		return true, st.plan.fill(slice.Index(slice.Len()-1), st.values)
	})
}

// rows runs a statement and gives its rows one by one, as long as more are wanted.
func (c *lite) rows(row reflect.Type, q query, args []any, each func(*liteStatement) (more bool, err error)) (err error) {
	st, err := c.statement(q)
	if err != nil {
		return err
	}
	bound, err := c.bind(args)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background(), bound)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if st.columns == nil {
		st.columns = rows.Columns()
		st.values = make([]driver.Value, len(st.columns))
	}
	if st.plan.row != row {
		if st.plan, err = planFor(row, st.columns); err != nil {
			return err
		}
	}
	for more := true; more; {
		if err := rows.Next(st.values); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if more, err = each(st); err != nil {
			return err
		}
	}
	return nil
}

// bind gives arguments as the driver takes them, until the next statement.
func (c *lite) bind(args []any) ([]driver.NamedValue, error) {
	c.args = c.args[:0]
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args, nil
}

// litePool is the connections that never write. The one that was used last goes
// first: its pages are the warmest, and those that are never needed stay small.
type litePool struct {
	turns chan struct{} // one for each connection
	gone  chan struct{} // closed with the pool
	once  sync.Once
	mu    sync.Mutex
	idle  []*lite
}

func openLitePool(path string, size int) (*litePool, error) {
	p := &litePool{turns: make(chan struct{}, size), gone: make(chan struct{})}
	for range size {
		c, err := openLite(path, sqliteReader)
		if err != nil {
			return nil, errors.Join(err, p.closeIdle())
		}
		p.put(c)
	}
	return p, nil
}

func (p *litePool) check() error {
	var failed error
	for _, c := range p.idle {
		failed = errors.Join(failed, checkPragmas(c, "1"))
	}
	return failed
}

func (p *litePool) put(c *lite) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	p.turns <- struct{}{}
}

// pop is for who has taken a turn: there is a connection for each.
func (p *litePool) pop() *lite {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle = p.idle[:last]
	return c
}

// with runs a read that is not interrupted: it is over before it could be.
func (p *litePool) with(ctx context.Context, read func(*lite) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-p.turns:
		c := p.pop()
		defer p.put(c)
		return read(c)
	case <-p.gone:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *litePool) get(ctx context.Context, dest any, q query, args ...any) error {
	return p.with(ctx, func(c *lite) error { return c.get(dest, q, args...) })
}

func (p *litePool) list(ctx context.Context, dest any, q query, args ...any) error {
	return p.with(ctx, func(c *lite) error { return c.list(dest, q, args...) })
}

// close waits for the reads that were begun.
func (p *litePool) close() (failed error) {
	p.once.Do(func() {
		close(p.gone)
		for range cap(p.turns) {
			<-p.turns
		}
		failed = p.closeIdle()
	})
	return failed
}

func (p *litePool) closeIdle() (failed error) {
	for _, c := range p.idle {
		failed = errors.Join(failed, c.close())
	}
	return failed
}
