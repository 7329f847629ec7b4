package desk

import (
	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/web/page"
)

// News is what an agent has to be told of on their next page. Shown says that a
// page told it.
type News struct {
	Text  string
	To    page.Link
	Shown bool
}

// NewsOf words a login in a browser that the visitor had not used before.
func (v Visit) NewsOf(a aidant.Appareil) *News {
	text := "nouvelle connexion à votre compte depuis " + a.Device
	if a.ID == v.Session.Appareil {
		text += " (cet appareil)"
	}
	return &News{To: page.Link{Href: "/compte#nouvelles-connexions", Text: "Ce n’était pas moi"}, Text: text + ", le " + page.DateTime(a.FirstAt.In(v.Zone())) + "."}
}

// NewsOfReset words that somebody asked for the removal of the visitor's factors.
func (v Visit) NewsOfReset(q facteur.Request) *News {
	return &News{To: page.Link{Href: "/compte#reinitialisation", Text: "Voir la demande, ou la refuser"},
		Text: q.Asker + " demande que ce qui vous sert à vous identifier soit réinitialisé."}
}
