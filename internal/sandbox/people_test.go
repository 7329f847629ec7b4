package sandbox

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestUsagers(t *testing.T) {
	seen := map[string]bool{}
	var noEmail, noPhone, abroad, partial int
	for _, u := range Usagers() {
		if seen[u.ID] || !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(u.ID) || u.Label == "" {
			t.Errorf("%q: bad or repeated id, or no label", u.ID)
		}
		seen[u.ID] = true
		claims := u.claims()
		if u.Email == "" {
			noEmail++
			claims["email"] = "personne@courriel.example"
		}
		if f := checkIdentity(claims); f != nil {
			t.Errorf("%s: %v", u.ID, f)
		}
		if u.Email != "" && !strings.HasSuffix(u.Email, ".example") {
			t.Errorf("%s: e-mail is not fictional", u.ID)
		}
		if u.PhoneNumber == "" {
			noPhone++
		}
		if u.Birthcountry != "99100" {
			abroad++
		}
		if strings.HasSuffix(u.Birthdate, "-00") {
			partial++
		}
	}
	if len(seen) < 14 || noEmail == 0 || noPhone == 0 || abroad == 0 || partial < 2 {
		t.Errorf("%d usagers, %d without e-mail, %d without telephone, %d born abroad, %d partial dates", len(seen), noEmail, noPhone, abroad, partial)
	}
}

func TestAgentsAndStructures(t *testing.T) {
	sirets := map[string]string{}
	for _, s := range Structures() {
		if !luhn(s.Siret) || len(s.Siret) != 14 {
			t.Errorf("%s: SIRET %s", s.ID, s.Siret)
		}
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
		sirets[s.Siret] = s.Name
	}
	roles, unknown, suspended := map[string]int{}, 0, 0
	for _, a := range Agents() {
		if sirets[a.Siret] == "" || sirets[a.Siret] != a.OrganizationLabel {
			t.Errorf("%s: no such structure", a.ID)
		}
		for _, r := range a.Roles {
			roles[r]++
		}
		if !a.Known {
			unknown++
		}
		if a.Suspended {
			suspended++
		}
	}
	if roles["aidant"] < 3 || roles["referent"] != 1 || roles["auditeur"] != 1 || roles["administrateur"] != 1 || unknown != 1 || suspended != 1 {
		t.Errorf("roles %v, %d unknown, %d suspended", roles, unknown, suspended)
	}
}

func luhn(s string) bool {
	sum := 0
	for i := range s {
		n := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return sum%10 == 0
}
