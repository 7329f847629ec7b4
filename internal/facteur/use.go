package facteur

import (
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
)

// Use is one attempt as the store carries it out, in one transaction: the
// challenge is marked as answered, Decide looks at the agent and their factors as
// they stand, and what it returns is written, with its fact, also when it refuses.
type Use struct {
	Agent  string
	Once   string    // the challenge, "" where what was typed is single use by itself
	Until  time.Time // when the challenge is worth nothing anyway
	Decide func(aidant.Aidant, Facteurs) (Facteurs, journal.Fact, error)
}

// Notice is what an agent is told of a change that somebody made in their name, or
// of a recovery code that somebody used.
type Notice struct {
	At   time.Time
	What string // [NoticeOf]
}

// NoticeOf is what a fact leaves on the agent's page, "" for nothing.
func NoticeOf(f journal.Fact) string {
	what := string(f.Action()) + ":" + f.Detail("genre")
	switch by := f.Actor().Auth; {
	case f.Reason() == "compteur_recule":
		what = "compteur"
	case f.Outcome() == journal.OK && (by == aidant.AuthSecours || by == aidant.AuthPhrase) && uses(f.Action()):
		what = "secours"
	}
	if _, ok := notices[what]; !ok {
		return ""
	}
	return what
}

// uses tells the acts by which a factor is used up, or may be.
func uses(a journal.Action) bool {
	return a == journal.SessionOpen || a == journal.SessionElevate || a == journal.FacteurUse
}

var notices = map[string]string{
	"facteur.enroll:cle_acces":   "Une clé d’accès a été ajoutée.",
	"facteur.enroll:application": "Une application de codes a été enregistrée, avec sa phrase de passe.",
	"facteur.remove:cle_acces":   "Une clé d’accès a été supprimée.",
	"facteur.remove:application": "L’application de codes a été supprimée.",
	"facteur.codes:":             "De nouveaux codes de secours ont été créés ; les précédents ne valent plus rien.",
	"reinitialisation":           "Vos facteurs ont été supprimés par une réinitialisation, à laquelle deux personnes ont répondu.",
	"secours":                    "Un code de secours a servi à vous identifier. Il ne sert plus.",
	"compteur":                   "Une clé d’accès a été refusée : son compteur est revenu en arrière, comme si elle avait été copiée.",
}

// Text is the notice in French.
func (n Notice) Text() string {
	if text, ok := notices[n.What]; ok {
		return text
	}
	return strings.TrimSpace(n.What)
}
