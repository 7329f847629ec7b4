package store

// Posting lists are read newest first, in parts: small ones where a list is
// leapt through for another one's sake, larger and larger ones where it is walked.
const (
	leapPart = 4
	walkPart = 256
)

// criterion is one thing that an entry must have.
type criterion interface {
	// seek is the newest index at or below high; ok is false when there is none. high
	// never rises from one call to the next.
	seek(high int64) (idx int64, ok bool, err error)
}

// postings is one posting list.
type postings struct {
	read  func(high int64, n int) ([]int64, error) // at most n at or below high, newest first
	part  []int64                                  // what was read and not passed yet
	begun bool
	below int64 // once begun: everything above it was read
	size  int   // of the last part; before the first one, what to read first
	leapt bool  // some of the part was passed unseen
	ended bool  // there is nothing below
}

// seek implements criterion.
func (p *postings) seek(high int64) (int64, bool, error) {
	seen := true // the first was given out before
	for len(p.part) > 0 && p.part[0] > high {
		p.part, p.leapt, seen = p.part[1:], p.leapt || !seen, false
	}
	if len(p.part) == 0 && !p.ended {
		if err := p.next(high); err != nil {
			return 0, false, err
		}
	}
	if len(p.part) == 0 {
		return 0, false, nil
	}
	return p.part[0], true, nil
}

func (p *postings) next(high int64) error {
	switch {
	case p.leapt || p.size == 0:
		p.size = leapPart
	case p.begun:
		high, p.size = min(high, p.below), min(4*p.size, walkPart)
	}
	part, err := p.read(high, p.size)
	if err != nil {
		return err
	}
	p.part, p.ended, p.begun, p.leapt = part, len(part) < p.size, true, false
	if len(part) > 0 {
		p.below = part[len(part)-1] - 1
	}
	return nil
}

// anyOf is met by what stands in one list or another: the references of one
// agent, of which each month has its own.
type anyOf []*postings

// seek implements criterion.
func (a anyOf) seek(high int64) (idx int64, ok bool, err error) {
	for _, p := range a {
		i, found, err := p.seek(high)
		if err != nil {
			return 0, false, err
		}
		if found && (!ok || i > idx) {
			idx, ok = i, true
		}
	}
	return idx, ok, nil
}

// newest leaps from list to list until all agree. It returns the newest index at
// or below high that meets all criteria; ok is false when none is left. When
// stop says so it gives up: what lies above the index it returns is decided.
func newest(all []criterion, high int64, stop func() bool) (idx int64, ok bool, err error) {
	for agreed, i := 0, 0; agreed < len(all); i++ {
		if stop() {
			return high, false, nil
		}
		at, found, err := all[i%len(all)].seek(high)
		if err != nil || !found {
			return -1, false, err
		}
		if at < high {
			high, agreed = at, 0
		}
		agreed++
	}
	return high, true, nil
}
