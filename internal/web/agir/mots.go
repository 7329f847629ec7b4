package agir

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"relais/internal/delegation"
	"relais/internal/domaine"
	"relais/internal/identite"
	"relais/internal/mandat"
	"relais/internal/provider"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// usableDomaines lists the domaines in which the visitor may act under m at the
// service, in the catalogue's order.
func usableDomaines(m mandat.Mandat, v desk.Visit, req provider.Request, at time.Time) []string {
	if m.OrganisationID != v.Organisation.ID || !m.Names(v.Aidant.ID) {
		return nil
	}
	var codes []string
	for _, known := range domaine.Current().Domaines {
		if _, ok := m.Active(known.Code, at); ok && slices.Contains(req.Within, known.Code) {
			codes = append(codes, known.Code)
		}
	}
	return codes
}

// titles names domaines for people.
func titles(codes []string) string {
	catalogue := domaine.Current()
	words := make([]string, 0, len(codes))
	for _, code := range codes {
		words = append(words, title(catalogue, code))
	}
	return strings.Join(words, "\u00a0; ")
}

func title(catalogue domaine.Catalogue, code string) string {
	if found, ok := catalogue.Find(code); ok {
		return found.Title
	}
	return code
}

// asker words who asks. A hub does not tell which service it asks for: nothing
// here may pretend to know.
func asker(req provider.Request) string {
	if req.Profile == provider.ProfileFranceConnect {
		return "Un service public, par " + req.ClientName + ","
	}
	return "Le service " + req.ClientName
}

// perimeter is what the service accepts, in words; "" when it declares nothing.
func perimeter(req provider.Request) string {
	if len(req.Within) == len(domaine.Current().Domaines) {
		return ""
	}
	return titles(req.Within)
}

// born is « née le 3 mars 1948 », « né en mars 1948 » where the day is unknown.
func born(p identite.Pivot) string {
	word := map[string]string{"male": "né", "female": "née"}[p.Gender]
	if word == "" {
		word = "né(e)"
	}
	if strings.HasSuffix(string(p.Birthdate), "-00") {
		return word + " en " + page.Birthdate(string(p.Birthdate))
	}
	return word + " le " + page.Birthdate(string(p.Birthdate))
}

// explained gives the refusals of a use a page: what happened, what is safe,
// what to do. Any other error is passed on.
func explained(err error, demande, client string) error {
	other := page.Link{Href: path(demande), Text: "Choisir une autre personne"}
	p := &desk.Problem{Status: http.StatusForbidden, Cause: err, Next: other}
	switch {
	case errors.Is(err, provider.ErrNoRequest):
		*p = noRequest(err)
	case errors.Is(err, provider.ErrNoEmail):
		*p = noEmail(err, client)
	case errors.Is(err, provider.ErrOtherUsager):
		p.Title = "Le service attend une autre personne"
		p.Text = "Il demande la personne pour qui vous étiez déjà connecté. Pour ne jamais mélanger deux usagers, rien n’a été transmis."
		p.Do = []string{"Choisissez de nouveau cette personne.", "Pour agir pour quelqu’un d’autre, déconnectez-vous d’abord du service, puis recommencez."}
	case errors.Is(err, delegation.ErrMade):
		p.Status, p.Title = http.StatusConflict, "Ce choix a déjà été fait"
		p.Text = "Vous avez déjà répondu à cette demande, sans doute par un second clic ou dans un autre onglet. Un seul choix a été enregistré."
		p.Do = []string{"Retournez dans l’onglet du service public.", "Si vous n’y êtes pas connecté, recommencez la connexion depuis ce service."}
		p.Next = page.Link{Href: "/demarche", Text: "Voir la démarche en cours"}
	case errors.Is(err, delegation.ErrOpen):
		p.Status, p.Title = http.StatusConflict, "Une démarche est ouverte pour une autre personne"
		p.Text = "Pour ne jamais mélanger deux usagers, Relais n’ouvre pas une deuxième démarche. Rien n’a été transmis au service."
		p.Do = []string{"Terminez la démarche en cours et faites les déconnexions proposées.", "Revenez ensuite au service public et recommencez la connexion."}
		p.Next = page.Link{Href: "/demarche", Text: "Voir la démarche en cours"}
	case errors.Is(err, mandat.ErrEnded):
		p.Title = "Ce mandat, ou cette partie du mandat, a pris fin"
		p.Text = "Il est arrivé à son terme, ou l’usager ou la structure vient de l’arrêter. Rien n’a été transmis au service."
		p.Do = []string{"Si l’usager veut continuer, préparez avec lui un nouveau mandat."}
	case errors.Is(err, mandat.ErrScope):
		p.Title = "Ce mandat ne permet pas d’agir ici"
		p.Text = "Le mandat n’a pas de domaine en cours que ce service accepte. Rien n’a été transmis au service."
		p.Do = []string{"Vérifiez les domaines sur la page du mandat.", "Pour un autre domaine, l’usager doit donner un nouveau mandat."}
	case errors.Is(err, mandat.ErrNotNamed):
		p.Title = "Ce mandat ne vous désigne pas"
		p.Text = "Le texte signé par l’usager nomme d’autres aidants de votre structure. Rien n’a été transmis au service."
		p.Do = []string{"Confiez la démarche à un aidant nommé sur la page du mandat.", "Ou préparez avec l’usager un mandat qui vous nomme."}
	case errors.Is(err, mandat.ErrNotFound), errors.Is(err, usager.ErrNotFound):
		p.Status, p.Title = http.StatusNotFound, "Ce mandat est introuvable"
		p.Text = "Il n’existe pas, ou il n’est pas de votre structure."
		p.Do = []string{"Cherchez de nouveau la personne pour qui vous agissez."}
	default:
		return err
	}
	return p
}

func noRequest(err error) desk.Problem {
	return desk.Problem{Status: http.StatusConflict, Cause: err, Title: "Cette demande de connexion n’est plus en attente",
		Text: "Elle a déjà reçu une réponse, elle date de plus de dix minutes, ou elle a été commencée dans un autre navigateur. Rien n’a été transmis au service.",
		Do: []string{"Retournez sur le site du service public et recommencez la connexion avec FranceConnect.",
			"N’utilisez pas le bouton « Précédent » pendant la connexion."},
		Next: page.Link{Href: section, Text: "Revenir au guichet"}}
}

func noEmail(err error, client string) desk.Problem {
	if client == "" {
		client = "FranceConnect"
	}
	return desk.Problem{Status: http.StatusForbidden, Cause: err, Title: "Il manque une adresse électronique",
		Text: client + " exige une adresse électronique pour ouvrir un service. L’usager n’en a pas confirmé, et Relais n’en invente pas. Rien n’a été transmis au service.",
		Do: []string{"Si l’usager a une adresse que lui seul lit, il pourra la confirmer en donnant un nouveau mandat.",
			"L’exploitant de Relais peut aussi fournir une adresse pour les usagers qui n’en ont pas (réglage RELAIS_COURRIEL_ABSENT).",
			"En attendant, faites la démarche autrement : papier, téléphone ou guichet."},
		Next: page.Link{Href: section, Text: "Revenir au guichet"}}
}
