package agents

import "relais/internal/web/desk"

// Routes are the doors' routes for a desk of that access, but for the form of a new
// agent, whose address tells which structure they join.
func (d *Doors) Routes(access desk.Access) []desk.Route {
	get := func(path string, h desk.Handler) desk.Route {
		return desk.Route{Pattern: "GET " + d.Home + path, Access: access, Handle: h}
	}
	post := func(path, asks string, h desk.Handler) desk.Route {
		return desk.Route{Pattern: "POST " + d.Home + path, Access: access, Fresh: desk.FreshPost, Asks: asks, Handle: h}
	}
	return []desk.Route{
		get("/fiche", d.Sheet),
		post("/agents/{id}/inviter", "faire un code d’invitation", d.Invite),
		post("/agents/{id}/inviter/annuler", "annuler une invitation", d.Cancel),
		get("/agents/{id}/reinitialiser", d.AskForm),
		post("/agents/{id}/reinitialiser", "demander une réinitialisation", d.Ask),
		get("/reinitialisations", d.List),
		get("/reinitialisations/{id}", d.Reset),
		post("/reinitialisations/{id}/approuver", "approuver une réinitialisation", d.Approve),
		post("/reinitialisations/{id}/ecarter", "écarter une demande de réinitialisation", d.Dismiss),
		post("/reinitialisations/{id}/retirer", "retirer une demande de réinitialisation", d.Withdraw),
		post("/reinitialisations/{id}/code", "faire un code de réinitialisation", d.Issue),
	}
}
