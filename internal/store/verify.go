package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"relais/internal/journal"
)

func (e entryRow) row() journal.Row {
	r := journal.Row{Index: e.ID, Body: e.Body, PrunedBy: int64(e.PrunedBy), Altered: len(e.Leaf) != len(journal.Hash{})}
	copy(r.Leaf[:], e.Leaf)
	r.Copies = journal.Record{Index: e.ID, ID: e.EntryID, At: e.TS.time(), Actor: journal.Actor{Type: journal.ActorType(e.ActorType), Ref: e.ActorRef},
		Action: journal.Action(e.Action), Object: journal.Object{Type: e.ObjectType, ID: e.ObjectID}, Mandat: e.MandatID,
		Outcome: journal.Outcome(e.Outcome), StreamSeq: e.StreamSeq, PrunedBy: int64(e.PrunedBy)}
	return r
}

// Head is the journal's tree as it stands.
func (s *Store) Head(ctx context.Context) (journal.Head, error) {
	s.catchUp(ctx)
	row, err := one[headRow](ctx, s, s.q.head)
	if err != nil {
		return journal.Head{}, err
	}
	return row.head()
}

// VerifyJournal replays the whole journal in one snapshot: every entry that has its
// number. A [*journal.Finding] names the first entry that does not hold.
func (s *Store) VerifyJournal(ctx context.Context) (journal.Head, error) {
	s.catchUp(ctx)
	for try := 1; ; try++ {
		head, err := s.verifySnapshot(ctx)
		if !errors.Is(err, errPruning) || try == verifyTries {
			return head, err
		}
		pause(ctx, time.Second)
		if err := ctx.Err(); err != nil {
			return head, err
		}
	}
}

// verifyTries is how often a verification begins anew that came upon a pruning
// whose own entry has no number yet.
const verifyTries = 10

var errPruning = errors.New("un vidage d’entrées d’accès est en cours")

func (s *Store) verifySnapshot(ctx context.Context) (journal.Head, error) {
	snapshot, err := s.read.db.BeginTxx(ctx, s.read.snapshot)
	if err != nil {
		return journal.Head{}, err
	}
	defer func() { _ = snapshot.Rollback() }() // it only read
	v := journal.NewVerifier()
	nodes, err := s.nodes(ctx, snapshot)
	if err != nil {
		return v.Head(), err
	}
	v.Expect(nodes)
	if err := s.expectDays(ctx, snapshot, v); err != nil {
		return v.Head(), err
	}
	if err := s.verifyEntries(ctx, snapshot, v); err != nil {
		return v.Head(), err
	}
	if err := s.verifyLeaves(ctx, snapshot); err != nil {
		return v.Head(), err
	}
	var row headRow
	if err := snapshot.GetContext(ctx, &row, string(s.q.head)); err != nil {
		return v.Head(), &journal.Finding{Index: v.Head().Size, Why: "la tête du journal manque"}
	}
	head, err := row.head()
	if err != nil {
		return v.Head(), &journal.Finding{Index: v.Head().Size, Why: err.Error()}
	}
	return v.Head(), v.Finish(head, nodes)
}

func (s *Store) verifyEntries(ctx context.Context, snapshot *sqlx.Tx, v *journal.Verifier) error {
	if _, lite := s.engine.(*writer); lite {
		return s.verifyQuickly(ctx, snapshot, v)
	}
	rows, err := snapshot.QueryxContext(ctx, string(s.q.verifyRows))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanEntry(rows)
		if err != nil {
			return err
		}
		if row.PrunedBy < 0 {
			return errPruning
		}
		if err := v.Add(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// scanEntry reads a row that may have been tampered with: what does not scan is
// a finding, not an error of the database.
func scanEntry(rows *sqlx.Rows) (journal.Row, error) {
	var e entryRow
	if err := rows.StructScan(&e); err == nil {
		return e.row(), nil
	}
	raw, err := rows.SliceScan()
	if err != nil {
		return journal.Row{}, err
	}
	index, ok := raw[0].(int64)
	if !ok {
		return journal.Row{}, fmt.Errorf("%w: index illisible", journal.ErrTampered)
	}
	r := journal.Row{Index: index, Altered: true}
	r.Body, _ = raw[len(raw)-2].([]byte)
	if leaf, ok := raw[len(raw)-1].([]byte); ok {
		copy(r.Leaf[:], leaf)
	}
	return r, nil
}

// verifyLeaves compares PostgreSQL's own table of leaves with the entries.
func (s *Store) verifyLeaves(ctx context.Context, snapshot *sqlx.Tx) error {
	if _, separate := s.engine.(*postgres); !separate {
		return nil
	}
	var index int64
	err := snapshot.GetContext(ctx, &index, string(s.q.verifyLeaves))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &journal.Finding{Index: index, Why: "une feuille ne suit pas de son entrée, ou une entrée n’a pas reçu de numéro"}
}

func (s *Store) nodes(ctx context.Context, snapshot *sqlx.Tx) ([]journal.Node, error) {
	var rows []struct {
		Idx int64  `db:"idx"`
		H   []byte `db:"h"`
	}
	if err := snapshot.SelectContext(ctx, &rows, string(s.q.verifyNodes)); err != nil {
		return nil, err
	}
	nodes := make([]journal.Node, len(rows))
	for i, r := range rows {
		nodes[i].Index = r.Idx
		copy(nodes[i].Hash[:], r.H)
	}
	return nodes, nil
}
