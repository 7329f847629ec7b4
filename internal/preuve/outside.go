package preuve

import (
	"bytes"
	"encoding/base64"
	"strings"

	tnote "github.com/transparency-dev/formats/note"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// What people outside add to a checkpoint: an older one that they kept,
// cosignatures, a time token.

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
