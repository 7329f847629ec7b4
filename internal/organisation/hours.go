package organisation

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UsualHours are the opening hours of a structure that gave none.
const UsualHours = "lu-ve 07:00-20:00"

// Hours is when a structure is open, in its own time zone. Public holidays are
// not known. The zero Hours is never open.
type Hours struct{ spans []span }

// span is one opening of one day, in minutes from midnight: from included, to
// excluded.
type span struct {
	day      time.Weekday
	from, to int
}

// week lists the days as they are written, from Monday on.
var week = [...]struct {
	day        time.Weekday
	code, name string
}{
	{time.Monday, "lu", "lundi"}, {time.Tuesday, "ma", "mardi"}, {time.Wednesday, "me", "mercredi"}, {time.Thursday, "je", "jeudi"},
	{time.Friday, "ve", "vendredi"}, {time.Saturday, "sa", "samedi"}, {time.Sunday, "di", "dimanche"},
}

var hoursPattern = regexp.MustCompile(`^(lu|ma|me|je|ve|sa|di)(?:-(lu|ma|me|je|ve|sa|di))? ([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])$`)

// ParseHours reads "lu-ve 08:30-12:00; lu-ve 13:30-18:00; sa 09:00-12:00": days
// of the week in order, hours that do not pass midnight (24:00 ends a day). An
// empty text is [UsualHours]; the error wraps [ErrInvalid].
func ParseHours(s string) (Hours, error) {
	if s == "" {
		s = UsualHours
	}
	var h Hours
	for _, part := range strings.Split(s, ";") {
		m := hoursPattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return Hours{}, fmt.Errorf("%w: opening illisible", ErrInvalid)
		}
		first, last := weekday(m[1]), weekday(m[2])
		if m[2] == "" {
			last = first
		}
		from, to := minutes(m[3], m[4]), minutes(m[5], m[6])
		if last < first || from >= to || to > 24*60 {
			return Hours{}, fmt.Errorf("%w: opening illisible", ErrInvalid)
		}
		for i := first; i <= last; i++ {
			h.spans = append(h.spans, span{week[i].day, from, to})
		}
	}
	return h, nil
}

func weekday(code string) int {
	for i, d := range week {
		if d.code == code {
			return i
		}
	}
	return -1
}

// minutes reads digits that the pattern has let through.
func minutes(hour, minute string) int {
	h, _ := strconv.Atoi(hour)
	m, _ := strconv.Atoi(minute)
	return 60*h + m
}

// Open tells whether the structure is open at a time, given in its zone: what
// its clock shows counts, also on the days when that clock changes.
func (h Hours) Open(local time.Time) bool {
	now := 60*local.Hour() + local.Minute()
	return slices.ContainsFunc(h.spans, func(s span) bool {
		return s.day == local.Weekday() && s.from <= now && now < s.to
	})
}

// OpeningHours is when the structure is open: the hours it gave, else
// [UsualHours].
func (o Organisation) OpeningHours() Hours {
	h, err := ParseHours(o.Opening)
	if err != nil {
		h, _ = ParseHours("") // a row that was altered: the usual hours, not a signal at every use
	}
	return h
}
