package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

const (
	postgresTries   = 5
	postgresTimeout = 30 * time.Second
	postgresReaders = 16
	postgresWriters = 16
)

// postgresSession bounds what a connection of ours can do to the others: a
// transaction that nobody goes on with holds the sequencer of every instance.
func postgresSession(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '25s'")
	return err
}

// postgres writes each action in a transaction of its own, which takes first what
// it holds. The driver prepares statements by itself.
type postgres struct {
	s      *Store
	db     *sqlx.DB
	bound  sync.Map     // query → its text with $1, $2…
	mu     sync.RWMutex // held while writing, so that close waits
	closed bool
	seq    *sequencer
	limit  time.Duration // of one write, its wait for locks included
}

func openPostgres(ctx context.Context, s *Store) error {
	conf, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		return err
	}
	writers, readers := postgresPool(conf, postgresWriters, postgresSession), postgresPool(conf, postgresReaders, nil)
	if err := checkSettings(ctx, writers); err != nil {
		return errors.Join(err, writers.Close(), readers.Close())
	}
	bind := func(q query) string { return readers.Rebind(string(q)) }
	s.read = reader{source: &pooled{db: readers, bind: bind}, db: readers, bind: bind,
		snapshot: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}}
	p := &postgres{s: s, db: writers, limit: postgresTimeout}
	p.seq = startSequencer(s, conf)
	s.engine = p
	return nil
}

// postgresPool opens connections on which session runs first.
func postgresPool(conf *pgx.ConnConfig, size int, session func(context.Context, *pgx.Conn) error) *sqlx.DB {
	if session == nil {
		session = func(context.Context, *pgx.Conn) error { return nil }
	}
	db := sqlx.NewDb(stdlib.OpenDB(*conf, stdlib.OptionAfterConnect(session)), "pgx")
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// checkSettings refuses a server that may lose what it acknowledged, or that
// does not keep text as it is.
func checkSettings(ctx context.Context, db *sqlx.DB) error {
	for _, want := range [][2]string{{"fsync", "on"}, {"full_page_writes", "on"}, {"server_encoding", "UTF8"}} {
		var have string
		if err := db.GetContext(ctx, &have, "SELECT current_setting($1)", want[0]); err != nil {
			return fmt.Errorf("réglage %s: %w", want[0], err)
		}
		if have != want[1] {
			return fmt.Errorf("%w: PostgreSQL %s = %s au lieu de %s", ErrUnsafe, want[0], have, want[1])
		}
	}
	var commit string
	if err := db.GetContext(ctx, &commit, "SELECT current_setting('synchronous_commit')"); err != nil {
		return fmt.Errorf("réglage synchronous_commit: %w", err)
	}
	if commit == "off" {
		return fmt.Errorf("%w: PostgreSQL synchronous_commit = off", ErrUnsafe)
	}
	return nil
}

// write ignores the caller's cancellation once begun: half a write is none, and
// a broken connection would cost more than the few milliseconds saved. What lost a
// race against its neighbours runs again without any.
func (p *postgres) write(ctx context.Context, h hold, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return ErrClosed
	}
	until := time.Now().Add(p.limit)
	for try := 1; ; try++ {
		err := p.attempt(ctx, until, h, run)
		switch {
		case try == postgresTries:
			return err
		case again(err):
		case h.beside && (errors.Is(err, errUnheld) || sqlState(err) == "23505"):
			h = hold{}
		default:
			return err
		}
	}
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// again tells a failure that a second try may not meet: a serialization failure
// or a deadlock.
func again(err error) bool {
	code := sqlState(err)
	return code == "40001" || code == "40P01"
}

// attempt reads committed: each statement after the first one sees what those have
// committed for whom it waited. Its limit is a deadline on the connection and not the
// context's, which driver and database/sql would watch anew for each statement.
func (p *postgres) attempt(ctx context.Context, until time.Time, h hold, run func(*tx) error) error {
	ctx = context.WithoutCancel(ctx)
	conn, err := p.connection(ctx, until)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool, which drops a broken one
	t := newTx(ctx, p.s, pgTx{p: p, conn: conn}, journal.Head{})
	if err := p.begin(ctx, conn, until, h, t); err != nil {
		return errors.Join(fmt.Errorf("écriture refusée: %w", err), p.rollback(ctx, conn))
	}
	outcome := run(t) // never panics: the store's door recovers
	if !kept(outcome) {
		_ = p.rollback(ctx, conn) // the connection is dropped if that fails
		return outcome
	}
	if err := p.s.hindrance(); err != nil {
		return errors.Join(err, p.rollback(ctx, conn))
	}
	if err := p.commit(ctx, conn); err != nil {
		return fmt.Errorf("écriture refusée: %w", err)
	}
	p.s.committed(ctx)
	p.seq.committed(t.last)
	return outcome
}

// connection waits for a free one, no longer than the write may take.
func (p *postgres) connection(ctx context.Context, until time.Time) (*sqlx.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return p.db.Connx(ctx)
}

// persist writes the entry without a number: the sequencer gives it.
func (p *postgres) persist(t *tx, e entryRow, _ journal.Hash) (int64, error) {
	if err := p.s.step(t.ctx); err != nil {
		return 0, err
	}
	var row placeRow
	if err := t.db.(pgTx).conn.QueryRowContext(t.ctx, p.bind(p.s.q.entryAppend), args(e)[1:]...).Scan(&row.ID, &row.XID); err != nil {
		return 0, err
	}
	at, err := row.place()
	t.last = at
	return row.ID, err
}

// settled waits for the numbers of what this process committed.
func (p *postgres) settled(ctx context.Context, limit time.Duration) error {
	return p.seq.settled(ctx, limit)
}

func (p *postgres) migrate(ctx context.Context, _ *Store) error {
	p.seq.still.Lock() // its statements take tables in an order of their own
	defer p.seq.still.Unlock()
	return migrate(ctx, PostgreSQL, p.db.DB)
}

// scrub lets the server reuse the room of what was deleted. Its own WAL keeps
// the old rows for as long as the operator's archiving does: docs/effacement.md.
func (p *postgres) scrub(ctx context.Context, _ *Store) error {
	for _, table := range []string{"coffre_key", "usager", "usager_index", "dossier", "delegation", "journal"} {
		if _, err := p.db.ExecContext(ctx, "VACUUM "+table); err != nil {
			return fmt.Errorf("VACUUM %s: %w", table, err)
		}
	}
	return nil
}

// close waits for what was begun, and for its numbers.
func (p *postgres) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	return errors.Join(p.seq.close(), p.db.Close())
}

// bind gives a statement with PostgreSQL's own placeholders.
func (p *postgres) bind(q query) string {
	if text, ok := p.bound.Load(q); ok {
		return text.(string)
	}
	text := p.db.Rebind(string(q))
	p.bound.Store(q, text)
	return text
}
