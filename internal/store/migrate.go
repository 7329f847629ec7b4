package store

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"relais/sql"
)

func migrate(ctx context.Context, engine string, db *stdsql.DB) error {
	files, err := migrationsOf(engine)
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithLogger(goose.NopLogger())}
	if engine == PostgreSQL {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

// migrationsOf lays the engine's own migrations over the shared ones.
func migrationsOf(engine string) (fs.FS, error) {
	shared, err := fs.Sub(sql.Migrations, "migrations")
	if err != nil {
		return nil, err
	}
	own, err := fs.Sub(shared, engine)
	if err != nil {
		return nil, err
	}
	return layers{own, shared}, nil
}

// latestMigration is the version that the program was written for.
func latestMigration() (int64, error) {
	files, err := migrationsOf(SQLite)
	if err != nil {
		return 0, err
	}
	all, err := fs.Glob(files, "*.sql")
	if err != nil || len(all) == 0 {
		return 0, errors.Join(errors.New("aucune migration"), err)
	}
	number, _, _ := strings.Cut(path.Base(slices.Max(all)), "_")
	return strconv.ParseInt(number, 10, 64)
}

// layers is several folders seen as one; the first that has a file gives it.
type layers []fs.FS

// Open implements fs.FS.
func (l layers) Open(name string) (fs.File, error) {
	for _, layer := range l {
		f, err := layer.Open(name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir implements fs.ReadDirFS.
func (l layers) ReadDir(name string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, layer := range l {
		entries, err := fs.ReadDir(layer, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if !slices.ContainsFunc(all, func(have fs.DirEntry) bool { return have.Name() == e.Name() }) {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}
