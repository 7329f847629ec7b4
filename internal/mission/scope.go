package mission

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"relais/internal/journal"
)

// All is the code of the whole journal.
const All = "tout"

var departement = regexp.MustCompile(`^(?:97[0-9]|98[0-9]|[0-9]{2})$`)

// ScopeCode writes a scope as the journal and the load file do: "tout",
// "structure:ID" or "departement:75".
func ScopeCode(s journal.Scope) string {
	switch {
	case s.Structure != "":
		return "structure:" + s.Structure
	case s.Departement != "":
		return "departement:" + s.Departement
	}
	return All
}

// ParseScope undoes [ScopeCode]. An empty text is an error, so that the whole
// journal is never opened by an omission.
func ParseScope(code string) (journal.Scope, error) {
	kind, value, _ := strings.Cut(code, ":")
	switch {
	case code == All:
		return journal.Scope{}, nil
	case kind == "structure" && value != "":
		return journal.Scope{Structure: value}, nil
	case kind == "departement" && departement.MatchString(value):
		return journal.Scope{Departement: value}, nil
	}
	return journal.Scope{}, fmt.Errorf("%w: périmètre %q", ErrInvalid, code)
}

// ScopeLabel is a scope in French; structure is the name of the one it names.
func ScopeLabel(s journal.Scope, structure string) string {
	switch {
	case s.Structure != "" && structure != "":
		return structure
	case s.Structure != "":
		return "Structure " + s.Structure
	case s.Departement != "":
		return "Département " + s.Departement
	}
	return "Tout le journal"
}

// alphabet has neither vowels nor look-alikes: no label spells a word.
const alphabet = "3456789BCDFGHJKLMNPQRSTVWXYZ"

// labelSize is how many letters of the alphabet a label has: 28^7 is 13 billion,
// so that two of 20 000 agents hardly ever share one.
const labelSize = 7

// Label is the pseudonym of an agent within this mission, such as « A-7F3K2MP »:
// the same on all its pages, another one in another mission.
func (m Mission) Label(ref string) string {
	mac := hmac.New(sha256.New, m.Salt)
	mac.Write([]byte("acteur:" + ref))
	sum := mac.Sum(nil)
	label := make([]byte, 0, labelSize)
	for _, b := range sum {
		if int(b) < len(alphabet)*(256/len(alphabet)) && len(label) < labelSize { // every letter as likely as the others
			label = append(label, alphabet[int(b)%len(alphabet)])
		}
	}
	return "A-" + string(label)
}

var label = regexp.MustCompile(`^A-[` + alphabet + `]{7}$`)

// IsLabel tells whether a text has the shape of a pseudonym.
func IsLabel(s string) bool { return label.MatchString(s) }
