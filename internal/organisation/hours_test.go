package organisation_test

import (
	"errors"
	"testing"

	"relais/internal/organisation"
)

func TestParseHours(t *testing.T) {
	for _, good := range []string{"", "lu-ve 08:30-12:00; lu-ve 13:30-18:00; sa 09:00-12:00", "di 00:00-24:00", " lu 09:00-10:00 "} {
		if _, err := organisation.ParseHours(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"lundi 8h-12h", "ve-lu 08:00-12:00", "lu 12:00-12:00", "lu 22:00-06:00", "lu 08:00-24:01", "lu 08:60-12:00", "lu 29:00-30:00", ";", "lu 08:00-12:00;"} {
		if _, err := organisation.ParseHours(bad); !errors.Is(err, organisation.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
