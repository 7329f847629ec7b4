// Package domaine holds the ten domaines of a mandat, the FranceConnect
// rep_scope each stands for, and the precise démarches they contain.
//
// The catalogue is a versioned data file: a mandat's text names the version it
// was written with, so a file is added and never edited. The package does not
// know which organisation may use which domaine.
package domaine

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

//go:embed catalogue-2026-11-21.json
var catalogue2026 []byte

// Domaine is one of the ten fields. Aidants Connect calls it "démarche",
// FranceConnect "rep_scope".
type Domaine struct {
	Code      string     `json:"code"`
	Title     string     `json:"title"`
	Examples  string     `json:"examples"`
	RepScope  string     `json:"rep_scope"` // FranceConnect's exact string, accents included
	Sensitive bool       `json:"sensitive"` // calls for particular care at the counter
	Demarches []Demarche `json:"demarches"`
}

// Demarche is one precise formality, as the mandat's text lists it.
type Demarche struct {
	Code     string   `json:"code"`
	Title    string   `json:"title"`
	Channels []string `json:"channels"` // en ligne, papier, téléphone, guichet
}

// Catalogue is one version of the ten domaines.
type Catalogue struct {
	Version  string    `json:"version"`
	Domaines []Domaine `json:"domaines"`
}

// current reads the compiled-in file once: every page of a mandat asks for it,
// and reading it was a tenth of a delegated login's cost.
var current = sync.OnceValue(func() Catalogue {
	var c Catalogue
	if err := json.Unmarshal(catalogue2026, &c); err != nil {
		panic(fmt.Sprintf("catalogue des domaines: %v", err)) // the file is compiled in: a test proves that it parses
	}
	return c
})

// Current is the catalogue that new mandats use. It is shared: never write into
// its démarches.
func Current() Catalogue {
	c := current()
	c.Domaines = slices.Clone(c.Domaines)
	return c
}

// Find returns the domaine of a code.
func (c Catalogue) Find(code string) (Domaine, bool) {
	i := slices.IndexFunc(c.Domaines, func(d Domaine) bool { return d.Code == code })
	if i < 0 {
		return Domaine{}, false
	}
	return c.Domaines[i], true
}

// Demarche returns the démarche of a code inside the domaine.
func (d Domaine) Demarche(code string) (Demarche, bool) {
	i := slices.IndexFunc(d.Demarches, func(x Demarche) bool { return x.Code == code })
	if i < 0 {
		return Demarche{}, false
	}
	return d.Demarches[i], true
}

// Within lists the codes of the domaines that a perimeter of rep_scope values
// allows. An empty perimeter allows all ten: the service declared none. Both
// vocabularies are known, FranceConnect's strings and the ten short codes; a
// value of neither allows nothing.
func (c Catalogue) Within(repScopes []string) []string {
	var codes []string
	for _, d := range c.Domaines {
		if len(repScopes) == 0 || slices.Contains(repScopes, d.RepScope) || slices.Contains(repScopes, d.Code) {
			codes = append(codes, d.Code)
		}
	}
	return codes
}
