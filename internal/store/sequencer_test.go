package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"relais/internal/aidant"
	"relais/internal/testkit/pgtest"
)

func note(t testing.TB, s *Store, name string) {
	t.Helper()
	if err := s.Append(context.Background(), aidant.LoginFailed(name)); err != nil {
		t.Fatal(err)
	}
}

func rawValue(t testing.TB, dsn, q string) string {
	t.Helper()
	out, err := pgtest.Exec(dsn, q)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// numberedAll expects that what is committed, what has a number and what the head
// says are one and the same, and that the whole verifies.
func numberedAll(t testing.TB, s *Store) int64 {
	t.Helper()
	ctx := context.Background()
	if err := s.engine.settled(ctx, numberWait); err != nil {
		t.Fatal(err)
	}
	var rows, leaves, distinct int64
	err := s.read.db.QueryRow("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM journal_leaf), (SELECT count(DISTINCT entry_id) FROM journal_leaf)").
		Scan(&rows, &leaves, &distinct)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.VerifyJournal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if rows != head.Size || leaves != head.Size || distinct != head.Size {
		t.Errorf("%d entries, %d leaves of %d entries, head at %d", rows, leaves, distinct, head.Size)
	}
	return head.Size
}

// burn brings the cluster's transaction numbers close below the next power of ten,
// and returns it.
func burn(t testing.TB, dsn string) int64 {
	t.Helper()
	now, err := strconv.ParseInt(rawValue(t, dsn, "SELECT pg_current_xact_id()"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(10)
	for next <= now+40 {
		next *= 10
	}
	spend(t, dsn, next-now-40)
	return next
}

func spend(t testing.TB, dsn string, n int64) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // it only spent numbers
	if _, err := conn.Exec(context.Background(), fmt.Sprintf("DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$", n)); err != nil {
		t.Fatal(err)
	}
}

// TestPowerOfTen crosses 10^n in transaction numbers: sorted as text, 9999 would
// stand after 10000.
func TestPowerOfTen(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openAt(t, PostgreSQL, dsn)
	before := numberedAll(t, s)
	border := burn(t, dsn)
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 25 {
				note(t, s, fmt.Sprint("c", c, "_", i))
			}
		})
	}
	wg.Wait()
	if n := numberedAll(t, s); n != before+200 {
		t.Errorf("%d entries, want %d", n, before+200)
	}
	crossed := rawValue(t, dsn, fmt.Sprintf("SELECT min(xid::text::bigint) < %d AND max(xid::text::bigint) >= %d FROM journal", border, border))
	if crossed != "t" {
		t.Errorf("did not cross %d", border)
	}
	if wrong := rawValue(t, dsn, "SELECT count(*) FROM (SELECT j.xid < lag(j.xid) OVER (ORDER BY l.idx) AS bad FROM journal_leaf l JOIN journal j ON j.id = l.entry_id) o WHERE bad"); wrong != "0" {
		t.Errorf("%s leaves out of the order of transactions", wrong)
	}
}

// held starts a write that has its entry and waits to commit.
func held(t *testing.T, s *Store, name string, outcome error) (release func()) {
	t.Helper()
	written, free, done := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.beside(context.Background(), streams(), func(tx *tx) error {
			defer close(written)
			if _, err := tx.append(aidant.LoginFailed(name)); err != nil {
				return err
			}
			written <- struct{}{}
			<-free
			return outcome
		})
	}()
	<-written
	return func() {
		close(free)
		if err := <-done; !errors.Is(err, outcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLateCommit: A takes its row's id, B takes the next one and commits, A commits
// later. Both get a number, once, in the order of their transactions, and nothing
// is numbered before A is over.
func TestLateCommit(t *testing.T) {
	s := openEmpty(t, PostgreSQL)
	before := numberedAll(t, s)
	release := held(t, s, "a", nil)
	note(t, s, "b")
	time.Sleep(10 * sequencePace)
	lag, err := s.Lag(context.Background())
	if err != nil || lag.Entries != 1 {
		t.Errorf("lag %+v, %v while A is open", lag, err)
	}
	release()
	if n := numberedAll(t, s); n != before+2 {
		t.Errorf("%d entries, want %d", n, before+2)
	}
	if lag, err := s.Lag(context.Background()); err != nil || lag.Entries != 0 {
		t.Errorf("lag %+v, %v after A", lag, err)
	}
}

// TestRollbackGaps: ids that were rolled back leave gaps; numbers have none.
func TestRollbackGaps(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openAt(t, PostgreSQL, dsn)
	before := numberedAll(t, s)
	no := errors.New("non")
	for i := range 5 {
		held(t, s, "parti", no)()
		note(t, s, fmt.Sprint("n", i))
	}
	if n := numberedAll(t, s); n != before+5 {
		t.Errorf("%d entries, want %d", n, before+5)
	}
	if gaps := rawValue(t, dsn, "SELECT max(id) + 1 - count(*) FROM journal"); gaps != "5" {
		t.Errorf("%s gaps in ids, want 5", gaps)
	}
}

// TestLongWriter: a foreign transaction that writes, in another database of the
// server, holds the numbers and skips none; who needs one is told.
func TestLongWriter(t *testing.T) {
	s := openEmpty(t, PostgreSQL)
	before := numberedAll(t, s)
	foreign, err := pgx.Connect(context.Background(), pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close(context.Background()) }() // the test is over
	if _, err := foreign.Exec(context.Background(), "BEGIN; SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		note(t, s, fmt.Sprint("n", i))
	}
	if err := s.engine.settled(context.Background(), 200*time.Millisecond); !errors.Is(err, ErrUnnumbered) {
		t.Errorf("settled = %v", err)
	}
	lag, err := s.Lag(context.Background())
	if err != nil || lag.Entries != 20 || lag.Age <= 0 {
		t.Errorf("lag %+v, %v", lag, err)
	}
	if head, err := s.VerifyJournal(context.Background()); err != nil || head.Size != before {
		t.Errorf("meanwhile %d entries, %v", head.Size, err)
	}
	if _, err := foreign.Exec(context.Background(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if n := numberedAll(t, s); n != before+20 {
		t.Errorf("%d entries, want %d", n, before+20)
	}
}

func TestAlarm(t *testing.T) {
	var a alarm
	start := time.Now()
	for i, c := range []struct {
		after time.Duration
		lacks bool
		err   error
		want  bool
	}{{0, true, nil, false}, {lagAlarm / 2, true, nil, false}, {lagAlarm, true, nil, true}, {lagAlarm + time.Second, true, nil, false},
		{lagAlarm + lagRepeat, true, nil, true}, {lagAlarm + 2*lagRepeat, false, nil, false}, {lagAlarm + 2*lagRepeat + 1, true, nil, false},
		{lagAlarm + 2*lagRepeat + 2, true, ErrFatal, true}} {
		if got := a.due(start.Add(c.after), c.lacks, c.err); got != c.want {
			t.Errorf("%d: due = %v", i, got)
		}
	}
}

// TestElsewhere restores a dump in another cluster, whose transaction numbers start
// low: what had no number gets one, and what is written then follows it, also when
// the new numbers pass those of the old cluster.
func TestElsewhere(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openAt(t, PostgreSQL, dsn)
	for i := range 300 {
		note(t, s, fmt.Sprint("avant", i))
	}
	before := numberedAll(t, s)
	spend(t, dsn, 3000)
	release := held(t, s, "ouverte", errors.New("non"))
	for i := range 10 {
		note(t, s, fmt.Sprint("sans", i))
	}
	there := pgtest.Elsewhere(t, dsn)
	release()
	r := openAt(t, PostgreSQL, there)
	for i := range 10 {
		note(t, r, fmt.Sprint("apres", i))
	}
	if n := numberedAll(t, r); n != before+20 {
		t.Errorf("%d entries, want %d", n, before+20)
	}
	spend(t, there, 6000)
	for i := range 10 {
		note(t, r, fmt.Sprint("ensuite", i))
	}
	if n := numberedAll(t, r); n != before+30 {
		t.Errorf("%d entries, want %d", n, before+30)
	}
	if wrong := order(t, r); wrong != 0 {
		t.Errorf("%d leaves out of the order of rows", wrong)
	}
}

// TestRebaseLetsGo: who waits for a number while another cluster is being taken
// over has it when that is done, whatever transaction numbers are there.
func TestRebaseLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &sequencer{moved: make(chan struct{}), mark: place{xid: 3800, id: 9}}
		waited := make(chan error, 1)
		go func() { waited <- q.settled(t.Context(), numberWait) }()
		synctest.Wait() // it waits for 3800
		q.rebased()
		synctest.Wait()
		select {
		case err := <-waited:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("it still waits")
		}
	})
}

// order counts leaves that stand after one of a later row; rows were written by one
// goroutine.
func order(t *testing.T, s *Store) (wrong int) {
	t.Helper()
	err := s.read.db.Get(&wrong, "SELECT count(*) FROM (SELECT entry_id < lag(entry_id) OVER (ORDER BY idx) AS bad FROM journal_leaf) o WHERE bad")
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}

// TestTwoSequencers: two processes on one database both write and both number; no
// fork, nothing twice, nothing left.
func TestTwoSequencers(t *testing.T) {
	dsn := pgtest.DSN(t)
	stores := []*Store{openAt(t, PostgreSQL, dsn), openAt(t, PostgreSQL, dsn)}
	before := numberedAll(t, stores[0])
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 50 {
				note(t, stores[i%2], fmt.Sprint("c", i, "_", n))
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if err := s.engine.settled(context.Background(), numberWait); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range stores {
		if n := numberedAll(t, s); n != before+800 {
			t.Errorf("%d entries, want %d", n, before+800)
		}
	}
}

// TestSequencerDies: what a process that is gone left without a number, another one
// that runs already gives it.
func TestSequencerDies(t *testing.T) {
	dsn := pgtest.DSN(t)
	s, other := openAt(t, PostgreSQL, dsn), openAt(t, PostgreSQL, dsn)
	before := numberedAll(t, s)
	p := s.engine.(*postgres)
	p.seq.stop()
	<-p.seq.done
	for i := range 20 {
		note(t, s, fmt.Sprint("n", i))
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		head, err := other.Head(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if head.Size == before+20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d entries, want %d", head.Size, before+20)
		}
		time.Sleep(sequencePace)
	}
	p.seq.reached(p.seq.mark) // so that Close does not wait for who is gone
}

// TestStopDrains closes under load: whatever was acknowledged has its number when
// Close returns.
func TestStopDrains(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openAt(t, PostgreSQL, dsn)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				err := s.Append(context.Background(), aidant.LoginFailed(fmt.Sprint("c", i, "_", n)))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := rawValue(t, dsn, "SELECT count(*) FROM journal j WHERE NOT EXISTS (SELECT 1 FROM journal_leaf l WHERE l.entry_id = j.id)")
	if left != "0" {
		t.Errorf("%s entries without a number after Close", left)
	}
	wg.Wait()
}

// TestPassedOver: an entry that the sequencer can never reach is a finding.
func TestPassedOver(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openAt(t, PostgreSQL, dsn)
	note(t, s, "a")
	note(t, s, "b")
	numberedAll(t, s)
	_, err := pgtest.Exec(dsn, `INSERT INTO journal (xid, entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf)
		SELECT '3'::xid8, 'x', ts, actor_type, actor_ref, action, object_type, object_id, '', 0, outcome, body, leaf FROM journal ORDER BY id LIMIT 1`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.VerifyJournal(context.Background()); err == nil {
		t.Error("an entry behind the cursor is not found")
	}
}

// TestOlderProgram: one that still gives ids itself is refused.
func TestOlderProgram(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openAt(t, PostgreSQL, dsn)
	note(t, s, "a")
	numberedAll(t, s)
	_, err := pgtest.Exec(dsn, `INSERT INTO journal (id, entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf)
		SELECT max(id) + 1, 'x', now(), '', '', '', '', '', '', 0, '', ''::bytea, (SELECT leaf FROM journal LIMIT 1) FROM journal`)
	if err == nil {
		t.Error("an explicit id is accepted")
	}
}
