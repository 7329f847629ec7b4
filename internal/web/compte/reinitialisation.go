package compte

import (
	"context"
	"errors"
	"net/http"

	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Resets tells an agent that somebody asked for the removal of their factors, and
// takes their refusal.
type Resets interface {
	ResetOf(ctx context.Context, aidantID string) (q facteur.Request, found bool, err error)
	// ChangeReset is facteur.ErrUnknown, and the transition's own errors.
	ChangeReset(ctx context.Context, id string, by journal.Actor,
		decide func(facteur.Reinitialisation, facteur.Parties) (facteur.Reinitialisation, journal.Fact, error)) (facteur.Reinitialisation, error)
}

// resetNotice is what the agent's own page says of a reset that is under way.
func (d *Desk) resetNotice(r *http.Request) (items []page.Item, reason string, err error) {
	v := desk.Of(r)
	q, found, err := d.Resets.ResetOf(r.Context(), v.Aidant.ID)
	if err != nil || !found {
		return nil, "", err
	}
	items = []page.Item{{Term: "Demandée par", Text: q.Asker + ", " + q.AskerStructure}, {Term: "Demandée le", Text: page.DateTime(q.AskedAt.In(v.Zone()))}}
	if q.Approver != "" {
		items = append(items, page.Item{Term: "Approuvée par", Text: q.Approver + ", " + q.ApproverStructure})
	}
	return items, q.Reason, nil
}

// refuseReset is the agent's word, where they are signed in, that they did not ask.
func (d *Desk) refuseReset(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	by := v.Aidant.Actor(v.Session.Auth)
	q, found, err := d.Resets.ResetOf(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	if found {
		_, err = d.Resets.ChangeReset(r.Context(), q.ID, by, func(x facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error) {
			return x.Refuse(p.Who, by, d.Now())
		})
	}
	if !found || errors.Is(err, facteur.ErrState) {
		return &desk.Problem{Status: http.StatusConflict, Title: "Aucune réinitialisation n’est en cours", Cause: err,
			Text: "Elle a déjà été refusée ou retirée, ou son délai est passé. Rien n’a été modifié.", Next: page.Link{Href: "/compte", Text: "Voir mon compte"}}
	}
	if err != nil {
		return err
	}
	d.Flash.Flash(w, "success", "La réinitialisation est refusée. Les personnes qui l’ont demandée et approuvée le verront.")
	http.Redirect(w, r, "/compte", http.StatusSeeOther)
	return nil
}
