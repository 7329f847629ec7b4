package structure

import (
	"context"

	"relais/internal/mission"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// noticesShown is how many revealed identities the page lists.
const noticesShown = 20

// notices tells the référent which identities of their structure an auditeur was
// shown, when and under which mission. The reason is not theirs to read: it may
// say what the control suspects of the team, or of themselves.
func (d *Desk) notices(ctx context.Context, v desk.Visit) (page.Table, error) {
	list, err := d.Notices.Notices(ctx, mission.NoticeFilter{OrganisationID: v.Organisation.ID, Limit: noticesShown})
	t := page.Table{Caption: "Identités révélées à un auditeur, de la dernière à la première", Hidden: true, Columns: []string{"Date et heure", "Mission", "Identité"}}
	for _, n := range list {
		who := "Agent " + n.Agent
		if n.Kind == mission.Usager {
			who = "Usager du mandat " + page.Number(n.Number)
		}
		t.Rows = append(t.Rows, []page.Cell{{Text: page.DateTime(n.At.In(v.Zone())), Number: true}, {Text: n.Reference}, {Text: who}})
	}
	return t, err
}
