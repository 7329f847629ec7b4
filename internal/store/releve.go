package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/signal"
)

// releveRow is how many entries of one kind there are on one day.
type releveRow struct {
	Portee  string `db:"portee"`
	Day     string `db:"day"`
	Action  string `db:"action"`
	Outcome string `db:"outcome"`
	Domaine string `db:"domaine"`
	N       int64  `db:"n"`
}

type dayRow struct {
	Day        string `db:"day"`
	Uses       int64  `db:"uses"`
	Signatures int64  `db:"signatures"`
	Refusals   int64  `db:"refusals"`
	Failures   int64  `db:"failures"`
}

type countRow struct {
	Action  string `db:"action"`
	Outcome string `db:"outcome"`
	Domaine string `db:"domaine"`
	N       int64  `db:"n"`
}

func (q *queries) releves() {
	const period = " FROM journal_releve WHERE portee = ? AND day >= ? AND day <= ? GROUP BY "
	q.releveAdd = insertInto("journal_releve", releveRow{}) +
		" ON CONFLICT (portee, day, action, outcome, domaine) DO UPDATE SET n = journal_releve.n + excluded.n"
	q.releveForget = "DELETE FROM journal_releve"
	q.releveDays = `SELECT day, CAST(sum(CASE WHEN action = 'delegation.use' AND outcome = 'ok' THEN n ELSE 0 END) AS BIGINT) AS uses,
		CAST(sum(CASE WHEN action = 'mandat.sign' AND outcome = 'ok' THEN n ELSE 0 END) AS BIGINT) AS signatures,
		CAST(sum(CASE WHEN outcome = 'denied' THEN n ELSE 0 END) AS BIGINT) AS refusals,
		CAST(sum(CASE WHEN outcome = 'error' THEN n ELSE 0 END) AS BIGINT) AS failures` + period + "day ORDER BY day"
	q.releveCounts = "SELECT action, outcome, domaine, CAST(sum(n) AS BIGINT) AS n" + period + "action, outcome, domaine ORDER BY action, outcome, domaine"
}

// releveFollower counts entries by day, for charts whose cost follows the days
// they show and not the journal's size.
type releveFollower struct{}

func (releveFollower) name() string { return "releve" }

func (releveFollower) forget(t *tx) error {
	_, err := t.exec(t.s.q.releveForget)
	return err
}

// derive adds a batch up first. Each entry is counted once in all, once in its
// département and once in its structure; the cursor that moves in the same
// transaction makes it once.
func (releveFollower) derive(_ context.Context, entries []located) (func(*tx) error, error) {
	counts := map[releveRow]int64{}
	zones := map[string]*time.Location{}
	return func(t *tx) error {
		clear(counts) // this may run twice
		for _, e := range entries {
			zone, err := t.zoneOf(zones, e.facets.Structure)
			if err != nil {
				return err
			}
			row := releveRow{Day: e.At.In(zone).Format(time.DateOnly), Action: string(e.Action), Outcome: string(e.Outcome), Domaine: e.facets.Domaine}
			for _, row.Portee = range portees(e.facets) {
				counts[row]++
			}
		}
		rows := slices.SortedFunc(maps.Keys(counts), func(a, b releveRow) int { return strings.Compare(a.key(), b.key()) })
		for _, row := range rows { // in one order, so that two instances never wait for each other
			row.N = counts[row]
			if _, err := t.exec(t.s.q.releveAdd, args(row)...); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (r releveRow) key() string {
	return strings.Join([]string{r.Portee, r.Day, r.Action, r.Outcome, r.Domaine}, "\x00")
}

// portees lists where an entry is counted.
func portees(f journal.Facets) []string {
	all := []string{""}
	if f.Departement != "" {
		all = append(all, "d:"+f.Departement)
	}
	if f.Structure != "" {
		all = append(all, "s:"+f.Structure)
	}
	return all
}

// zoneOf is in which calendar an entry is counted: its structure's, or Paris's.
func (t *tx) zoneOf(known map[string]*time.Location, structure string) (*time.Location, error) {
	if zone, ok := known[structure]; ok {
		return zone, nil
	}
	place := organisation.Organisation{Timezone: "Europe/Paris"}
	if structure != "" {
		var rows []organisationRow
		if err := t.list(&rows, t.s.q.organisationByID, structure); err != nil {
			return nil, err
		}
		if len(rows) == 1 {
			place.Timezone = rows[0].Timezone
		}
	}
	known[structure] = place.Location()
	return known[structure], nil
}

// Releve counts the entries of a period. A structure outside the scope has none.
func (s *Store) Releve(ctx context.Context, p signal.Period) (signal.Releve, error) {
	in, err := s.inScope(ctx, p.Structure, p.Scope)
	if err != nil || !in {
		return signal.Releve{}, err
	}
	portee := ""
	switch structure := cmp.Or(p.Structure, p.Scope.Structure); {
	case structure != "":
		portee = "s:" + structure
	case p.Scope.Departement != "":
		portee = "d:" + p.Scope.Departement
	}
	days, err := many[dayRow](ctx, s, s.q.releveDays, portee, p.From, p.To)
	if err != nil {
		return signal.Releve{}, err
	}
	counts, err := many[countRow](ctx, s, s.q.releveCounts, portee, p.From, p.To)
	if err != nil {
		return signal.Releve{}, err
	}
	var out signal.Releve
	for _, d := range days {
		out.Days = append(out.Days, signal.Day(d))
	}
	for _, c := range counts {
		out.Counts = append(out.Counts, signal.Count{Action: journal.Action(c.Action), Outcome: journal.Outcome(c.Outcome), Domaine: c.Domaine, N: c.N})
	}
	out.Upto, err = s.followed(ctx, releveFollower{})
	return out, err
}

// inScope tells whether a structure that was asked for lies in a scope.
func (s *Store) inScope(ctx context.Context, structure string, scope journal.Scope) (bool, error) {
	if structure == "" || scope == (journal.Scope{}) {
		return true, nil
	}
	rows, err := many[organisationRow](ctx, s, s.q.organisationByID, structure)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	return scope.Covers(journal.Facets{Structure: structure, Departement: rows[0].organisation().Departement()}), nil
}
