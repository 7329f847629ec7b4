package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

// quickPause is after how many entries a verification looks whether it is still
// wanted: the driver of SQLite would make a goroutine a row of it.
const quickPause = 1000

// quickColumns are the copies of an entry's fields, in the order of [quickRow].
var quickColumns = []string{"entry_id", "ts", "actor_type", "actor_ref", "action", "object_type", "object_id", "mandat_id", "stream_seq", "outcome"}

// quickMark stands between the copies. No entry can hold it, so that copies that
// do are not equal to what the entry says.
const quickMark = "\x1f"

// verifyQuick reads the copies as one text: what costs in SQLite's driver is the
// column, not the byte.
func verifyQuick() query {
	all := append(quickColumns[:len(quickColumns):len(quickColumns)], "coalesce(CAST(pruned_by AS TEXT), '')")
	return query("SELECT idx, " + strings.Join(all, " || '"+quickMark+"' || ") + ", body, leaf FROM journal_entry ORDER BY idx")
}

// verifyQuickly gives every entry to the verifier, at the speed that the journal
// of a département asks for.
func (s *Store) verifyQuickly(ctx context.Context, snapshot *sqlx.Tx, v *journal.Verifier) error {
	rows, err := snapshot.QueryContext(context.WithoutCancel(ctx), string(s.q.verifyQuick))
	if err != nil {
		return err
	}
	defer rows.Close()
	var (
		index      int64
		copies     sql.NullString
		body, leaf sql.RawBytes
	)
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(&index, &copies, &body, &leaf); err != nil {
			return err
		}
		if err := v.Add(quickRow(index, copies, body, leaf)); err != nil {
			return err
		}
		if n%quickPause == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return rows.Err()
}

// quickRow reads what may have been tampered with: what does not read is altered.
func quickRow(index int64, copies sql.NullString, body, leaf []byte) journal.Row {
	r := journal.Row{Index: index, Body: body, Altered: !copies.Valid || len(leaf) != len(journal.Hash{})}
	copy(r.Leaf[:], leaf)
	var f [11]string
	rest, more := copies.String, true
	for i := range f {
		if !more {
			r.Altered = true
		}
		f[i], rest, more = strings.Cut(rest, quickMark)
	}
	at, ok := journal.ScanTime(f[1])
	seq, err := strconv.ParseInt(f[8], 10, 64)
	if f[10] != "" {
		pruned, bad := strconv.ParseInt(f[10], 10, 64)
		r.PrunedBy, r.Altered = pruned, r.Altered || bad != nil || pruned == 0
	}
	r.Altered = r.Altered || more || !ok || err != nil
	r.Copies = journal.Record{Index: index, ID: f[0], At: at, Actor: journal.Actor{Type: journal.ActorType(f[2]), Ref: f[3]},
		Action: journal.Action(f[4]), Object: journal.Object{Type: f[5], ID: f[6]}, Mandat: f[7], StreamSeq: seq,
		Outcome: journal.Outcome(f[9]), PrunedBy: r.PrunedBy}
	return r
}
