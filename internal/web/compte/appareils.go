package compte

import (
	"context"
	"errors"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Browsers knows where agents signed in.
type Browsers interface {
	// NewAppareils are the browsers first used since a moment, the last first.
	NewAppareils(ctx context.Context, aidantID string, since time.Time) ([]aidant.Appareil, error)
	// Disown ends all of an agent's sessions, and remembers why:
	// aidant.ErrAppareil for a browser that is none of theirs.
	Disown(ctx context.Context, aidantID, id string, c aidant.Closing) error
}

type browserRow struct {
	ID, Device string
	First      time.Time
	Here       bool
}

// browsers lists where the visitor signed in for the first time lately.
func (d *Desk) browsers(r *http.Request) ([]browserRow, error) {
	v := desk.Of(r)
	list, err := d.Browsers.NewAppareils(r.Context(), v.Aidant.ID, d.Now().Add(-aidant.AppareilNew))
	rows := make([]browserRow, 0, len(list))
	for _, a := range list {
		rows = append(rows, browserRow{ID: a.ID, Device: a.Device, First: a.FirstAt.In(v.Zone()), Here: a.ID == v.Session.Appareil})
	}
	return rows, err
}

// disown is « Ce n’était pas moi »: at once and without a question, since whoever
// it was may be at work.
func (d *Desk) disown(w http.ResponseWriter, r *http.Request) error {
	v, id := desk.Of(r), r.PathValue("ref")
	err := d.Browsers.Disown(r.Context(), v.Aidant.ID, id, aidant.Closing{
		Alive: func(s aidant.Session) bool { return d.Now().Before(d.Sessions.EndsAt(s)) },
		Decide: func(a aidant.Aidant, open int) (journal.Fact, error) {
			return a.Disowned(v.Session.Auth, id, open), nil
		}})
	if errors.Is(err, aidant.ErrAppareil) {
		return &desk.Problem{Status: http.StatusNotFound, Title: "Cette connexion n’est pas dans votre liste",
			Text: "Elle est peut-être déjà signalée. Rien n’a été modifié.",
			Next: page.Link{Href: "/compte", Text: "Voir mes connexions"}}
	}
	if err != nil {
		return err
	}
	d.Sessions.Clear(w)
	http.Redirect(w, r, "/connexion/signalee", http.StatusSeeOther)
	return nil
}

// disowned says what was done, and what is left to do.
func (d *Desk) disowned(w http.ResponseWriter, r *http.Request) error {
	return d.Pages.Render(w, http.StatusOK, "compte/signalee", &page.Plain{Layout: desk.Of(r).Layout("Connexion signalée", "")})
}
