package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"relais/internal/journal"
)

type checkpointRow struct {
	Origin    string  `db:"origin"`
	Size      int64   `db:"size"`
	Note      []byte  `db:"note"`
	CreatedAt instant `db:"created_at"`
}

type attestationRow struct {
	Origin    string  `db:"origin"`
	Size      int64   `db:"size"`
	Kind      string  `db:"kind"`
	Name      string  `db:"name"`
	Data      []byte  `db:"data"`
	CreatedAt instant `db:"created_at"`
}

type hashRow struct {
	Idx int64  `db:"idx"`
	H   []byte `db:"h"`
}

func (q *queries) proofs() {
	q.leafSpan = "SELECT idx, leaf AS h FROM journal_entry WHERE idx >= ? AND idx < ? ORDER BY idx"
	q.leafSpanApart = "SELECT idx, h FROM journal_leaf WHERE idx >= ? AND idx < ? ORDER BY idx" // PostgreSQL only
	q.nodeSpan = "SELECT idx, h FROM journal_node WHERE idx >= ? AND idx <= ? ORDER BY idx"
	q.checkpointInsert = insertInto("journal_checkpoint", checkpointRow{})
	q.checkpointLast = query("SELECT " + plain(checkpointRow{}) + " FROM journal_checkpoint WHERE origin = ? ORDER BY size DESC LIMIT 1")
	q.checkpointAny = "SELECT count(*) FROM journal_checkpoint"
	q.attestationInsert = insertInto("journal_attestation", attestationRow{})
	q.attestations = query("SELECT " + plain(attestationRow{}) + " FROM journal_attestation WHERE origin = ? AND kind = ? AND size = ? ORDER BY name")
	q.stamped = "SELECT a.size, a.name, a.data, c.note FROM journal_attestation a JOIN journal_checkpoint c ON c.origin = a.origin AND c.size = a.size " +
		"WHERE a.origin = ? AND a.kind = '" + query(journal.TimeToken) + "' AND a.size > ? ORDER BY a.size, a.name LIMIT ?"
	q.renewals = query("SELECT " + plain(attestationRow{}) + " FROM journal_attestation WHERE origin = ? AND kind = '" + string(journal.Renewal) + "' ORDER BY size, name")
	q.attestationLast = query("SELECT " + plain(attestationRow{}) +
		" FROM journal_attestation WHERE origin = ? AND kind = ? ORDER BY size DESC, created_at DESC LIMIT 1")
}

// Hashes reads the journal's tree for proofs: each missing hash costs one range
// of at most 256 rows.
func (s *Store) Hashes(ctx context.Context) journal.HashReader {
	return journal.TileReader(func(span journal.Span) ([]journal.Hash, error) { return s.Span(ctx, span) })
}

// Span reads a run of leaves or of roots of full tiles; [journal.ErrNotFound]
// when the tree does not hold all of it.
func (s *Store) Span(ctx context.Context, span journal.Span) ([]journal.Hash, error) {
	q, from, to := s.q.leafSpan, span.Lo, span.Hi
	if _, apart := s.engine.(*postgres); apart {
		q = s.q.leafSpanApart
	}
	if span.Level > 0 {
		q, from, to = s.q.nodeSpan, tlog.StoredHashIndex(span.Level, span.Lo), tlog.StoredHashIndex(span.Level, span.Hi-1)
	}
	rows, err := many[hashRow](ctx, s, q, from, to)
	if err != nil {
		return nil, err
	}
	out := make([]journal.Hash, 0, len(rows))
	for _, r := range rows {
		if level, _ := tlog.SplitStoredHashIndex(r.Idx); span.Level > 0 && level != span.Level {
			continue // a tile of tiles lies between
		}
		var h journal.Hash
		copy(h[:], r.H)
		out = append(out, h)
	}
	if int64(len(out)) != span.Hi-span.Lo {
		return nil, fmt.Errorf("%w (niveau %d, %d à %d)", journal.ErrNotFound, span.Level, span.Lo, span.Hi)
	}
	return out, nil
}

// SaveCheckpoint keeps a signed checkpoint; one that is kept already stays. It
// belongs to no entry: the tree is what it speaks of.
//
// Beside others: what it reads is the origin's last checkpoint, and it holds the
// origin.
func (s *Store) SaveCheckpoint(ctx context.Context, c journal.Signed) error {
	return s.beside(uncounted(ctx), streams().and("origine", c.Origin), func(t *tx) error {
		var last checkpointRow
		err := t.get(&last, s.q.checkpointLast, c.Origin)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && last.Size >= c.Size {
			return nil
		}
		_, err = t.exec(s.q.checkpointInsert, args(checkpointRow{c.Origin, c.Size, c.Note, instant(c.At)})...)
		return err
	})
}

// LastCheckpoint is the newest one kept of an origin; [journal.ErrNotFound]
// without any.
func (s *Store) LastCheckpoint(ctx context.Context, origin string) (journal.Signed, error) {
	row, err := one[checkpointRow](ctx, s, s.q.checkpointLast, origin)
	if errors.Is(err, sql.ErrNoRows) {
		return journal.Signed{}, journal.ErrNotFound
	}
	if err != nil {
		return journal.Signed{}, err
	}
	c, err := journal.ReadCheckpoint(row.Note)
	return journal.Signed{Checkpoint: c, Note: row.Note, At: row.CreatedAt.time()}, err
}

// EverSealed tells whether a checkpoint of any origin is kept.
func (s *Store) EverSealed(ctx context.Context) (bool, error) {
	n, err := one[int64](ctx, s, s.q.checkpointAny)
	return n > 0, err
}

// Attest keeps what a witness or a time authority said; the same again changes
// nothing. Beside others: it reads and holds what is kept of one origin.
func (s *Store) Attest(ctx context.Context, a journal.Attestation) error {
	return s.beside(ctx, streams().and("origine", a.Origin), func(t *tx) error {
		var have []attestationRow
		if err := t.list(&have, s.q.attestations, a.Origin, string(a.Kind), a.Size); err != nil {
			return err
		}
		for _, h := range have {
			if h.Name == a.Name {
				return nil
			}
		}
		_, err := t.exec(s.q.attestationInsert, args(attestationRow{a.Origin, a.Size, string(a.Kind), a.Name, a.Data, instant(a.At)})...)
		return err
	})
}

// Attestations are those of one kind on one checkpoint.
func (s *Store) Attestations(ctx context.Context, origin string, kind journal.Kind, size int64) ([]journal.Attestation, error) {
	rows, err := many[attestationRow](ctx, s, s.q.attestations, origin, string(kind), size)
	out := make([]journal.Attestation, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.attestation())
	}
	return out, err
}

// LastAttestation is the one on the largest tree; [journal.ErrNotFound] without
// any.
func (s *Store) LastAttestation(ctx context.Context, origin string, kind journal.Kind) (journal.Attestation, error) {
	row, err := one[attestationRow](ctx, s, s.q.attestationLast, origin, string(kind))
	if errors.Is(err, sql.ErrNoRows) {
		return journal.Attestation{}, journal.ErrNotFound
	}
	return row.attestation(), err
}

func (r attestationRow) attestation() journal.Attestation {
	return journal.Attestation{Origin: r.Origin, Size: r.Size, Kind: journal.Kind(r.Kind), Name: r.Name, Data: r.Data, At: r.CreatedAt.time()}
}

// Stamped lists the time tokens of an origin on trees larger than above, smallest
// first.
func (s *Store) Stamped(ctx context.Context, origin string, above int64, limit int) ([]journal.Stamped, error) {
	return many[journal.Stamped](ctx, s, s.q.stamped, origin, above, limit)
}

// Renewals lists the renewals of an origin's time tokens.
func (s *Store) Renewals(ctx context.Context, origin string) ([]journal.Attestation, error) {
	rows, err := many[attestationRow](ctx, s, s.q.renewals, origin)
	out := make([]journal.Attestation, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.attestation())
	}
	return out, err
}
