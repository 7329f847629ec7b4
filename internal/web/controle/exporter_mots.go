package controle

import (
	"strconv"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// criteria says in words what a selection asks for.
func criteria(s preuve.Selection, v desk.Visit) []page.Item {
	var items []page.Item
	add := func(term, text string) {
		if text != "" {
			items = append(items, page.Item{Term: term, Text: text})
		}
	}
	if s.Entry != nil {
		add("Entrée", strconv.FormatInt(*s.Entry, 10))
	}
	if s.Mandat != "" {
		add("Mandat", "référence "+short(s.Mandat))
	}
	if !s.From.IsZero() {
		add("À partir du", page.Date(s.From.In(v.Zone())))
	}
	if !s.To.IsZero() {
		add("Jusqu’au", page.Date(s.To.AddDate(0, 0, -1).In(v.Zone())))
	}
	add("Acteur", s.Actor)
	if s.Action != "" {
		add("Action", journal.Action(s.Action).Label())
	}
	if s.Outcome != "" {
		add("Issue", outcome(journal.Outcome(s.Outcome)).Text)
	}
	add("Structure", s.Structure)
	add("Département", s.Departement)
	add("Usager", s.Usager)
	add("Domaine", s.Domaine)
	add("Service", s.Service)
	return items
}

// shows says what an evidence file of the selection will prove, and what not.
func shows(s preuve.Selection) string {
	switch {
	case s.Entry != nil:
		return "que cette entrée est dans le journal, à ce rang, telle quelle."
	case s.Complete() == preuve.OneMandat:
		return "que chacune de ces entrées est dans le journal, et qu’il n’en manque aucune de ce mandat, de la première jusqu’à l’export."
	case s.Complete() == preuve.Run:
		return "que chacune de ces entrées est dans le journal, et qu’il n’en manque aucune entre la première et la dernière."
	}
	return "que chacune de ces entrées est dans le journal. Il ne pourra pas montrer qu’aucune ne manque : " +
		"seul l’export d’un mandat entier, ou d’une période sans autre critère sur tout le journal, le montre."
}
