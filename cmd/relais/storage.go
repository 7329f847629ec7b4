package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"relais/internal/coffre"
	"relais/internal/config"
	"relais/internal/store"
)

// openStore opens the vault and the database of a configuration. fresh allows
// the vault's keys to be created: only where the database may be created too.
func openStore(ctx context.Context, cfg config.Config, log *slog.Logger, fresh bool) (*store.Store, *coffre.Coffre, error) {
	open := coffre.OpenExisting
	if fresh {
		if err := cfg.MakeData(); err != nil {
			return nil, nil, fmt.Errorf("dossier de données: %w", err)
		}
		open = coffre.Open
	}
	if cfg.CoffreKey != "" {
		open = func(dir string) (*coffre.Coffre, error) { return coffre.OpenAt(dir, cfg.CoffreKey) }
	}
	vault, err := open(cfg.Data)
	if err != nil {
		return nil, nil, err
	}
	dsn := cfg.Database.Path
	if cfg.Database.Engine == config.Postgres {
		dsn = cfg.Database.URL.Reveal()
	}
	st, err := store.Open(ctx, store.Options{Engine: cfg.Database.Engine, DSN: dsn, Vault: vault, Now: time.Now, App: appVersion(), Log: log})
	if err != nil {
		return nil, nil, fmt.Errorf("base de données: %w", err)
	}
	return st, vault, nil
}

// migrate creates or updates the database's tables.
func migrate(ctx context.Context, c call) error {
	if len(c.args) != 0 {
		return errUsage
	}
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	st, _, err := openStore(ctx, cfg, quiet(c.stderr), true)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Migrate(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, "La base de données est à jour.")
	return err
}
