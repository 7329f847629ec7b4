package agents

import "relais/internal/web/desk"

// Routes are the doors' routes for a desk of that access, but for the form of a new
// agent, whose address tells which structure they join.
func (d *Doors) Routes(access desk.Access) []desk.Route {
	get := func(path string, h desk.Handler) desk.Route {
		return desk.Route{Pattern: "GET " + d.Home + path, Access: access, Handle: h}
	}
	post := func(path string, h desk.Handler) desk.Route {
		return desk.Route{Pattern: "POST " + d.Home + path, Access: access, Fresh: desk.FreshPost, Handle: h}
	}
	return []desk.Route{
		get("/fiche", d.Sheet),
		post("/agents/{id}/inviter", d.Invite),
		post("/agents/{id}/inviter/annuler", d.Cancel),
		get("/agents/{id}/reinitialiser", d.AskForm),
		post("/agents/{id}/reinitialiser", d.Ask),
		get("/reinitialisations", d.List),
		get("/reinitialisations/{id}", d.Reset),
		post("/reinitialisations/{id}/approuver", d.Approve),
		post("/reinitialisations/{id}/ecarter", d.Dismiss),
		post("/reinitialisations/{id}/retirer", d.Withdraw),
		post("/reinitialisations/{id}/code", d.Issue),
	}
}
