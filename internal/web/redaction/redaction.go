// Package redaction turns a draft into its written text, and words a mandat for
// pages. The aidant's counter composes a text when the screen is handed over,
// the usager's screen composes it again when they choose that it replaces an
// older one: both go through here.
//
// It guarantees that a text names only agents who may act today, that its end is
// counted from the day of the signature, and that the domaines and démarches of a
// page are those of the text. It has no route, stores nothing and renders
// nothing.
package redaction

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/domaine"
	"relais/internal/mandat"
	"relais/internal/organisation"
)

// ErrTeam is returned when a draft names someone who may not act any more.
var ErrTeam = errors.New("un aidant nommé ne peut plus agir")

// Team keeps, of a structure's agents, the aidants who may act today.
func Team(agents []aidant.Aidant) []aidant.Aidant {
	return slices.DeleteFunc(slices.Clone(agents), func(a aidant.Aidant) bool {
		return !a.Has(aidant.RoleAidant) || a.Suspended()
	})
}

// Compose fixes the text of a draft under a fresh salt, in the newest version,
// and returns the end it names. agents are the structure's; at is now. Its errors
// wrap [ErrTeam], [mandat.ErrInvalid] (the last day has passed) or acte's.
func Compose(r *acte.Recueil, o organisation.Organisation, agents []aidant.Aidant, m mandat.Mandat, replaces []mandat.Replacement, at time.Time) (acte.Texte, time.Time, error) {
	zone := o.Location()
	ends, err := m.Duration.End(at, zone)
	if err != nil {
		return acte.Texte{}, time.Time{}, err
	}
	names, err := actors(m, Team(agents))
	if err != nil {
		return acte.Texte{}, time.Time{}, err
	}
	content := acte.Content{
		Number:       m.Number,
		Organisation: acte.Party{Name: o.Name, Address: o.PostalAddress(), Telephone: o.Telephone, SIRET: o.SIRET},
		Aidants:      names, Colleagues: m.Colleagues, Domaines: Sections(m),
		Date: at.In(zone), EndsAt: ends, Zone: ZoneName(o.Timezone), Place: o.City,
	}
	for _, old := range replaces {
		content.Replaced = append(content.Replaced, acte.Replaced{Number: old.Number, Domaine: Title(old.Domaine)})
	}
	text, err := r.Compose(r.Latest(), content)
	if err != nil {
		return acte.Texte{}, time.Time{}, err
	}
	return text, ends, nil
}

func actors(m mandat.Mandat, team []aidant.Aidant) ([]string, error) {
	names := make([]string, 0, len(m.Aidants))
	for _, id := range m.Aidants {
		i := slices.IndexFunc(team, func(a aidant.Aidant) bool { return a.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("%w: %s", ErrTeam, id)
		}
		names = append(names, team[i].Name())
	}
	return names, nil
}

// Sections words the domaines of a mandat with their précise démarches.
func Sections(m mandat.Mandat) []acte.Section {
	sections := make([]acte.Section, 0, len(m.Autorisations))
	for _, a := range m.Autorisations {
		sections = append(sections, Section(a))
	}
	return sections
}

// Section words one autorisation; a code that the catalogue does not know stays
// a code.
func Section(a mandat.Autorisation) acte.Section {
	d, _ := domaine.Current().Find(a.Domaine)
	section := acte.Section{Title: Title(a.Domaine)}
	for _, code := range a.Demarches {
		text := code
		if demarche, ok := d.Demarche(code); ok {
			text = demarche.Title
		}
		section.Demarches = append(section.Demarches, text)
	}
	return section
}

// Title is the domaine in French.
func Title(code string) string {
	if d, ok := domaine.Current().Find(code); ok {
		return d.Title
	}
	return code
}

// Titles lists the domaines of a mandat, in words.
func Titles(m mandat.Mandat) []string {
	titles := make([]string, 0, len(m.Autorisations))
	for _, a := range m.Autorisations {
		titles = append(titles, Title(a.Domaine))
	}
	return titles
}

// Name is an agent of the structure as pages name them; agents who are not in
// the list have no name here.
func Name(agents []aidant.Aidant, id string) string {
	i := slices.IndexFunc(agents, func(a aidant.Aidant) bool { return a.ID == id })
	if i < 0 {
		return "un agent de la structure"
	}
	return agents[i].Name()
}

// Actors says in one line who may act.
func Actors(agents []aidant.Aidant, m mandat.Mandat) string {
	names := make([]string, 0, len(m.Aidants)+1)
	for _, id := range m.Aidants {
		names = append(names, Name(agents, id))
	}
	if m.Colleagues {
		names = append(names, "tout aidant habilité de la structure")
	}
	return strings.Join(names, ", ")
}

// zones names the time zones that structures have, as the text says them:
// « heure de … ».
var zones = map[string]string{
	"Europe/Paris": "Paris", "Indian/Reunion": "La Réunion", "Indian/Mayotte": "Mayotte",
	"America/Martinique": "la Martinique", "America/Guadeloupe": "la Guadeloupe", "America/Cayenne": "Cayenne",
	"America/Miquelon": "Saint-Pierre-et-Miquelon", "America/St_Barthelemy": "Saint-Barthélemy",
	"America/Marigot": "Saint-Martin", "Pacific/Noumea": "Nouméa", "Pacific/Tahiti": "Tahiti",
	"Pacific/Wallis": "Wallis-et-Futuna",
}

// ZoneName is the zone in words; a zone without words of its own keeps the name
// of its city.
func ZoneName(timezone string) string {
	if name, ok := zones[timezone]; ok {
		return name
	}
	_, city, _ := strings.Cut(timezone, "/")
	if city == "" {
		city = timezone
	}
	return strings.ReplaceAll(city, "_", " ")
}
