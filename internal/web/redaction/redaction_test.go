package redaction_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/web/redaction"
	"relais/ui/actes"
)

var (
	noon = time.Date(2026, 11, 21, 22, 30, 0, 0, time.UTC) // already the 22nd on La Réunion
	tour = organisation.Organisation{ID: "o1", Name: "Mairie", SIRET: "13002526500013", Address: "1 rue", Postcode: "97400",
		City: "Saint-Denis", Telephone: "0262", Timezone: "Indian/Reunion"}
	team  = []aidant.Aidant{{ID: "a1", GivenName: "Camille", Roles: []aidant.Role{aidant.RoleAidant}}, {ID: "a2", GivenName: "Sacha", Roles: []aidant.Role{aidant.RoleAidant}}}
	draft = mandat.Mandat{Number: "BCDFGHJKMPQR", Aidants: []string{"a1", "a2"}, Duration: mandat.Duration{Days: 31},
		Autorisations: []mandat.Autorisation{{Domaine: "famille", Demarches: []string{"bourse"}}}}
)

func TestComposeInTheStructuresZone(t *testing.T) {
	recueil, err := acte.Open(actes.FS)
	if err != nil {
		t.Fatal(err)
	}
	old := []mandat.Replacement{{MandatID: "m0", Number: "346789346789", Domaine: "famille"}}
	text, ends, err := redaction.Compose(recueil, tour, team, draft, old, noon)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 12, 23, 19, 59, 59, 0, time.UTC); !ends.Equal(want) {
		t.Errorf("ends %v, want %v", ends, want)
	}
	for _, want := range []string{"22 novembre 2026", "23 décembre 2026", "heure de La Réunion", "Camille et Sacha", "Demande de bourse", "3467 8934 6789"} {
		if !strings.Contains(text.Body, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	recueil, err := acte.Open(actes.FS)
	if err != nil {
		t.Fatal(err)
	}
	gone := []aidant.Aidant{team[0], {ID: "a2", GivenName: "Sacha", Roles: team[1].Roles, SuspendedAt: noon}}
	if _, _, err := redaction.Compose(recueil, tour, gone, draft, nil, noon); !errors.Is(err, redaction.ErrTeam) {
		t.Errorf("a suspended aidant is named: %v", err)
	}
	past := draft
	past.Duration = mandat.Duration{LastDay: noon.AddDate(0, 0, -2)}
	if _, _, err := redaction.Compose(recueil, tour, team, past, nil, noon); !errors.Is(err, mandat.ErrInvalid) {
		t.Errorf("a last day that has passed: %v", err)
	}
}
