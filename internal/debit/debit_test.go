package debit_test

import (
	"testing"
	"time"

	"relais/internal/debit"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// count takes n at once and returns how many found room.
func count(l debit.Limit, mark *time.Time, now time.Time, n int) (room int) {
	for range n {
		if l.Closed(*mark).After(now) {
			continue
		}
		*mark, _ = l.Take(*mark, now)
		room++
	}
	return room
}

func TestBurstThenPace(t *testing.T) {
	l := debit.Limit{Burst: 5, Every: time.Second}
	var mark time.Time
	if room := count(l, &mark, noon, 100); room != 5 {
		t.Errorf("%d at once, want 5", room)
	}
	if room := count(l, &mark, noon.Add(time.Second), 100); room != 1 {
		t.Errorf("%d after a second, want 1", room)
	}
	if room := count(l, &mark, noon.Add(time.Second), 100); room != 0 {
		t.Errorf("%d in the same second, want none", room)
	}
	if room := count(l, &mark, noon.Add(time.Hour), 100); room != 5 {
		t.Errorf("%d after an hour, want 5 and no more", room)
	}
}

// TestWaitingEnds: asking again while it is closed does not make it longer.
func TestWaitingEnds(t *testing.T) {
	l := debit.Limit{Burst: 2, Every: 10 * time.Second}
	mark, closed := l.Take(time.Time{}, noon)
	if closed.After(noon) {
		t.Fatalf("closed until %v after one", closed)
	}
	mark, closed = l.Take(mark, noon)
	if want := noon.Add(10 * time.Second); !closed.Equal(want) {
		t.Fatalf("closed until %v, want %v", closed, want)
	}
	for range 50 {
		if mark, closed = l.Take(mark, noon.Add(time.Second)); !closed.Equal(noon.Add(10 * time.Second)) {
			t.Fatalf("asking again moved the end to %v", closed)
		}
	}
	if _, closed = l.Take(mark, noon.Add(10*time.Second)); closed.Sub(noon) != 20*time.Second {
		t.Errorf("one more then closes until %v", closed.Sub(noon))
	}
}

func TestRules(t *testing.T) {
	for _, r := range []debit.Rule{debit.Refusal, debit.Entry, debit.Machine, debit.Question} {
		if l := r.Limit(); l.Burst < 10 || l.Every <= 0 {
			t.Errorf("%s: %+v", r, l)
		}
	}
}
