// Package store keeps everything in SQLite or PostgreSQL: one intent is one
// public method is one transaction.
//
// It guarantees, on both engines, that
//   - no state is written without its journal entry and no entry without its
//     state: every write passes one door ([Store.write]), takes a transition
//     and refuses the zero Fact; triggers refuse raw writes that bring no entry;
//   - a transition that fails with a fact leaves exactly that fact, and one
//     that fails without leaves nothing;
//   - nil is returned only after COMMIT: what was acknowledged is on the disk;
//   - a caller that stops waiting never harms its neighbours, though its own
//     write may still happen;
//   - nothing personal stands clear in the database: it is sealed by the [Vault].
//
// SQLite has one writer goroutine that commits in groups and numbers entries as it
// writes them. On PostgreSQL transactions run beside each other as far as what
// they hold allows ([hold]); an entry is committed with its action and gets its
// leaf's number afterwards, within some tens of milliseconds, from whichever
// instance is first to sequence ([sequencer]). What this process has written it
// also reads ([Store.Journal] and its like wait for the numbers); another process
// may see it a moment later. As many processes as wanted may share one database.
//
// It does not judge who may do what (the desks do), and its journal proves
// nothing against an operator who rewrites all of it while nobody outside keeps
// a checkpoint.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"relais/internal/journal"
)

// The engines.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// Errors that cmd acts on.
var (
	ErrClosed     = errors.New("la base est fermée")
	ErrFatal      = errors.New("la base ne peut plus garantir ce qu'elle écrit")
	ErrUnsafe     = errors.New("réglage dangereux de la base")
	ErrUnnumbered = errors.New("une entrée du journal attend encore son numéro : une transaction reste ouverte sur le serveur PostgreSQL")
	ErrSchema     = errors.New("le schéma de la base n'est pas à jour : lancez relais migrate")
)

// Vault seals personal data and makes the keyed tokens by which it is found.
type Vault interface {
	// NewKey makes a wrapped key bound to a subject.
	NewKey(subject string) ([]byte, error)
	// Seal and Reveal encrypt and decrypt under a subject's wrapped key.
	Seal(wrapped []byte, subject, purpose string, plain []byte) ([]byte, error)
	Reveal(wrapped []byte, subject, purpose string, sealed []byte) ([]byte, error)
	// Token is a keyed hash, the same for the same kind and value.
	Token(kind, value string) string
	// NewMask makes the wrapped key under which agents are hidden in entries.
	NewMask(subject string) ([]byte, error)
	OpenMask(wrapped []byte, subject string) (journal.Mask, error)
}

// Options say what to open.
type Options struct {
	Engine string // SQLite or PostgreSQL
	DSN    string // a path, or a postgres:// URL
	Vault  Vault
	Now    func() time.Time // nil: time.Now
	App    string           // version of the program, named in entries
	Log    *slog.Logger     // nil: silent
}

// Store is an open database. It is safe for use by several goroutines.
type Store struct {
	vault      Vault
	now        func() time.Time
	app        string
	log        *slog.Logger
	dsn        string
	q          queries
	read       reader
	engine     engine
	fatal      chan error
	broken     atomic.Pointer[error]
	statements atomic.Int64
	commits    atomic.Int64
	clock      clock
	masks      masks
	facets     facetFollower
	hinder     func() error // set by tests only: refuses a statement or a commit
}

// engine is what differs between SQLite and PostgreSQL in writing.
type engine interface {
	// write runs one action in a transaction of its own or of its group, beside
	// others as far as what it holds allows.
	write(ctx context.Context, h hold, run func(*tx) error) error
	// persist writes one entry and returns its row id.
	persist(t *tx, e entryRow, leaf journal.Hash) (int64, error)
	// settled waits until every entry that was committed here has its number;
	// [ErrUnnumbered] when that takes longer than limit.
	settled(ctx context.Context, limit time.Duration) error
	migrate(ctx context.Context, s *Store) error
	// scrub takes what was deleted off the disk as far as the engine can.
	scrub(ctx context.Context, s *Store) error
	close() error
}

// Open opens the database and refuses unsafe settings. It does not migrate.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Vault == nil {
		return nil, fmt.Errorf("%w: pas de coffre", ErrUnsafe)
	}
	s := &Store{vault: o.Vault, now: o.Now, app: o.App, log: o.Log, dsn: o.DSN, q: newQueries(), fatal: make(chan error, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	var err error
	switch o.Engine {
	case SQLite:
		err = openSQLite(ctx, s)
	case PostgreSQL:
		err = openPostgres(ctx, s)
	default:
		err = fmt.Errorf("moteur de base inconnu: %q", o.Engine)
	}
	if err != nil {
		return nil, fmt.Errorf("base de données: %w", err)
	}
	return s, nil
}

// Migrate brings the schema up to date. Running it again changes nothing.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.engine.migrate(ctx, s); err != nil {
		return err
	}
	return s.nameAccessActions(ctx)
}

// Close finishes every write that was accepted, then closes. Later writes are
// refused with [ErrClosed].
func (s *Store) Close() error {
	return errors.Join(s.engine.close(), s.read.close())
}

// Fatal gives the error after which nothing more will be written: the program
// must exit, since a failed fsync says nothing of what reached the disk.
func (s *Store) Fatal() <-chan error { return s.fatal }

// Counts tells how many SQL statements were executed (transaction control
// aside) and how many transactions committed, since Open.
func (s *Store) Counts() (statements, commits int64) {
	return s.statements.Load(), s.commits.Load()
}

// step counts one statement of a transaction.
func (s *Store) step(ctx context.Context) error {
	s.counted(ctx)
	return s.hindrance()
}

// hindrance is the failure that a test puts in the way of a write.
func (s *Store) hindrance() error {
	if s.hinder == nil {
		return nil
	}
	return s.hinder()
}

// Ready checks the database, the version of its schema and the journal's head.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	have, err := one[int64](ctx, s, s.q.schemaVersion)
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrSchema, err)
	}
	if want, err := latestMigration(); err != nil || have != want {
		return errors.Join(fmt.Errorf("%w: version %d, attendue %d", ErrSchema, have, want), err)
	}
	row, err := one[headCheckRow](ctx, s, s.q.headCheck)
	if err != nil {
		return fmt.Errorf("tête du journal: %w", err)
	}
	head, err := row.head()
	if err != nil {
		return err
	}
	if row.Last+1 != head.Size {
		return fmt.Errorf("%w: dernière entrée %d pour %d entrées", journal.ErrHead, row.Last, head.Size)
	}
	return nil
}

// breakDown makes every later write fail and tells cmd.
func (s *Store) breakDown(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFatal, cause)
	if s.broken.CompareAndSwap(nil, &err) {
		s.log.Error("base de données", "err", err)
		s.fatal <- err
	}
	return err
}

// write is the one door: run sees one transaction, appends its facts through
// it, and is over before anybody is told. It may run twice, so it is pure but
// for the transaction.
func (s *Store) write(ctx context.Context, run func(*tx) error) error {
	return s.beside(ctx, hold{}, run)
}

// beside is the same door for an action that need not have the whole database to
// itself: its caller says why.
func (s *Store) beside(ctx context.Context, h hold, run func(*tx) error) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	var seen *tx
	err := s.engine.write(ctx, h, func(t *tx) (err error) {
		seen = t
		defer func() {
			if p := recover(); p != nil {
				err = s.recovered(p)
			}
		}()
		return run(t)
	})
	var r *refusal
	if seen != nil && seen.caught && (err == nil || errors.As(err, &r)) { // it wrote an entry
		s.clock.wrote(seen.now)
	}
	if errors.As(err, &r) {
		return r.cause
	}
	return err
}

// recovered turns a panic into a refusal of the one action. The value may hold
// personal data, so only errors of the Go runtime are told.
func (s *Store) recovered(p any) error {
	if err, ok := p.(interface {
		error
		RuntimeError()
	}); ok {
		s.log.Error("panique dans une écriture", "err", err)
		return fmt.Errorf("panique dans une écriture: %w", err)
	}
	s.log.Error("panique dans une écriture", "type", fmt.Sprintf("%T", p))
	return fmt.Errorf("panique dans une écriture (%T)", p)
}

// refusal carries the error of a transition whose fact was written and stays.
type refusal struct{ cause error }

func (r *refusal) Error() string { return r.cause.Error() }

func (r *refusal) Unwrap() error { return r.cause }

// kept tells whether an action's writes are to be committed.
func kept(err error) bool {
	var r *refusal
	return err == nil || errors.As(err, &r)
}
