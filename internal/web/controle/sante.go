package controle

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/scellement"
	"relais/internal/web/page"
)

// Seal tells how far the journal's proof has come.
type Seal interface {
	State() scellement.State
}

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

// health lists what an auditeur notes down of the journal: its size and root, the
// last signed checkpoint, the keys, witnesses and time tokens.
func health(head journal.Head, s scellement.State, zone *time.Location) []page.Item {
	items := []page.Item{
		{Term: "Taille", Text: strconv.FormatInt(head.Size, 10) + " entrées, numérotées à partir de 0"},
		{Term: "Dernier point de contrôle signé", Text: "aucun encore"},
	}
	if s.Last.Size > 0 {
		items[1] = page.Item{Term: "Dernier point de contrôle signé", Href: "/journal/checkpoint",
			Text: strconv.FormatInt(s.Last.Size, 10) + " entrées, " + moment(s.Last.At, zone)}
	}
	for _, key := range s.Keys {
		items = append(items, page.Item{Term: "Clé publique", Text: key})
	}
	items = append(items, page.Item{Term: "Témoins", Text: witnesses(s)})
	stamped := "aucun"
	if !s.StampedAt.IsZero() {
		stamped = moment(s.StampedAt, zone)
	}
	if s.StampFail != "" {
		stamped += " (le dernier essai a échoué)"
	}
	return append(items, page.Item{Term: "Dernier horodatage", Text: stamped})
}

func witnesses(s scellement.State) string {
	if len(s.Witnesses) == 0 {
		return "aucun"
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(s.Witnesses)) {
		word := name + " : d’accord"
		if s.Witnesses[name] != "" {
			word = name + " : sans réponse valable"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ; ")
}
