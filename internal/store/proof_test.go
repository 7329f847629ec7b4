package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"relais/internal/journal"
	"relais/internal/store"
)

// TestProofsFromRows proves entries and consistency from what both engines keep,
// across a full tile.
func TestProofsFromRows(t *testing.T) {
	onBoth(t, func(h *house) {
		for h.size() < 300 {
			facts := make([]journal.Fact, 30)
			for i := range facts {
				facts[i] = journal.NewFact(by, journal.JournalView, journal.Object{Type: "journal"})
			}
			h.ok(h.Append(h.ctx, facts...))
		}
		head, err := h.Head(h.ctx)
		h.ok(err)
		c := journal.Checkpoint{Origin: "o", Size: head.Size, Root: head.Root}
		tree := h.Hashes(h.ctx)
		for i := range head.Size {
			row, err := h.Entry(h.ctx, i)
			h.ok(err)
			p, err := journal.ProveInclusion(tree, c.Size, i)
			h.ok(err)
			h.ok(journal.CheckInclusion(p, c, i, journal.Leaf(row.Body)))
		}
		for _, m := range []int64{1, 4, 255, 256, 257, head.Size} {
			root, err := tlog.TreeHash(m, tree)
			h.ok(err)
			p, err := journal.ProveConsistency(tree, m, c.Size)
			h.ok(err)
			h.ok(journal.CheckConsistency(p, journal.Checkpoint{Size: m, Root: root}, c))
		}
		if _, err := h.Span(h.ctx, journal.Span{Lo: head.Size - 1, Hi: head.Size + 1}); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("hashes beyond the tree: %v", err)
		}
	})
}

func TestCheckpointsAreKept(t *testing.T) {
	onBoth(t, func(h *house) {
		_, err := h.LastCheckpoint(h.ctx, "o")
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a checkpoint before the first: %v", err)
		}
		keep := func(origin string, size int64) {
			c := journal.Checkpoint{Origin: origin, Size: size}
			h.ok(h.SaveCheckpoint(h.ctx, journal.Signed{Checkpoint: c, Note: []byte(c.Text() + "\n— o AAAA\n"), At: h.time()}))
		}
		keep("o", 3)
		keep("o", 7)
		keep("o", 7)
		keep("o", 5) // too late: the newer one stays
		keep("o/epoque-2", 4)
		c, err := h.LastCheckpoint(h.ctx, "o")
		h.ok(err)
		same(t, "last", c.Checkpoint, journal.Checkpoint{Origin: "o", Size: 7})
		ever, err := h.EverSealed(h.ctx)
		h.ok(err)
		same(t, "ever sealed", ever, true)
		same(t, "rows", h.value("SELECT count(*) FROM journal_checkpoint"), "3")
		for _, name := range []string{"b", "a", "b"} {
			h.ok(h.Attest(h.ctx, journal.Attestation{Origin: "o", Size: 7, Kind: journal.Cosignature, Name: name, Data: []byte(name), At: h.time()}))
		}
		all, err := h.Attestations(h.ctx, "o", journal.Cosignature, 7)
		h.ok(err)
		if len(all) != 2 || all[0].Name != "a" {
			t.Errorf("attestations %+v", all)
		}
		last, err := h.LastAttestation(h.ctx, "o", journal.Cosignature)
		h.ok(err)
		same(t, "last attestation", last.Size, int64(7))
		for _, statement := range []string{"UPDATE journal_attestation SET size = 8", "DELETE FROM journal_attestation", "DELETE FROM journal_checkpoint",
			"INSERT INTO journal_attestation SELECT * FROM journal_attestation"} {
			if _, err := h.raw(statement); err == nil {
				t.Errorf("done: %s", statement)
			}
		}
	})
}

// TestExtract: every entry of a filter, in the order of the index, emptied ones
// with their leaf and their mark.
func TestExtract(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		for range 1100 { // more than two batches
			h.ok(h.Append(h.ctx, journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat"}).OfMandat(m.ID)))
		}
		h.pass(2 * 366 * 24 * time.Hour)
		_, err := h.Retain(h.ctx, journal.AccessMonths, false)
		h.ok(err)
		h.ok(h.Append(h.ctx, journal.Beat()))
		records, err := h.MandatEntries(h.ctx, m.ID)
		h.ok(err)
		all := journal.Filter{From: h.time().AddDate(-3, 0, 0), To: h.time().Add(time.Hour)}
		for what, c := range map[string]struct {
			f    journal.Filter
			want int64
		}{"mandat": {journal.Filter{Mandat: m.ID}, int64(len(records))}, "everything": {all, h.size()},
			"action": {journal.Filter{Action: journal.MandatView, Mandat: m.ID}, 1100}} {
			var n, pruned int64
			last := int64(-1)
			h.ok(h.Extract(h.ctx, c.f, func(row journal.Row) error {
				if row.Index <= last || row.PrunedBy == 0 && journal.Leaf(row.Body) != row.Leaf || row.PrunedBy != 0 && (len(row.Body) != 0 || row.Leaf == journal.Hash{}) {
					t.Errorf("%s: entry %d after %d: %+v", what, row.Index, last, row)
				}
				if row.PrunedBy != 0 {
					pruned++
				}
				n, last = n+1, row.Index
				return nil
			}))
			same(t, what, n, c.want)
			same(t, what+" pruned", pruned >= 1100, true)
		}
		stop := errors.New("stop")
		if err := h.Extract(h.ctx, all, func(journal.Row) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("a reader that stops: %v", err)
		}
	})
}

// BenchmarkProofs measures proofs at a million entries: the aim is a p99 below
// 10 ms.
func BenchmarkProofs(b *testing.B) {
	const entries = 1_000_000
	dsn := filepath.Join(b.TempDir(), "a.db")
	s, err := store.Open(b.Context(), store.Options{Engine: store.SQLite, DSN: dsn, Vault: noVault{}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }() // nothing of it is used again
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	head := fill(b, dsn, entries)
	c := journal.Checkpoint{Size: head.Size, Root: head.Root}
	for name, prove := range map[string]func(i int64) ([]journal.Hash, error){
		"inclusion": func(i int64) ([]journal.Hash, error) { return journal.ProveInclusion(s.Hashes(b.Context()), c.Size, i) },
		"consistency": func(i int64) ([]journal.Hash, error) {
			return journal.ProveConsistency(s.Hashes(b.Context()), i+1, c.Size)
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				took := make([]time.Duration, 1000)
				for i := range took {
					start := time.Now()
					if _, err := prove(mrand.Int64N(entries)); err != nil {
						b.Fatal(err)
					}
					took[i] = time.Since(start)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[500].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[990].Microseconds())/1000, "p99-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

type noVault struct{ store.Vault }

// fill writes rows of the usual size behind the store's back.
func fill(b *testing.B, dsn string, n int) journal.Head {
	b.Helper()
	db, err := sql.Open("sqlite3", "file:"+dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }() // committed before
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		b.Fatal(err)
	}
	row, err := tx.Prepare(`INSERT INTO journal (id, entry_id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf)
		VALUES (?, ?, '2026-11-22T09:00:00.000000Z', 'aidant', 'a', 'mandat.view', 'mandat', 'm', '', 0, 'ok', ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	node, err := tx.Prepare("INSERT INTO journal_node (idx, h) VALUES (?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 400)
	head := journal.Head{Root: journal.EmptyRoot()}
	for i := range n {
		var leaf journal.Hash
		_, _ = rand.Read(leaf[:]) // never fails
		if _, err := row.Exec(i, fmt.Sprint(i), body, leaf[:]); err != nil {
			b.Fatal(err)
		}
		next, nodes := head.Append(leaf)
		head = next
		for _, x := range nodes {
			if _, err := node.Exec(x.Index, x.Hash[:]); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	return head
}
