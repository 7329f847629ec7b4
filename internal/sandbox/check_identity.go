package sandbox

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	cogPattern     = regexp.MustCompile(`^(2[AB]|\d\d)\d{3}$`)
	partialPattern = regexp.MustCompile(`^\d{4}-(00|0[1-9]|1[0-2])-00$`)
)

// checkIdentity applies the hub's rules on the identity an identity provider
// sends; the first one broken is Y600006.
func checkIdentity(claims map[string]any) *fault {
	text := func(name string) string { s, _ := claims[name].(string); return s }
	refuse := func(name string) *fault { return &fault{Code: codeIdentity, Reason: "identité refusée : " + name} }
	switch {
	case !isASCII(text("sub")):
		return refuse("sub")
	case !isName(text("given_name")):
		return refuse("given_name")
	case !isName(text("family_name")):
		return refuse("family_name")
	case !slices.Contains([]string{"male", "female", "unspecified"}, text("gender")):
		return refuse("gender")
	case !isBirthdate(text("birthdate")):
		return refuse("birthdate")
	case !cogPattern.MatchString(text("birthcountry")):
		return refuse("birthcountry")
	case text("birthcountry") == "99100" && !cogPattern.MatchString(text("birthplace")):
		return refuse("birthplace")
	case !isEmail(text("email")):
		return refuse("email")
	}
	if usage, given := claims["preferred_username"]; given && usage != nil {
		if _, ok := usage.(string); !ok {
			return refuse("preferred_username")
		}
	}
	return nil
}

func isASCII(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}

func isName(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= 256
}

// isBirthdate accepts a full date that exists, or 00 for the day, or 00 for both month and day.
func isBirthdate(s string) bool {
	if partialPattern.MatchString(s) {
		return true
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return false
	}
	_, domain, _ := strings.Cut(s, "@")
	return strings.Contains(domain, ".")
}

// checkACR compares the level received with those the provider is allowed
// (Y100018) and the one the service asked for (Y100001).
func checkACR(got string, allowed []string, asked string) *fault {
	if !slices.Contains(allowed, got) {
		return &fault{Code: codeACR, Reason: "niveau non permis à ce fournisseur d'identité"}
	}
	order := []string{"eidas1", "eidas2", "eidas3"}
	if slices.Index(order, got) < slices.Index(order, asked) {
		return &fault{Code: codeLowACR, Reason: "niveau inférieur à celui demandé"}
	}
	return nil
}

// checkRepScope reads the perimeter of the id_token and compares it with the
// one the service registered: without one anything passes, otherwise one
// common element is needed (Y600020). Like the real hub, it crashes on
// anything that is not an array (Y000000).
func checkRepScope(claim any, registered []string) ([]string, *fault) {
	var got []string
	switch v := claim.(type) {
	case nil:
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				got = append(got, s)
			}
		}
	default:
		return nil, &fault{Code: codeCrash, Reason: "rep_scope n'est pas un tableau"}
	}
	return got, commonScope(got, registered)
}

func commonScope(got, registered []string) *fault {
	if len(registered) == 0 || slices.ContainsFunc(got, func(s string) bool { return slices.Contains(registered, s) }) {
		return nil
	}
	return &fault{Code: codeRepScope, Reason: "le mandat ne couvre pas le périmètre de ce service"}
}
