package preuve

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// Report is what a verified bundle proves.
type Report struct {
	Format     string
	Filter     Selection
	Complete   Completeness
	Count      int64
	Pruned     int64 // of these, how many are there by their leaf only
	Bound      int64 // of these, how many the digest of their journal.prune was compared for
	First      int64 // index, -1 without any entry
	Last       int64
	Stream     []Stream // of the one mandat asked for
	Mandats    int      // whose counters were followed, at most 4096
	Whole      int      // of these, how many are there from the first without a gap
	Checkpoint journal.Checkpoint
	Export     journal.Record      // the entry of the export itself
	Since      *journal.Checkpoint // the older one it goes on from, or nil
	Witnesses  []string            // names of those whose cosignature holds
	Stamp      Token               // zero without a time token
	Day        journal.Day         // the daily summary that stream-heads.json belongs to, or zero
}

// bundle is a verification under way.
type bundle struct {
	files  map[string][]byte // of the second version, the small ones
	keys   []note.Verifier   // the log's, from the caller first
	mine   []note.Verifier   // the caller's
	origin string            // of the manifest
	c      journal.Checkpoint
	tree   rfc6962Tree
}

type rfc6962Tree struct {
	size uint64
	root []byte
}

// Verify is [VerifyFile] for a bundle in memory.
func Verify(raw []byte, vkeys []string, since []byte) (Report, error) {
	return VerifyFile(bytes.NewReader(raw), int64(len(raw)), vkeys, since)
}

// VerifyFile checks a bundle against the public keys the caller trusts and, when
// since is given, against an older signed checkpoint of the caller's own. Any
// error wraps [ErrBundle].
func VerifyFile(r io.ReaderAt, size int64, vkeys []string, since []byte) (Report, error) {
	if size > MaxBundle+64<<10 {
		return Report{}, refuse("plus de %d octets", int64(MaxBundle))
	}
	files, err := scan(r, size)
	if err != nil {
		return Report{}, err
	}
	if files != nil {
		return verifyTwo(r, files, vkeys, since)
	}
	if size > maxOne {
		return Report{}, refuse("plus de %d octets", maxOne)
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), raw); err != nil {
		return Report{}, refuse("illisible : %v", err)
	}
	return verifyOne(raw, vkeys, since)
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBundle}, args...)...)
}

// readKeys takes the caller's keys, and those that policy.txt adds: the latter
// only count beside one of the former.
func (b *bundle) readKeys(vkeys []string) error {
	for _, k := range vkeys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return refuse("la clé donnée n’est pas une clé de journal (vkey)")
		}
		b.mine = append(b.mine, v)
	}
	if len(b.mine) == 0 {
		return refuse("aucune clé donnée")
	}
	b.keys = slices.Clone(b.mine)
	for line := range strings.Lines(string(b.files[filePolicy])) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "log" {
			continue
		}
		v, err := note.NewVerifier(f[1])
		if err != nil {
			return refuse("policy.txt: clé illisible")
		}
		if !slices.ContainsFunc(b.keys, func(k note.Verifier) bool { return k.Name() == v.Name() && k.KeyHash() == v.KeyHash() }) {
			b.keys = append(b.keys, v)
		}
	}
	return nil
}

// open reads a signed note of the log strictly: every signature verifies, one of
// them by a key of the caller, and there is no second way to write the note.
func (b *bundle) open(what string, signed []byte) (string, error) {
	n, err := note.Open(signed, note.VerifierList(b.keys...))
	if err != nil {
		return "", refuse("%s n’est pas signé par la clé donnée", what)
	}
	again := n.Text + "\n"
	trusted := false
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return "", refuse("%s: signature mal écrite", what)
		}
		again += "— " + s.Name + " " + s.Base64 + "\n"
		trusted = trusted || slices.ContainsFunc(b.mine, func(k note.Verifier) bool { return k.Name() == s.Name && k.KeyHash() == s.Hash })
	}
	if !trusted || len(n.UnverifiedSigs) > 0 || again != string(signed) {
		return "", refuse("%s porte une signature qui n’est pas d’une clé du journal", what)
	}
	return n.Text, nil
}

func (b *bundle) checkCheckpoint() error {
	text, err := b.open(fileCheckpoint, b.files[fileCheckpoint])
	if err != nil {
		return err
	}
	if b.c, err = journal.ParseCheckpoint(text); err != nil {
		return refuse("%v", err)
	}
	name, _ := journal.SplitOrigin(b.c.Origin)
	if b.c.Origin != b.origin || name != b.mine[0].Name() {
		return refuse("le point de contrôle est celui d’un autre journal (%s)", b.c.Origin)
	}
	b.tree = rfc6962Tree{uint64(b.c.Size), b.c.Root[:]}
	return nil
}

// checkOutside reads what others added, into the report.
func (b *bundle) checkOutside(since []byte, r *Report) (err error) {
	if r.Since, err = b.checkSince(since); err != nil {
		return err
	}
	if r.Witnesses, err = b.checkWitnesses(); err != nil {
		return err
	}
	if token, ok := b.files[fileToken]; ok {
		r.Stamp, err = ReadToken(token, b.files[fileCheckpoint])
	}
	return err
}

// follows holds a mandat's export to be the next entry of the mandat's own
// stream.
func follows(export journal.Record, last Stream) error {
	if export.Mandat != last.Mandat || export.StreamSeq != last.Last+1 || export.StreamPrev() != last.Leaf {
		return refuse("il manque des entrées du mandat à la fin de l’export")
	}
	return nil
}
