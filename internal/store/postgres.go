package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

const (
	postgresTries   = 5
	postgresTimeout = 30 * time.Second // of one write, its wait for the head included
	postgresReaders = 16
	postgresWriters = 4 // they follow each other behind the head's lock anyway
)

// postgres writes each action in a transaction of its own that locks the
// journal's head first. The driver prepares statements by itself.
type postgres struct {
	s      *Store
	db     *sqlx.DB
	mu     sync.RWMutex // held while writing, so that close waits
	closed bool
}

func openPostgres(ctx context.Context, s *Store) error {
	writers, err := postgresPool(s.dsn, postgresWriters)
	if err != nil {
		return err
	}
	readers, err := postgresPool(s.dsn, postgresReaders)
	if err != nil {
		return errors.Join(err, writers.Close())
	}
	if err := checkSettings(ctx, writers); err != nil {
		return errors.Join(err, writers.Close(), readers.Close())
	}
	s.read = newReader(readers, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		func(q query) string { return readers.Rebind(string(q)) })
	s.engine = &postgres{s: s, db: writers}
	return nil
}

func postgresPool(dsn string, size int) (*sqlx.DB, error) {
	db, err := sqlx.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
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
// a broken connection would cost more than the few milliseconds saved.
func (p *postgres) write(ctx context.Context, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return ErrClosed
	}
	free, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresTimeout)
	defer cancel()
	for try := 1; ; try++ {
		err := p.attempt(free, run)
		if try < postgresTries && again(err) {
			continue
		}
		return err
	}
}

// again tells a failure that a second try may not meet.
func again(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

func (p *postgres) attempt(ctx context.Context, run func(*tx) error) error {
	dbtx, err := p.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = dbtx.Rollback() }() // nothing after COMMIT, and after an error all there is to do
	db := pgTx{s: p.s, tx: dbtx}
	var row headRow
	if err := db.get(ctx, &row, p.s.q.headLock); err != nil {
		return fmt.Errorf("tête du journal: %w", err)
	}
	head, err := row.head()
	if err != nil {
		return err
	}
	outcome := run(newTx(ctx, p.s, db, head))
	if !kept(outcome) {
		return outcome
	}
	if err := p.s.hindrance(); err != nil {
		return err
	}
	if err := dbtx.Commit(); err != nil {
		return fmt.Errorf("écriture refusée: %w", err)
	}
	p.s.committed(ctx)
	return outcome
}

// persist writes entry, leaf and head in one statement.
func (p *postgres) persist(t *tx, e entryRow, nodes []journal.Node, before, after journal.Head) error {
	n, err := t.exec(p.s.q.entryAppend, args(e, e.ID, e.ID, e.Leaf, after.Size, after.Root[:], after.EncodeEdge(), before.Size)...)
	if err != nil {
		return err
	}
	if n != 1 {
		return errStale
	}
	for _, node := range nodes {
		if _, err := t.exec(p.s.q.nodeInsert, node.Index, node.Hash[:]); err != nil {
			return err
		}
	}
	return nil
}

func (p *postgres) migrate(ctx context.Context, _ *Store) error {
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

// close waits for what was begun.
func (p *postgres) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.db.Close()
}

// pgTx runs statements in one transaction.
type pgTx struct {
	s  *Store
	tx *sqlx.Tx
}

func (p pgTx) exec(ctx context.Context, q query, args ...any) (int64, error) {
	if err := p.s.step(ctx); err != nil {
		return 0, err
	}
	result, err := p.tx.ExecContext(ctx, p.tx.Rebind(string(q)), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p pgTx) get(ctx context.Context, dest any, q query, args ...any) error {
	if err := p.s.step(ctx); err != nil {
		return err
	}
	return p.tx.GetContext(ctx, dest, p.tx.Rebind(string(q)), args...)
}

func (p pgTx) list(ctx context.Context, dest any, q query, args ...any) error {
	if err := p.s.step(ctx); err != nil {
		return err
	}
	return p.tx.SelectContext(ctx, dest, p.tx.Rebind(string(q)), args...)
}
