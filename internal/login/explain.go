package login

import "errors"

// explanation is what a page says of an error: what happened, what is safe,
// what to try.
type explanation struct{ title, what, todo string }

const (
	safe  = "Rien n’a été enregistré et rien n’a été perdu."
	retry = "Recommencez la connexion."
	help  = "Si cela se reproduit, prévenez l’administrateur de Relais en citant l’heure et cette page."
)

// explanations is read from the first that matches.
var explanations = []struct {
	err error
	explanation
}{
	{ErrDown, explanation{"Le service d’identité ne répond pas",
		"FranceConnect ou ProConnect n’a pas répondu à temps. " + safe,
		"Réessayez dans une minute. " + help}},
	{ErrExpired, explanation{"La connexion a pris trop de temps",
		"Plus de quinze minutes ont passé depuis son début : par prudence, elle n’est plus acceptée. " + safe, retry}},
	{ErrState, explanation{"Cette connexion n’a pas été commencée ici",
		"La réponse reçue ne correspond pas à la dernière connexion demandée dans ce navigateur. C’est le cas après un retour en arrière, une page ouverte deux fois ou un signet. " + safe,
		"Fermez les autres onglets de connexion, puis recommencez depuis Relais."}},
	{ErrSub, explanation{"Deux identités différentes ont été reçues",
		"Le service d’identité a répondu pour une autre personne que celle qui s’est connectée. La réponse a été écartée. " + safe,
		retry + " " + help}},
	{ErrWeak, explanation{"Une double authentification est nécessaire",
		"Relais n’accepte que les connexions avec un second facteur (code à usage unique, clé ou carte), parce que vous y agissez au nom d’autres personnes. " + safe,
		"Activez la double authentification auprès de votre fournisseur d’identité, puis recommencez."}},
	{ErrStale, explanation{"Il faut vous identifier de nouveau",
		"Le service d’identité a réutilisé une connexion plus ancienne au lieu de vous redemander qui vous êtes. " + safe,
		"Déconnectez-vous de ce service, puis recommencez."}},
	{ErrCancelled, explanation{"La connexion a été abandonnée",
		"Vous avez quitté le service d’identité avant la fin, ou il n’a pas reçu votre accord. " + safe,
		"Vous pouvez recommencer quand vous voulez."}},
	{ErrKeysChanged, explanation{"Le service d’identité vient de changer ses clés",
		"Cela arrive rarement et c’est normal. Pour que la preuve reste solide, l’identification doit être refaite avec les nouvelles clés. " + safe, retry}},
	{ErrToken, explanation{"La réponse du service d’identité a été refusée",
		"Elle n’a pas passé les contrôles de sécurité de Relais. " + safe, retry + " " + help}},
}

// Explain says in plain French what an error of this package means: a title,
// what happened and what is safe, what to try. It takes any error.
func Explain(err error) (title, what, todo string) {
	if refused := (ErrRefused{}); errors.As(err, &refused) {
		e, _ := Translate(Code(err))
		return e.Title, e.What + " " + safe, e.Todo
	}
	for _, e := range explanations {
		if errors.Is(err, e.err) {
			return e.title, e.what, e.todo
		}
	}
	return "La connexion n’a pas abouti", "Une erreur inattendue s’est produite. " + safe, retry + " " + help
}

// Code is what the support is told of an error: the platform's own code, else the
// one of OAuth or OpenID Connect; "" where there is none. It is never free text.
func Code(err error) string {
	refused := ErrRefused{}
	if !errors.As(err, &refused) {
		return ""
	}
	if refused.Detail != "" {
		return refused.Detail
	}
	return refused.Code
}
