package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"relais/internal/journal"
	"relais/internal/revue"
)

// revuesMax bounds a list of reviews.
const revuesMax = 200

type revueRow struct {
	ID         string  `db:"id"`
	AuditeurID string  `db:"auditeur_id"`
	MissionID  string  `db:"mission_id"`
	Criteria   string  `db:"criteria"`
	Seed       string  `db:"seed"`
	Size       int64   `db:"size"`
	N          int     `db:"n"`
	OpenedAt   instant `db:"opened_at"`
	ClosedAt   instant `db:"closed_at"`
	ClosedSize count   `db:"closed_size"`
	ClosedRoot []byte  `db:"closed_root"`
	Sealed     []byte  `db:"sealed"`
	Rev        int64   `db:"rev"`
	OpenedID   int64   `db:"opened_id"`
	JournalID  int64   `db:"journal_id"`
}

type revueEntreeRow struct {
	RevueID   string `db:"revue_id"`
	Index     int64  `db:"idx"`
	Mark      string `db:"mark"`
	Sealed    []byte `db:"sealed"`
	JournalID int64  `db:"journal_id"`
}

// revueLine is a review with its key, the indexes of its first and last entries
// in the tree, and how far it is.
type revueLine struct {
	R      revueRow `db:"r"`
	Key    []byte   `db:"key"`
	Opened *int64   `db:"opened"`
	Last   *int64   `db:"last"`
	Drawn  int      `db:"drawn"`
	Marked int      `db:"marked"`
}

// sealedRevue is what a review keeps sealed, under a key of its own: it outlives
// the account of its auditeur.
type sealedRevue struct {
	Title      string `json:"title"`
	Conclusion string `json:"conclusion"`
	Salt       []byte `json:"salt"`
}

type sealedNote struct {
	Note string `json:"note"`
	Salt []byte `json:"salt"`
}

func ofRevue(id string) string { return "revue:" + id }

func (q *queries) revues() {
	lines := query("SELECT " + columns("r", revueRow{}) + `, k.wrapped AS "key",
		(SELECT idx FROM journal_entry WHERE id = r.opened_id) AS "opened", (SELECT idx FROM journal_entry WHERE id = r.journal_id) AS "last",
		(SELECT count(*) FROM revue_entree e WHERE e.revue_id = r.id) AS "drawn",
		(SELECT count(*) FROM revue_entree e WHERE e.revue_id = r.id AND e.mark <> '') AS "marked"
		FROM revue r JOIN coffre_key k ON k.subject = 'revue:' || r.id`)
	q.revueInsert = insertInto("revue", revueRow{})
	q.revueUpdate = "UPDATE revue SET closed_at = ?, closed_size = ?, closed_root = ?, sealed = ?, rev = ?, journal_id = ? WHERE id = ? AND rev = ?"
	q.revueByID = lines + " WHERE r.id = ?"
	q.revueOwn = lines + " WHERE r.auditeur_id = ? ORDER BY r.opened_at DESC, r.id LIMIT ?"
	q.revueClosed = lines + " WHERE r.closed_at IS NOT NULL AND r.auditeur_id <> ? ORDER BY r.opened_at DESC, r.id LIMIT ?"
	q.revueEntreeInsert = insertInto("revue_entree", revueEntreeRow{})
	q.revueEntreeUpdate = "UPDATE revue_entree SET mark = ?, sealed = ?, journal_id = ? WHERE revue_id = ? AND idx = ?"
	q.revueEntrees = query("SELECT " + plain(revueEntreeRow{}) + " FROM revue_entree WHERE revue_id = ? ORDER BY idx")
}

// OpenRevue draws the sample of a review and writes it with its entry, before
// anybody sees it. r says what to draw from: its Size is set here. The errors of
// [revue.Open] are returned.
func (s *Store) OpenRevue(ctx context.Context, r revue.Revue, open func(r revue.Revue, sample []int64) (revue.Revue, journal.Fact, error)) (revue.Revue, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return revue.Revue{}, err
	}
	r.Size = head.Size
	sample, err := s.Redraw(ctx, r)
	if err != nil {
		return revue.Revue{}, err
	}
	var out revue.Revue
	err = s.write(ctx, func(t *tx) error {
		next, fact, err := open(r, sample)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out = next
		return t.insertRevue(next, entry)
	})
	return out, err
}

func (t *tx) insertRevue(r revue.Revue, entry int64) error {
	wrapped, err := t.newKey(ofRevue(r.ID))
	if err != nil {
		return err
	}
	sealed, err := t.s.sealJSON(wrapped, ofRevue(r.ID), purposeRevue, sealedRevue{Title: r.Title, Salt: r.Salt})
	if err != nil {
		return err
	}
	row := revueRow{ID: r.ID, AuditeurID: r.AuditeurID, MissionID: r.MissionID, Criteria: r.Criteria, Seed: r.Seed, Size: r.Size, N: r.N,
		OpenedAt: instant(r.OpenedAt), Sealed: sealed, Rev: r.Rev, OpenedID: entry, JournalID: entry}
	if _, err := t.exec(t.s.q.revueInsert, args(row)...); err != nil {
		return err
	}
	for _, l := range r.Lines {
		if _, err := t.exec(t.s.q.revueEntreeInsert, args(revueEntreeRow{RevueID: r.ID, Index: l.Index, JournalID: entry})...); err != nil {
			return err
		}
	}
	return nil
}

// Revue is one review with its sample, marks and notes; revue.ErrNotFound.
func (s *Store) Revue(ctx context.Context, id string) (revue.Revue, error) {
	s.catchUp(ctx) // its own entries are named by their indexes
	line, err := one[revueLine](ctx, s, s.q.revueByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return revue.Revue{}, revue.ErrNotFound
	}
	if err != nil {
		return revue.Revue{}, err
	}
	rows, err := many[revueEntreeRow](ctx, s, s.q.revueEntrees, id)
	if err != nil {
		return revue.Revue{}, err
	}
	return s.revue(line, rows)
}

// Revues lists an auditeur's reviews and the closed ones of the others, newest
// first and without their samples; whether these may be read is for the caller
// to judge.
func (s *Store) Revues(ctx context.Context, auditeurID string) (own, others []revue.Revue, err error) {
	for i, q := range []query{s.q.revueOwn, s.q.revueClosed} {
		lines, err := many[revueLine](ctx, s, q, auditeurID, revuesMax)
		if err != nil {
			return nil, nil, err
		}
		for _, l := range lines {
			r, err := s.revue(l, nil)
			if err != nil {
				return nil, nil, err
			}
			if i == 0 {
				own = append(own, r)
			} else {
				others = append(others, r)
			}
		}
	}
	return own, others, nil
}

func (s *Store) revue(l revueLine, rows []revueEntreeRow) (revue.Revue, error) {
	var secret sealedRevue
	if err := s.revealJSON(l.Key, ofRevue(l.R.ID), purposeRevue, l.R.Sealed, &secret); err != nil {
		return revue.Revue{}, err
	}
	filter, err := revue.ParseCriteria(l.R.Criteria)
	if err != nil {
		return revue.Revue{}, err
	}
	r := revue.Revue{ID: l.R.ID, AuditeurID: l.R.AuditeurID, MissionID: l.R.MissionID, Scope: filter.Scope, Title: secret.Title,
		Criteria: l.R.Criteria, Seed: l.R.Seed, Size: l.R.Size, N: l.R.N, OpenedAt: l.R.OpenedAt.time(), ClosedAt: l.R.ClosedAt.time(),
		Conclusion: secret.Conclusion, Salt: secret.Salt, Rev: l.R.Rev, Marked: l.Marked, Drawn: l.Drawn, OpenEntry: numbered(l.Opened), CloseEntry: -1}
	if r.Closed() {
		r.CloseEntry = numbered(l.Last)
		r.Head.Size = int64(l.R.ClosedSize)
		copy(r.Head.Root[:], l.R.ClosedRoot)
	}
	for _, row := range rows {
		line := revue.Line{Index: row.Index, Mark: revue.Mark(row.Mark)}
		if row.Mark != "" {
			var note sealedNote
			if err := s.revealJSON(l.Key, ofRevue(l.R.ID), purposeNote, row.Sealed, &note); err != nil {
				return revue.Revue{}, err
			}
			line.Note, line.Salt = note.Note, note.Salt
		}
		r.Lines = append(r.Lines, line)
	}
	return r, nil
}

// numbered is an entry's index in the tree, -1 while it has none.
func numbered(idx *int64) int64 {
	if idx == nil {
		return -1
	}
	return *idx
}

// ChangeRevue marks an entry of a review, or closes it; revue.ErrNotFound,
// revue.ErrRaced when somebody else changed it at the same moment.
func (s *Store) ChangeRevue(ctx context.Context, id string, change func(revue.Revue) (revue.Revue, journal.Fact, error)) (revue.Revue, error) {
	var out revue.Revue
	err := s.write(ctx, func(t *tx) error {
		var line revueLine
		if err := t.get(&line, s.q.revueByID, id); errors.Is(err, sql.ErrNoRows) {
			return revue.ErrNotFound
		} else if err != nil {
			return err
		}
		var rows []revueEntreeRow
		if err := t.list(&rows, s.q.revueEntrees, id); err != nil {
			return err
		}
		old, err := s.revue(line, rows)
		if err != nil {
			return err
		}
		next, fact, err := change(old)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out = next
		return t.saveRevue(old, next, line.Key, entry)
	})
	return out, err
}

func (t *tx) saveRevue(old, next revue.Revue, key []byte, entry int64) error {
	for i, l := range next.Lines {
		if slices.Equal(old.Lines[i].Salt, l.Salt) {
			continue
		}
		sealed, err := t.s.sealJSON(key, ofRevue(next.ID), purposeNote, sealedNote{Note: l.Note, Salt: l.Salt})
		if err != nil {
			return err
		}
		if err := t.must(revue.ErrRaced, t.s.q.revueEntreeUpdate, string(l.Mark), sealed, entry, next.ID, l.Index); err != nil {
			return err
		}
	}
	sealed, err := t.s.sealJSON(key, ofRevue(next.ID), purposeRevue, sealedRevue{Title: next.Title, Conclusion: next.Conclusion, Salt: next.Salt})
	if err != nil {
		return err
	}
	var size, root any
	if next.Closed() {
		size, root = next.Head.Size, next.Head.Root[:]
	}
	return t.must(revue.ErrRaced, t.s.q.revueUpdate, instant(next.ClosedAt), size, root, sealed, next.Rev, entry, next.ID, old.Rev)
}
