package scellement

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// exportTries bounds how often an export begins again because its mandat was
// written to meanwhile.
const exportTries = 5

// Archive is where an export's entries come from.
type Archive interface {
	Recorder
	ExportMandat(ctx context.Context, mandatID string) ([]journal.Row, error)
	ExportPeriod(ctx context.Context, from, to time.Time) ([]journal.Row, error)
	Journal(ctx context.Context, f journal.Filter) ([]journal.Record, error)
	Entry(ctx context.Context, index int64) (journal.Row, error)
}

// Request asks for an evidence file.
type Request struct {
	Filter preuve.Selection
	By     journal.Actor
	Since  []byte // an older signed checkpoint that the reader holds, or nil
	App    string
}

// Export writes the export's own entry, seals, asks witnesses and time
// authority, and returns the evidence file, which was verified before. A time
// authority that fails is told in the second result and not an error: the rest
// stands without it.
func (s *Sealer) Export(ctx context.Context, from Archive, r Request) (zip []byte, warning string, err error) {
	since, err := s.since(ctx, r.Since)
	if err != nil {
		return nil, "", err
	}
	c, manifest, entry, err := s.record(ctx, from, r)
	if err != nil {
		return nil, "", err
	}
	signed, err := s.Seal(ctx)
	if err != nil {
		return nil, "", err
	}
	p := preuve.Proofs{Manifest: manifest, Export: entry, Checkpoint: signed, Inclusion: map[int64][]journal.Hash{}, Since: r.Since}
	if err := s.prove(ctx, c, &p, since); err != nil {
		return nil, "", err
	}
	token, err := s.Stamp(ctx, signed)
	if err != nil {
		warning = err.Error()
	}
	p.Token = token
	if err := s.Cosign(ctx); err != nil {
		warning = strings.Trim(warning+" ; "+err.Error(), " ;")
	}
	if quorum, err := s.o.Shelf.LastAttestation(ctx, signed.Origin, journal.Quorum); err == nil && quorum.Size == signed.Size {
		p.Cosignatures, _ = bytes.CutPrefix(quorum.Data, signed.Note)
	}
	return s.pack(c, p, r.Since, warning)
}

// since reads the reader's older checkpoint, which must be one of ours.
func (s *Sealer) since(ctx context.Context, raw []byte) (journal.Checkpoint, error) {
	if raw == nil {
		return journal.Checkpoint{}, nil
	}
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return journal.Checkpoint{}, fmt.Errorf("journal.key: %w", err)
	}
	c, _, err := journal.OpenCheckpoint(raw, verifiers(keys)...)
	return c, err
}

// record writes the export to the journal so that it comes right after what it
// exports.
func (s *Sealer) record(ctx context.Context, from Archive, r Request) (c preuve.Content, manifest []byte, entry journal.Row, err error) {
	first, err := s.Seal(ctx)
	if err != nil {
		return c, nil, entry, err
	}
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return c, nil, entry, err
	}
	for range exportTries {
		c = preuve.Content{Filter: r.Filter, Origin: first.Origin, Policy: preuve.PolicyText(vkeys(keys), s.policy.raw),
			RequestedBy: r.By, At: s.o.Now(), App: r.App}
		if c.Entries, err = entries(ctx, from, r.Filter); err != nil {
			return c, nil, entry, err
		}
		var m preuve.Manifest
		if m, manifest, err = c.Manifest(); err != nil {
			return c, nil, entry, err
		}
		fact := preuve.Exported(r.By, r.Filter, manifest, len(c.Entries))
		if err := from.Append(ctx, fact); err != nil {
			return c, nil, entry, err
		}
		record, err := find(ctx, from, m, fact)
		if err != nil {
			return c, nil, entry, err
		}
		if r.Filter.Mandat == "" || record.StreamSeq == m.Streams[0].Last+1 {
			entry, err = from.Entry(ctx, record.Index)
			return c, manifest, entry, err
		}
	}
	return c, nil, entry, errors.New("ce mandat est utilisé en ce moment : recommencez l’export dans un instant")
}

func entries(ctx context.Context, from Archive, f preuve.Selection) ([]journal.Row, error) {
	if f.Mandat == "" {
		return from.ExportPeriod(ctx, f.From, f.To)
	}
	rows, err := from.ExportMandat(ctx, f.Mandat)
	if err == nil && len(rows) == 0 {
		err = journal.ErrNotFound
	}
	return rows, err
}

// find reads the export's own entry back: the one that names the manifest.
func find(ctx context.Context, from Archive, m preuve.Manifest, fact journal.Fact) (journal.Record, error) {
	f := journal.Filter{Action: journal.JournalExport, Limit: 100}
	for range 10 {
		records, err := from.Journal(ctx, f)
		if err != nil {
			return journal.Record{}, err
		}
		for _, r := range records {
			if r.Index > m.Last && r.Details["manifeste_sha256"] == fact.Detail("manifeste_sha256") {
				return r, nil
			}
			f.Before = r.Index
		}
	}
	return journal.Record{}, journal.ErrNotFound
}

func (s *Sealer) prove(ctx context.Context, c preuve.Content, p *preuve.Proofs, since journal.Checkpoint) (err error) {
	tree := s.o.Tree.Hashes(ctx)
	indexes := []int64{p.Export.Index}
	for _, e := range c.Entries {
		indexes = append(indexes, e.Index)
	}
	for _, index := range indexes {
		if p.Inclusion[index], err = journal.ProveInclusion(tree, p.Checkpoint.Size, index); err != nil {
			return fmt.Errorf("preuve de l’entrée %d: %w", index, err)
		}
	}
	if p.Since == nil {
		return nil
	}
	if since.Origin != p.Checkpoint.Origin {
		return fmt.Errorf("le point de contrôle donné est d’une autre origine (%s, ici %s)", since.Origin, p.Checkpoint.Origin)
	}
	p.Consistency, err = journal.ProveConsistency(tree, since.Size, p.Checkpoint.Size)
	return err
}

// pack builds the file and verifies it as the reader will.
func (s *Sealer) pack(c preuve.Content, p preuve.Proofs, since []byte, warning string) ([]byte, string, error) {
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return nil, "", err
	}
	var signers []note.Signer
	for _, k := range keys {
		signers = append(signers, k.signer)
	}
	zip, err := preuve.Build(c, p, preuve.Signing(signers...))
	if err != nil {
		return nil, "", err
	}
	if _, err := preuve.Verify(zip, vkeys(keys), since); err != nil {
		return nil, "", fmt.Errorf("l’export ne vérifie pas, il n’est pas remis : %w", err)
	}
	return zip, warning, nil
}
