// Package preuve is the evidence that leaves the house: one zip that shows, to
// somebody who has nothing but a public key, that entries stood in the journal,
// that none of a mandat or of a period is missing, and, with an older checkpoint
// of their own, that the past was not rewritten. docs/evidence.md describes it.
//
// It guarantees that [Verify] accepts exactly the bytes that [Build] made: the
// change of any bit is refused. It verifies with another Merkle library than the
// one that made the proofs, without database and without network.
//
// It does not prove that what was recorded is true, nor what happened after the
// checkpoint, and it does not check the certificate of the time authority
// against a list of trusted ones (`openssl ts -verify` does).
package preuve

import (
	"bytes"
	_ "embed" // VERIFY.md
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

//go:embed VERIFY.md
var verifyText []byte

// Content is what an export is about, before it is written to the journal.
type Content struct {
	Filter      Selection
	Entries     []journal.Row // oldest first
	Origin      string
	Policy      []byte // policy.txt
	RequestedBy journal.Actor
	At          time.Time
	App         string
}

// Manifest describes the content and returns the manifest's own bytes.
func (c Content) Manifest() (Manifest, []byte, error) {
	m := Manifest{Format: Format, Origin: c.Origin, Filter: c.Filter, RequestedBy: string(c.RequestedBy.Type) + ":" + c.RequestedBy.Ref,
		CreatedAt: c.At.UTC().Truncate(time.Second), App: c.App, Count: len(c.Entries), First: -1, Last: -1,
		Indexes: []int64{}, Streams: []Stream{},
		Files: map[string]string{fileEntries: digest(c.lines()), filePolicy: digest(c.Policy), fileVerify: digest(verifyText)}}
	for _, e := range c.Entries {
		m.Indexes = append(m.Indexes, e.Index)
	}
	if len(c.Entries) > 0 {
		m.First, m.Last = m.Indexes[0], m.Indexes[len(m.Indexes)-1]
	}
	streams, err := streamsOf(c.Entries)
	if err != nil {
		return m, nil, err
	}
	m.Streams = append(m.Streams, streams...)
	raw, err := m.Encode()
	return m, raw, err
}

func (c Content) lines() []byte {
	var b bytes.Buffer
	for _, e := range c.Entries {
		b.Write(e.Body)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// streamsOf gathers the counters and refuses a gap or a broken link.
func streamsOf(entries []journal.Row) ([]Stream, error) {
	var order []string
	ends := map[string]Stream{}
	for _, e := range entries {
		r, err := journal.Parse(e.Body)
		if err != nil {
			return nil, fmt.Errorf("%w: entrée %d: %w", ErrBundle, e.Index, err)
		}
		if r.Mandat == "" {
			continue
		}
		s, known := ends[r.Mandat]
		if !known {
			order = append(order, r.Mandat)
			s = Stream{Mandat: r.Mandat, First: r.StreamSeq}
		} else if r.StreamSeq != s.Last+1 || r.StreamPrev() != s.Leaf {
			return nil, fmt.Errorf("%w: entrée %d: le fil du mandat est rompu (numéro %d après %d)", ErrBundle, e.Index, r.StreamSeq, s.Last)
		}
		s.Last, s.Leaf = r.StreamSeq, base64Of(e.Leaf[:])
		ends[r.Mandat] = s
	}
	out := make([]Stream, len(order))
	for i, id := range order {
		out[i] = ends[id]
	}
	return out, nil
}

// Proofs is what seals a content, once its export is an entry.
type Proofs struct {
	Manifest     []byte // the bytes whose digest the export's entry holds
	Export       journal.Row
	Checkpoint   journal.Signed           // of a tree that holds the export's entry
	Inclusion    map[int64][]journal.Hash // by index: each entry, and the export's
	Since        []byte                   // an older signed checkpoint, or nil
	Consistency  []journal.Hash           // from it
	Cosignatures []byte                   // lines of witnesses, or nil
	Token        []byte                   // RFC 3161 response over the checkpoint, or nil
}

// Build writes the bundle. sign makes a signed note of a text with the journal's
// keys.
func Build(c Content, p Proofs, sign func(text string) ([]byte, error)) ([]byte, error) {
	files := []file{
		{fileVerify, verifyText}, {fileCheckpoint, p.Checkpoint.Note}, {fileEntries, c.lines()},
		{fileExport, append(slices.Clone(p.Export.Body), '\n')}, {fileManifest, p.Manifest}, {filePolicy, c.Policy},
	}
	for index, hashes := range p.Inclusion {
		t := proof.TLogProof{Index: uint64(index), Checkpoint: p.Checkpoint.Note}
		for _, h := range hashes {
			t.Hashes = append(t.Hashes, h)
		}
		files = append(files, file{proofName(index), t.Marshal()})
	}
	if p.Since != nil {
		files = append(files, file{fileConsistency, consistencyText(p.Consistency, p.Since)})
	}
	if len(p.Cosignatures) > 0 {
		files = append(files, file{fileCosigs, p.Cosignatures})
	}
	if len(p.Token) > 0 {
		files = append(files, file{fileToken, p.Token})
	}
	seal, err := sign(sealText(c.Origin, files))
	if err != nil {
		return nil, err
	}
	return pack(append(files, file{fileSeal, seal}))
}

// sealText is the text signed over all other files. Its second line is no
// number, so that it can never be taken for a checkpoint.
func sealText(origin string, files []file) string {
	lines := make([]string, len(files))
	for i, f := range files {
		lines[i] = digest(f.data) + "  " + f.name + "\n"
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return origin + "/preuve\n" + Format + "\n" + strings.Join(lines, "")
}

func consistencyText(hashes []journal.Hash, since []byte) []byte {
	var b bytes.Buffer
	for _, h := range hashes {
		b.WriteString(base64Of(h[:]) + "\n")
	}
	b.WriteString("\n")
	b.Write(since)
	return b.Bytes()
}

// PolicyText is policy.txt (C2SP tlog-policy): the log's keys, then the
// operator's policy of witnesses without log lines of its own.
func PolicyText(vkeys []string, witnesses []byte) []byte {
	var b bytes.Buffer
	for _, k := range vkeys {
		b.WriteString("log " + k + "\n")
	}
	for line := range strings.Lines(string(witnesses)) {
		line = strings.TrimRight(line, "\r\n")
		if f := strings.Fields(line); len(f) > 0 && f[0] != "log" && !strings.HasPrefix(f[0], "#") {
			b.WriteString(strings.Join(f, " ") + "\n")
		}
	}
	if len(bytes.TrimSpace(witnesses)) == 0 {
		b.WriteString("quorum none\n")
	}
	return b.Bytes()
}

// Signing makes of some keys what [Build] asks for.
func Signing(signers ...note.Signer) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) { return note.Sign(&note.Note{Text: text}, signers...) }
}
