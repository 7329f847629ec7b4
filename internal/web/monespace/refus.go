package monespace

import (
	"errors"
	"net/http"

	"relais/internal/login"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// The outcomes of an identification, kept while FranceConnect logs out. None says
// who the usager is.
const (
	outcomeDone      = "fait"
	outcomeCircle    = "cercle"
	outcomeMinor     = "mineur"
	outcomeProtected = "protection"
	outcomeIdentity  = "identite"
	outcomeText      = "texte"
	outcomeBroken    = "panne"
)

// refusal is a page that says what happened, what is safe and what to do.
type refusal struct {
	Status      int
	Title, Text string
	Do          []string
	Again       bool   // identifying once more may help
	Code        string // for the support, "" without
}

const nothingSigned = " Rien n’est signé. Le brouillon du mandat est conservé."

var refusals = map[string]refusal{
	outcomeCircle: {Status: http.StatusForbidden, Again: true, Title: "Choisissez un autre compte",
		Text: "FranceConnect a proposé Relais pour vous identifier. Relais est l’outil de l’aidant : il ne peut pas prouver que c’est vous qui êtes devant l’écran." + nothingSigned,
		Do:   []string{"Recommencez, et choisissez un compte qui est à vous, par exemple celui de l’assurance maladie, des impôts ou de La Poste."}},
	outcomeMinor: {Status: http.StatusForbidden, Title: "Il faut avoir 18 ans pour donner un mandat",
		Text: "D’après la date de naissance donnée par FranceConnect, Relais ne peut pas être sûr que vous êtes majeur." + nothingSigned,
		Do: []string{"Avant 18 ans, ce sont les parents, ou la personne qui a l’autorité parentale, qui font les démarches.",
			"Votre aidant peut aussi vous orienter vers la mission locale ou l’assistant social de votre établissement."}},
	outcomeProtected: {Status: http.StatusForbidden, Title: "Relais ne peut pas recueillir ce mandat",
		Text: "Une mesure de protection a été déclarée." + nothingSigned,
		Do: []string{"Adressez-vous à la personne qui vous représente ou vous assiste : tuteur, curateur ou proche habilité.",
			"En cas de difficulté, vous pouvez écrire au juge des contentieux de la protection, au tribunal judiciaire."}},
	outcomeIdentity: {Status: http.StatusForbidden, Again: true, Title: "L’identité reçue est incomplète",
		Text: "Le compte utilisé n’a pas donné tout ce qu’il faut pour écrire un mandat : nom, prénoms, date et lieu de naissance." + nothingSigned,
		Do:   []string{"Recommencez avec un autre compte FranceConnect.", "Sinon, demandez à l’aidant comment faire corriger votre état civil."}},
	outcomeText: {Status: http.StatusConflict, Again: true, Title: "Le texte du mandat a changé",
		Text: "Vous vous étiez identifié pour un texte qui n’est plus celui de cet écran." + nothingSigned,
		Do:   []string{"Identifiez-vous de nouveau : cela vaudra pour le nouveau texte."}},
	outcomeBroken: {Status: http.StatusInternalServerError, Again: true, Title: "Relais n’a pas pu garder votre identification",
		Text: "La panne vient de Relais, pas de vous." + nothingSigned,
		Do:   []string{"Attendez un instant, puis recommencez."}},
}

type refusalPage struct {
	page.Layout
	refusal
	Heading string
	Aidant  string
	Retry   string // address of « Recommencer », "" when it would not help
}

func (d *Desk) refused(w http.ResponseWriter, r *http.Request, what refusal) error {
	v := desk.Of(r)
	p := refusalPage{Layout: v.UsagerLayout(what.Title), refusal: what, Heading: what.Title, Aidant: v.Aidant.Name()}
	if what.Again {
		p.Retry = stepBegin
	}
	return d.Pages.Render(w, what.Status, "monespace/refus", &p)
}

// failed words an error of package login, with what else there is to do. Any
// other error is the web's.
func (d *Desk) failed(w http.ResponseWriter, r *http.Request, err error, do ...string) error {
	status := http.StatusBadRequest
	switch known := (login.ErrRefused{}); {
	case errors.Is(err, login.ErrDown):
		status = http.StatusServiceUnavailable
	case errors.Is(err, login.ErrCancelled):
		status = http.StatusOK // the usager's right, and no fault
	case !errors.As(err, &known) && reasonOf(err) == unexplained:
		return err
	}
	title, what, todo := login.Explain(err)
	return d.refused(w, r, refusal{Status: status, Again: true, Title: title, Text: what, Do: append([]string{todo}, do...), Code: login.Code(err)})
}
