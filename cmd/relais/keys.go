package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/provider"
	"relais/internal/store"
)

// keysEvery is how often an instance reads the signing keys again. shortestWait is
// the least that the operator may ask for between publication and first signature,
// and between last signature and retirement: whatever the moment, each instance has
// read the keys once by then, and has had as long again to try once more.
const (
	keysEvery    = 5 * time.Second
	shortestWait = 2 * keysEvery
)

// firstKeys makes the provider's signing keys where there are none: those of the
// file of former versions, else new ones. Of instances that start at once the
// first one's are everybody's.
func (h *house) firstKeys(ctx context.Context) error {
	have, err := h.store.ProviderKeys(ctx)
	if err != nil || len(have) > 0 {
		return err
	}
	now := h.now()
	keys, err := provider.ReadKeysFile(h.cfg.Data, now)
	if err != nil {
		return err
	}
	file := len(keys) > 0
	if !file {
		if keys, err = provider.NewSigningKeys(now); err != nil {
			return err
		}
	}
	rows, err := sealable(keys)
	if err != nil {
		return err
	}
	if err := h.store.AddProviderKeys(ctx, rows, now, journal.Systeme(), true); err != nil {
		return err
	}
	if !file {
		return nil
	}
	return h.dropKeysFile(ctx, rows)
}

// dropKeysFile removes the clear file once the database holds what was in it.
func (h *house) dropKeysFile(ctx context.Context, rows []store.ProviderKey) error {
	have, err := h.store.ProviderKeys(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if !slices.ContainsFunc(have, func(k store.ProviderKey) bool { return k.KID == r.KID }) {
			h.log.Warn("keys of the provider: another instance's are in use, the file here is not", "file", provider.KeysFile)
			return nil
		}
	}
	return os.Remove(filepath.Join(h.cfg.Data, provider.KeysFile))
}

// refreshKeys reads the signing keys as they are now.
func (h *house) refreshKeys(ctx context.Context) error {
	rows, err := h.store.ProviderKeys(ctx)
	if err != nil {
		return err
	}
	list := make([]provider.SigningKey, 0, len(rows))
	for _, r := range rows {
		k, err := provider.ParseSigningKey(r.Private, r.SignsAt, r.RetiresAt)
		if err != nil {
			return err
		}
		list = append(list, k)
	}
	keys, err := provider.NewKeys(list)
	if err != nil {
		return err
	}
	h.provider.SetKeys(keys)
	return nil
}

// followKeys keeps up with rotations. A round that fails changes nothing.
func (h *house) followKeys(ctx context.Context) {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.refreshKeys(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("keys of the provider", "error", err)
			}
		}
	}
}

func sealable(keys []provider.SigningKey) ([]store.ProviderKey, error) {
	var rows []store.ProviderKey
	for _, k := range keys {
		private, err := k.Private()
		if err != nil {
			return nil, err
		}
		rows = append(rows, store.ProviderKey{KID: k.KeyID(), Alg: k.Algorithm(), Private: private, SignsAt: k.SignsAt, RetiresAt: k.RetiresAt})
	}
	return rows, nil
}

// calendar is what the operator asks a rotation to wait for.
type calendar struct {
	immediate  bool
	wait, keep time.Duration
}

// flags declares them under the names of the command line.
func (r *calendar) flags(fs *flag.FlagSet) {
	fs.BoolVar(&r.immediate, "immediat", false, "")
	fs.DurationVar(&r.wait, "attente", provider.PublishBefore, "")
	fs.DurationVar(&r.keep, "garde", provider.KeepAfter, "")
}

// check refuses a calendar that instances could not follow.
func (r *calendar) check() error {
	if r.wait < shortestWait || r.keep < shortestWait {
		return fmt.Errorf("--attente et --garde : au moins %v, le temps que toutes les instances lisent les clés", shortestWait)
	}
	return nil
}

// keysVerb lists the provider's signing keys, or puts new ones in their place
// while all instances go on.
func keysVerb(ctx context.Context, c call) error {
	if len(c.args) == 2 && c.args[0] == "chiffrement" {
		return makeEncryptionKeys(c, c.args[1])
	}
	if len(c.args) == 0 || (c.args[0] != "rotate" && c.args[0] != "list") {
		return errUsage
	}
	var when calendar
	words, err := flags(c.args[1:], when.flags)
	if err != nil || len(words) > 0 || (len(c.args) > 1 && (c.args[0] == "list" || when.immediate && len(c.args) > 2)) {
		return errUsage
	}
	if err := when.check(); err != nil {
		return err
	}
	cfg, err := config.LoadStorage(c.environ)
	if err != nil {
		return err
	}
	st, _, err := openStore(ctx, cfg, quiet(c.stderr), false)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.args[0] == "rotate" {
		if err := rotateKeys(ctx, st, time.Now(), when); err != nil {
			return err
		}
	}
	return listKeys(ctx, c, st)
}

func rotateKeys(ctx context.Context, st *store.Store, now time.Time, when calendar) error {
	have, err := st.ProviderKeys(ctx)
	if err != nil {
		return err
	}
	signs, retire := now.Add(when.wait), now.Add(when.wait+when.keep)
	if when.immediate || len(have) == 0 { // without any, waiting would only leave nothing to sign with
		signs, retire = now, now
	}
	keys, err := provider.NewSigningKeys(signs)
	if err != nil {
		return err
	}
	rows, err := sealable(keys)
	if err != nil {
		return err
	}
	err = st.AddProviderKeys(ctx, rows, retire, operator(), false)
	if errors.Is(err, store.ErrRotating) {
		return fmt.Errorf("%w : attendez que la nouvelle clé signe", err)
	}
	return err
}

func listKeys(ctx context.Context, c call, st *store.Store) error {
	keys, err := st.ProviderKeys(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, k := range keys {
		state := "signe ou a signé"
		switch {
		case !k.RetiresAt.IsZero() && !now.Before(k.RetiresAt):
			state = "retirée"
		case now.Before(k.SignsAt):
			state = "publiée, signera à " + k.SignsAt.Local().Format("15:04:05")
		case !k.RetiresAt.IsZero():
			state = "publiée jusqu’au " + k.RetiresAt.Local().Format("02/01/2006 15:04")
		}
		if _, err := fmt.Fprintf(c.stdout, "%s  %s  %s\n", k.KID, k.Alg, state); err != nil {
			return err
		}
	}
	return nil
}
