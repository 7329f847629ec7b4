package compte

import (
	"errors"
	"net/http"

	"relais/internal/aidant"
	"relais/internal/login"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// failure is how a failed login answers: its code in the journal and its status.
var failures = []struct {
	err    error
	code   string
	status int
}{
	{login.ErrDown, "fournisseur_injoignable", http.StatusServiceUnavailable},
	{login.ErrState, "etat_inconnu", http.StatusBadRequest},
	{login.ErrExpired, "trop_tard", http.StatusBadRequest},
	{login.ErrSub, "autre_personne", http.StatusForbidden},
	{login.ErrWeak, "second_facteur_absent", http.StatusForbidden},
	{login.ErrStale, "identification_ancienne", http.StatusForbidden},
	{login.ErrCancelled, "abandon", http.StatusForbidden},
	{login.ErrKeysChanged, "cles_changees", http.StatusServiceUnavailable},
	{login.ErrToken, "jeton_refuse", http.StatusForbidden},
}

// failed writes a failed login to the journal and gives it a page.
func (d *Desk) failed(r *http.Request, err error, next page.Link) error {
	code, status := "refus_fournisseur", http.StatusForbidden
	known := errors.As(err, new(login.ErrRefused))
	for _, f := range failures {
		if errors.Is(err, f.err) {
			code, status, known = f.code, f.status, true
			break
		}
	}
	if !known {
		return err
	}
	if err := d.Trace.Append(r.Context(), aidant.LoginFailed(code)); err != nil {
		return err
	}
	title, what, todo := login.Explain(err)
	p := &desk.Problem{Status: status, Title: title, Text: what, Do: []string{todo}, Next: next, Cause: err, Reference: login.Code(err)}
	if desk.Of(r).Session.Entrusted != "" {
		p.StaysEntrusted()
	}
	return p
}

// elsewhere is a callback that this browser did not ask for, or no longer.
func elsewhere(v desk.Visit) error {
	p := &desk.Problem{Status: http.StatusBadRequest, Title: "Cette connexion a été commencée dans une autre fenêtre",
		Text: "Ce navigateur n’a pas de connexion en attente : elle a été commencée ailleurs, elle a déjà abouti, ou plus de quinze minutes ont passé. Rien n’a été modifié.",
		Do: []string{"Revenez dans la fenêtre où vous avez commencé, ou recommencez ici.",
			"Si cela se répète, vérifiez que le navigateur accepte les cookies de Relais."},
		Next: page.Link{Href: "/connexion", Text: "Recommencer la connexion"}}
	if v.Session.Entrusted != "" {
		p.Next = page.Link{Href: "/tour", Text: "Revenir à la signature"}
	}
	return p
}

// notAdmitted says to someone whom their provider knows and Relais does not let
// in what to do. The store has written the refusal.
func notAdmitted(err error) error {
	p := &desk.Problem{Status: http.StatusForbidden, Cause: err,
		Next: page.Link{Href: "/connexion?autre=oui", Text: "Utiliser une autre identité"}}
	switch {
	case errors.Is(err, aidant.ErrUnknown):
		p.Title = "Relais ne vous connaît pas encore"
		p.Text = "Votre identité professionnelle est valable, mais aucun agent habilité n’a l’adresse et la structure qu’elle a transmises. Rien n’a été modifié."
		p.Do = []string{"Si vous travaillez pour plusieurs structures, recommencez et choisissez celle qui utilise Relais.",
			"Demandez au référent de votre structure de vous faire habiliter : donnez-lui votre adresse professionnelle et le SIRET de votre établissement.",
			"Si votre structure n’utilise pas encore Relais, elle doit d’abord être habilitée par l’organisme qui exploite ce service."}
	case errors.Is(err, aidant.ErrSuspended):
		p.Title = "Votre accès à Relais est suspendu"
		p.Text = "Votre habilitation, ou celle de votre structure, est suspendue. Les mandats donnés par les usagers restent enregistrés ; vous ne pouvez pas agir en leur nom."
		p.Do = []string{"Demandez au référent de votre structure pourquoi, et jusqu’à quand.",
			"Si un usager attend une démarche, confiez-la à un collègue habilité."}
	case errors.Is(err, aidant.ErrWeak):
		p.Title = "Une double authentification est nécessaire"
		p.Text = "Vous agissez ici au nom d’autres personnes : Relais n’accepte que les connexions avec un second facteur (code à usage unique, clé ou carte). Rien n’a été modifié."
		p.Do = []string{"Activez la double authentification auprès de votre fournisseur d’identité, puis recommencez.",
			"Si vous ne savez pas comment faire, demandez à votre service informatique ou au référent de votre structure."}
	default:
		return err
	}
	return p
}
