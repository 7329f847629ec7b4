package store

import (
	"context"
	"time"
)

// Hinder lets a test refuse statements and commits of writes; nil lets all pass.
// No write may be under way.
func (s *Store) Hinder(f func() error) { s.hinder = f }

// CountDue counts the usagers to erase, listed batch by batch.
func (s *Store) CountDue(ctx context.Context, past time.Time, batch int) (int64, error) {
	return s.eachDue(ctx, instant(past), batch, func(string) (bool, error) { return true, nil })
}
