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

// platformCodes are the codes of FranceConnect and ProConnect that a person can
// do something about (protocols of both, error pages and callbacks).
var platformCodes = map[string]explanation{
	"Y010004": identityNotFound, "Y010006": identityNotFound, "Y010007": identityNotFound, "Y010008": identityNotFound,
	"Y010009": {"L’identité n’a pas été acceptée", "Le répertoire national a rejeté cette identité. " + safe,
		"Essayez avec un autre compte FranceConnect. Sinon, l’usager peut faire corriger son état civil auprès de l’Insee."},
	"Y010011": {"Le répertoire national ne répond pas", "FranceConnect n’a pas pu vérifier l’identité à temps. " + safe, "Réessayez dans quelques minutes."},
	"Y010015": {"L’identité n’a pas été acceptée", "Le répertoire national ne permet pas d’utiliser cette identité. " + safe,
		"Il peut s’agir d’une erreur : l’usager peut s’adresser à l’Insee ou à sa mairie de naissance."},
	"Y030007": setting, "Y04C013": setting, "Y04EA6E": setting, "Y100002": setting, "Y100009": setting, "Y100019": setting,
	"Y000400": setting, "Y000404": setting, "Y030031": setting, "Y030111": setting, "Y04A586": setting,
	"Y100001": level, "Y100018": level, "Y020030": level,
	"Y100011": {"Ce compte est bloqué par l’usager", "L’usager a interdit l’usage de ce compte dans ses préférences FranceConnect. " + safe,
		"Choisissez un autre compte, ou l’usager peut le débloquer sur franceconnect.gouv.fr."},
	"Y190001": session, "Y190009": session, "Y190012": session, "Y030110": session,
	"Y600006": {"L’identité reçue est incomplète", "Il manque une information d’état civil dans le compte utilisé. " + safe,
		"Essayez avec un autre compte FranceConnect."},
	"Y600007": {"L’accord n’a pas été reçu", "FranceConnect n’a pas reçu l’accord de l’usager pour transmettre son identité. " + safe, retry},
	"Y600020": {"Ce service n’est pas couvert par le mandat", "Le service demandé n’accepte aucun des domaines transmis. " + safe,
		"Choisissez un domaine que le service accepte."},
	"Y500015": {"Votre structure n’est pas encore admise par ProConnect",
		"ProConnect n’ouvre pas Relais aux agents du secteur privé de votre structure. " + safe,
		"Demandez à l’administrateur de Relais d’ouvrir cet accès auprès de ProConnect."},
	"Y000000": {"Le service d’identité a eu un incident", "L’erreur vient de chez lui. " + safe, "Réessayez dans quelques minutes."},
}

var (
	identityNotFound = explanation{"L’identité n’a pas été retrouvée",
		"FranceConnect n’a pas trouvé cette personne dans le répertoire national. " + safe,
		"Vérifiez l’état civil dans le compte utilisé, ou essayez avec un autre compte FranceConnect."}
	setting = explanation{"Relais est mal réglé auprès du service d’identité",
		"La demande de connexion n’a pas été acceptée. Vous n’y êtes pour rien. " + safe,
		"Prévenez l’administrateur de Relais en citant le code affiché."}
	level = explanation{"Le niveau de sécurité du compte ne suffit pas",
		"Le compte utilisé n’atteint pas le niveau demandé. " + safe, "Essayez avec un autre compte."}
	session = explanation{"La session du service d’identité a expiré",
		"Il n’a pas retrouvé la connexion commencée. " + safe, "Vérifiez que le navigateur accepte les cookies, puis recommencez."}
)

// Explain says in plain French what an error of this package means: a title,
// what happened and what is safe, what to try. It takes any error.
func Explain(err error) (title, what, todo string) {
	e := explain(err)
	return e.title, e.what, e.todo
}

func explain(err error) explanation {
	if refused := (ErrRefused{}); errors.As(err, &refused) {
		if e, ok := platformCodes[refused.Detail]; ok {
			e.what += " (code " + refused.Detail + ")"
			return e
		}
		switch refused.Code {
		case "login_required", "interaction_required", "account_selection_required", "consent_required":
			return session
		case "invalid_grant":
			return explanation{"La connexion n’est plus valable",
				"Elle a déjà servi, ou elle a attendu trop longtemps. " + safe, retry}
		}
		e := setting
		e.what += " (code " + refused.Code + ")"
		return e
	}
	for _, e := range explanations {
		if errors.Is(err, e.err) {
			return e.explanation
		}
	}
	return explanation{"La connexion n’a pas abouti", "Une erreur inattendue s’est produite. " + safe, retry + " " + help}
}
