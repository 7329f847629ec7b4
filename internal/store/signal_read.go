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
	q := "SELECT " + plain(signalRow{}) + " FROM signal WHERE " + strings.Join(where, " AND ") + " ORDER BY at DESC, idx DESC, rule DESC LIMIT ?"
	return query(q), append(args, page(f.Limit))
}

// Signals lists signals, newest first.
func (s *Store) Signals(ctx context.Context, f signal.Filter) ([]signal.Found, error) {
	q, args := signalsQuery(f)
	rows, err := many[signalRow](ctx, s, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]signal.Found, len(rows))
	for i, r := range rows {
		agent, err := s.Agent(ctx, r.AidantRef)
		if err != nil {
			return nil, err
		}
		out[i] = signal.Found{Rule: signal.Code(r.Rule), Index: r.Index, At: r.At.time(), Mandat: r.MandatID, Aidant: agent,
			Structure: r.OrganisationID, Departement: r.Departement}
	}
	return out, nil
}
