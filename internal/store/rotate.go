package store

import (
	"context"
	"errors"

	"relais/internal/journal"
)

// wrapPrefix is how many first bytes of a wrapped key tell its master key (the
// output prefix of Tink: a version and the key's id).
const wrapPrefix = 5

// RewrapKeys gives every wrapped key to rewrap and saves what it returns, in one
// transaction with its entry. Afterwards an instance that still wraps with the
// old master key is refused. probe is any key freshly wrapped by the new one.
func (s *Store) RewrapKeys(ctx context.Context, probe []byte, rewrap func(subject string, wrapped []byte) ([]byte, error), by journal.Actor) (int, error) {
	if len(probe) < wrapPrefix {
		return 0, errors.New("clé d’essai trop courte")
	}
	count := 0
	err := s.write(ctx, func(t *tx) error {
		var rows []struct {
			Subject string `db:"subject"`
			Wrapped []byte `db:"wrapped"`
		}
		if err := t.list(&rows, s.q.keyList); err != nil {
			return err
		}
		for _, r := range rows {
			again, err := rewrap(r.Subject, r.Wrapped)
			if err != nil {
				return err
			}
			if err := t.must(errors.New("clé disparue"), s.q.keyRewrap, again, r.Subject); err != nil {
				return err
			}
		}
		if _, err := t.exec(s.q.masterForget); err != nil {
			return err
		}
		if _, err := t.exec(s.q.masterName, probe[:wrapPrefix]); err != nil {
			return err
		}
		count = len(rows)
		_, err := t.append(journal.Rotated(by, count))
		return err
	})
	if err != nil {
		return 0, err
	}
	return count, s.engine.scrub(ctx, s)
}
