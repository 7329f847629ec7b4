package store

import (
	"errors"
	"slices"
	"strings"
)

// Writing on PostgreSQL: what a transaction holds.
//
// Every write takes its locks in its first statement, before it reads anything
// and before it is given a transaction number. A write by [Store.write] holds all
// of the database against every other write of Relais, as one writer would: that
// is the default, and is right for whatever nobody has thought through. A write by
// [Store.beside] runs beside others, and holds only what its [hold] names.
//
// So what a write beside others reads, in order to decide, must be held by it or
// guarded by the database itself; each caller of beside says which. Three things
// stand behind all of them:
//   - an entry goes into a mandat's stream only while that stream is held, or as
//     its first one; else the write is run again, alone ([errUnheld]);
//   - journal_stream is unique, as are codes, tokens, requests and the active
//     autorisation of a domaine: who loses is run again, alone;
//   - locks precede transaction numbers, so that two entries of one stream have
//     xids in the stream's order, which is the order of their leaves.
//
// SQLite has one writer and needs none of this.

// hold names what a write needs to itself. The zero hold is all of the database.
type hold struct {
	beside bool
	keys   []string
	find   query // finds one more key, or several, given arg
	arg    string
	ends   []string // mandats whose streams' ends are read in the same round trip
}

// streams holds the streams of mandats. Their rows, their autorisations, what is
// sealed beside them, and the delegated logins under them change only by who holds
// the stream.
func streams(mandats ...string) hold {
	h := hold{beside: true}
	for _, id := range mandats {
		if id != "" {
			h.keys = append(h.keys, ofStream(id))
		}
	}
	return h
}

// and holds one more thing, which kind and id name.
func (h hold) and(kind, id string) hold {
	h.keys = append(h.keys, kind+":"+id)
	return h
}

// withEnds also reads where the held streams stand, together with the locks: for who
// writes an entry without reading the mandat, whose own statement would say it.
func (h hold) withEnds() hold {
	for _, key := range h.keys {
		if id, ok := strings.CutPrefix(key, ofStream("")); ok && !slices.Contains(h.ends, id) {
			h.ends = append(h.ends, id)
		}
	}
	return h
}

// streamsBy holds the streams that a query finds. What it finds must not change
// for the arg, except by appearing.
func streamsBy(find query, arg string) hold { return hold{beside: true, find: find, arg: arg} }

func ofStream(mandatID string) string { return "mandat:" + mandatID }

// errUnheld means that a write beside others came upon a stream that it does not
// hold, since what it looked up had changed meanwhile.
var errUnheld = errors.New("fil du mandat non tenu")

// locks are PostgreSQL's statements that take what a write holds, and say what that
// is. The two-number space of advisory locks is for the whole of the database,
// (82, 1), and for the sequencer, (82, 2); the one-number space is for keys. Keys
// are taken in order, after the whole is shared, so that nobody waits in a circle.
func (q *queries) locks() {
	const (
		shared = "SELECT pg_advisory_xact_lock_shared(82, 1)::text" // void reads as ''
		key    = " || CAST(? AS text) || pg_advisory_xact_lock(hashtextextended(?, 0))::text"
		login  = "(SELECT 'mandat:' || mandat_id FROM delegation WHERE "
	)
	q.lockAll = "SELECT pg_advisory_xact_lock(82, 1)::text AS held"
	q.lockNone = shared + " AS held"
	q.lockOne = shared + key + " AS held"
	q.lockTwo = shared + key + " || ' '" + key + " AS held"
	q.lockKeys = several("SELECT unnest(string_to_array(?, ' ')) AS k")
	q.lockByLogin = found(login + "id = ?)")
	q.lockByCode = found(login + "code_hash = ?)")
	q.lockByToken = found(login + "token_hash = ?)")
	q.lockOpenUses = several("SELECT 'mandat:' || mandat_id AS k FROM delegation WHERE aidant_id = ? AND ended_at IS NULL")
	q.lockUsesLike = several(`SELECT 'mandat:' || d.mandat_id AS k FROM delegation l JOIN delegation d ON d.aidant_id = l.aidant_id
		WHERE l.id = ? AND (d.ended_at IS NULL OR d.id = l.id)`)
}

// found locks what one lookup finds, if anything.
func found(key string) query {
	return query("SELECT pg_advisory_xact_lock_shared(82, 1)::text || coalesce((SELECT k || pg_advisory_xact_lock(hashtextextended(k, 0))::text FROM (SELECT " +
		key + " AS k) f), '') AS held")
}

func several(keys string) query {
	return query(`SELECT pg_advisory_xact_lock_shared(82, 1)::text || coalesce((SELECT string_agg(k || pg_advisory_xact_lock(hashtextextended(k, 0))::text, ' ')
		FROM (SELECT DISTINCT k COLLATE "C" AS k FROM (` + keys + `) named ORDER BY 1) ordered), '') AS held`)
}

// lock is the first statement of a transaction. Keys hold no space.
func (h hold) lock(q *queries) (query, []any) {
	if !h.beside {
		return q.lockAll, nil
	}
	if h.find != "" {
		return h.find, []any{h.arg}
	}
	keys := slices.Compact(slices.Sorted(slices.Values(h.keys)))
	switch len(keys) {
	case 0:
		return q.lockNone, nil
	case 1:
		return q.lockOne, []any{keys[0], keys[0]}
	case 2:
		return q.lockTwo, []any{keys[0], keys[0], keys[1], keys[1]}
	}
	return q.lockKeys, []any{strings.Join(keys, " ")}
}

// hold remembers what the first statement took.
func (t *tx) hold(h hold, held string) {
	if !h.beside {
		return
	}
	t.held = map[string]bool{}
	for key := range strings.FieldsSeq(held) {
		t.held[key] = true
	}
}

// holds tells whether an entry may go into a mandat's stream. The first entry of a
// stream needs no lock: who writes it twice breaks journal_stream.
func (t *tx) holds(mandatID string, end streamRow) bool {
	if t.held == nil || t.held[ofStream(mandatID)] {
		return true
	}
	if end.Seq == 0 {
		t.held[ofStream(mandatID)] = true
		return true
	}
	return false
}
