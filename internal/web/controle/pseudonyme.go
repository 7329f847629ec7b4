package controle

import (
	"context"
	"net/url"

	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Agents tells who stands behind a reference of the journal, by identifier.
type Agents interface {
	// Agent opens an agent's hidden reference; it returns one that nobody can open
	// any more as it is.
	Agent(ctx context.Context, ref string) (string, error)
	// AidantIDs lists the identifiers of all agents.
	AidantIDs(ctx context.Context) ([]string, error)
}

// agentID is the agent behind a label of the visitor's mission, "" when there is
// none, or when two agents share it.
func (d *Desk) agentID(ctx context.Context, v desk.Visit, label string) (string, error) {
	if !mission.IsLabel(label) {
		return "", nil
	}
	all, err := d.Agents.AidantIDs(ctx)
	if err != nil {
		return "", err
	}
	found := ""
	for _, id := range all {
		if v.Mission.Label(id) != label {
			continue
		}
		if found != "" {
			return "", nil
		}
		found = id
	}
	return found, nil
}

// openActor puts an agent's identifier in place of the reference that the
// entry's bytes hold.
func (d *Desk) openActor(ctx context.Context, rec *journal.Record) error {
	if rec.Actor.Type != journal.ActorAidant || rec.Actor.Ref == "" {
		return nil
	}
	id, err := d.Agents.Agent(ctx, rec.Actor.Ref)
	if err == nil {
		rec.Actor.Ref = id
	}
	return err
}

// actorRef is how pages name an actor, and how a search asks for them: an agent
// by their label in this mission, a service by its client_id.
func actorRef(v desk.Visit, a journal.Actor) string {
	if a.Type == journal.ActorAidant && a.Ref != "" && !journal.Hidden(a.Ref) {
		return v.Mission.Label(a.Ref)
	}
	return a.Ref
}

// actorCell names the kind of actor and their label; it leads to what else they
// did.
func actorCell(v desk.Visit, a journal.Actor) page.Cell {
	if a.Ref == "" || a.Type == journal.ActorSysteme {
		return page.Cell{Text: actorWord(a.Type)}
	}
	ref := actorRef(v, a)
	return page.Cell{Text: actorWord(a.Type) + " " + short(ref), Href: home + "?acteur=" + url.QueryEscape(ref), Number: true}
}

func actorItem(v desk.Visit, a journal.Actor) page.Item {
	item := page.Item{Term: "Acteur", Text: actorWord(a.Type)}
	if ref := actorRef(v, a); ref != "" {
		item.Text += " " + ref
		item.Href = home + "?acteur=" + url.QueryEscape(ref)
	}
	return item
}
