package store

import (
	"errors"
	"net"
	"testing"
	"time"

	"relais/internal/testkit/pgtest"
)

// TestPatience: a write whose server does not answer ends when its time is up, is
// not kept, and leaves nothing on the connections that others take after it.
func TestPatience(t *testing.T) {
	s := openAt(t, PostgreSQL, pgtest.DSN(t))
	p := s.engine.(*postgres)
	p.limit = 300 * time.Millisecond
	started := time.Now()
	err := s.write(t.Context(), func(t *tx) error {
		if _, err := t.exec("CREATE TABLE patience (x BIGINT)"); err != nil {
			return err
		}
		_, err := t.exec("SELECT pg_sleep(5)")
		return err
	})
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() || time.Since(started) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(started), err)
	}
	time.Sleep(p.limit) // past what a deadline left behind would say
	for range 2 * postgresWriters {
		if err := s.write(t.Context(), func(t *tx) error { _, err := t.exec("SELECT 1"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.write(t.Context(), func(t *tx) error { _, err := t.exec("CREATE TABLE patience (x BIGINT)"); return err }); err != nil {
		t.Errorf("what was given up is there: %v", err)
	}
}
