package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"relais/internal/journal"
)

// ofProvider is the vault's subject of the provider's signing keys.
const ofProvider = "fournisseur"

// ErrRotating is returned by AddProviderKeys while the last rotation is under way.
var ErrRotating = errors.New("une rotation est en cours")

// ProviderKey is one signing key of the provider. Private is its private JWK,
// which stands sealed in the database.
type ProviderKey struct {
	KID, Alg  string
	Private   []byte
	SignsAt   time.Time
	RetiresAt time.Time // zero while no newer key follows
}

// String prints the public name only, as the next two do.
func (k ProviderKey) String() string { return k.KID }

// GoString is for %#v.
func (k ProviderKey) GoString() string { return k.KID }

// LogValue is for slog, whose JSON would show every field.
func (k ProviderKey) LogValue() slog.Value { return slog.StringValue(k.KID) }

type providerKeyRow struct {
	KID       string  `db:"kid"`
	Alg       string  `db:"alg"`
	Sealed    []byte  `db:"sealed"`
	SignsAt   instant `db:"signs_at"`
	RetiresAt instant `db:"retires_at"`
	JournalID int64   `db:"journal_id"`
}

func (q *queries) cles() {
	q.signingKeys = query("SELECT " + plain(providerKeyRow{}) + " FROM cle_fournisseur ORDER BY signs_at, kid")
	q.signingInsert = insertInto("cle_fournisseur", providerKeyRow{})
	q.signingRetire = "UPDATE cle_fournisseur SET retires_at = ? WHERE retires_at IS NULL OR retires_at > ?"
	q.signingForget = "DELETE FROM cle_fournisseur WHERE retires_at < ?"
}

// ProviderKeys reads all signing keys, oldest first.
func (s *Store) ProviderKeys(ctx context.Context) ([]ProviderKey, error) {
	rows, err := many[providerKeyRow](ctx, s, s.q.signingKeys)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	wrapped, err := one[[]byte](ctx, s, s.q.keyByName, ofProvider)
	if err != nil {
		return nil, fmt.Errorf("clé du coffre %s: %w", ofProvider, err)
	}
	var out []ProviderKey
	for _, r := range rows {
		private, err := s.vault.Reveal(wrapped, ofProvider, "cle_fournisseur."+r.KID, r.Sealed)
		if err != nil {
			return nil, fmt.Errorf("clé du fournisseur %s: %w", r.KID, err)
		}
		out = append(out, ProviderKey{r.KID, r.Alg, private, r.SignsAt.time(), r.RetiresAt.time()})
	}
	return out, nil
}

// AddProviderKeys writes new signing keys and lets all others retire at a moment,
// with the entry of it. first writes only where there are none yet, and leaves
// everything as it is otherwise. ErrRotating when a key
// waits for its time to sign and the new ones are to wait too.
func (s *Store) AddProviderKeys(ctx context.Context, keys []ProviderKey, others time.Time, by journal.Actor, first bool) error {
	return s.write(ctx, func(t *tx) error {
		var rows []providerKeyRow
		if err := t.list(&rows, s.q.signingKeys); err != nil {
			return err
		}
		if first && len(rows) > 0 {
			return nil
		}
		waits := func(r providerKeyRow) bool { return r.SignsAt.time().After(t.now) }
		if slices.ContainsFunc(rows, waits) && keys[0].SignsAt.After(t.now) {
			return ErrRotating
		}
		entry, err := t.append(journal.ProviderRotated(by, keys[0].KID, len(keys), len(rows)))
		if err != nil {
			return err
		}
		if _, err := t.exec(s.q.signingRetire, instant(others), instant(others)); err != nil {
			return err
		}
		return t.insertProviderKeys(keys, entry)
	})
}

func (t *tx) insertProviderKeys(keys []ProviderKey, entry int64) error {
	wrapped, err := t.s.vault.NewKey(ofProvider)
	if err != nil {
		return err
	}
	if _, err := t.exec(t.s.q.keyOnce, ofProvider, wrapped); err != nil {
		return err
	}
	if err := t.get(&wrapped, t.s.q.keyByName, ofProvider); err != nil { // the one that was there, if one was
		return err
	}
	for _, k := range keys {
		sealed, err := t.s.vault.Seal(wrapped, ofProvider, "cle_fournisseur."+k.KID, k.Private)
		if err != nil {
			return err
		}
		row := providerKeyRow{k.KID, k.Alg, sealed, instant(k.SignsAt), instant(k.RetiresAt), entry}
		if _, err := t.exec(t.s.q.signingInsert, args(row)...); err != nil {
			return err
		}
	}
	return nil
}
