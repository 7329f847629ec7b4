package store

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"
)

// sole is the one connection of a pool of its own, with its prepared statements, for
// one goroutine at a time. What it is asked is never interrupted: SQLite's answer is
// over before it could be, and watching for that would cost more than the answer.
type sole struct {
	db       *sqlx.DB
	conn     *sqlx.Conn
	prepared map[query]*sqlx.Stmt
}

func openSole(ctx context.Context, path, settings string) (*sole, error) {
	db, err := sqlx.Open("sqlite3", sqliteDSN(path, settings))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &sole{db: db, conn: conn, prepared: map[query]*sqlx.Stmt{}}, nil
}

func (c *sole) close() error {
	for _, st := range c.prepared {
		_ = st.Close() // or SQLite keeps the connection, with its files, for as long as the process
	}
	return errors.Join(c.conn.Close(), c.db.Close())
}

func (c *sole) statement(q query) (*sqlx.Stmt, error) {
	if st, ok := c.prepared[q]; ok {
		return st, nil
	}
	st, err := c.conn.PreparexContext(context.Background(), steady(q))
	if err != nil {
		return nil, err
	}
	c.prepared[q] = st
	return st, nil
}

// exec tells how many rows it changed.
func (c *sole) exec(q query, args ...any) (int64, error) {
	st, err := c.statement(q)
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// get reads one row into dest; sql.ErrNoRows when there is none.
func (c *sole) get(dest any, q query, args ...any) error {
	st, err := c.statement(q)
	if err != nil {
		return err
	}
	return st.GetContext(context.Background(), dest, args...)
}

// list appends all rows to the slice behind dest.
func (c *sole) list(dest any, q query, args ...any) error {
	st, err := c.statement(q)
	if err != nil {
		return err
	}
	return st.SelectContext(context.Background(), dest, args...)
}
