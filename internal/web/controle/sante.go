package controle

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/scellement"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const sante = "/controle/sante"

// Seal tells how far the journal's proof has come.
type Seal interface {
	State() scellement.State
}

// Vitals tells when the journal was last verified, replayed and alive.
type Vitals interface {
	Vitals(ctx context.Context) (journal.Vitals, error)
}

// What is worth an alert on the page.
const (
	nightMissed   = 36 * time.Hour   // the nightly work did not run
	silence       = 10 * time.Minute // or three pulsations, where they come rarely
	waitTooLong   = time.Minute      // an entry without a number
	clockTooFar   = 5 * time.Second
	sealTooLate   = time.Minute
	followTooMany = 1000
)

// states say what an entry's state means, for somebody who has to rely on it.
var states = map[journal.State]string{
	journal.Recorded:  "« Enregistrée » : dans l’arbre du journal, pas encore sous un point de contrôle signé. C’est l’affaire d’environ une seconde.",
	journal.Sealed:    "« Scellée » : sous un point de contrôle signé par la clé du journal. Gardez-en un exemplaire ailleurs : c’est lui qui protège d’une réécriture.",
	journal.Cosigned:  "« Cosignée » : sous un point de contrôle que des témoins extérieurs ont signé aussi.",
	journal.Timestamp: "« Horodatée » : sous un point de contrôle daté par une autorité d’horodatage.",
}

func capital(s journal.State) string {
	word := []rune(string(s))
	return strings.ToUpper(string(word[:1])) + string(word[1:])
}

type santePage struct {
	page.Layout
	Alerts  []page.Alert
	Content []page.Item
	Seal    []page.Item
	Checks  []page.Item
	Delays  []page.Item
	Root    string
}

// health shows what tells whether the journal is looked after. It names nobody,
// so that looking leaves no entry.
func (d *Desk) health(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	head, err := d.Journal.Head(r.Context())
	if err != nil {
		return err
	}
	vitals, err := d.Vitals.Vitals(r.Context())
	if err != nil {
		return err
	}
	seal := d.Seal.State()
	p := &santePage{Layout: v.Layout("Santé du journal", home), Root: head.Root.String(), Alerts: alerts(head, seal, vitals, d.Beat, d.Now()),
		Content: content(head, seal), Seal: sealed(seal, v.Zone()), Checks: checks(vitals, v.Zone()), Delays: delays(seal, vitals)}
	return d.Pages.Render(w, http.StatusOK, "controle/sante", p)
}

// alerts are what somebody has to look into, the gravest first.
func alerts(head journal.Head, s scellement.State, v journal.Vitals, beat time.Duration, now time.Time) []page.Alert {
	var out []page.Alert
	say := func(when bool, kind, heading, text string) {
		if when {
			out = append(out, page.Alert{Kind: kind, Heading: heading, Text: text})
		}
	}
	say(v.Verified.Outcome == journal.Failed, "error", "Le journal ne tient pas",
		"La dernière vérification a trouvé une entrée fautive. Prévenez l’exploitant, et ne supprimez rien.")
	say(v.Replayed.Outcome == journal.Failed, "error", "Un mandat n’est pas dans l’état que dit le journal",
		"La dernière comparaison l’a trouvé. Prévenez l’exploitant, et ne supprimez rien.")
	say(s.Refusal != nil, "error", "Le journal n’est plus signé",
		"Relais refuse de signer : la base ne prolonge pas le dernier point de contrôle, ou une clé manque. Prévenez l’exploitant, et ne supprimez rien.")
	say(s.Refusal == nil && s.Last.Size < head.Size && now.Sub(s.Last.At) > sealTooLate, "warning", "Les dernières entrées ne sont pas scellées",
		"Le journal a grandi depuis plus d’une minute sans nouveau point de contrôle.")
	say(v.WaitedFor > waitTooLong, "warning", "Des entrées attendent leur numéro",
		"Une écriture dure depuis plus d’une minute : tant qu’elle n’est pas finie, les entrées suivantes ne sont pas numérotées. Rien n’est perdu.")
	say(beat > 0 && v.Beat.Action != "" && now.Sub(v.Beat.At) > max(silence, 3*beat), "warning", "Relais n’a pas écrit qu’il fonctionne",
		"Des pulsations sont inscrites à intervalle régulier ; la dernière est trop ancienne.")
	say(v.Verified.Action == "" || now.Sub(v.Verified.At) > nightMissed, "warning", "Le journal entier n’a pas été vérifié récemment",
		"Relais le vérifie chaque nuit. L’exploitant peut le faire maintenant, avec « relais journal verify ».")
	far := slices.ContainsFunc(slices.Collect(maps.Values(s.Clocks)), func(c scellement.Clock) bool { return c.Ahead.Abs() > clockTooFar+c.Give })
	say(far, "warning", "Les horloges ne s’accordent pas", "L’horloge de Relais et celle d’un témoin ou de l’autorité d’horodatage s’écartent de plus de cinq secondes. L’ordre des entrées n’en dépend pas ; leurs dates, si.")
	say(v.Unread > 0, "error", "Des entrées n’ont pas pu être lues",
		fmt.Sprintf("Recherches, activité et signaux ont passé outre %d entrée(s) : il peut y manquer quelque chose. La vérification du journal dit si elles ont été changées. "+
			"Prévenez l’exploitant ; après la réparation, « relais journal index » refait le classement.", v.Unread))
	say(v.Behind > followTooMany, "warning", "Les recherches sont en retard", "Les dernières entrées ne sont pas encore classées par structure, usager ou domaine.")
	if len(out) == 0 {
		say(true, "info", "", "Le journal est signé, vérifié et à jour.")
	}
	return out
}

func content(head journal.Head, s scellement.State) []page.Item {
	items := []page.Item{{Term: "Taille", Text: strconv.FormatInt(head.Size, 10) + " entrées, numérotées à partir de 0"}}
	if s.Last.Origin != "" {
		name, epoch := journal.SplitOrigin(s.Last.Origin)
		said := strconv.Itoa(epoch) + ", la première : aucune entrée n’a été déclarée perdue"
		if epoch > 1 {
			said = strconv.Itoa(epoch) + " : des entrées ont été perdues, et le journal le dit"
		}
		items = append(items, page.Item{Term: "Nom du journal", Text: name}, page.Item{Term: "Époque", Text: said})
	}
	for _, key := range s.Keys {
		items = append(items, page.Item{Term: "Empreinte de la clé", Text: fingerprint(key)}, page.Item{Term: "Clé publique", Text: key})
	}
	return items
}

// fingerprint is the short hash of a note key, NAME+HASH+KEY.
func fingerprint(vkey string) string {
	if parts := strings.SplitN(vkey, "+", 3); len(parts) == 3 {
		return parts[1]
	}
	return "illisible"
}

func sealed(s scellement.State, zone *time.Location) []page.Item {
	items := []page.Item{{Term: "Dernier point de contrôle signé", Text: "aucun encore"}}
	if s.Last.Size > 0 {
		items[0] = page.Item{Term: "Dernier point de contrôle signé", Href: "/journal/checkpoint",
			Text: strconv.FormatInt(s.Last.Size, 10) + " entrées, " + moment(s.Last.At, zone)}
	}
	if len(s.Witnesses) == 0 {
		items = append(items, page.Item{Term: "Témoins", Text: "aucun n’est réglé, ou aucun n’a encore répondu"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Witnesses)) {
		said := "d’accord"
		if s.Witnesses[name] != "" {
			said = "sans réponse valable"
		}
		items = append(items, page.Item{Term: "Témoin " + name, Text: said})
	}
	stamped := "aucun"
	if !s.StampedAt.IsZero() {
		stamped = moment(s.StampedAt, zone)
	}
	if s.StampFail != "" {
		stamped += " (le dernier essai a échoué)"
	}
	return append(items, page.Item{Term: "Entrées cosignées", Text: strconv.FormatInt(s.Progress.Cosigned, 10)},
		page.Item{Term: "Dernier horodatage", Text: stamped}, page.Item{Term: "Jetons renouvelés", Text: renewed(s, zone)}, page.Item{Term: "Entrées horodatées", Text: strconv.FormatInt(s.Progress.Stamped, 10)})
}

func checks(v journal.Vitals, zone *time.Location) []page.Item {
	item := func(term string, r journal.Record, held string) page.Item {
		if r.Action == "" {
			return page.Item{Term: term, Text: "jamais encore"}
		}
		if r.Outcome != journal.OK {
			held = "NE TIENT PAS"
		}
		return page.Item{Term: term, Text: moment(r.At, zone) + " : " + held, Href: entries + strconv.FormatInt(r.Index, 10)}
	}
	milliseconds, _ := strconv.ParseInt(v.Verified.Details["duree_ms"], 10, 64) // 0 where it is not said
	return []page.Item{
		item("Vérification de toutes les entrées", v.Verified, fmt.Sprintf("%s entrées intactes, en %s s", v.Verified.Details["taille"], decimal(float64(milliseconds)/1000))),
		item("Comparaison des mandats avec leurs entrées", v.Replayed, v.Replayed.Details["mandats"]+" mandats dans l’état que dit le journal"),
		item("Dernière pulsation", v.Beat, "Relais fonctionnait"),
	}
}

func delays(s scellement.State, v journal.Vitals) []page.Item {
	waiting := "aucune"
	if v.Waiting > 0 {
		waiting = fmt.Sprintf("%d, la plus ancienne depuis %s s", v.Waiting, decimal(v.WaitedFor.Seconds()))
	}
	items := []page.Item{{Term: "Entrées sans numéro", Text: waiting},
		{Term: "Entrées non classées pour la recherche", Text: strconv.FormatInt(v.Behind, 10)}}
	if v.Unread > 0 {
		items = append(items, page.Item{Term: "Entrées illisibles, passées", Text: fmt.Sprintf("%d, la première au rang %d", v.Unread, v.UnreadAt)})
	}
	if len(s.Clocks) == 0 {
		return append(items, page.Item{Term: "Écart d’horloge", Text: "inconnu : ni témoin ni autorité d’horodatage n’a répondu"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Clocks)) {
		c, who := s.Clocks[name], "le témoin "+name
		if name == scellement.Authority {
			who = "l’autorité d’horodatage"
		}
		word := "en avance"
		if c.Ahead < 0 {
			word = "en retard"
		}
		text := fmt.Sprintf("%s de %s s, à %s s près", word, decimal(c.Ahead.Abs().Seconds()), decimal(c.Give.Seconds()))
		if c.Ahead.Abs() <= c.Give {
			text = "aucun, à " + decimal(c.Give.Seconds()) + " s près"
		}
		items = append(items, page.Item{Term: "Écart avec " + who, Text: text})
	}
	return items
}

// decimal writes a number of seconds as French does.
func decimal(seconds float64) string {
	return strings.ReplaceAll(strconv.FormatFloat(seconds, 'f', 1, 64), ".", ",")
}

// renewed says when old time tokens were stamped again, since their authority's
// certificate was about to end.
func renewed(s scellement.State, zone *time.Location) string {
	text := "aucun depuis le démarrage"
	if !s.RenewedAt.IsZero() {
		text = strconv.Itoa(s.Renewed) + ", " + moment(s.RenewedAt, zone)
	}
	switch {
	case s.RenewLeft > 0:
		text += fmt.Sprintf(" ; au dernier essai, %d document(s) gardé(s) n’ont pas pu être lus et sont restés à part, sans retenir les autres", s.RenewLeft)
	case s.RenewFail != "":
		text += " (le dernier essai a échoué)"
	}
	return text
}
