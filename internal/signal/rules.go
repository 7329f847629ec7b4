package signal

import (
	"strconv"
	"time"

	"relais/internal/identite"
	"relais/internal/journal"
)

func rules() []Rule {
	uses, signatures, gifts := []journal.Action{journal.DelegationUse}, []journal.Action{journal.MandatSign}, []journal.Action{journal.MandatGive}
	return []Rule{
		{OutsideHours, "Usage hors des heures d’ouverture",
			"Un mandat est utilisé quand la structure est fermée : hors des heures qu’elle a déclarées, ou, sans déclaration, hors du lundi au vendredi de 7 h à 20 h, à l’heure de la structure. Les jours fériés ne sont pas connus.",
			"Permanence du soir ou du samedi, rendez-vous à domicile, marché, bus itinérant.",
			uses, outsideHours},
		{Burst, "Usages en rafale",
			"Un même aidant utilise des mandats plus de " + strconv.Itoa(BurstUses) + " fois en 10 minutes. Le signal est placé sur l’usage qui fait franchir ce nombre.",
			"Un service en panne, que l’aidant essaie de nouveau ; une série de vérifications courtes ; un atelier.",
			uses, burst},
		{SignatureSeries, "Nombreux mandats acceptés en une heure",
			"Un même aidant accepte plus de " + strconv.Itoa(SeriesSignatures) + " mandats en une heure. Le signal est placé sur la signature qui fait franchir ce nombre.",
			"Permanence dans un foyer ou un village, rentrée, campagne de déclarations.",
			signatures, series},
		{ImmediateUse, "Usage aussitôt après la signature, par un autre aidant",
			"Un mandat est utilisé moins de " + seconds(ImmediateWithin) + " secondes après son acceptation, par un autre agent que celui qui l’a accepté.",
			"Deux collègues au même guichet : l’un fait signer, l’autre commence la démarche.",
			uses, immediate},
		{SameName, "Usager et aidant du même nom",
			"L’agent qui accepte un mandat, ou qui l’utilise pour la première fois, porte le même nom de famille que l’usager (nom de naissance ou nom d’usage, sans tenir compte des accents). Relais compare les deux noms et ne vous en montre aucun.",
			"Noms courants ; communes où beaucoup portent le même nom.",
			[]journal.Action{journal.MandatSign, journal.DelegationUse}, sameName},
		{QuickReading, "Signature plus rapide que la lecture",
			"« Je donne mandat » suit l’affichage du texte en moins de temps qu’il n’en faut pour le lire à " + strconv.Itoa(ReadingSpeed) + " mots par minute, l’allure d’un lecteur rapide.",
			"Texte lu ensemble avant de passer l’écran, expliqué de vive voix, ou déjà connu d’un mandat précédent.",
			gifts, quickReading},
		{LastHours, "Usage juste avant l’échéance",
			"Un mandat de plus de 48 heures est utilisé dans ses 24 dernières heures. Seul le premier de ces usages est signalé.",
			"Démarche terminée avant que le mandat s’achève ; date limite de l’administration le même jour.",
			uses, lastHours},
		{UnusedRenewal, "Renouvellement d’un mandat resté sans usage",
			"Un mandat est accepté alors que le précédent, du même usager, de la même structure et avec un domaine commun, accepté au moins 24 heures plus tôt, n’a jamais été utilisé.",
			"Démarches faites sur papier, par téléphone ou au guichet, qui ne passent pas par Relais ; mandat pris par précaution.",
			signatures, unusedRenewal},
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func outsideHours(e journal.Record, c Context) bool {
	return c.Zone != nil && !c.Opening.Open(e.At.In(c.Zone))
}

func burst(e journal.Record, c Context) bool { return crosses(e.At, c.Acts, BurstUses, BurstWithin) }

func series(e journal.Record, c Context) bool {
	return crosses(e.At, c.Acts, SeriesSignatures, SeriesWithin)
}

// crosses tells an act that makes more than most of them within a time, where
// the act before did not: a long burst is one signal.
func crosses(at time.Time, before []time.Time, most int, within time.Duration) bool {
	return tooMany(at, before, most, within) && !tooMany(before[0], before[1:], most, within)
}

func tooMany(at time.Time, before []time.Time, most int, within time.Duration) bool {
	return len(before) >= most && at.Sub(before[most-1]) < within
}

func immediate(e journal.Record, c Context) bool {
	return !c.Signed.IsZero() && e.Actor.Ref != c.SignedBy && e.At.Sub(c.Signed) < ImmediateWithin
}

func sameName(e journal.Record, c Context) bool {
	return c.Namesake && (e.Action == journal.MandatSign || !c.Known)
}

func quickReading(e journal.Record, c Context) bool {
	if c.Words <= 0 || c.Shown.IsZero() {
		return false
	}
	return e.At.Sub(c.Shown) < time.Duration(c.Words)*time.Minute/ReadingSpeed
}

func lastHours(e journal.Record, c Context) bool {
	if c.Ends.IsZero() || c.Signed.IsZero() || c.Ends.Sub(c.Signed) <= LastLeast {
		return false
	}
	from := c.Ends.Add(-LastWithin)
	return !e.At.Before(from) && c.LastUse.Before(from)
}

func unusedRenewal(e journal.Record, c Context) bool {
	f := c.Former
	return !f.Signed.IsZero() && !f.Used && e.At.Sub(f.Signed) >= RenewalLeast
}

// SameFamily compares an agent's usual name with the two names an usager may
// bear, accents and case aside. Empty names are nobody's.
func SameFamily(who identite.Pivot, usualName string) bool {
	name := identite.Fold(usualName)
	return name != "" && (name == identite.Fold(who.FamilyName) || name == identite.Fold(who.PreferredUsername))
}
