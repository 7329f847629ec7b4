package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// begin opens a transaction, takes what it holds and reads the ends that are asked
// for, in one round trip. The statements still follow each other on the server, each
// with a snapshot of its own: an end is read once its lock is held.
func (p *postgres) begin(ctx context.Context, conn *sqlx.Conn, until time.Time, h hold, t *tx) error {
	lock, args := h.lock(&p.s.q)
	for range 1 + len(h.ends) {
		if err := p.s.step(ctx); err != nil {
			return err
		}
	}
	return conn.Raw(func(driver any) error {
		var batch pgx.Batch
		batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
		batch.Queue(p.bind(lock), args...)
		for _, mandatID := range h.ends {
			batch.Queue(p.bind(p.s.q.streamEnd), mandatID)
		}
		c := driver.(*stdlib.Conn).Conn()
		if err := c.PgConn().Conn().SetDeadline(until); err != nil {
			return err
		}
		results := c.SendBatch(ctx, &batch)
		_, failed := results.Exec()
		var held string
		err := errors.Join(failed, results.QueryRow().Scan(&held))
		t.hold(h, held)
		for _, mandatID := range h.ends {
			if err == nil {
				err = t.readEnd(mandatID, results.QueryRow())
			}
		}
		return errors.Join(err, results.Close())
	})
}

// readEnd remembers where a stream stands; one without entries is at zero.
func (t *tx) readEnd(mandatID string, row pgx.Row) error {
	var end streamRow
	if err := row.Scan(&end.Seq, &end.Leaf); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	t.known(mandatID, end)
	return nil
}

// commit checks that it did: COMMIT of a transaction that had failed rolls back.
func (p *postgres) commit(ctx context.Context, conn *sqlx.Conn) error {
	return conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		tag, err := c.Exec(ctx, "COMMIT")
		if err == nil && tag.String() != "COMMIT" {
			err = pgx.ErrTxCommitRollback
		}
		return errors.Join(err, c.PgConn().Conn().SetDeadline(time.Time{}))
	})
}

// rollback leaves the connection without a transaction, or closed.
func (p *postgres) rollback(ctx context.Context, conn *sqlx.Conn) error {
	return conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
			return errors.Join(err, c.Close(ctx))
		}
		return c.PgConn().Conn().SetDeadline(time.Time{})
	})
}

// pgTx runs statements in the transaction that is open on a connection.
type pgTx struct {
	p    *postgres
	conn *sqlx.Conn
}

func (p pgTx) exec(ctx context.Context, q query, args ...any) (int64, error) {
	if err := p.p.s.step(ctx); err != nil {
		return 0, err
	}
	result, err := p.conn.ExecContext(ctx, p.p.bind(q), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p pgTx) get(ctx context.Context, dest any, q query, args ...any) error {
	if err := p.p.s.step(ctx); err != nil {
		return err
	}
	return p.conn.GetContext(ctx, dest, p.p.bind(q), args...)
}

func (p pgTx) list(ctx context.Context, dest any, q query, args ...any) error {
	if err := p.p.s.step(ctx); err != nil {
		return err
	}
	return p.conn.SelectContext(ctx, dest, p.p.bind(q), args...)
}
