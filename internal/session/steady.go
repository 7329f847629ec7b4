package session

import "time"

// stepTolerance is how far the clock may step back unremarked.
const stepTolerance = 5 * time.Second

// steady is now, unless now was set back since the start: then the start and what
// has passed since by the machine's own counter, which nobody sets. passed is
// that counter.
func steady(now func() time.Time, passed func() time.Duration) func() time.Time {
	start := now()
	return func() time.Time {
		said, counted := now(), start.Add(passed())
		if counted.Sub(said) > stepTolerance {
			return counted
		}
		return said
	}
}
