package store

import "context"

// factors counts what an agent has enrolled.
func (t *tx) factors(aidantID string) (n int, err error) {
	err = t.get(&n, t.s.q.factorCount, aidantID, aidantID)
	return n, err
}

func (s *Store) factorsOf(ctx context.Context, aidantID string) (int, error) {
	return one[int](ctx, s, s.q.factorCount, aidantID, aidantID)
}

// removeFactors takes everything from an agent whose factors are reset; entry is
// the reset's.
func (t *tx) removeFactors(aidantID string, entry int64) error {
	for _, q := range []query{t.s.q.passkeyDeleteOf, t.s.q.totpDelete, t.s.q.recoveryDelete} {
		if _, err := t.exec(q, aidantID); err != nil {
			return err
		}
	}
	return t.noticed(aidantID, "reinitialisation", entry)
}
