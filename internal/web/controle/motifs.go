package controle

import (
	"strings"

	"relais/internal/journal"
)

// reason is an entry's reason for a table: its code in words, or the end of the
// reference of what replaces a mandat.
func reason(rec journal.Record) string {
	if len(rec.Reason) > 26 {
		return short(rec.Reason)
	}
	return orNone(reasonWords(rec.Reason))
}

// fullReason is a reason on the entry's own page: in words, then the code that the
// canonical bytes hold.
func fullReason(code string) string {
	words := reasonWords(code)
	if words == "" || len(code) > 26 {
		return orNone(code)
	}
	return words + " (" + code + ")"
}

// reasonWords says a code in French: those that need accents or other words than
// their own are in the list, any other is read as it is spelt.
func reasonWords(code string) string {
	if words := accented()[code]; words != "" {
		return words
	}
	words := []rune(strings.ReplaceAll(code, "_", " "))
	if len(words) > 0 {
		words[0] = []rune(strings.ToUpper(string(words[:1])))[0]
	}
	return string(words)
}

func accented() map[string]string {
	return map[string]string{
		"acces": "Demande d’accès", "aidant_non_nomme": "Aidant non nommé", "aidant_suspendu": "Aidant suspendu", "achevee": "Mission achevée",
		"ancienne_cle_retiree": "Ancienne clé retirée", "cercle": "Identifié par Relais lui-même", "code_rejoue": "Code rejoué", "code_expire": "Code expiré",
		"deces": "Décès", "demande_usager": "Demande de l’usager", "duree": "Durée de conservation", "echeance": "Échéance", "efface": "Effacé",
		"etat_different": "État différent", "habilitation_familiale": "Habilitation familiale", "hors_mission": "Hors de la mission",
		"hors_perimetre": "Hors du périmètre", "identite_incomplete": "Identité incomplète", "interrompue": "Interrompue",
		"jeton_expire": "Jeton expiré", "journal_altere": "Journal altéré", "meprise": "Ouverte par erreur", "mandat_termine": "Mandat terminé",
		"mission_terminee": "Mission terminée", "nouvelle_cle": "Nouvelle clé", "procedure": "Procédure", "protection_declaree": "Protection déclarée",
		"retiree": "Ordre retiré", "revocation": "Révocation", "soi_meme": "Soi-même", "telephone": "Téléphone", "terminee": "Terminée",
		"texte_perime": "Texte périmé", "traitement_illicite": "Traitement illicite", "trop_d_essais": "Trop d’essais",
	}
}
