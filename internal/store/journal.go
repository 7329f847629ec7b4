package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"relais/internal/aidant"
	"relais/internal/journal"
)

// entryRow is an entry: its bytes, its leaf, and copies of fields for filters.
type entryRow struct {
	ID         int64   `db:"id"`
	EntryID    string  `db:"entry_id"`
	TS         instant `db:"ts"`
	ActorType  string  `db:"actor_type"`
	ActorRef   string  `db:"actor_ref"`
	Action     string  `db:"action"`
	ObjectType string  `db:"object_type"`
	ObjectID   string  `db:"object_id"`
	MandatID   string  `db:"mandat_id"`
	StreamSeq  int64   `db:"stream_seq"`
	Outcome    string  `db:"outcome"`
	PrunedBy   index   `db:"pruned_by"`
	Body       []byte  `db:"body"`
	Leaf       []byte  `db:"leaf"`
}

type headRow struct {
	Size int64  `db:"size"`
	Root []byte `db:"root"`
	Edge []byte `db:"edge"`
}

type headCheckRow struct {
	headRow
	Last int64 `db:"last"`
}

// bodyRow is an entry to be read by people: from its body, or from the copies
// once that is pruned.
type bodyRow struct {
	ID         int64   `db:"id"`
	TS         instant `db:"ts"`
	ActorType  string  `db:"actor_type"`
	Action     string  `db:"action"`
	ObjectType string  `db:"object_type"`
	MandatID   string  `db:"mandat_id"`
	StreamSeq  int64   `db:"stream_seq"`
	Outcome    string  `db:"outcome"`
	PrunedBy   index   `db:"pruned_by"`
	Body       []byte  `db:"body"`
}

func (r headRow) head() (journal.Head, error) {
	edge, err := journal.DecodeEdge(r.Edge)
	if err != nil {
		return journal.Head{}, err
	}
	h := journal.Head{Size: r.Size, Edge: edge}
	if len(r.Root) != len(h.Root) {
		return h, fmt.Errorf("%w: racine de %d octets", journal.ErrHead, len(r.Root))
	}
	copy(h.Root[:], r.Root)
	return h, h.Check()
}

func (q *queries) journal() {
	q.head = "SELECT size, root, edge FROM journal_head WHERE one = 1"
	q.headCheck = "SELECT size, root, edge, coalesce((SELECT idx FROM journal_entry ORDER BY idx DESC LIMIT 1), -1) AS last FROM journal_head WHERE one = 1"
	q.headMove = "UPDATE journal_head SET size = ?, root = ?, edge = ? WHERE one = 1 AND size = ? AND root = ?"
	q.entryInsert = insertInto("journal", entryRow{})
	q.entryAppend = query(strings.Replace(string(q.entryInsert), "(id, ", "(", 1))
	q.entryAppend = query(strings.Replace(string(q.entryAppend), "(?, ", "(", 1)) + " RETURNING id, xid::text AS x" // PostgreSQL only
	q.nodeInsert = "INSERT INTO journal_node (idx, h) VALUES (?, ?)"
	q.streamEnd = "SELECT stream_seq AS seq, leaf FROM journal WHERE mandat_id = ? AND mandat_id <> '' ORDER BY stream_seq DESC LIMIT 1"
	q.entryAt = query("SELECT " + indexed(entryRow{}) + " FROM journal_entry WHERE idx = ?")
	q.entriesOfMandat = "SELECT " + query(strings.Replace(indexed(bodyRow{}), "idx AS id", "coalesce(idx, -1) AS id", 1)) +
		" FROM journal_written WHERE mandat_id = ? AND mandat_id <> '' ORDER BY stream_seq"
	q.replayEntries = query(strings.Replace(string(q.entriesOfMandat), " FROM", ", id AS row_id FROM", 1))
	q.indexOf = "SELECT idx FROM journal_entry WHERE id = ?"
	q.journalBounds = "SELECT coalesce(min(idx), 0) AS low, coalesce(max(idx), -1) AS high FROM journal_entry WHERE ts >= ? AND ts < ?"
	const keys = " WHERE action = '" + string(journal.KeysSeen) + "' AND object_id = ?"     // names the partial index
	q.keysLast = query("SELECT id, body FROM journal" + keys + " ORDER BY id DESC LIMIT 1") // the row last written, numbered or not
	q.keysBefore = query("SELECT idx AS id, body FROM journal_entry" + keys + " AND idx < ? ORDER BY idx")
	q.verifyRows = query("SELECT " + indexed(entryRow{}) + " FROM journal_entry ORDER BY idx")
	q.verifyQuick = verifyQuick()
	q.verifyNodes = "SELECT idx, h FROM journal_node ORDER BY idx"
	// PostgreSQL only: a leaf that is not its entry's, and an entry that was passed over
	q.verifyLeaves = `SELECT l.idx FROM journal_leaf l JOIN journal j ON j.id = l.entry_id WHERE l.h <> j.leaf
		UNION ALL SELECT h.size FROM journal_head h, journal j WHERE NOT EXISTS (SELECT 1 FROM journal_leaf l WHERE l.entry_id = j.id)
		AND (j.id <= h.cur_floor OR (j.xid, j.id) <= (h.cur_xid::xid8, h.cur_id)) ORDER BY 1 LIMIT 1`
}

// Append writes facts that stand alone, such as views and refusals. Beside others:
// it reads nothing but the end of each stream, which it holds.
func (s *Store) Append(ctx context.Context, facts ...journal.Fact) error {
	of := make([]string, len(facts))
	for i, f := range facts {
		of[i] = f.Stream()
	}
	return s.beside(ctx, streams(of...).withEnds(), func(t *tx) error {
		for _, f := range facts {
			if _, err := t.append(f); err != nil {
				return err
			}
		}
		return nil
	})
}

// CommitKeys writes that an issuer's keys were seen, unless they are the last
// ones written for it.
func (s *Store) CommitKeys(ctx context.Context, issuer, jwksSHA256 string) error {
	known := func(row bodyRow, err error) (bool, error) {
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r, err := journal.Parse(row.Body)
		return r.Details["jwks_sha256"] == jwksSHA256, err
	}
	if ok, err := known(one[bodyRow](ctx, s, s.q.keysLast, issuer)); ok || err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		var row bodyRow
		if ok, err := known(row, t.get(&row, s.q.keysLast, issuer)); ok || err != nil {
			return err
		}
		_, err := t.append(aidant.KeysSeen(issuer, jwksSHA256))
		return err
	})
}

// KeysCommittedBefore tells whether an issuer's keys with this digest were
// written in an entry below index.
func (s *Store) KeysCommittedBefore(ctx context.Context, issuer, digest string, index int64) (bool, error) {
	rows, err := many[bodyRow](ctx, s, s.q.keysBefore, issuer, index)
	if err != nil {
		return false, err
	}
	records, err := s.records(ctx, rows)
	for _, r := range records {
		if r.Details["jwks_sha256"] == digest {
			return true, nil
		}
	}
	return false, err
}

// page bounds what one call returns.
func page(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, 1000)
}

func (s *Store) records(ctx context.Context, rows []bodyRow) ([]journal.Record, error) {
	out, _, err := s.opened(ctx, rows)
	return out, err
}

// opened reads entries, and beside each the actor's reference as it stands there.
func (s *Store) opened(ctx context.Context, rows []bodyRow) ([]journal.Record, []string, error) {
	out, refs, shown := make([]journal.Record, len(rows)), make([]string, len(rows)), map[string]string{}
	for i, row := range rows {
		if row.PrunedBy != 0 {
			out[i] = row.pruned()
			continue
		}
		r, err := journal.Parse(row.Body)
		if err != nil {
			return nil, nil, unread{fmt.Errorf("entrée %d: %w", row.ID, err)}
		}
		r.Index, refs[i] = row.ID, r.Actor.Ref
		if out[i], err = s.showAgents(ctx, r, shown); err != nil {
			return nil, nil, err
		}
	}
	return out, refs, nil
}

// MandatEntries lists the entries of one mandat, oldest first. The last ones may
// still wait for their number: their Index is -1.
func (s *Store) MandatEntries(ctx context.Context, mandatID string) ([]journal.Record, error) {
	_ = s.engine.settled(ctx, glanceWait) // what has no number yet is shown without
	rows, err := many[bodyRow](ctx, s, s.q.entriesOfMandat, mandatID)
	if err != nil {
		return nil, err
	}
	return s.records(ctx, rows)
}

// Entry is one entry with its bytes and its leaf; [journal.ErrNotFound] when the
// journal has no such index.
func (s *Store) Entry(ctx context.Context, index int64) (journal.Row, error) {
	s.catchUp(ctx)
	row, err := one[entryRow](ctx, s, s.q.entryAt, index)
	if errors.Is(err, sql.ErrNoRows) {
		return journal.Row{}, journal.ErrNotFound
	}
	if err != nil {
		return journal.Row{}, err
	}
	return row.row(), nil
}
