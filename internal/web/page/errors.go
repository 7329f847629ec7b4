package page

import "net/http"

// ErrorPage is rendered by templates/erreur.html: what happened, what is safe,
// what to do.
type ErrorPage struct {
	Layout
	Status    int
	Heading   string
	Text      string
	Do        []string // what the visitor can do, one sentence each
	Links     []Link   // where to go next; the first is the main one
	Reference string   // to give to the support; "" = none
}

var errorTexts = map[int]ErrorPage{
	http.StatusBadRequest: {
		Heading: "Cette demande n’est pas lisible",
		Text:    "Le navigateur a envoyé une demande que Relais ne comprend pas. Rien n’a été modifié.",
		Do:      []string{"Revenez à la page précédente, rechargez-la, puis recommencez."},
	},
	http.StatusForbidden: {
		Heading: "Vous n’avez pas accès à cette page",
		Text:    "Votre rôle ou votre structure ne permet pas d’ouvrir cette page. Rien n’a été modifié.",
		Do: []string{"Vérifiez avec quel compte vous êtes connecté : son nom est en haut de la page.",
			"Si vous devriez avoir accès, demandez au référent de votre structure."},
	},
	http.StatusNotFound: {
		Heading: "Cette page n’existe pas",
		Text:    "L’adresse est peut-être incomplète, ou la page n’est plus là.",
		Do:      []string{"Si vous avez copié l’adresse, vérifiez qu’elle est entière."},
	},
	http.StatusMethodNotAllowed: {
		Heading: "Cette page ne s’ouvre pas ainsi",
		Text:    "Cette adresse sert à envoyer un formulaire. Rien n’a été modifié.",
		Do:      []string{"Repartez de l’accueil, puis recommencez l’action."},
	},
	http.StatusConflict: {
		Heading: "Cette action a déjà été faite, ou la situation a changé",
		Text:    "Une autre personne, une autre fenêtre ou un second clic est passé avant. Cette demande n’a rien modifié.",
		Do:      []string{"Rouvrez la page pour voir la situation à jour avant de recommencer."},
	},
	http.StatusRequestEntityTooLarge: {
		Heading: "Ce formulaire est trop long",
		Text:    "Ce que vous avez envoyé dépasse la taille permise. Rien n’a été modifié.",
		Do:      []string{"Revenez à la page précédente et raccourcissez ce que vous avez saisi."},
	},
	http.StatusUnprocessableEntity: {
		Heading: "Il manque une information",
		Text:    "Relais n’a pas pu enregistrer ce qui a été envoyé. Rien n’a été modifié.",
		Do:      []string{"Revenez à la page précédente et complétez le formulaire."},
	},
	http.StatusTooManyRequests: {
		Heading: "Trop d’essais en peu de temps",
		Text:    "Par sécurité, Relais fait une pause. Ce qui était enregistré le reste.",
		Do:      []string{"Attendez une minute, puis recommencez."},
	},
	http.StatusInternalServerError: {
		Heading: "Relais n’a pas pu terminer cette action",
		Text:    "La panne vient de Relais, pas de vous. Ce qui a été confirmé à l’écran avant reste enregistré.",
		Do: []string{"Attendez un instant, puis recommencez.",
			"Si cela continue, prévenez l’assistance et donnez la référence ci-dessous."},
	},
	http.StatusServiceUnavailable: {
		Heading: "Relais est indisponible pour un moment",
		Text:    "Le service redémarre ou attend une base de données. Ce qui a été confirmé à l’écran avant reste enregistré.",
		Do:      []string{"Recommencez dans quelques minutes."},
	},
}

// NewErrorPage gives the usual words for a status; a status without words of
// its own gets those of 500. The caller may replace any of them.
func NewErrorPage(status int) *ErrorPage {
	text, ok := errorTexts[status]
	if !ok {
		text = errorTexts[http.StatusInternalServerError]
	}
	text.Status = status
	text.Title = text.Heading
	text.Links = []Link{{Href: "/", Text: "Revenir à l’accueil"}}
	return &text
}

// RenderError writes an error page with its own status. It always answers: if
// even this page cannot be made, it is a sentence of plain text.
func (r *Renderer) RenderError(w http.ResponseWriter, p *ErrorPage) {
	if p.Title == "" {
		p.Title = p.Heading
	}
	err := r.Render(w, p.Status, "erreur", p)
	if err == nil {
		return
	}
	r.opts.Log.Error("error page not rendered", "status", p.Status, "error", err)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(p.Status)
	_, _ = w.Write([]byte("Relais n’a pas pu afficher cette page. Recommencez dans un instant.\n")) // nobody left to tell
}
