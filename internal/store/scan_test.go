package store

import (
	"database/sql/driver"
	"reflect"
	"testing"
	"time"
)

// TestFill: one row of every kind of column, into embedded and tagged rows.
func TestFill(t *testing.T) {
	type part struct {
		ID   string `db:"id"`
		When instant
		Why  text `db:"why"`
	}
	type whole struct {
		part
		P     part    `db:"p"`
		N     int64   `db:"n"`
		Small int     `db:"small"`
		On    bool    `db:"on"`
		Maybe *int64  `db:"maybe"`
		None  *string `db:"none"`
		Raw   []byte  `db:"raw"`
	}
	columns := []string{"id", "when", "p.id", "p.why", "n", "small", "on", "maybe", "none", "raw"}
	p, err := planFor(reflect.TypeFor[whole](), columns)
	if err != nil {
		t.Fatal(err)
	}
	var got whole
	err = p.fill(reflect.ValueOf(&got).Elem(), []driver.Value{"a", "2026-11-22T08:00:00.000001Z", "b", nil, int64(7), int64(8), int64(1), int64(9), nil, "octets"})
	nine := int64(9)
	want := whole{part: part{ID: "a", When: instant(time.Date(2026, 11, 22, 8, 0, 0, 1000, time.UTC))}, P: part{ID: "b"},
		N: 7, Small: 8, On: true, Maybe: &nine, Raw: []byte("octets")}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for name, bad := range map[string]driver.Value{"text as number": "7", "number too large": int64(1) << 40, "nothing as number": nil, "float": 1.5} {
		var n int32
		if err := assign(&n, bad); err == nil {
			t.Errorf("%s: taken as %d", name, n)
		}
	}
	if _, err := planFor(reflect.TypeFor[whole](), []string{"id", "unknown"}); err == nil {
		t.Error("a column without a field")
	}
	if _, err := planFor(reflect.TypeFor[int64](), []string{"a", "b"}); err == nil {
		t.Error("two columns into a number")
	}
}
