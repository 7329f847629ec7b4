// Package acte is the written mandat: its dated text, the canonical form that
// is hashed, and the salted digest that binds an usager's login to it.
//
// The text is fixed before the usager identifies, so it names the structure,
// the aidants, the domaines, the démarches and the dates, and says that the
// mandant is the person whose FranceConnect login carries its digest. The
// mandant's identity is added on paper from the signed userinfo (see Dossier).
//
// It guarantees that one content and one dated template give one sequence of
// bytes, and that a dated template is found by its version or not at all. It
// does not sign, and proves nothing beyond what [Dossier.Verify] says.
package acte

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"golang.org/x/text/unicode/norm"

	"relais/internal/identite"
)

// Errors that callers act on.
var (
	ErrVersion = errors.New("version du texte inconnue")            // no dated file of that name
	ErrContent = errors.New("le texte ne peut pas dire ce contenu") // a value that would change its shape
)

// SaltSize is the length in bytes of the salt under the digest.
const SaltSize = 32

// Content is all that varies in a mandat's text.
type Content struct {
	Number       string
	Organisation Party
	Aidants      []string // names of those who may act
	Colleagues   bool     // any habilitated colleague may act
	Domaines     []Section
	Date         time.Time // day of the signature, in the structure's zone
	EndsAt       time.Time
	Zone         string // name of the zone in which the end counts
	Place        string
	Replaced     []Replaced
}

// Party is the mandataire as the text names it.
type Party struct{ Name, Address, Telephone, SIRET string }

// Section is one domaine with its précise démarches.
type Section struct {
	Title     string
	Demarches []string
}

// Replaced is an autorisation that the signature ends, because the usager chose
// so when the overlap was shown to them.
type Replaced struct{ Number, Domaine string }

// Texte is a text that was fixed: the bytes that the usager reads, and the salt
// that makes its digest say nothing to those who do not have it.
type Texte struct {
	Version string `json:"version"`
	Body    string `json:"body"`
	Salt    []byte `json:"salt"`
}

// IsZero tells that no text was fixed yet.
func (t Texte) IsZero() bool { return t.Body == "" }

// Words counts the words of the text, for how long a reading takes.
func (t Texte) Words() int { return len(strings.Fields(t.Body)) }

// Digest is the lower-case hexadecimal SHA-256 of salt and text: 64 characters,
// used as nonce of the usager's login. The caller gives the salt, since the
// usager's and the aidant's logins use one each.
func Digest(salt []byte, body string) string {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(body))
	return hex.EncodeToString(h.Sum(nil))
}

// Nonce is the digest under the text's own salt.
func (t Texte) Nonce() string { return Digest(t.Salt, t.Body) }

// NewSalt returns fresh random bytes.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	_, _ = rand.Read(salt) // crypto/rand.Read never fails since Go 1.24: it ends the program instead
	return salt
}

// Recueil holds the dated templates.
type Recueil struct {
	templates map[string]*template.Template
	versions  []string
}

var namePattern = regexp.MustCompile(`^mandat-(\d{4}-\d{2}-\d{2})\.txt$`)

// Open parses every mandat-YYYY-MM-DD.txt of a folder.
func Open(fsys fs.FS) (*Recueil, error) {
	names, err := fs.Glob(fsys, "mandat-*.txt")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("textes de mandat: aucun fichier: %w", errors.Join(err, ErrVersion))
	}
	r := &Recueil{templates: map[string]*template.Template{}}
	for _, name := range names {
		m := namePattern.FindStringSubmatch(name)
		if m == nil {
			return nil, fmt.Errorf("textes de mandat: nom inattendu %q", name)
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("textes de mandat: %w", err)
		}
		t, err := template.New(name).Option("missingkey=error").Funcs(funcs).Parse(string(src))
		if err != nil {
			return nil, fmt.Errorf("textes de mandat: %w", err)
		}
		r.templates[m[1]] = t
		r.versions = append(r.versions, m[1])
	}
	slices.Sort(r.versions)
	return r, nil
}

// Latest is the version that new mandats use.
func (r *Recueil) Latest() string { return r.versions[len(r.versions)-1] }

// check refuses a value that could forge a line of the text or hide in it.
func (c Content) check() error {
	values := []string{c.Number, c.Organisation.Name, c.Organisation.Address, c.Organisation.Telephone,
		c.Organisation.SIRET, c.Zone, c.Place}
	values = append(values, c.Aidants...)
	for _, s := range c.Domaines {
		values = append(append(values, s.Title), s.Demarches...)
	}
	for _, r := range c.Replaced {
		values = append(values, r.Number, r.Domaine)
	}
	for _, v := range values {
		if strings.TrimSpace(v) == "" || !identite.Plain(v) {
			return fmt.Errorf("%w: une valeur est vide ou illisible", ErrContent)
		}
	}
	if len(c.Aidants) == 0 || len(c.Domaines) == 0 || c.Date.IsZero() || !c.EndsAt.After(c.Date) {
		return fmt.Errorf("%w: aidants, domaines ou dates", ErrContent)
	}
	return nil
}

// Compose fixes a text under a fresh salt. It fails with [ErrVersion], or with
// [ErrContent] for a value that is empty, or not one line of plain characters.
// The result is NFC, with LF ends of
// line, no trailing blanks and never more than one empty line in a row.
func (r *Recueil) Compose(version string, c Content) (Texte, error) {
	t, ok := r.templates[version]
	if !ok {
		return Texte{}, fmt.Errorf("%w: %s", ErrVersion, version)
	}
	if err := c.check(); err != nil {
		return Texte{}, err
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, c); err != nil {
		return Texte{}, fmt.Errorf("texte du mandat: %w", err)
	}
	return Texte{Version: version, Body: canonical(buf.String()), Salt: NewSalt()}, nil
}

func canonical(s string) string {
	var out []string
	for line := range strings.SplitSeq(norm.NFC.String(s), "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
}
