package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"relais/internal/delegation"
)

func (q *queries) fournisseur() {
	q.proofInsert = "INSERT INTO preuve_vue (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
	q.proofForget = "DELETE FROM preuve_vue WHERE expires_at < ?"
	q.pushedInsert = "INSERT INTO demande_poussee (id, client_id, request, expires_at) VALUES (?, ?, ?, ?)"
	q.pushedRead = "SELECT request FROM demande_poussee WHERE id = ? AND client_id = ? AND expires_at > ?"
	q.pushedDrop = "DELETE FROM demande_poussee WHERE id = ? AND client_id = ?"
	q.pushedForget = "DELETE FROM demande_poussee WHERE expires_at < ?"
}

// UseOnce remembers a proof until a moment, for all instances. false means that
// it was seen before. Beside others, as what follows: one statement decides.
func (s *Store) UseOnce(ctx context.Context, key string, until time.Time) (bool, error) {
	var n int64
	err := s.beside(ctx, streams(), func(t *tx) (err error) {
		n, err = t.exec(s.q.proofInsert, delegation.Hash(key), instant(until))
		return err
	})
	return n == 1, err
}

// Push keeps a pushed authorization request, sealed, under the hash of its name.
func (s *Store) Push(ctx context.Context, name, clientID, sealed string, until time.Time) error {
	return s.beside(ctx, streams(), func(t *tx) error {
		_, err := t.exec(s.q.pushedInsert, delegation.Hash(name), clientID, sealed, instant(until))
		return err
	})
}

// Pushed reads a pushed request, for its client only; "" when there is none, or no
// more.
func (s *Store) Pushed(ctx context.Context, name, clientID string) (string, error) {
	sealed, err := one[string](ctx, s, s.q.pushedRead, delegation.Hash(name), clientID, instant(s.now()))
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return sealed, err
}

// DropPushed forgets a pushed request that was answered.
func (s *Store) DropPushed(ctx context.Context, name, clientID string) error {
	return s.beside(ctx, streams(), func(t *tx) error {
		_, err := t.exec(s.q.pushedDrop, delegation.Hash(name), clientID)
		return err
	})
}

// sweepProvider forgets what no request can ask for any more.
func (t *tx) sweepProvider() error {
	for _, q := range []query{t.s.q.proofForget, t.s.q.pushedForget, t.s.q.signingForget} {
		if _, err := t.exec(q, instant(t.now)); err != nil {
			return err
		}
	}
	return nil
}
