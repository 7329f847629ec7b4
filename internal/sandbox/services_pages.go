package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// line is one row of a description list.
type line struct{ Name, Value string }

// servicePage is the body of service.html and espace.html.
type servicePage struct {
	Service service
	Logged  bool
	Claims  []line
	Actor   []line
}

func (s *services) welcome(one service, w http.ResponseWriter, r *http.Request) {
	_, session, _ := s.jars[one.ID].read(r)
	s.pages.render(w, http.StatusOK, "service.html", page{Site: one.Name, Theme: "services", Title: one.Name,
		Body: servicePage{Service: one, Logged: session.idToken != ""}})
}

// space shows whom the service sees, and the actor if it was told of one.
func (s *services) space(one service, w http.ResponseWriter, r *http.Request) {
	_, session, ok := s.jars[one.ID].read(r)
	if !ok || session.idToken == "" {
		http.Redirect(w, r, s.cfg.ServicesURL+"/"+one.ID, http.StatusSeeOther)
		return
	}
	s.pages.render(w, http.StatusOK, "espace.html", page{Site: one.Name, Theme: "services", Title: "Mon espace – " + one.Name,
		Body: servicePage{
			Service: one, Logged: true, Claims: identityLines(session.person), Actor: flatten("", session.act),
		}})
}

// identityLines leaves out what is not about the person.
func identityLines(person map[string]any) []line {
	labels := []line{
		{"family_name", "Nom de naissance"}, {"preferred_username", "Nom d'usage"}, {"given_name", "Prénoms"}, {"gender", "Sexe"},
		{"birthdate", "Date de naissance"}, {"birthplace", "Commune de naissance"}, {"birthcountry", "Pays de naissance"},
		{"email", "Adresse électronique"}, {"sub", "Identifiant technique"},
	}
	var lines []line
	for _, l := range labels {
		if value, ok := person[l.Name].(string); ok && value != "" {
			lines = append(lines, line{l.Value, value})
		}
	}
	return lines
}

// flatten turns nested claims into lines, in a stable order.
func flatten(prefix string, claims map[string]any) []line {
	var lines []line
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if nested, ok := claims[name].(map[string]any); ok {
			lines = append(lines, flatten(prefix+name+".", nested)...)
			continue
		}
		lines = append(lines, line{prefix + name, fmt.Sprint(claims[name])})
	}
	return lines
}
