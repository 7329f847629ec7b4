package preuve

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"relais/internal/journal"
)

// Format names this version of the evidence file.
const Format = "relais-preuve/1"

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
)

func proofName(index int64) string { return fmt.Sprintf("proofs/%012d.tlog-proof", index) }

// Selection is what an export holds: all entries of one mandat, or all entries
// of a period.
type Selection struct {
	Mandat string    `json:"mandat,omitempty"` // a mandat's id
	Number string    `json:"number,omitempty"` // its number, as people read it
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"` // excluded
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
	RequestedBy string            `json:"requested_by"`
	CreatedAt   time.Time         `json:"created_at"`
	App         string            `json:"app"`
	Count       int               `json:"count"`
	First       int64             `json:"first"`
	Last        int64             `json:"last"`
	Indexes     []int64           `json:"indexes"`
	Streams     []Stream          `json:"streams"`
	Files       map[string]string `json:"files"` // SHA-256 in hexadecimal
}

// Encode is the one form of a manifest.
func (m Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(m)
	return b.Bytes(), err
}

func parseManifest(raw []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: manifest.json illisible", ErrBundle)
	}
	again, err := m.Encode()
	if err != nil || !bytes.Equal(again, raw) || m.Format != Format {
		return m, fmt.Errorf("%w: manifest.json n’est pas de la forme %s", ErrBundle, Format)
	}
	return m, nil
}

// Exported is the fact of an export. That of a mandat is the next entry of the
// mandat's own stream, which shows that nothing was left out at its end.
func Exported(by journal.Actor, s Selection, manifest []byte, count int) journal.Fact {
	f := journal.NewFact(by, journal.JournalExport, journal.Object{Type: "journal"}).
		With("manifeste_sha256", digest(manifest)).With("entrees", strconv.Itoa(count))
	if s.Mandat != "" {
		f = f.OfMandat(s.Mandat)
	}
	return f
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func base64Of(h []byte) string { return base64.StdEncoding.EncodeToString(h) }
