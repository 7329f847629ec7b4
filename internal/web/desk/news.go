package desk

import (
	"relais/internal/aidant"
	"relais/internal/web/page"
)

// News is what an agent has to be told of on their next page. Shown says that a
// page told it.
type News struct {
	Text  string
	Shown bool
}

// NewsOf words a login in a browser that the visitor had not used before.
func (v Visit) NewsOf(a aidant.Appareil) *News {
	text := "nouvelle connexion à votre compte depuis " + a.Device
	if a.ID == v.Session.Appareil {
		text += " (cet appareil)"
	}
	return &News{Text: text + ", le " + page.DateTime(a.FirstAt.In(v.Zone())) + "."}
}
