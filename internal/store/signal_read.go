package store

import (
	"context"
	"strings"

	"relais/internal/signal"
)

// signalsQuery builds the statement of a filter: one index serves each way of
// asking, read backwards in the order of the page.
func signalsQuery(f signal.Filter) (query, []any) {
	where, args := []string{"idx >= 0"}, []any{}
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if f.Scope.Structure != "" {
		add("organisation_id = ?", f.Scope.Structure)
	}
	if f.Structure != "" && f.Structure != f.Scope.Structure {
		add("organisation_id = ?", f.Structure)
	}
	if f.Scope.Departement != "" {
		add("departement = ?", f.Scope.Departement)
	}
	if f.Rule != "" {
		add("rule = ?", string(f.Rule))
	}
	if f.Unseen {
		add("NOT EXISTS (SELECT 1 FROM signal_vu v WHERE v.idx = signal.idx AND v.rule = signal.rule)")
	}
	if !f.From.IsZero() {
		add("at >= ?", instant(f.From))
	}
	if !f.To.IsZero() {
		add("at < ?", instant(f.To))
	}
	if f.After.Rule != "" {
		add("(at, idx, rule) < ((SELECT c.at FROM signal c WHERE c.idx = ? AND c.rule = ?), ?, ?)",
			f.After.Index, string(f.After.Rule), f.After.Index, string(f.After.Rule))
	}
	q := "SELECT " + signalColumns + " FROM signal WHERE " + strings.Join(where, " AND ") + " ORDER BY at DESC, idx DESC, rule DESC LIMIT ?"
	return query(q), append(args, page(f.Limit))
}

// Signals lists signals, newest first.
func (s *Store) Signals(ctx context.Context, f signal.Filter) ([]signal.Found, error) {
	q, args := signalsQuery(f)
	rows, err := many[signalLine](ctx, s, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]signal.Found, len(rows))
	for i, r := range rows {
		if out[i], err = s.found(ctx, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// signalLine is a signal, and when it was marked as seen.
type signalLine struct {
	signalRow
	SeenAt instant `db:"seen_at"`
}

var signalColumns = plain(signalRow{}) + ", (SELECT v.at FROM signal_vu v WHERE v.idx = signal.idx AND v.rule = signal.rule) AS seen_at"

func (s *Store) found(ctx context.Context, r signalLine) (signal.Found, error) {
	agent, err := s.Agent(ctx, r.AidantRef)
	return signal.Found{Rule: signal.Code(r.Rule), Index: r.Index, At: r.At.time(), Mandat: r.MandatID, Aidant: agent,
		Structure: r.OrganisationID, Departement: r.Departement, SeenAt: r.SeenAt.time()}, err
}
