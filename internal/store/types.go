package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"relais/internal/journal"
)

// instantLayout is fixed-width, so that text order is time order in SQLite.
const instantLayout = "2006-01-02T15:04:05.000000Z"

// instant is a time as both engines keep it: UTC, microseconds. The zero time
// is NULL.
type instant time.Time

func (i instant) time() time.Time { return time.Time(i) }

// Value implements driver.Valuer.
func (i instant) Value() (driver.Value, error) {
	t := time.Time(i)
	if t.IsZero() {
		return nil, nil
	}
	return t.UTC().Truncate(time.Microsecond).Format(instantLayout), nil
}

// Scan implements sql.Scanner.
func (i *instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = instant{}
		return nil
	case time.Time:
		*i = instant(v.UTC())
		return nil
	case []byte:
		return i.Scan(string(v))
	case string:
		if t, ok := journal.ScanTime(v); ok { // ten times as fast
			*i = instant(t)
			return nil
		}
		t, err := time.Parse(instantLayout, v)
		if err != nil {
			return fmt.Errorf("instant: %w", err)
		}
		*i = instant(t)
		return nil
	}
	return fmt.Errorf("instant: %T", src)
}

// text is a string whose empty value is NULL.
type text string

// Value implements driver.Valuer.
func (t text) Value() (driver.Value, error) {
	if t == "" {
		return nil, nil
	}
	return string(t), nil
}

// Scan implements sql.Scanner.
func (t *text) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case []byte:
		*t = text(v)
	default:
		return fmt.Errorf("texte: %T", src)
	}
	return nil
}

// count is a number that reads NULL as 0.
type count int64

// Scan implements sql.Scanner.
func (c *count) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c = 0
	case int64:
		*c = count(v)
	default:
		return fmt.Errorf("nombre: %T", src)
	}
	return nil
}

// index is the index of an entry that may be missing: 0 is NULL. No entry that
// another one names this way is the journal's first.
type index int64

// Value implements driver.Valuer.
func (i index) Value() (driver.Value, error) {
	if i == 0 {
		return nil, nil
	}
	return int64(i), nil
}

// Scan implements sql.Scanner.
func (i *index) Scan(src any) error { return (*count)(i).Scan(src) }

// list is a slice kept as JSON text, in order.
type list[T any] []T

// Value implements driver.Valuer.
func (l list[T]) Value() (driver.Value, error) {
	if len(l) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal([]T(l))
	return string(b), err
}

// Scan implements sql.Scanner.
func (l *list[T]) Scan(src any) error {
	var raw []byte
	switch v := src.(type) {
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("liste: %T", src)
	}
	var out []T
	if err := json.Unmarshal(raw, &out); err != nil {
		return fmt.Errorf("liste: %w", err)
	}
	*l = nil
	if len(out) > 0 {
		*l = out
	}
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
