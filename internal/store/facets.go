package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"relais/internal/journal"
	"relais/internal/organisation"
)

// inWidth is how many values one lookup by a list takes; shorter lists are
// filled up, so that there is one statement to prepare.
const inWidth = 64

// postingWidth is how many postings one statement inserts.
const postingWidth = 128

// codesMax bounds how many numbers of posting lists an instance remembers.
const codesMax = 50_000

func (q *queries) facetting() {
	in := "(?" + strings.Repeat(", ?", inWidth-1) + ")"
	q.mandatBelongs = query("SELECT id, organisation_id AS a, usager_id AS b FROM mandat WHERE id IN " + in)
	q.aidantBelongs = query("SELECT id, organisation_id AS a, NULL AS b FROM aidant WHERE id IN " + in)
	q.organisationLies = query("SELECT id, postcode AS a, NULL AS b FROM organisation WHERE id IN " + in)
	q.facetteInsert = "INSERT INTO facette (code) VALUES (?) ON CONFLICT (code) DO NOTHING"
	q.facetteByCode = "SELECT id FROM facette WHERE code = ?"
	q.postingInsert = "INSERT INTO journal_facette (facette, idx) VALUES (?, ?) ON CONFLICT (facette, idx) DO NOTHING"
	q.postingsInsert = query("INSERT INTO journal_facette (facette, idx) VALUES (?, ?)" + strings.Repeat(", (?, ?)", postingWidth-1) + " ON CONFLICT (facette, idx) DO NOTHING")
	q.postingDelete = "DELETE FROM journal_facette WHERE facette = ? AND idx = ?"
	q.postingsForget = "DELETE FROM journal_facette"
	q.streamIndexes = "SELECT idx FROM journal_entry WHERE mandat_id = ? AND mandat_id <> ''"
}

// belongsRow is what something belongs to.
type belongsRow struct {
	ID string `db:"id"`
	A  text   `db:"a"`
	B  text   `db:"b"`
}

// Facets tells what one entry can be found by; [journal.ErrNotFound] when the
// journal has no such index. An entry whose body was pruned keeps only what its
// mandat tells.
func (s *Store) Facets(ctx context.Context, index int64) (journal.Facets, error) {
	rows, err := many[bodyRow](ctx, s, s.q.followRows, index, 1)
	if err != nil {
		return journal.Facets{}, err
	}
	if len(rows) == 0 || rows[0].ID != index {
		return journal.Facets{}, journal.ErrNotFound
	}
	entries, err := s.locate(ctx, rows)
	if err != nil {
		return journal.Facets{}, err
	}
	return entries[0].facets, nil
}

// locate reads entries and tells what they can be found by.
func (s *Store) locate(ctx context.Context, rows []bodyRow) ([]located, error) {
	records, refs, err := s.opened(ctx, rows)
	if err != nil {
		return nil, err
	}
	out := make([]located, len(records))
	mandats, agents, structures := map[string]belongsRow{}, map[string]belongsRow{}, map[string]belongsRow{}
	for i, r := range records {
		out[i] = located{Record: r, facets: r.Facets(), ref: refs[i]}
		mandat, structure, agent := r.Belongs()
		mandats[mandat], agents[agent], structures[structure] = belongsRow{}, belongsRow{}, belongsRow{}
	}
	if err := errors.Join(s.belongs(ctx, s.q.mandatBelongs, mandats), s.belongs(ctx, s.q.aidantBelongs, agents)); err != nil {
		return nil, err
	}
	for i, r := range records {
		f := &out[i].facets
		mandat, structure, agent := r.Belongs()
		f.Structure = cmp.Or(string(mandats[mandat].A), structure, string(agents[agent].A))
		f.Usager = string(mandats[mandat].B)
		structures[f.Structure] = belongsRow{}
	}
	if err := s.belongs(ctx, s.q.organisationLies, structures); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].facets.Departement = organisation.DepartementOf(string(structures[out[i].facets.Structure].A))
	}
	return out, nil
}

// belongs looks all keys of a map up and fills in what was found.
func (s *Store) belongs(ctx context.Context, q query, of map[string]belongsRow) error {
	delete(of, "")
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(of)), inWidth) {
		rows, err := many[belongsRow](ctx, s, q, padded(ids)...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			of[r.ID] = r
		}
	}
	return nil
}

// posting says that an entry stands in a list.
type posting struct{ facette, idx int64 }

// facetFollower keeps the posting lists by which the auditeur's criteria are
// found.
type facetFollower struct {
	mu      sync.Mutex
	numbers map[string]int64 // of posting lists that are committed
}

func (f *facetFollower) name() string { return "facettes" }

func (f *facetFollower) forget(t *tx) error {
	_, err := t.exec(t.s.q.postingsForget)
	return err
}

// derive lists an entry under each of its codes. A mandat has an usager from its
// signature on, so its earlier entries are listed under the usager then.
func (f *facetFollower) derive(ctx context.Context, entries []located) (func(*tx) error, error) {
	by := map[string][]int64{}
	for _, e := range entries {
		for _, code := range e.codes() {
			by[code] = append(by[code], e.Index)
		}
	}
	signed := map[string]string{} // mandat → code of its usager
	for _, e := range entries {
		if e.Action == journal.MandatSign && e.facets.Usager != "" {
			signed[e.Mandat] = "usager:" + e.facets.Usager
		}
	}
	return func(t *tx) error {
		for mandat, code := range signed {
			var earlier []int64
			if err := t.list(&earlier, t.s.q.streamIndexes, mandat); err != nil {
				return err
			}
			by[code] = append(by[code], earlier...)
		}
		return f.post(t, by)
	}, nil
}

// post inserts postings in the order of their key.
func (f *facetFollower) post(t *tx, by map[string][]int64) error {
	var all []posting
	for code, indexes := range by {
		number, err := f.number(t, code)
		if err != nil {
			return err
		}
		for _, idx := range indexes {
			all = append(all, posting{number, idx})
		}
	}
	slices.SortFunc(all, func(a, b posting) int { return cmp.Or(cmp.Compare(a.facette, b.facette), cmp.Compare(a.idx, b.idx)) })
	all = slices.Compact(all)
	for len(all) >= postingWidth {
		values := make([]any, 0, 2*postingWidth)
		for _, p := range all[:postingWidth] {
			values = append(values, p.facette, p.idx)
		}
		if _, err := t.exec(t.s.q.postingsInsert, values...); err != nil {
			return err
		}
		all = all[postingWidth:]
	}
	for _, p := range all {
		if _, err := t.exec(t.s.q.postingInsert, p.facette, p.idx); err != nil {
			return err
		}
	}
	return nil
}

// number is the number of a posting list, made if it is new. Only committed ones
// are remembered.
func (f *facetFollower) number(t *tx, code string) (int64, error) {
	if n, ok := f.known(code); ok {
		return n, nil
	}
	var n int64
	err := t.get(&n, t.s.q.facetteByCode, code)
	if err == nil {
		f.remember(code, n)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return n, err
	}
	if _, err := t.exec(t.s.q.facetteInsert, code); err != nil {
		return 0, err
	}
	err = t.get(&n, t.s.q.facetteByCode, code)
	return n, err
}

func (f *facetFollower) known(code string) (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.numbers[code]
	return n, ok
}

func (f *facetFollower) remember(code string, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.numbers == nil || len(f.numbers) >= codesMax {
		f.numbers = map[string]int64{}
	}
	f.numbers[code] = n
}

// unlist takes entries about to be pruned out of the lists that only what they
// lose would tell: who acted, and what follows from that.
func (t *tx) unlist(rows []bodyRow) error {
	before, err := t.s.locate(t.ctx, rows)
	if err != nil {
		return err
	}
	emptied := slices.Clone(rows)
	for i := range emptied {
		emptied[i].PrunedBy = index(emptied[i].ID + 1) // any: what counts is that the body is gone
	}
	after, err := t.s.locate(t.ctx, emptied)
	if err != nil {
		return err
	}
	for i, e := range before {
		keep := after[i].codes()
		for _, code := range e.codes() {
			if slices.Contains(keep, code) {
				continue
			}
			number, err := t.s.facets.number(t, code)
			if err != nil {
				return err
			}
			if _, err := t.exec(t.s.q.postingDelete, number, e.Index); err != nil {
				return err
			}
		}
	}
	return nil
}
