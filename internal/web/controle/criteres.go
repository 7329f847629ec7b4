package controle

import (
	"cmp"
	"context"
	"slices"

	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/preuve"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// criteriaItems says a filter in words, with its scope. What was typed and is
// unknown in this mission is said too: without it, the filter would seem wider
// than what was asked.
func (d *Desk) criteriaItems(ctx context.Context, v desk.Visit, f journal.Filter, unknown []page.Item) ([]page.Item, error) {
	places, err := d.places(ctx, journal.Scope{})
	if err != nil {
		return nil, err
	}
	items, err := d.criteria(ctx, v, f, places)
	within := page.Item{Term: "Périmètre", Text: mission.ScopeLabel(f.Scope, places.names[f.Scope.Structure])}
	return append(append(items, unknown...), within), err
}

// criteria says a filter in words, without its scope. What names an agent names
// them by the label of this mission.
func (d *Desk) criteria(ctx context.Context, v desk.Visit, f journal.Filter, places places) ([]page.Item, error) {
	var items []page.Item
	add := func(term, text string) {
		if text != "" {
			items = append(items, page.Item{Term: term, Text: text})
		}
	}
	if !f.From.IsZero() {
		add("À partir du", page.Date(f.From.In(v.Zone())))
	}
	if !f.To.IsZero() {
		add("Jusqu’au", page.Date(f.To.AddDate(0, 0, -1).In(v.Zone())))
	}
	if f.Action != "" {
		add("Action", f.Action.Label())
	}
	if f.Outcome != "" {
		add("Issue", outcome(f.Outcome).Text)
	}
	actor, err := d.actorName(ctx, v, f.Actor)
	if err != nil {
		return nil, err
	}
	add("Acteur", actor)
	if f.Mandat != "" {
		add("Mandat", "référence "+short(f.Mandat))
	}
	if f.Usager != "" {
		add("Usager", "référence "+short(f.Usager))
	}
	add("Structure", cmp.Or(places.names[f.Structure], f.Structure))
	field, _ := domaine.Current().Find(f.Domaine)
	add("Domaine", cmp.Or(field.Title, f.Domaine))
	add("Service", f.Service)
	return items, nil
}

// unknownItem says that what was typed is nowhere in this mission.
func unknownItem(term, typed string) page.Item {
	return page.Item{Term: term, Text: "« " + typed + " », inconnu dans cette mission"}
}

// actorName is an agent's label in this mission, or a service's client_id.
func (d *Desk) actorName(ctx context.Context, v desk.Visit, ref string) (string, error) {
	agents, err := d.Agents.AidantIDs(ctx)
	if slices.Contains(agents, ref) {
		ref = v.Mission.Label(ref)
	}
	return ref, err
}

// shows says what an evidence file of the selection will prove, and what not.
func shows(s preuve.Selection) string {
	switch {
	case s.Entry != nil:
		return "que cette entrée est dans le journal, à ce rang, telle quelle."
	case s.Complete() == preuve.OneMandat:
		return "que chacune de ces entrées est dans le journal, et qu’il n’en manque aucune de ce mandat, de la première jusqu’à l’export."
	case s.Complete() == preuve.Run:
		return "que chacune de ces entrées est dans le journal, et qu’il n’en manque aucune entre la première et la dernière."
	}
	return "que chacune de ces entrées est dans le journal. Il ne pourra pas montrer qu’aucune ne manque : " +
		"seul l’export d’un mandat entier, ou d’une période sans autre critère sur tout le journal, le montre."
}
