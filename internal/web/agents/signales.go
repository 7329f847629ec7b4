package agents

import (
	"context"
	"time"

	"relais/internal/aidant"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// Disowned tells which logins the agents of a structure said were not theirs.
type Disowned interface {
	Disowned(ctx context.Context, organisationID string, since time.Time) ([]aidant.Appareil, error)
}

// Signaled is the table of what was disowned of late; no rows: nothing was.
func Signaled(ctx context.Context, from Disowned, v desk.Visit, organisationID string, team []aidant.Aidant, now time.Time) (page.Table, error) {
	t := page.Table{Caption: "Connexions que des agents disent ne pas avoir faites, de la dernière à la première", Hidden: true,
		Columns: []string{"Agent", "Connexion", "Depuis", "Signalée"}}
	list, err := from.Disowned(ctx, organisationID, now.Add(-aidant.AppareilNew))
	names := map[string]string{}
	for _, a := range team {
		names[a.ID] = a.Name()
	}
	at := func(at time.Time) page.Cell { return page.Cell{Text: page.DateTime(at.In(v.Zone())), Number: true} }
	for _, a := range list {
		t.Rows = append(t.Rows, []page.Cell{{Text: names[a.AidantID]}, at(a.FirstAt), {Text: a.Device}, at(a.DisownedAt)})
	}
	return t, err
}
