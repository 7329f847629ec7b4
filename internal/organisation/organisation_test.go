package organisation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/organisation"
)

func ccas() organisation.Organisation {
	return organisation.Organisation{ID: "ccas", Name: "CCAS de Valfictif", SIRET: "26999901700016", Address: "12 rue de l’Exemple",
		Postcode: "99001", City: "Valfictif", Telephone: "+33199000110", Timezone: "Europe/Paris"}
}

func TestAdmit(t *testing.T) {
	o, fact, err := organisation.Admit(ccas(), journal.Systeme())
	if err != nil || o.ID != "ccas" || fact.Action() != journal.StructureAdmit || fact.Check() != nil {
		t.Fatalf("Admit = %+v, %v", fact, err)
	}
	for name, change := range map[string]func(*organisation.Organisation){
		"id":               func(o *organisation.Organisation) { o.ID = "" },
		"name":             func(o *organisation.Organisation) { o.Name = " \t" },
		"address":          func(o *organisation.Organisation) { o.Address = "" },
		"city":             func(o *organisation.Organisation) { o.City = "" },
		"telephone":        func(o *organisation.Organisation) { o.Telephone = "" },
		"siret":            func(o *organisation.Organisation) { o.SIRET = "26999901700017" },
		"timezone":         func(o *organisation.Organisation) { o.Timezone = "" },
		"timezone Local":   func(o *organisation.Organisation) { o.Timezone = "Local" },
		"timezone unknown": func(o *organisation.Organisation) { o.Timezone = "Europe/Lutece" },
		"timezone, a path": func(o *organisation.Organisation) { o.Timezone = "../../etc/passwd" },
		"domaine":          func(o *organisation.Organisation) { o.Domaines = []string{"logement", "chasse"} },
		"name of 2 lines":  func(o *organisation.Organisation) { o.Name = "CCAS\n## Gratuité" },
		"name with bidi":   func(o *organisation.Organisation) { o.Name = "CCAS \u202e" },
		"name of 10 kB":    func(o *organisation.Organisation) { o.Name = strings.Repeat("x", 10_000) },
		"city with a pile": func(o *organisation.Organisation) { o.City = "V" + strings.Repeat("\u0301", 50) },
		"postcode":         func(o *organisation.Organisation) { o.Postcode = "99001\n" },
	} {
		o := ccas()
		change(&o)
		got, fact, err := organisation.Admit(o, journal.Systeme())
		field, _, _ := strings.Cut(strings.ReplaceAll(name, ",", ""), " ")
		if !errors.Is(err, organisation.ErrInvalid) || !fact.IsZero() || got.ID != "" || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: Admit = %+v, %v", name, got, err)
		}
	}
}

func TestSIRET(t *testing.T) {
	for s, want := range map[string]bool{
		"26999901700016": true, "21999902600012": true, "20999903600012": true, "22999904000012": true, "73282932000074": true,
		"26999901700017": false, "62999901700016": false, "2699990170001": false, "269999017000160": false, "": false,
		"269 999 017 00": false, "2699990170001O": false, "２６９９": false, "-6999901700016": false,
	} {
		if got := organisation.ValidSIRET(s); got != want {
			t.Errorf("ValidSIRET(%q) = %v", s, got)
		}
	}
	// A wrong digit anywhere is seen.
	for i := range 14 {
		b := []byte("26999901700016")
		b[i] = '0' + (b[i]-'0'+1)%10
		if organisation.ValidSIRET(string(b)) {
			t.Errorf("digit %d may be wrong", i)
		}
	}
}

func TestZones(t *testing.T) {
	at := time.Date(2026, 7, 14, 22, 30, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"Europe/Paris": "15 00:30", "Indian/Reunion": "15 02:30", "Pacific/Noumea": "15 09:30", "America/Cayenne": "14 19:30",
		"America/Martinique": "14 18:30", "Indian/Mayotte": "15 01:30", "Pacific/Tahiti": "14 12:30", "America/Miquelon": "14 20:30",
		"Pacific/Wallis": "15 10:30", "nowhere": "14 22:30",
	} {
		o := ccas()
		o.Timezone = name
		if got := at.In(o.Location()).Format("02 15:04"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestMayAndAddress(t *testing.T) {
	o := ccas()
	if !o.May("justice") || o.PostalAddress() != "12 rue de l’Exemple, 99001 Valfictif" {
		t.Errorf("May, PostalAddress = %q", o.PostalAddress())
	}
	o.Domaines, o.Postcode = []string{"logement"}, ""
	if o.May("justice") || !o.May("logement") || o.May("") || o.PostalAddress() != "12 rue de l’Exemple, Valfictif" {
		t.Errorf("restricted: %q", o.PostalAddress())
	}
}

func TestDepartement(t *testing.T) {
	for postcode, want := range map[string]string{"22000": "22", "01000": "01", "97400": "974", "98800": "988", "20 000": "20", "": "", "22": ""} {
		if got := (organisation.Organisation{Postcode: postcode}).Departement(); got != want {
			t.Errorf("%q lies in %q, want %q", postcode, got, want)
		}
	}
}
