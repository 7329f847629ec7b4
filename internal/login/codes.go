package login

import (
	"cmp"
	"slices"
	"strings"
)

// Explanation is what a page says of an error of the platforms: what happened and
// what to try. It never holds a word of theirs.
type Explanation struct {
	Code  string // as FranceConnect or ProConnect shows it, or of OAuth and OpenID Connect
	Title string
	What  string
	Todo  string
}

// Sources of the codes: the error pages and callbacks of FranceConnect towards
// services and identity providers, those of ProConnect, and the codes of the old
// FranceConnect (E…) that aidants still quote.
var (
	notFound = Explanation{Title: "L’identité n’a pas été retrouvée",
		What: "FranceConnect n’a pas trouvé cette personne dans le répertoire national de l’Insee (RNIPP).",
		Todo: "Dans le compte utilisé, comparez l’état civil avec un acte de naissance : nom de naissance et non nom d’usage, tous les prénoms dans l’ordre, tirets, date et commune de naissance. Faites corriger le compte, ou essayez avec un autre. Une personne dont le numéro de sécurité sociale est provisoire ne peut pas encore se servir de FranceConnect."}
	setting = Explanation{Title: "Relais est mal réglé auprès du service d’identité",
		What: "La demande de connexion n’a pas été acceptée. Vous n’y êtes pour rien.",
		Todo: "Prévenez l’administrateur de Relais en citant le code affiché. Recommencer ne changera rien."}
	ours = Explanation{Title: "FranceConnect a refusé la réponse de Relais",
		What: "Au retour du choix de l’aidant, la réponse de Relais n’a pas passé les contrôles de FranceConnect. Vous n’y êtes pour rien.",
		Todo: "Revenez au service et recommencez une fois. Si cela se reproduit, prévenez l’administrateur de Relais en citant le code affiché."}
	level = Explanation{Title: "Le niveau de sécurité du compte ne suffit pas",
		What: "Le service demande un niveau que le compte utilisé n’atteint pas.",
		Todo: "Essayez avec un autre compte. Avec un mandat, seuls les services de niveau faible (eidas1) sont ouverts : pour les autres, la personne doit se connecter elle-même."}
	session = Explanation{Title: "La session du service d’identité a expiré",
		What: "Il n’a pas retrouvé la connexion commencée : elle a attendu trop longtemps, ou le navigateur n’a pas gardé ses cookies.",
		Todo: "Fermez les autres onglets de connexion, vérifiez que le navigateur accepte les cookies, puis recommencez depuis le début."}
	incident = Explanation{Title: "Le service d’identité a eu un incident", What: "L’erreur vient de chez lui.", Todo: "Réessayez dans quelques minutes."}
	agreed   = Explanation{Title: "La connexion a été abandonnée", What: "Le service d’identité a été quitté avant la fin, ou il n’a pas reçu d’accord.", Todo: "Vous pouvez recommencer quand vous voulez."}
	factor   = Explanation{Title: "Une double authentification est nécessaire",
		What: "Le service d’identité n’a pas pu demander un second facteur (code à usage unique, clé ou carte).",
		Todo: "Activez la double authentification auprès de votre fournisseur d’identité, puis recommencez."}
	again = Explanation{Title: "La connexion n’est plus valable", What: "Elle a déjà servi, ou elle a attendu trop longtemps.", Todo: "Recommencez la connexion."}
)

// codes lists what FranceConnect and ProConnect may show or send back.
var codes = []struct {
	of    Explanation
	codes string
}{
	{notFound, "Y010004 Y010006 Y010007 Y010008 E010004 E010008"},
	{Explanation{Title: "L’identité n’a pas été acceptée", What: "Le répertoire national a rejeté cette identité : plusieurs personnes lui ressemblent, ou une information est mal écrite.",
		Todo: "Vérifiez l’état civil dans le compte utilisé, ou essayez avec un autre compte. Sinon, la personne peut demander une vérification à l’Insee ou à sa mairie de naissance."}, "Y010009 E010009"},
	{Explanation{Title: "Le répertoire national ne répond pas", What: "FranceConnect n’a pas pu vérifier l’identité à temps.", Todo: "Réessayez dans quelques minutes."}, "Y010011"},
	{Explanation{Title: "L’identité n’a pas été acceptée", What: "Le répertoire national ne permet pas d’utiliser cette identité.",
		Todo: "Il peut s’agir d’une erreur : la personne peut s’adresser à l’Insee ou à sa mairie de naissance. Ne lisez pas ce message à voix haute au guichet."}, "Y010015"},
	{Explanation{Title: "Plusieurs comptes se ressemblent", What: "Le service d’identité a trouvé plusieurs comptes pour cette personne.",
		Todo: "Essayez avec un autre compte FranceConnect, ou demandez à l’organisme du premier de fusionner les comptes."}, "E020021 E020022"},
	{ours, "Y020021 Y020022 Y020025 Y020026 Y020027 Y020029 Y020030 Y100018"},
	{setting, "Y030007 Y030031 Y030111 Y04C013 Y04EA6E Y04A586 Y100002 Y100009 Y100019 Y000400 Y000404 invalid_request unauthorized_client unsupported_response_type invalid_scope invalid_idp_hint idp_hint_not_found invalid_client unsupported_grant_type request_not_supported request_uri_not_supported registration_not_supported"},
	{level, "Y100001"},
	{Explanation{Title: "Une information d’identité manque", What: "FranceConnect n’a pas reçu toute l’identité dont le service a besoin.",
		Todo: "Essayez avec un autre compte FranceConnect."}, "Y100004"},
	{Explanation{Title: "Ce compte est bloqué par l’usager", What: "La personne a interdit l’usage de ce compte dans ses préférences FranceConnect.",
		Todo: "Choisissez un autre compte, ou la personne peut le débloquer dans son historique, sur franceconnect.gouv.fr."}, "Y100011"},
	{session, "Y190001 Y190009 Y190012 Y030110 login_required interaction_required account_selection_required"},
	{Explanation{Title: "L’identité reçue est incomplète", What: "Il manque une information d’état civil, ou l’une d’elles est mal écrite.",
		Todo: "Essayez avec un autre compte FranceConnect. Si la connexion passait par Relais, prévenez l’administrateur en citant le code."}, "Y600006"},
	{Explanation{Title: "L’accord n’a pas été reçu", What: "FranceConnect n’a pas reçu l’accord pour transmettre l’identité.", Todo: "Recommencez, et continuez jusqu’à la dernière page de FranceConnect."}, "Y600007 consent_required"},
	{Explanation{Title: "Ce service n’est pas couvert par le domaine choisi", What: "Le service n’accepte aucun des domaines transmis. C’est le cas d’un deuxième service ouvert dans la foulée d’un premier.",
		Todo: "Déconnectez-vous du premier service et de FranceConnect, puis recommencez et choisissez un domaine que ce service accepte. Si le mandat ne le contient pas, il faut un nouveau mandat."}, "Y600020"},
	{Explanation{Title: "Votre structure n’est pas encore admise par ProConnect", What: "ProConnect n’ouvre pas Relais aux agents du secteur privé, dont les associations.",
		Todo: "Demandez à l’administrateur de Relais d’ouvrir cet accès auprès de ProConnect, ou de vous donner un autre moyen de connexion."}, "Y500015"},
	{incident, "Y000000 server_error temporarily_unavailable"},
	{agreed, "access_denied"},
	{factor, "unmet_authentication_requirements"},
	{again, "invalid_grant"},
}

// Codes lists every code that has an explanation of its own, in order.
func Codes() []Explanation {
	var all []Explanation
	for _, row := range codes {
		for code := range strings.FieldsSeq(row.codes) {
			e := row.of
			e.Code = code
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Explanation) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

// standard tells whether a code is one of OAuth's, OpenID Connect's or the
// platforms' own errors of a callback: any other text of a query stays out of logs
// and pages.
func standard(code string) bool {
	return !platformCode.MatchString(code) && slices.ContainsFunc(Codes(), func(e Explanation) bool { return e.Code == code })
}

// longestCode bounds what Translate looks at.
const longestCode = 64

// Translate explains a code that somebody reads on a page of FranceConnect or
// ProConnect, in any letters. One that is not known gets the family that its digits
// name, else general advice; known is then false and Code is empty, so that nobody's
// own words come back on a page.
func Translate(text string) (e Explanation, known bool) {
	code := strings.ToUpper(strings.Join(strings.Fields(text[:min(len(text), longestCode)]), ""))
	for _, e := range Codes() {
		if strings.ToUpper(e.Code) == code {
			return e, true
		}
	}
	return family(code), false
}

// families are the modules of FranceConnect's codes, by their two digits.
var families = []struct {
	prefix string
	of     Explanation
}{
	{"Y01", notFound}, {"E01", notFound}, {"Y02", ours}, {"Y03", setting}, {"Y04", setting},
	{"Y10", level}, {"Y19", session}, {"Y52", level},
}

// family is what can be said of a code that is not in the table.
func family(code string) Explanation {
	if platformCode.FindString(code) == code {
		for _, f := range families {
			if strings.HasPrefix(code, f.prefix) {
				return f.of
			}
		}
	}
	return Explanation{Title: "Ce code n’est pas dans la liste",
		What: "Le service d’identité a arrêté la connexion pour une raison que Relais ne connaît pas.",
		Todo: "Fermez les onglets de connexion et recommencez. Si cela se reproduit, essayez avec un autre compte, puis prévenez l’administrateur de Relais en citant le code, l’heure et le nom du service."}
}
