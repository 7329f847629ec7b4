package preuve

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/formats/proof"

	"relais/internal/journal"
)

// ContentOne is what an export is about, before it is written to the journal.
type ContentOne struct {
	Filter      Selection
	Entries     []journal.Row // oldest first
	Origin      string
	Policy      []byte // policy.txt
	RequestedBy journal.Actor
	At          time.Time
	App         string
}

// Manifest describes the content and returns the manifest's own bytes.
func (c ContentOne) Manifest() (any, []byte, error) {
	m := manifestOne{Format: formatOne, Origin: c.Origin, RequestedBy: string(c.RequestedBy.Type) + ":" + c.RequestedBy.Ref,
		CreatedAt: c.At.UTC().Truncate(time.Second), App: c.App, Count: len(c.Entries), First: -1, Last: -1,
		Indexes: []int64{}, Streams: []Stream{},
		Files: map[string]string{fileEntries: digest(c.lines()), filePolicy: digest(c.Policy), fileVerify: digest(verifyText)}}
	m.Filter.Mandat, m.Filter.Number, m.Filter.From, m.Filter.To = c.Filter.Mandat, c.Filter.Number, c.Filter.From, c.Filter.To
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
	raw, err := encode(m)
	return m, raw, err
}

func (c ContentOne) lines() []byte {
	var b bytes.Buffer
	for _, e := range c.Entries {
		b.Write(e.Body)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// ProofsOne is what seals a content, once its export is an entry.
type ProofsOne struct {
	Manifest     []byte // the bytes whose digest the export's entry holds
	Export       journal.Row
	Checkpoint   journal.Signed           // of a tree that holds the export's entry
	Inclusion    map[int64][]journal.Hash // by index: each entry, and the export's
	Since        []byte                   // an older signed checkpoint, or nil
	Consistency  []journal.Hash           // from it
	Cosignatures []byte                   // lines of witnesses, or nil
	Token        []byte                   // RFC 3161 response over the checkpoint, or nil
}

// BuildOne writes a bundle of the first version, as was done once. sign makes a signed note of a text with the journal's
// keys.
func BuildOne(c ContentOne, p ProofsOne, sign func(text string) ([]byte, error)) ([]byte, error) {
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
	var list []listed
	for _, f := range files {
		list = append(list, listed{f.name, digest(f.data)})
	}
	slices.SortFunc(list, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	seal, err := sign(sealLines(c.Origin, formatOne, list))
	if err != nil {
		return nil, err
	}
	return pack(append(files, file{fileSeal, seal}))
}
