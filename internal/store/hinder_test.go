package store

// Hinder lets a test refuse statements and commits of writes; nil lets all pass.
// No write may be under way.
func (s *Store) Hinder(f func() error) { s.hinder = f }
