package aidant_test

import (
	"testing"
	"time"

	"relais/internal/aidant"
)

func TestRecent(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{
		0: true, 5 * time.Minute: true, 5*time.Minute + time.Microsecond: false, time.Hour: false,
		-time.Minute: true, -time.Minute - time.Microsecond: false, -24 * time.Hour: false, // clocks differ; a clock was set back
	} {
		if got := (aidant.Session{AuthAt: now.Add(-age)}).Recent(now, 5*time.Minute); got != want {
			t.Errorf("%v ago: %t", age, got)
		}
	}
	if (aidant.Session{}).Recent(now, 1<<62) {
		t.Error("nobody knows when, and it is recent")
	}
}
