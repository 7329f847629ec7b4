package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// subSalt makes subjects stable from one run of the demo to the next, as a
// service that keeps accounts needs; it protects nobody, the people are invented.
const subSalt = "sel fictif des sujets de la démonstration"

// hubScopes are the scopes the hub knows, with the claims each one gives.
var hubScopes = map[string][]string{
	"openid":             {"sub"},
	"profile":            {"given_name", "given_name_array", "family_name", "preferred_username", "gender", "birthdate"},
	"birth":              {"birthplace", "birthcountry"},
	"identite_pivot":     {"given_name", "given_name_array", "family_name", "gender", "birthdate", "birthplace", "birthcountry"},
	"given_name":         {"given_name", "given_name_array"},
	"family_name":        {"family_name"},
	"preferred_username": {"preferred_username"},
	"gender":             {"gender"},
	"birthdate":          {"birthdate"},
	"birthplace":         {"birthplace"},
	"birthcountry":       {"birthcountry"},
	"email":              {"email"},
	"idp_id":             {"idp_id"},
	"idp_birthdate":      {"idp_birthdate"},
	"amr":                {},
	"dgfip_rfr":          {},
	"cnam_beneficiaires": {},
}

// identity is a person as the hub's session keeps them.
type identity struct {
	idp      string         // id of the identity provider
	claims   map[string]any // as received
	repScope []string       // only from Relais
	act      any            // only from Relais
	idToken  string         // Relais' own, for the logout
}

// fromRelais tells whether Relais vouches for the person.
func (i identity) fromRelais() bool { return i.idToken != "" }

func (i identity) text(name string) string { s, _ := i.claims[name].(string); return s }

// sub is pairwise: one per service and person, whichever provider vouches.
func (i identity) sub(clientID string) string {
	mac := hmac.New(sha256.New, []byte(subSalt))
	mac.Write([]byte(clientID))
	for _, name := range []string{"given_name", "family_name", "gender", "birthdate", "birthplace", "birthcountry"} {
		value := i.text(name)
		if name == "birthplace" && i.text("birthcountry") != "99100" {
			value = ""
		}
		mac.Write([]byte("\x00" + strings.ToUpper(strings.TrimSpace(value))))
	}
	return hex.EncodeToString(mac.Sum(nil)) + "v1"
}

// released returns the claims the scopes give to a client. A partial birth
// date leaves as a presumed one; the original only as idp_birthdate.
func (i identity) released(clientID string, scopes []string) map[string]any {
	all := map[string]any{
		"sub": i.sub(clientID), "idp_id": i.idp,
		"given_name": i.text("given_name"), "given_name_array": strings.Fields(i.text("given_name")),
		"family_name": i.text("family_name"), "gender": i.text("gender"),
		"birthdate":     strings.ReplaceAll(i.text("birthdate"), "-00", "-01"),
		"idp_birthdate": i.text("birthdate"),
		"birthplace":    i.text("birthplace"), "birthcountry": i.text("birthcountry"),
	}
	for _, name := range []string{"email", "preferred_username"} {
		if value := i.text(name); value != "" {
			all[name] = value
		}
	}
	out := map[string]any{"sub": all["sub"]}
	for _, scope := range scopes {
		for _, name := range hubScopes[scope] {
			if value, ok := all[name]; ok {
				out[name] = value
			}
		}
	}
	return out
}

// grantedScopes drops the scopes the hub does not know; one it knows but has
// not granted to the client is invalid_scope.
func grantedScopes(asked string, client registered) ([]string, *fault) {
	var granted []string
	for _, scope := range strings.Fields(asked) {
		if _, known := hubScopes[scope]; !known {
			continue
		}
		if !slices.Contains(client.Scopes, scope) {
			return nil, &fault{OAuth: "invalid_scope", Reason: "requested scope is not allowed"}
		}
		granted = append(granted, scope)
	}
	if !slices.Contains(granted, "openid") {
		return nil, &fault{OAuth: "invalid_scope", Reason: "openid scope is required"}
	}
	return granted, nil
}
