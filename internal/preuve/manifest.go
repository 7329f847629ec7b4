package preuve

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"relais/internal/journal"
)

// Format names the version of the evidence file that is written.
const Format = "relais-preuve/2"

// The names of the files of a bundle.
const (
	fileVerify      = "VERIFY.md"
	fileCheckpoint  = "checkpoint"
	fileToken       = "checkpoint.tsr"
	fileConsistency = "consistency"
	fileCosigs      = "cosignatures"
	fileEntries     = "entries.jsonl"
	fileExport      = "export.jsonl"
	fileManifest    = "manifest.json"
	filePolicy      = "policy.txt"
	fileSeal        = "seal"
	fileHeads       = "stream-heads.json"
)

// The three files of a set of entries are NAME and one of these.
const (
	extLines  = ".jsonl"
	extRuns   = ".runs"
	extProofs = ".tlog-proofs"
)

// The sets of a bundle.
const (
	setEntries = "entries" // what was asked
	setPrunes  = "prunes"  // the entries that emptied some of those
	setExport  = "export"  // the entry of the export itself
	setDays    = "days"    // the last daily summary, beside the list that it sums up
)

// Selection is what an export was asked for. Every field narrows it.
type Selection struct {
	Entry       *int64    `json:"entry,omitempty"`  // one index
	Mandat      string    `json:"mandat,omitempty"` // a mandat's id
	Number      string    `json:"number,omitempty"` // its number, as people read it; narrows nothing
	From        time.Time `json:"from,omitzero"`
	To          time.Time `json:"to,omitzero"` // excluded
	Actor       string    `json:"actor,omitempty"`
	Action      string    `json:"action,omitempty"`
	Outcome     string    `json:"outcome,omitempty"`
	Structure   string    `json:"structure,omitempty"`
	Usager      string    `json:"usager,omitempty"`
	Domaine     string    `json:"domaine,omitempty"`
	Service     string    `json:"service,omitempty"`
	Departement string    `json:"departement,omitempty"` // the mission's
}

// Names are the fields that narrow a selection, without their values.
func (s Selection) Names() []string {
	var names []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"entree", s.Entry != nil}, {"mandat", s.Mandat != ""}, {"periode", !s.From.IsZero() || !s.To.IsZero()}, {"acteur", s.Actor != ""},
		{"action", s.Action != ""}, {"issue", s.Outcome != ""}, {"structure", s.Structure != ""}, {"usager", s.Usager != ""},
		{"domaine", s.Domaine != ""}, {"service", s.Service != ""}, {"departement", s.Departement != ""}} {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

// Filter is what the journal is asked for it.
func (s Selection) Filter() journal.Filter {
	return journal.Filter{From: s.From, To: s.To, Actor: s.Actor, Action: journal.Action(s.Action), Mandat: s.Mandat, Outcome: journal.Outcome(s.Outcome),
		Structure: s.Structure, Usager: s.Usager, Domaine: s.Domaine, Service: s.Service, Scope: journal.Scope{Departement: s.Departement}}
}

// Completeness is what a bundle shows of what may be missing from it.
type Completeness string

// What may be shown.
const (
	OneMandat Completeness = "mandat" // every entry of one mandat, from its first to the export
	Run       Completeness = "run"    // every entry from the first index to the last
	Partial   Completeness = "no"     // each entry is proven; that none is missing cannot be
)

// Complete is what an export of the selection shows.
func (s Selection) Complete() Completeness {
	switch strings.Join(s.Names(), ",") {
	case "mandat":
		return OneMandat
	case "", "periode", "entree":
		return Run
	}
	return Partial
}

// Stream is the part of one mandat's gapless counter that is in the export.
type Stream struct {
	Mandat string `json:"mandat"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	Leaf   string `json:"leaf"` // leaf hash of the last one, base64
}

// Manifest says what is in the bundle. Its digest stands in the journal, in the
// entry of the export itself.
type Manifest struct {
	Format      string            `json:"format"`
	Origin      string            `json:"origin"`
	Filter      Selection         `json:"filter"`
	Complete    Completeness      `json:"complete"`
	RequestedBy string            `json:"requested_by"`
	CreatedAt   time.Time         `json:"created_at"`
	App         string            `json:"app"`
	Count       int64             `json:"count"`
	Pruned      int64             `json:"pruned"` // of these, how many have lost their body
	First       int64             `json:"first"`  // -1 when there is none
	Last        int64             `json:"last"`
	Stream      []Stream          `json:"stream"` // of the one mandat asked for
	Files       map[string]string `json:"files"`  // SHA-256 in hexadecimal
}

// encode is the one form of a manifest.
func encode(m any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(m)
	return b.Bytes(), err
}

// parseAs reads the manifest of one version, in the one form it has.
func parseAs(raw []byte, m any, format *string, want string) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return refuse("manifest.json illisible")
	}
	again, err := encode(m)
	if err != nil || !bytes.Equal(again, raw) || *format != want {
		return refuse("manifest.json n’est pas de la forme %s", want)
	}
	return nil
}

// Exported is the fact of an export of evidence. That of a mandat is the next
// entry of the mandat's own stream, which shows that nothing was left out at its
// end.
func Exported(by journal.Actor, s Selection, manifest []byte, count int64) journal.Fact {
	f := journal.NewFact(by, journal.JournalExport, journal.Object{Type: "journal"}).
		With("manifeste_sha256", digest(manifest)).With("entrees", strconv.FormatInt(count, 10)).
		With("format", "preuve").With("filtres", strings.Join(s.Names(), ","))
	if s.Complete() == OneMandat {
		f = f.OfMandat(s.Mandat)
	}
	return f
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func base64Of(h []byte) string { return base64.StdEncoding.EncodeToString(h) }
