package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/mattn/go-sqlite3"
)

// The settings of SQLite's connections. The driver's own default is synchronous
// NORMAL, which loses commits at a power failure. SQLite's own locks around each
// connection go: database/sql gives it to one goroutine at a time.
const (
	sqliteCommon = "_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_busy_timeout=5000&_secure_delete=on&_mutex=no"
	sqliteWriter = sqliteCommon + "&_txlock=immediate"
	sqliteReader = sqliteCommon + "&_query_only=1"
)

// walPages is how many pages the log holds before they are copied home: four
// times SQLite's default, since the hot pages (the ends of the journal's indexes)
// are then copied once instead of four times.
const walPages = "PRAGMA wal_autocheckpoint = 4000"

// sqliteDSN escapes the path: a ? or # in it must not become a setting.
func sqliteDSN(path, settings string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings
}

func openSQLite(ctx context.Context, s *Store) error {
	if s.dsn == "" || strings.Contains(s.dsn, ":memory:") {
		return fmt.Errorf("%w: la base SQLite est un fichier", ErrUnsafe)
	}
	// The -wal and -shm files take over the mode of the main file.
	f, err := os.OpenFile(s.dsn, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	writer, err := openSole(ctx, s.dsn, sqliteWriter)
	if err != nil {
		return err
	}
	readers, err := sqlx.Open("sqlite3", sqliteDSN(s.dsn, sqliteReader))
	if err != nil {
		return errors.Join(err, writer.close())
	}
	readers.SetMaxOpenConns(max(4, runtime.NumCPU()))
	readers.SetMaxIdleConns(max(4, runtime.NumCPU()))
	_, err = writer.exec(walPages)
	if err := errors.Join(err, checkPragmas(ctx, writer.conn, "0"), checkPragmas(ctx, readers, "1")); err != nil {
		return errors.Join(err, readers.Close(), writer.close())
	}
	s.read = reader{source: &pooled{db: readers, bind: steady, quick: true}, db: readers, bind: steady, snapshot: &sql.TxOptions{}}
	s.engine = startWriter(s, writer)
	return nil
}

// steady keeps SQLite from compiling a statement again at each execution. Its
// planner looks at what is bound beside = and LIMIT and then compiles anew
// whenever something is bound or unbound, which costs ten times the lookup; a
// unary plus, which changes neither value nor plan, hides the parameter.
func steady(q query) string {
	return strings.NewReplacer("= ?", "= +?", "LIMIT ?", "LIMIT +?").Replace(string(q))
}

// checkPragmas reads the settings back: a build of SQLite may ignore one.
func checkPragmas(ctx context.Context, db sqlx.QueryerContext, queryOnly string) error {
	for _, want := range [][2]string{{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"},
		{"busy_timeout", "5000"}, {"secure_delete", "1"}, {"query_only", queryOnly}} {
		var have string
		if err := sqlx.GetContext(ctx, db, &have, "PRAGMA "+want[0]); err != nil {
			return fmt.Errorf("pragma %s: %w", want[0], err)
		}
		if have != want[1] {
			return fmt.Errorf("%w: SQLite %s = %s au lieu de %s", ErrUnsafe, want[0], have, want[1])
		}
	}
	return nil
}

// ruinous tells an error after which nobody knows what is on the disk.
func ruinous(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == sqlite3.ErrIoErr || e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB
}

// outOfOrder recognises the guard's refusal of an entry whose number does not
// follow the last one: another process wrote in between.
func outOfOrder(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrConstraint && strings.Contains(e.Error(), "not the next number")
}

// scrub empties the WAL, which still holds the pages as they were before. Deleted
// cells of the main file were overwritten by secure_delete. It waits for readers.
func (w *writer) scrub(ctx context.Context, s *Store) error {
	db, err := sql.Open("sqlite3", sqliteDSN(s.dsn, sqliteWriter))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for range 20 { // each waits busy_timeout, 5 s
		var busy, frames, moved int
		if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
			return err
		}
		if busy == 0 {
			return nil
		}
	}
	return fmt.Errorf("le fichier -wal n’a pas pu être vidé : une lecture dure")
}

// migrate uses a connection of its own: the writer's belongs to its goroutine.
func (w *writer) migrate(ctx context.Context, s *Store) error {
	db, err := sql.Open("sqlite3", sqliteDSN(s.dsn, sqliteWriter))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(migrate(ctx, SQLite, db), db.Close())
}
