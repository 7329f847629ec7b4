package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relais/internal/journal"
)

const (
	lagAlarm  = 10 * time.Second // until the log says that numbers do not come
	lagRepeat = time.Minute      // until it says so again
)

// sequences are the sequencer's statements. Columns are named with their table
// wherever they order: an output named xid would be text, and 9999 stand after
// 10000.
func (q *queries) sequences() {
	const (
		after   = "(j.xid, j.id) > (h.cur_xid::xid8, h.cur_id) AND j.id > h.cur_floor"
		horizon = "j.xid < pg_snapshot_xmin(pg_current_snapshot())"
		head    = "SELECT size, root, edge, cur_xid AS x, cur_id AS id, cur_floor FROM journal_head WHERE one = 1"
		number  = `, n AS (SELECT CAST(? AS bigint) + row_number() OVER (ORDER BY b.place) - 1 AS idx, b.id, b.xid, b.leaf FROM b),
			i AS (INSERT INTO journal_leaf (idx, entry_id, h) SELECT n.idx, n.id, n.leaf FROM n)
			SELECT n.idx, n.id, n.xid::text AS x, n.leaf FROM n ORDER BY n.idx`
	)
	q.sequenceDue = "SELECT EXISTS (SELECT 1 FROM journal_head h, journal j WHERE h.one = 1 AND " + after + " AND " + horizon + ")"
	q.sequenceHead = head + " AND pg_try_advisory_xact_lock(82, 2) FOR UPDATE"
	q.sequence = `WITH b AS (SELECT j.id, j.xid, j.leaf, row_number() OVER (ORDER BY j.xid, j.id) AS place FROM journal j
		WHERE (j.xid, j.id) > (CAST(CAST(? AS text) AS xid8), CAST(? AS bigint)) AND j.id > ? AND ` + horizon + ` ORDER BY j.xid, j.id LIMIT ?)` + number
	q.sequenceMove = "UPDATE journal_head SET size = ?, root = ?, edge = ?, cur_xid = ?, cur_id = ?, cur_floor = ? WHERE one = 1 AND size = ?"
	q.sequenceCursor = "SELECT cur_xid AS x, cur_id AS id FROM journal_head WHERE one = 1"
	q.sequenceArrive = `SELECT coalesce(h.cluster_id, '') = c.system_identifier::text AND h.cur_xid::xid8 < pg_snapshot_xmax(pg_current_snapshot())
		FROM journal_head h, pg_control_system() c WHERE h.one = 1`
	q.sequenceHeadWait = head + " AND pg_advisory_xact_lock(82, 2)::text = '' FOR UPDATE"
	q.sequenceRest = `WITH b AS (SELECT j.id, j.xid, j.leaf, j.id AS place FROM journal j
		WHERE NOT EXISTS (SELECT 1 FROM journal_leaf l WHERE l.entry_id = j.id) ORDER BY j.id LIMIT ?)` + number
	q.sequenceRebase = `UPDATE journal_head SET cur_xid = pg_current_xact_id()::text, cur_id = 0, cur_floor = (SELECT coalesce(max(id), -1) FROM journal),
		cluster_id = (SELECT system_identifier::text FROM pg_control_system()) WHERE one = 1`
	q.sequenceLag = "SELECT count(*) AS entries, min(j.ts) AS oldest FROM journal_head h, journal j WHERE h.one = 1 AND " + after
	q.sequenceOldest = `SELECT coalesce((SELECT 'processus ' || pid || ', base ' || coalesce(datname, '?') || ', ouverte depuis ' || date_trunc('second', clock_timestamp() - xact_start)
		FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1),
		(SELECT 'préparée ' || gid || ', base ' || database FROM pg_prepared_xacts ORDER BY prepared LIMIT 1), '')`
}

// arrive checks, on a new connection, that the cursor means this cluster. A dump
// that was restored elsewhere brings entries whose transaction numbers are the old
// cluster's: the new one's start anywhere. Then all that lacks a number gets one in
// the order of row ids, while nobody writes, and counting goes on from here.
func (q *sequencer) arrive(ctx context.Context) error {
	var same bool
	if err := q.db.GetContext(ctx, &same, string(q.s.q.sequenceArrive)); err != nil {
		return err
	}
	if !same {
		if err := q.rebase(ctx); err != nil {
			return fmt.Errorf("reprise du journal dans une autre instance de PostgreSQL: %w", err)
		}
	}
	q.fresh.Store(false)
	return nil
}

// rebase holds the whole database: nobody who writes has a transaction number yet,
// so every later one is above the cursor that is set here.
func (q *sequencer) rebase(ctx context.Context) error {
	dbtx, err := q.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = dbtx.Rollback() }() // nothing after COMMIT
	if _, err := dbtx.ExecContext(ctx, string(q.s.q.lockAll)); err != nil {
		return err
	}
	numbered := 0
	for {
		head, err := q.lockHead(ctx, dbtx, q.s.q.sequenceHeadWait)
		if err != nil {
			return err
		}
		var rows []leafRow
		if err := dbtx.SelectContext(ctx, &rows, dbtx.Rebind(string(q.s.q.sequenceRest)), sequenceBatch, head.tree.Size); err != nil {
			return err
		}
		numbered += len(rows)
		if err := q.grow(ctx, dbtx, head, rows, head.at); err != nil {
			return err
		}
		if len(rows) < sequenceBatch {
			break
		}
	}
	if _, err := dbtx.ExecContext(ctx, string(q.s.q.sequenceRebase)); err != nil {
		return err
	}
	if err := dbtx.Commit(); err != nil {
		return err
	}
	q.s.log.Info("journal repris dans une autre instance de PostgreSQL", "numérotées", numbered)
	q.rebased()
	return nil
}

// rebased lets go who waits for a number of the other cluster's: it was given.
func (q *sequencer) rebased() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mark, q.cursor = place{}, place{}
	q.era++
	close(q.moved)
	q.moved = make(chan struct{})
}

// alarm tells the log, not too often, that numbers do not come.
type alarm struct {
	since time.Time // that they lack; zero while they come
	told  time.Time
}

// due tells whether to say so now.
func (a *alarm) due(now time.Time, lacks bool, err error) bool {
	if err == nil && !lacks {
		a.since = time.Time{}
		return false
	}
	if a.since.IsZero() {
		a.since = now
	}
	if err == nil && now.Sub(a.since) < lagAlarm || now.Sub(a.told) < lagRepeat {
		return false
	}
	a.told = now
	return true
}

// watch looks at how the last round went.
func (q *sequencer) watch(ctx context.Context, err error) {
	if code := sqlState(err); ctx.Err() != nil || code == "42P01" || code == "42703" {
		return // at the end, or before the first migration
	}
	now := time.Now()
	if !q.alarm.due(now, q.lacks(), err) {
		return
	}
	if err != nil {
		q.s.log.Error("numérotation du journal", "err", err)
		return
	}
	var oldest string
	_ = q.db.GetContext(ctx, &oldest, string(q.s.q.sequenceOldest)) // the alarm stands without it
	q.s.log.Error("numérotation du journal arrêtée : une transaction reste ouverte", "depuis", now.Sub(q.alarm.since).Round(time.Second).String(), "transaction", oldest)
}

// Lag tells how many entries are committed and have no number yet, and how old the
// first of them is. On SQLite that is always none.
func (s *Store) Lag(ctx context.Context) (journal.Lag, error) {
	if _, sequenced := s.engine.(*postgres); !sequenced {
		return journal.Lag{}, nil
	}
	row, err := one[struct {
		Entries int64
		Oldest  instant
	}](ctx, s, s.q.sequenceLag)
	if err != nil || row.Entries == 0 {
		return journal.Lag{}, err
	}
	return journal.Lag{Entries: row.Entries, Age: max(0, s.moment().Sub(row.Oldest.time()))}, nil
}
