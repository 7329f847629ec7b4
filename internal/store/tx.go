package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"relais/internal/journal"
)

// statements runs queries inside one transaction.
type statements interface {
	exec(ctx context.Context, q query, args ...any) (int64, error)
	get(ctx context.Context, dest any, q query, args ...any) error
	list(ctx context.Context, dest any, q query, args ...any) error
}

// tx is one action inside a transaction. now is the same for all it writes.
type tx struct {
	ctx     context.Context // lives as long as the call that made it
	s       *Store
	db      statements
	now     time.Time
	head    journal.Head    // SQLite: as it stands after what was written
	last    place           // PostgreSQL: where the last entry stands
	held    map[string]bool // PostgreSQL: the keys held; nil when the whole is
	caught  bool            // the clock's step back is written
	streams map[string]streamRow
}

// streamRow is where a mandat's stream stands.
type streamRow struct {
	Seq  count  `db:"seq"`
	Leaf []byte `db:"leaf"`
}

func newTx(ctx context.Context, s *Store, db statements, head journal.Head) *tx {
	return &tx{ctx: ctx, s: s, db: db, now: s.moment(), head: head, streams: map[string]streamRow{}}
}

// moment is now as the database keeps it.
func (s *Store) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

func (t *tx) exec(q query, args ...any) (int64, error) { return t.db.exec(t.ctx, q, args...) }

func (t *tx) get(dest any, q query, args ...any) error { return t.db.get(t.ctx, dest, q, args...) }

func (t *tx) list(dest any, q query, args ...any) error { return t.db.list(t.ctx, dest, q, args...) }

// must runs a statement that has to change exactly one row, else lost is the
// error.
func (t *tx) must(lost error, q query, args ...any) error {
	n, err := t.exec(q, args...)
	if err != nil {
		return err
	}
	if n != 1 {
		return lost
	}
	return nil
}

// settle writes the fact of a transition and returns the entry's row id. A refusal
// with a fact leaves that fact, so nothing else may have been written before;
// a refusal without leaves nothing.
func (t *tx) settle(f journal.Fact, err error) (int64, error) {
	if err == nil {
		return t.append(f)
	}
	if f.IsZero() {
		return 0, err
	}
	if _, failed := t.append(f); failed != nil {
		return 0, failed
	}
	return 0, &refusal{err}
}

// append turns a fact into an entry, after one that says so when the clock has
// stepped back since the entry before.
func (t *tx) append(f journal.Fact) (int64, error) {
	if err := t.watchClock(); err != nil {
		return 0, err
	}
	return t.enter(f)
}

// hidden is a fact as its entry names agents.
func (t *tx) hidden(f journal.Fact) (journal.Fact, error) {
	key := journal.AgentKeyOf(t.now, f.Action().Class())
	return f.HideAgents(func(id string) (string, error) { return t.hide(key, id) })
}

// enter is the only place where a fact becomes an entry.
func (t *tx) enter(f journal.Fact) (int64, error) {
	f, err := t.hidden(f)
	if err != nil {
		return 0, fmt.Errorf("agents de l’entrée: %w", err)
	}
	e := journal.Entry{ID: newEntryID(t.now), At: t.now, Fact: f, RequestID: journal.RequestID(t.ctx), App: t.s.app}
	if stream := f.Stream(); stream != "" {
		end, err := t.stream(stream)
		if err != nil {
			return 0, err
		}
		if !t.holds(stream, end) {
			return 0, errUnheld
		}
		e.StreamSeq = int64(end.Seq) + 1
		copy(e.StreamPrev[:], end.Leaf)
	}
	body, err := e.Canonical()
	if err != nil {
		return 0, err
	}
	leaf := journal.Leaf(body)
	row := entryRow{EntryID: e.ID, TS: instant(e.At), ActorType: string(f.Actor().Type), ActorRef: f.Actor().Ref,
		Action: string(f.Action()), ObjectType: f.Object().Type, ObjectID: f.Object().ID, MandatID: f.Stream(),
		StreamSeq: e.StreamSeq, Outcome: string(f.Outcome()), Body: body, Leaf: leaf[:]}
	id, err := t.s.engine.persist(t, row, leaf)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	if f.Stream() != "" {
		t.streams[f.Stream()] = streamRow{Seq: count(e.StreamSeq), Leaf: leaf[:]}
	}
	return id, nil
}

// stream tells where a mandat's stream stands, from the journal itself.
func (t *tx) stream(mandatID string) (streamRow, error) {
	if end, ok := t.streams[mandatID]; ok {
		return end, nil
	}
	var end streamRow
	if err := t.get(&end, t.s.q.streamEnd, mandatID); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return end, fmt.Errorf("fil du mandat %s: %w", mandatID, err)
	}
	return end, nil
}

// known remembers what a mandat's own statement already read.
func (t *tx) known(mandatID string, end streamRow) {
	if _, ok := t.streams[mandatID]; !ok {
		t.streams[mandatID] = end
	}
}

// newEntryID is a UUIDv7 (RFC 9562 §5.7).
func newEntryID(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
