package store

import "context"

// factors counts what an agent has enrolled.
func (t *tx) factors(string) (int, error) { return 0, nil }

func (s *Store) factorsOf(context.Context, string) (int, error) { return 0, nil }

func (t *tx) removeFactors(string, int64) error { return nil }
