package identite

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Birthdate is text, never a date type: YYYY-MM-DD, YYYY-MM-00 or YYYY-00-00,
// since some people only know the year or the month of their birth.
type Birthdate string

var birthdatePattern = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)$`)

func (b Birthdate) parts() (y, m, d int, ok bool) {
	p := birthdatePattern.FindStringSubmatch(string(b))
	if p == nil {
		return 0, 0, 0, false
	}
	y, _ = strconv.Atoi(p[1]) // the pattern leaves digits only
	m, _ = strconv.Atoi(p[2])
	d, _ = strconv.Atoi(p[3])
	return y, m, d, true
}

// Check returns an error wrapping [ErrInvalid] for a date that does not exist.
func (b Birthdate) Check() error {
	y, m, d, ok := b.parts()
	bad := fmt.Errorf("%w: birthdate", ErrInvalid)
	if !ok || y < 1850 || m > 12 || (m == 0 && d != 0) {
		return bad
	}
	if m == 0 || d == 0 {
		return nil
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d || int(t.Month()) != m {
		return bad
	}
	return nil
}

// Latest is the latest day that a partial date can mean: the day that decides
// where an age is a condition. The zero time for a date that is no date.
func (b Birthdate) Latest() time.Time {
	y, m, d, ok := b.parts()
	if !ok {
		return time.Time{}
	}
	if m == 0 {
		return time.Date(y, time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	if d == 0 {
		return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
}

// Adult tells whether the person is surely 18 on the calendar day of on. Someone
// born on 29 February comes of age on 1 March of a common year.
func (b Birthdate) Adult(on time.Time) bool {
	born := b.Latest()
	if born.IsZero() {
		return false
	}
	day := time.Date(on.Year(), on.Month(), on.Day(), 0, 0, 0, 0, time.UTC)
	return !day.Before(born.AddDate(18, 0, 0))
}
