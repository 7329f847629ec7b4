package scellement

// Hinder lets a test refuse a step of the writing of a file; nil lets all pass.
func (s *Sealer) Hinder(f func(step string) error) { s.hinder = f }
