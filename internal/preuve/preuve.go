// Package preuve is the evidence that leaves the house: one zip that shows, to
// somebody who has nothing but a public key, that entries stood in the journal,
// that none of a mandat or of a period is missing, and, with an older checkpoint
// of their own, that the past was not rewritten. docs/evidence.md describes it.
//
// It guarantees that [VerifyFile] accepts exactly the bytes that [Draft.Build]
// made: the change of any bit is refused. It verifies with another Merkle library
// than the one that made the proofs, without database and without network. The
// heap of both does not grow with the entries, but by a digest for each entry
// journal.prune that they call for; a bundle of the first version is read whole.
//
// It does not prove that what was recorded is true, nor what happened after the
// checkpoint, and it does not check the certificate of the time authority
// against a list of trusted ones (`openssl ts -verify` does).
package preuve

import (
	"bytes"
	_ "embed" // VERIFY.md
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

//go:embed VERIFY.md
var verifyText []byte

// Sealing is what proves a draft, once its export is an entry.
type Sealing struct {
	Header       Header
	Manifest     []byte // the bytes whose digest the export's entry holds
	Export       journal.Row
	Checkpoint   journal.Signed     // of a tree that holds the export's entry
	Tree         journal.HashReader // gives the inclusion proofs
	Since        []byte             // an older signed checkpoint, or nil
	Consistency  []journal.Hash     // from it
	Cosignatures []byte             // lines of witnesses, or nil
	Token        []byte             // RFC 3161 response over the checkpoint, or nil
	Sign         func(text string) ([]byte, error)
}

// Build writes the bundle.
func (d *Draft) Build(out io.Writer, p Sealing) error {
	export, err := newSet(setExport, d.scratch)
	if err == nil {
		err = errors.Join(export.add(p.Export.Index, p.Export.Body), export.end())
	}
	if err != nil {
		return err
	}
	return d.build(out, p, export)
}

// build puts the sets and their proofs together.
func (d *Draft) build(out io.Writer, p Sealing, export *set) error {
	parts := []*part{smallPart(fileVerify, verifyText), smallPart(fileCheckpoint, p.Checkpoint.Note),
		smallPart(fileManifest, p.Manifest), smallPart(filePolicy, p.Header.Policy)}
	if d.days != nil {
		parts = append(parts, smallPart(fileHeads, d.heads))
	}
	for _, s := range append(d.sets(), export) {
		spool, err := d.scratch()
		if err != nil {
			return err
		}
		proofs := newPart(s.name+extProofs, spool)
		if err := s.prove(proofs, p.Tree, p.Checkpoint); err != nil {
			return err
		}
		parts = append(parts, s.lines, s.runs, proofs)
	}
	return p.write(out, append(parts, p.outside()...))
}

// outside is what others gave.
func (p Sealing) outside() (parts []*part) {
	if p.Since != nil {
		parts = append(parts, smallPart(fileConsistency, consistencyText(p.Consistency, p.Since)))
	}
	if len(p.Cosignatures) > 0 {
		parts = append(parts, smallPart(fileCosigs, p.Cosignatures))
	}
	if len(p.Token) > 0 {
		parts = append(parts, smallPart(fileToken, p.Token))
	}
	return parts
}

// write signs the list of the parts and writes them all.
func (p Sealing) write(out io.Writer, parts []*part) error {
	byName := func(a, b *part) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(parts, byName)
	list := make([]listed, len(parts))
	for i, f := range parts {
		list[i] = listed{f.name, f.digest()}
	}
	seal, err := p.Sign(sealLines(p.Header.Origin, Format, list))
	if err != nil {
		return err
	}
	parts = append(parts, smallPart(fileSeal, seal))
	slices.SortFunc(parts, byName)
	return write(out, parts)
}

// listed is one line of a seal.
type listed struct{ name, sum string }

// sealLines is the text signed over all other files, which stand in the order
// of their names. Its second line is no number, so that it can never be taken
// for a checkpoint.
func sealLines(origin, format string, files []listed) string {
	var b strings.Builder
	b.WriteString(origin + "/preuve\n" + format + "\n")
	for _, f := range files {
		b.WriteString(f.sum + "  " + f.name + "\n")
	}
	return b.String()
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
