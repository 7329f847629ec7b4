package preuve

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// Report is what a verified bundle proves.
type Report struct {
	Manifest   Manifest
	Checkpoint journal.Checkpoint
	Export     journal.Record      // the entry of the export itself
	Since      *journal.Checkpoint // the older one it goes on from, or nil
	Witnesses  []string            // names of those whose cosignature holds
	StampedAt  time.Time           // zero without a time token
	Authority  string              // who stamped, by its own certificate
}

// bundle is a verification under way.
type bundle struct {
	files map[string][]byte
	keys  []note.Verifier // the log's, from the caller first
	mine  []note.Verifier // the caller's
	m     Manifest
	c     journal.Checkpoint
	tree  rfc6962Tree
}

type rfc6962Tree struct {
	size uint64
	root []byte
}

// Verify checks a bundle against the public keys the caller trusts and, when
// since is given, against an older signed checkpoint of the caller's own. Any
// error wraps [ErrBundle].
func Verify(raw []byte, vkeys []string, since []byte) (Report, error) {
	files, err := unpack(raw)
	if err != nil {
		return Report{}, err
	}
	b := &bundle{files: files}
	steps := []func() error{
		func() error { return b.readKeys(vkeys) }, b.checkSeal, b.checkManifest, b.checkCheckpoint, b.checkNames,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Report{}, err
		}
	}
	r := Report{Manifest: b.m, Checkpoint: b.c}
	if r.Export, err = b.checkEntries(); err != nil {
		return r, err
	}
	if r.Since, err = b.checkSince(since); err != nil {
		return r, err
	}
	if r.Witnesses, err = b.checkWitnesses(); err != nil {
		return r, err
	}
	if token, ok := files[fileToken]; ok {
		t, err := ReadToken(token, files[fileCheckpoint])
		if err != nil {
			return r, err
		}
		r.StampedAt, r.Authority = t.Time, t.Authority
	}
	return r, nil
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

// checkSeal holds every file against the signed list.
func (b *bundle) checkSeal() error {
	text, err := b.open(fileSeal, b.files[fileSeal])
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(text, "/preuve\n")
	var files []file
	for name, data := range b.files {
		if name != fileSeal {
			files = append(files, file{name, data})
		}
	}
	if sealText(origin, files) != text {
		return refuse("un fichier a été modifié, ajouté ou retiré")
	}
	return nil
}

func (b *bundle) checkManifest() (err error) {
	if b.m, err = parseManifest(b.files[fileManifest]); err != nil {
		return err
	}
	if len(b.m.Files) != 3 {
		return refuse("manifest.json doit nommer trois fichiers")
	}
	for _, name := range []string{fileEntries, filePolicy, fileVerify} {
		if b.m.Files[name] != digest(b.files[name]) {
			return refuse("%s n’est pas celui du manifeste", name)
		}
	}
	return nil
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
	if b.c.Origin != b.m.Origin || name != b.mine[0].Name() {
		return refuse("le point de contrôle est celui d’un autre journal (%s)", b.c.Origin)
	}
	b.tree = rfc6962Tree{uint64(b.c.Size), b.c.Root[:]}
	return nil
}

// checkNames wants exactly the files that the manifest calls for.
func (b *bundle) checkNames() error {
	known := map[string]bool{fileVerify: true, fileCheckpoint: true, fileToken: true, fileConsistency: true, fileCosigs: true,
		fileEntries: true, fileExport: true, fileManifest: true, filePolicy: true, fileSeal: true}
	for _, i := range b.m.Indexes {
		known[proofName(i)] = true
	}
	extra := 0
	for name := range b.files {
		if !known[name] {
			extra++
		}
	}
	for _, name := range []string{fileExport, fileEntries, filePolicy, fileVerify} {
		if _, ok := b.files[name]; !ok {
			return refuse("%s manque", name)
		}
	}
	if extra != 1 { // the export's own proof
		return refuse("un fichier de trop ou manquant")
	}
	return nil
}

// checkEntries proves each entry, the completeness of the selection, and the
// export itself.
func (b *bundle) checkEntries() (journal.Record, error) {
	var none journal.Record
	raw := b.files[fileEntries]
	var lines [][]byte
	if len(raw) > 0 {
		if raw[len(raw)-1] != '\n' {
			return none, refuse("entries.jsonl est tronqué")
		}
		lines = bytes.Split(raw[:len(raw)-1], []byte("\n"))
	}
	if len(lines) != b.m.Count || len(b.m.Indexes) != b.m.Count {
		return none, refuse("le manifeste annonce %d entrées", b.m.Count)
	}
	rows := make([]journal.Row, len(lines))
	for i, body := range lines {
		leaf, err := b.included(b.m.Indexes[i], body)
		if err != nil {
			return none, err
		}
		rows[i] = journal.Row{Index: b.m.Indexes[i], Body: body, Leaf: leaf}
	}
	if err := b.checkComplete(rows); err != nil {
		return none, err
	}
	return b.checkExport(rows)
}

// included proves that a body stands in the journal, and returns its leaf hash.
func (b *bundle) included(index int64, body []byte) (leaf journal.Hash, err error) {
	raw := b.files[proofName(index)]
	var p proof.TLogProof
	if err := p.Unmarshal(raw); err != nil || !bytes.Equal(p.Marshal(), raw) || len(p.ExtraData) != 0 ||
		p.Index != uint64(index) || !bytes.Equal(p.Checkpoint, b.files[fileCheckpoint]) || p.Index >= b.tree.size {
		return leaf, refuse("la preuve de l’entrée %d est illisible ou d’un autre point de contrôle", index)
	}
	hashes := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		hashes[i] = p.Hashes[i][:]
	}
	copy(leaf[:], rfc6962.DefaultHasher.HashLeaf(body))
	if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, p.Index, b.tree.size, leaf[:], hashes, b.tree.root); err != nil {
		return leaf, refuse("l’entrée %d n’est pas dans le journal", index)
	}
	return leaf, nil
}

// checkComplete shows that nothing is missing inside the selection.
func (b *bundle) checkComplete(rows []journal.Row) error {
	again, _, err := Content{Entries: rows}.Manifest()
	if err != nil {
		return err
	}
	if !slices.Equal(again.Streams, b.m.Streams) || again.First != b.m.First || again.Last != b.m.Last {
		return refuse("le manifeste ne décrit pas ces entrées")
	}
	period := b.m.Filter.Mandat == ""
	for i, r := range rows {
		if i > 0 && r.Index <= rows[i-1].Index || period && i > 0 && r.Index != rows[i-1].Index+1 {
			return refuse("il manque une entrée avant la %d", r.Index)
		}
	}
	if period {
		return nil
	}
	if len(again.Streams) != 1 || again.Streams[0].Mandat != b.m.Filter.Mandat || again.Streams[0].First != 1 || again.Streams[0].Last != int64(len(rows)) {
		return refuse("ce ne sont pas toutes les entrées d’un seul mandat, depuis la première")
	}
	return nil
}

// checkExport proves the entry of the export: it names this manifest and, for a
// mandat, follows the last entry exported.
func (b *bundle) checkExport(rows []journal.Row) (journal.Record, error) {
	body, ok := bytes.CutSuffix(b.files[fileExport], []byte("\n"))
	r, err := journal.Parse(body)
	if !ok || err != nil {
		return r, refuse("export.jsonl illisible")
	}
	found := false
	for name := range b.files {
		var index int64
		if _, err := fmt.Sscanf(name, "proofs/%012d.tlog-proof", &index); err != nil || slices.Contains(b.m.Indexes, index) {
			continue
		}
		if _, err := b.included(index, body); err != nil || index <= b.m.Last {
			return r, refuse("l’entrée de l’export n’est pas dans le journal après ce qu’elle exporte")
		}
		r.Index, found = index, true
	}
	if !found || r.Action != journal.JournalExport || r.Outcome != journal.OK || r.Details["manifeste_sha256"] != digest(b.files[fileManifest]) {
		return r, refuse("le journal n’a pas enregistré cet export")
	}
	if b.m.Filter.Mandat == "" {
		return r, nil
	}
	last := b.m.Streams[0]
	if r.Mandat != last.Mandat || r.StreamSeq != last.Last+1 || r.StreamPrev() != last.Leaf {
		return r, refuse("il manque des entrées du mandat à la fin de l’export")
	}
	return r, nil
}

// checkSince proves that the journal goes on from an older checkpoint.
func (b *bundle) checkSince(own []byte) (*journal.Checkpoint, error) {
	raw, has := b.files[fileConsistency]
	var older journal.Checkpoint
	if has {
		var err error
		if older, err = b.checkConsistency(raw); err != nil {
			return nil, err
		}
	}
	if own == nil {
		if !has {
			return nil, nil
		}
		return &older, nil
	}
	mine, _, err := journal.OpenCheckpoint(own, b.mine...)
	if err != nil {
		return nil, refuse("votre point de contrôle n’est pas signé par la clé donnée")
	}
	switch {
	case mine.Origin != b.c.Origin:
		return nil, refuse("votre point de contrôle est d’une autre origine (%s) : le journal a changé d’époque ou n’est pas le même", mine.Origin)
	case mine == b.c, has && mine == older:
		return &mine, nil
	case mine.Size == b.c.Size || has && mine.Size == older.Size:
		return nil, refuse("DEUX POINTS DE CONTRÔLE DE MÊME TAILLE (%d) ET DE RACINES DIFFÉRENTES : le journal a été réécrit ; gardez les deux fichiers", mine.Size)
	}
	return nil, refuse("la preuve ne part pas de votre point de contrôle : demandez l’export avec --since")
}

func (b *bundle) checkConsistency(raw []byte) (older journal.Checkpoint, err error) {
	head, signed, ok := bytes.Cut(raw, []byte("\n\n"))
	if bytes.HasPrefix(raw, []byte("\n")) {
		head, signed, ok = nil, raw[1:], true
	}
	text, err := b.open(fileConsistency, signed)
	if !ok || err != nil {
		return older, refuse("consistency illisible ou d’une autre clé")
	}
	if older, err = journal.ParseCheckpoint(text); err != nil || older.Origin != b.c.Origin || older.Size > b.c.Size {
		return older, refuse("consistency part d’un autre journal")
	}
	var hashes [][]byte
	for line := range strings.FieldsSeq(string(head)) {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != len(journal.Hash{}) {
			return older, refuse("consistency illisible")
		}
		hashes = append(hashes, h)
	}
	if err := merkle.VerifyConsistency(rfc6962.DefaultHasher, uint64(older.Size), b.tree.size, hashes, older.Root[:], b.tree.root); err != nil {
		return older, refuse("LE JOURNAL NE PROLONGE PAS le point de contrôle de %d entrées : il a été réécrit", older.Size)
	}
	return older, nil
}

// checkWitnesses verifies each cosignature by a key of policy.txt.
func (b *bundle) checkWitnesses() ([]string, error) {
	lines, ok := b.files[fileCosigs]
	if !ok {
		return nil, nil
	}
	var keys []note.Verifier
	for line := range strings.Lines(string(b.files[filePolicy])) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "witness" {
			v, err := tnote.NewVerifierForCosignatureV1(f[2])
			if err != nil {
				return nil, refuse("policy.txt: clé de témoin illisible")
			}
			keys = append(keys, v)
		}
	}
	n, err := note.Open([]byte(b.c.Text()+"\n"+string(lines)), note.VerifierList(keys...))
	if err != nil || len(n.UnverifiedSigs) > 0 {
		return nil, refuse("une cosignature n’est pas d’un témoin de policy.txt")
	}
	var names []string
	for _, s := range n.Sigs {
		names = append(names, s.Name)
	}
	return names, nil
}
