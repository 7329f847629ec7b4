package scellement

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
	"relais/internal/preuve"
)

const (
	exportTries = 5                // how often an export begins again because its mandat was written to meanwhile
	exportTiles = 256              // of 16 kB each, for the proofs
	numbered    = 10 * time.Second // how long an entry may take to have its number
)

// Archive is where an export's entries come from.
type Archive interface {
	Recorder
	Extract(ctx context.Context, f journal.Filter, each func(journal.Row) error) error
	Journal(ctx context.Context, f journal.Filter) ([]journal.Record, error)
	Entry(ctx context.Context, index int64) (journal.Row, error)
	// LastDay is journal.ErrNotFound before the first daily summary.
	LastDay(ctx context.Context) (journal.Day, []byte, error)
}

// Request asks for an export.
type Request struct {
	Form   preuve.Form      // "" = evidence
	Filter preuve.Selection // as the export tells it
	Find   journal.Filter   // as the journal is asked, where that differs: a label of an agent, a mission's scope
	By     journal.Actor
	Since  []byte // an older signed checkpoint that the reader holds, or nil
	App    string
	Max    int64 // entries; 0 = as many as there are
	// Names says what stands for an actor in a CSV; nil = what the entry holds.
	Names func(journal.Actor) (string, error)
}

// Finished is an export made, in a file without a name: nothing of it stays
// once it is closed.
type Finished struct {
	File    *os.File
	Size    int64
	SHA256  string
	Count   int64
	Index   int64  // of the export's own entry
	Warning string // what failed without spoiling the rest, such as the time authority
}

// Close gives the room back.
func (e *Finished) Close() error { return e.File.Close() }

// Reader gives the whole file.
func (e *Finished) Reader() io.Reader { return io.NewSectionReader(e.File, 0, e.Size) }

// scratch makes a file in RELAIS_DATA that nobody else can open and that is gone
// when the program is.
func (s *Sealer) scratch() (*os.File, error) {
	f, err := os.CreateTemp(s.o.Dir, ".export-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if err := os.Remove(filepath.Join(s.o.Dir, filepath.Base(f.Name()))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *Sealer) spool() (preuve.Spool, error) {
	f, err := s.scratch()
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Export writes the export's own entry, seals, asks witnesses and time
// authority, and returns the evidence file, which was verified before. A time
// authority or a witness that fails is told in the warning and is not an error:
// the rest stands without it. Where there is an error once the entry stands,
// another one says that the export reached nobody.
func (s *Sealer) Export(ctx context.Context, from Archive, r Request) (*Finished, error) {
	since, err := s.since(ctx, r.Since)
	if err != nil {
		return nil, err
	}
	d, p, err := s.record(ctx, from, r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // scratch files without a name
	e, err := s.finish(ctx, d, &p, since)
	if err != nil {
		return nil, p.own.undelivered(ctx, from, r, err)
	}
	return e, nil
}

// finish makes the file of an export whose entry stands.
func (s *Sealer) finish(ctx context.Context, d *preuve.Draft, p *recorded, since journal.Checkpoint) (*Finished, error) {
	if err := s.attach(ctx, &p.Sealing, since); err != nil {
		return nil, err
	}
	warning := s.outside(ctx, &p.Sealing)
	e, err := s.pack(d, p.Sealing)
	if err != nil {
		return nil, err
	}
	e.Warning, e.Count, e.Index = warning, p.count, p.Export.Index
	return e, nil
}

// recorded is what an export needs once its entry is written.
type recorded struct {
	preuve.Sealing
	count int64
	own   own
}

// record writes the export to the journal so that it comes right after what it
// exports.
func (s *Sealer) record(ctx context.Context, from Archive, r Request) (*preuve.Draft, recorded, error) {
	first, err := s.Seal(ctx)
	if err != nil {
		return nil, recorded{}, err
	}
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return nil, recorded{}, err
	}
	var p recorded
	p.Since = r.Since
	p.Header = preuve.Header{Origin: first.Origin, Policy: preuve.PolicyText(vkeys(keys), s.policy.raw), RequestedBy: r.By, At: s.o.Now(), App: r.App}
	for range exportTries {
		d, err := s.gather(ctx, from, r)
		if err != nil {
			return nil, p, err
		}
		fits, err := s.enter(ctx, from, d, &p, r)
		if err == nil && fits {
			return d, p, nil
		}
		if err := errors.Join(p.own.undelivered(ctx, from, r, err), d.Close()); err != nil {
			return nil, p, err
		}
	}
	return nil, p, errors.New("ce mandat est utilisé en ce moment : recommencez l’export dans un instant")
}

// gather reads the entries asked for, and those that emptied some of them.
func (s *Sealer) gather(ctx context.Context, from Archive, r Request) (*preuve.Draft, error) {
	f := r.Filter
	d, err := preuve.NewDraft(f, s.spool)
	if err != nil {
		return nil, err
	}
	found := false
	add := func(row journal.Row) error { found = true; return d.Add(row) }
	err = r.read(ctx, from, add)
	if err == nil && !found && f.Complete() == preuve.OneMandat {
		err = journal.ErrNotFound
	}
	for _, index := range d.Prunes() {
		var row journal.Row
		if err == nil {
			row, err = from.Entry(ctx, index)
		}
		if err == nil {
			err = d.AddPrune(row)
		}
	}
	if err == nil && f.Complete() == preuve.Run && f.Entry == nil {
		err = addDay(ctx, from, d)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// addDay puts the newest daily summary beside a period: it covers the ends of all
// mandats' counters. Whoever asks for less than the journal does not get it.
func addDay(ctx context.Context, from Archive, d *preuve.Draft) error {
	day, heads, err := from.LastDay(ctx)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err := from.Entry(ctx, day.Index)
	if err != nil {
		return err
	}
	return d.AddDay(row, heads)
}

// enter writes the export's own entry; fits tells that nothing of the mandat
// came between.
func (s *Sealer) enter(ctx context.Context, from Archive, d *preuve.Draft, p *recorded, r Request) (fits bool, err error) {
	p.own = own{}
	m, raw, err := d.Manifest(p.Header)
	if err != nil {
		return false, err
	}
	p.Manifest, p.count = raw, m.Count
	record, err := p.own.enter(ctx, from, preuve.Exported(r.By, r.Filter, raw, m.Count), "manifeste_sha256", m.Last)
	if err != nil || m.Complete == preuve.OneMandat && record.StreamSeq != m.Stream[0].Last+1 {
		return false, err
	}
	p.Export, err = from.Entry(ctx, record.Index)
	return true, err
}

// attach seals what now includes the export's entry, and prepares the proofs.
func (s *Sealer) attach(ctx context.Context, p *preuve.Sealing, since journal.Checkpoint) (err error) {
	if p.Checkpoint, err = s.Seal(ctx); err != nil {
		return err
	}
	read := func(span journal.Span) ([]journal.Hash, error) { return s.o.Tree.Span(ctx, span) }
	p.Tree = journal.CacheTiles(read, p.Checkpoint.Size, exportTiles)
	if p.Since == nil {
		return nil
	}
	if since.Origin != p.Checkpoint.Origin {
		return fmt.Errorf("%w : une nouvelle époque vient d’être ouverte", ErrSince)
	}
	p.Consistency, err = journal.ProveConsistency(p.Tree, since.Size, p.Checkpoint.Size)
	return err
}

// outside asks the time authority and the witnesses.
func (s *Sealer) outside(ctx context.Context, p *preuve.Sealing) (warning string) {
	token, err := s.Stamp(ctx, p.Checkpoint)
	if err != nil {
		warning = err.Error()
	}
	p.Token = token
	if err := s.Cosign(ctx); err != nil {
		warning = strings.Trim(warning+" ; "+err.Error(), " ;")
	}
	if quorum, err := s.o.Shelf.LastAttestation(ctx, p.Checkpoint.Origin, journal.Quorum); err == nil && quorum.Size == p.Checkpoint.Size {
		p.Cosignatures, _ = bytes.CutPrefix(quorum.Data, p.Checkpoint.Note)
	}
	return warning
}

// pack builds the file and verifies it as the reader will.
func (s *Sealer) pack(d *preuve.Draft, p preuve.Sealing) (*Finished, error) {
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return nil, err
	}
	var signers []note.Signer
	for _, k := range keys {
		signers = append(signers, k.signer)
	}
	p.Sign = preuve.Signing(signers...)
	f, err := s.scratch()
	if err != nil {
		return nil, err
	}
	out := newTally(f)
	if err = d.Build(out, p); err == nil {
		_, err = preuve.VerifyFile(f, out.size, vkeys(keys), p.Since)
		if err != nil {
			err = fmt.Errorf("l’export ne vérifie pas, il n’est pas remis : %w", err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Finished{File: f, Size: out.size, SHA256: out.digest()}, nil
}
