package sandbox

import (
	"encoding/json"
	"fmt"

	"relais/testdata"
)

// Usager is a fictional person known to the hub's fictional identity providers.
// JSON names are those of OpenID Connect and FranceConnect.
type Usager struct {
	// ID is a short ASCII name, unique; Label and Notes are for the demo.
	ID    string `json:"id"`
	Label string `json:"label"`
	Notes string `json:"notes"`
	// FamilyName is the birth name; GivenName holds all given names, separated by spaces.
	GivenName         string `json:"given_name"`
	FamilyName        string `json:"family_name"`
	PreferredUsername string `json:"preferred_username"`
	// Gender is male or female.
	Gender string `json:"gender"`
	// Birthdate is YYYY-MM-DD, with 00 for what is not known.
	Birthdate string `json:"birthdate"`
	// Birthplace and Birthcountry are INSEE COG codes; Birthplace is "" for a birth abroad.
	Birthplace   string `json:"birthplace"`
	Birthcountry string `json:"birthcountry"`
	Email        string `json:"email,omitempty"`
	// PhoneNumber is in E.164 form.
	PhoneNumber string `json:"phone_number,omitempty"`
}

// Agent is a fictional professional known to the agents' provider.
type Agent struct {
	ID        string `json:"id"`
	Sub       string `json:"sub"`
	Email     string `json:"email"`
	GivenName string `json:"given_name"`
	UsualName string `json:"usual_name"`
	// Siret is the establishment's, 14 digits; it is that of a Structure.
	Siret             string `json:"siret"`
	UID               string `json:"uid"`
	IDPID             string `json:"idp_id"`
	OrganizationLabel string `json:"organization_label"`
	Phone             string `json:"phone"`
	// ACR is the level the agent reaches: eidas1 has no second factor.
	ACR string `json:"acr"`
	// Roles are those Relais should give: aidant, referent, auditeur, administrateur.
	Roles []string `json:"roles"`
	// Suspended is the state Relais should give.
	Suspended bool `json:"suspended"`
	// Known is false for an agent Relais has never heard of.
	Known bool   `json:"known"`
	Label string `json:"label"`
}

// Structure is a fictional organisation.
type Structure struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Siret     string `json:"siret"`
	Address   string `json:"address"`
	Postcode  string `json:"postcode"`
	City      string `json:"city"`
	Telephone string `json:"telephone"`
	// Timezone is an IANA name.
	Timezone string `json:"timezone"`
	// Domaines restricts the structure to some domaines; empty means all.
	Domaines []string `json:"domaines"`
}

// Usagers returns the fictional usagers in the order of testdata/usagers.json.
func Usagers() []Usager { return load[Usager]("usagers.json") }

// Agents returns the fictional agents in the order of testdata/agents.json.
func Agents() []Agent { return load[Agent]("agents.json") }

// Structures returns the fictional organisations in the order of testdata/structures.json.
func Structures() []Structure { return load[Structure]("structures.json") }

// load panics on a fault, which only a broken build can hold: the files are embedded and tested.
func load[T any](name string) []T {
	raw, err := testdata.FS.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("sandbox: %v", err))
	}
	var people []T
	if err := json.Unmarshal(raw, &people); err != nil {
		panic(fmt.Sprintf("sandbox: %s: %v", name, err))
	}
	return people
}

func findUsager(id string) (Usager, bool) {
	for _, u := range Usagers() {
		if u.ID == id {
			return u, true
		}
	}
	return Usager{}, false
}

func findAgent(id string) (Agent, bool) {
	for _, a := range Agents() {
		if a.ID == id {
			return a, true
		}
	}
	return Agent{}, false
}

// claims returns the person as a fictional identity provider sends them.
func (u Usager) claims() map[string]any {
	c := map[string]any{
		"sub": "fictif-" + u.ID, "given_name": u.GivenName, "family_name": u.FamilyName, "gender": u.Gender,
		"birthdate": u.Birthdate, "birthplace": u.Birthplace, "birthcountry": u.Birthcountry,
	}
	if u.PreferredUsername != "" {
		c["preferred_username"] = u.PreferredUsername
	}
	if u.Email != "" {
		c["email"] = u.Email
	}
	return c
}
