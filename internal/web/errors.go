package web

import (
	"errors"
	"net/http"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/provider"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// table is the one place where errors become statuses and words. Whatever is not
// in it is a 500 with a reference, and the only thing logged at error level.
var table = []struct {
	err    error
	status int
	title  string
	text   string
}{
	{mandat.ErrNotFound, http.StatusNotFound, "Ce mandat est introuvable", "Il n’existe pas, ou il n’est pas de votre structure."},
	{usager.ErrNotFound, http.StatusNotFound, "Cette personne est introuvable", "Votre structure n’a pas de mandat de cette personne."},
	{organisation.ErrNotFound, http.StatusNotFound, "", ""},
	{aidant.ErrNotFound, http.StatusNotFound, "Cet agent est introuvable", "Il n’existe pas, ou il n’est pas de votre structure."},
	{mandat.ErrState, http.StatusConflict, "", ""},
	{mandat.ErrStale, http.StatusConflict, "", ""},
	{mandat.ErrEnded, http.StatusConflict, "Ce mandat a pris fin", "Le mandat, ou cette autorisation, n’est plus en cours. Rien n’a été modifié."},
	{mandat.ErrOverlap, http.StatusConflict, "Un autre mandat couvre déjà ce domaine", "Un mandat en cours, entre cette personne et votre structure, couvre déjà l’un des domaines."},
	{mandat.ErrScope, http.StatusForbidden, "Le mandat ne couvre pas ce domaine", "Cette démarche n’est pas dans le mandat, ou le service ne l’accepte pas."},
	{mandat.ErrNotNamed, http.StatusForbidden, "Ce mandat ne vous désigne pas", "Le texte signé par l’usager ne vous autorise pas à agir."},
	{mandat.ErrInvalid, http.StatusUnprocessableEntity, "", ""},
	{delegation.ErrMade, http.StatusConflict, "Ce choix a déjà été fait", "La connexion au service a déjà été lancée avec ce choix."},
	{delegation.ErrOpen, http.StatusConflict, "Une démarche est déjà ouverte", "Terminez la démarche en cours avant d’agir pour une autre personne."},
	{habilitation.ErrState, http.StatusConflict, "", ""},
	{habilitation.ErrSelf, http.StatusForbidden, "On ne décide pas de sa propre habilitation", "Demandez à une autre personne qui en a le droit."},
	{habilitation.ErrInvalid, http.StatusUnprocessableEntity, "", ""},
	{facteur.ErrUnknown, http.StatusNotFound, "Cette demande est introuvable", "Elle n’existe pas, ou elle ne vous concerne pas."},
	{mission.ErrNotFound, http.StatusNotFound, "Cette mission est introuvable", "Elle n’existe pas."},
	{mission.ErrState, http.StatusConflict, "", ""},
	{mission.ErrSelf, http.StatusForbidden, "On ne décide pas de sa propre mission", "Demandez à un autre administrateur."},
	{journal.ErrNotFound, http.StatusNotFound, "Cette entrée est introuvable", "Le journal n’a pas d’entrée de ce rang."},
	{identite.ErrInvalid, http.StatusUnprocessableEntity, "Cette identité n’est pas complète", "Une information d’état civil manque ou ne peut pas être lue. Rien n’a été modifié."},
	{acte.ErrContent, http.StatusConflict, "Le texte du mandat ne peut pas être écrit", "Une information de la structure ou d’un aidant est vide, ou contient un caractère que le texte ne peut pas porter. Rien n’a été modifié."},
	{mandat.ErrMinor, http.StatusForbidden, "Il faut avoir 18 ans pour donner un mandat", "Rien n’a été modifié."},
	{mandat.ErrProtected, http.StatusForbidden, "Relais ne peut pas recueillir ce mandat", "Une mesure de protection a été déclarée. Rien n’a été modifié."},
	{mandat.ErrCircle, http.StatusForbidden, "Choisissez un autre compte", "Relais ne peut pas servir à identifier un usager. Rien n’a été modifié."},
	{aidant.ErrOther, http.StatusForbidden, "Une autre personne s’est identifiée", "Rien n’a été modifié."},
	{aidant.ErrSuspended, http.StatusForbidden, "Votre accès à Relais est suspendu", "Demandez au référent de votre structure pourquoi, et jusqu’à quand."},
	{login.ErrDown, http.StatusServiceUnavailable, "Le service d’identité ne répond pas", "Rien n’a été modifié. Recommencez dans quelques minutes."},
	{provider.ErrNoEmail, http.StatusConflict, "Le service demande une adresse électronique", "L’usager n’en a pas d’utilisable, et aucune adresse de remplacement n’est réglée. Rien n’a été modifié."},
	{provider.ErrNoRequest, http.StatusConflict, "Cette connexion n’est plus en attente", "Elle a été commencée dans un autre navigateur, elle a déjà servi, ou elle date de plus de dix minutes."},
	{aidant.ErrSession, http.StatusForbidden, "Votre session est terminée", "Identifiez-vous de nouveau."},
	{page.ErrFormTooLarge, http.StatusRequestEntityTooLarge, "", ""},
	{page.ErrFormMalformed, http.StatusBadRequest, "", ""},
	{page.ErrFormRepeated, http.StatusBadRequest, "", ""},
}

// fail answers with the page of an error. Nothing was written before.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.errorPage(r, err)
	v := desk.Of(r)
	p.Layout = v.Layout(p.Heading, "")
	if v.Session.Entrusted != "" {
		p.Layout = v.UsagerLayout(p.Heading)
		if len(p.Links) == 1 && p.Links[0].Href == "/" { // which an entrusted screen does not open
			p.Links = []page.Link{{Href: "/tour", Text: "Revenir à la signature"}}
		}
	}
	s.Pages.RenderError(w, p)
}

func (s *Server) errorPage(r *http.Request, err error) *page.ErrorPage {
	var problem *desk.Problem
	if errors.As(err, &problem) {
		return fromProblem(problem)
	}
	for _, row := range table {
		if errors.Is(err, row.err) {
			return fromProblem(&desk.Problem{Status: row.status, Title: row.title, Text: row.text})
		}
	}
	ref := journal.RequestID(r.Context())
	s.Log.ErrorContext(r.Context(), "request failed", "error", err, "route", r.Pattern, "request", ref)
	p := page.NewErrorPage(http.StatusInternalServerError)
	p.Reference = ref
	return p
}

func fromProblem(problem *desk.Problem) *page.ErrorPage {
	p := page.NewErrorPage(problem.Status)
	if problem.Title != "" {
		p.Heading, p.Title = problem.Title, problem.Title
		p.Do = problem.Do
	}
	if problem.Text != "" {
		p.Text = problem.Text
	}
	if problem.Next.Href != "" {
		p.Links = []page.Link{problem.Next}
	}
	p.Reference = problem.Reference
	return p
}
