package preuve

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"relais/internal/journal"
)

// formatOne is the first version of the evidence file. It is no longer written;
// what was written verifies for ever.
const formatOne = "relais-preuve/1"

func proofName(index int64) string { return fmt.Sprintf("proofs/%012d.tlog-proof", index) }

// manifestOne says what is in a bundle of the first version.
type manifestOne struct {
	Format string `json:"format"`
	Origin string `json:"origin"`
	Filter struct {
		Mandat string    `json:"mandat,omitempty"`
		Number string    `json:"number,omitempty"`
		From   time.Time `json:"from,omitzero"`
		To     time.Time `json:"to,omitzero"`
	} `json:"filter"`
	RequestedBy string            `json:"requested_by"`
	CreatedAt   time.Time         `json:"created_at"`
	App         string            `json:"app"`
	Count       int               `json:"count"`
	First       int64             `json:"first"`
	Last        int64             `json:"last"`
	Indexes     []int64           `json:"indexes"`
	Streams     []Stream          `json:"streams"`
	Files       map[string]string `json:"files"`
}

// one is the verification of a bundle of the first version.
type one struct {
	bundle
	m manifestOne
}

func verifyOne(raw []byte, vkeys []string, since []byte) (Report, error) {
	files, err := unpack(raw)
	if err != nil {
		return Report{}, err
	}
	b := &one{bundle: bundle{files: files}}
	for _, step := range []func() error{
		func() error { return b.readKeys(vkeys) }, b.checkSeal, b.checkManifest, b.checkCheckpoint, b.checkNames,
	} {
		if err := step(); err != nil {
			return Report{}, err
		}
	}
	r := Report{Format: formatOne, Filter: Selection{Mandat: b.m.Filter.Mandat, Number: b.m.Filter.Number, From: b.m.Filter.From, To: b.m.Filter.To},
		Complete: Run, Count: int64(b.m.Count), First: b.m.First, Last: b.m.Last, Checkpoint: b.c}
	if r.Filter.Mandat != "" {
		r.Complete, r.Stream = OneMandat, b.m.Streams[:min(1, len(b.m.Streams))]
	}
	if r.Export, err = b.checkEntries(); err != nil {
		return r, err
	}
	return r, b.checkOutside(since, &r)
}

// checkSeal holds every file against the signed list.
func (b *one) checkSeal() error {
	text, err := b.open(fileSeal, b.files[fileSeal])
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(text, "/preuve\n")
	var files []listed
	for name, data := range b.files {
		if name != fileSeal {
			files = append(files, listed{name, digest(data)})
		}
	}
	slices.SortFunc(files, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	if sealLines(origin, formatOne, files) != text {
		return refuse("un fichier a été modifié, ajouté ou retiré")
	}
	return nil
}

func (b *one) checkManifest() (err error) {
	if err = parseAs(b.files[fileManifest], &b.m, &b.m.Format, formatOne); err != nil {
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
	b.origin = b.m.Origin
	return nil
}

// checkNames wants exactly the files that the manifest calls for.
func (b *one) checkNames() error {
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
func (b *one) checkEntries() (journal.Record, error) {
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
func (b *one) included(index int64, body []byte) (leaf journal.Hash, err error) {
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
func (b *one) checkComplete(rows []journal.Row) error {
	streams, err := streamsOf(rows)
	if err != nil {
		return err
	}
	first, last := int64(-1), int64(-1)
	if len(rows) > 0 {
		first, last = rows[0].Index, rows[len(rows)-1].Index
	}
	if !slices.Equal(streams, b.m.Streams) || first != b.m.First || last != b.m.Last {
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
	if len(streams) != 1 || streams[0].Mandat != b.m.Filter.Mandat || streams[0].First != 1 || streams[0].Last != int64(len(rows)) {
		return refuse("ce ne sont pas toutes les entrées d’un seul mandat, depuis la première")
	}
	return nil
}

// checkExport proves the entry of the export: it names this manifest and, for a
// mandat, follows the last entry exported.
func (b *one) checkExport(rows []journal.Row) (journal.Record, error) {
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
	return r, follows(r, b.m.Streams[0])
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
