package main

import (
	"context"
	"fmt"
	"time"

	"relais/internal/coffre"
	"relais/internal/config"
	"relais/internal/store"
)

// rotateCoffre renews the vault's master key. Interrupted, it is run again and
// goes on; the old key goes only when nothing needs it any more.
func rotateCoffre(ctx context.Context, c call) error {
	if len(c.args) != 1 || c.args[0] != "rotate" {
		return errUsage
	}
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	vault, err := coffre.StartRotation(cfg.Data, cfg.CoffreKey)
	if err != nil {
		return err
	}
	dsn := cfg.Database.Path
	if cfg.Database.Engine == config.Postgres {
		dsn = cfg.Database.URL.Reveal()
	}
	st, err := store.Open(ctx, store.Options{Engine: cfg.Database.Engine, DSN: dsn, Vault: vault, Now: time.Now, App: appVersion(), Log: quiet(c.stderr)})
	if err != nil {
		return err
	}
	defer st.Close()
	probe, err := vault.NewKey("essai")
	if err != nil {
		return err
	}
	n, err := st.RewrapKeys(ctx, probe, vault.Rewrap, operator())
	if err != nil {
		return err
	}
	if err := coffre.FinishRotation(cfg.Data, cfg.CoffreKey); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "Clé maîtresse renouvelée, %d clé(s) reprises, l’ancienne est supprimée.\n"+
		"Sauvegardez de nouveau le fichier de clé. Les agents devront s’identifier de nouveau.\n", n)
	return err
}
