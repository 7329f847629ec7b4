package config

import (
	"net/url"
	"os"
	"strings"

	"github.com/transparency-dev/formats/witness"
)

// Journal says under which name the journal is signed, and by whom else.
type Journal struct {
	// Origin is the log's name in its checkpoints; the public host unless set.
	Origin string
	// Policy is the content of the file of witnesses (C2SP tlog-policy), nil
	// without witnesses.
	Policy []byte
	// TSA is the address of an RFC 3161 time authority, empty for none.
	TSA string
}

// maxPolicy bounds the file of witnesses, in bytes.
const maxPolicy = 64 << 10

func (s *source) journal() Journal {
	return Journal{Origin: s.origin(), Policy: s.policy(), TSA: s.tsa()}
}

func (s *source) origin() string {
	value := s.get(varOrigin)
	if value != "" && (!isIdentifier(value) || len(value) > 80 || strings.ContainsAny(value, "+") || strings.Contains(value, "/epoque-")) {
		s.refuse(varOrigin, "n'est pas un nom de journal", "écrivez un nom d'hôte, par exemple relais.departement.example, et n'en changez plus")
		return ""
	}
	return value
}

func (s *source) policy() []byte {
	path := s.get(varPolicy)
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) > maxPolicy {
		s.refuse(varPolicy, "ne désigne pas un fichier lisible", "corrigez le chemin ou les droits, ou retirez la variable")
		return nil
	}
	group, err := witness.ParsePolicy(raw)
	if err != nil {
		s.refuse(varPolicy, "désigne un fichier qui n'est pas une politique de témoins",
			"écrivez des lignes « witness NOM VKEY URL », puis « quorum NOM » (voir docs/exploitation.md)")
		return nil
	}
	for address := range group.Endpoints() {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
			s.refuse(varPolicy, "nomme un témoin sans adresse https", "donnez l'adresse https de chaque témoin")
			return nil
		}
	}
	return raw
}

// tsa accepts http too: a token is signed, and many authorities offer no other.
func (s *source) tsa() string {
	value := s.get(varTSA)
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		s.refuse(varTSA, "n'est pas l'adresse d'une autorité d'horodatage", "écrivez une adresse http:// ou https:// sans identifiant dedans, ou retirez la variable")
		return ""
	}
	return value
}
