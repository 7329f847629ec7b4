package scellement

import (
	"context"
	"errors"
	"fmt"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// ErrTooMany is returned for an export of more entries than its request allows.
var ErrTooMany = errors.New("trop d’entrées pour un export")

// Exporter makes exports of one journal.
type Exporter struct {
	Sealer *Sealer
	From   Archive
}

// Make writes the export's own entry and returns the finished file. Nothing is
// delivered then: whoever fails to hand it on says so with [Exporter.Failed].
func (x Exporter) Make(ctx context.Context, r Request) (*Finished, error) {
	if r.Form == preuve.CSV || r.Form == preuve.JSONL {
		return x.Sealer.table(ctx, x.From, r)
	}
	return x.Sealer.Export(ctx, x.From, r)
}

// Failed writes that an export was not delivered whole, even when who asked has
// gone.
func (x Exporter) Failed(ctx context.Context, r Request, e *Finished) error {
	return x.From.Append(context.WithoutCancel(ctx), preuve.Undelivered(r.By, r.form(), e.Index))
}

// read calls each for every entry of a request.
func (r Request) read(ctx context.Context, from Archive, each func(journal.Row) error) error {
	if r.Filter.Entry != nil {
		row, err := from.Entry(ctx, *r.Filter.Entry)
		if err != nil {
			return err
		}
		return each(row)
	}
	f := r.Find
	if f == (journal.Filter{}) {
		f = r.Filter.Filter()
	}
	var n int64
	return from.Extract(ctx, f, func(row journal.Row) error {
		if n++; r.Max > 0 && n > r.Max {
			return fmt.Errorf("%w : plus de %d", ErrTooMany, r.Max)
		}
		return each(row)
	})
}

// table makes a CSV or a JSONL.
func (s *Sealer) table(ctx context.Context, from Archive, r Request) (*Finished, error) {
	f, err := s.scratch()
	if err != nil {
		return nil, err
	}
	out := newTally(f)
	e := &Finished{File: f}
	t, err := preuve.NewTable(r.Form, out, r.Names)
	if err == nil {
		err = r.read(ctx, from, t.Add)
	}
	if err == nil {
		e.Count, err = t.End()
	}
	if err == nil {
		e.Size, e.SHA256 = out.size, out.digest()
		e.Index, err = s.enterTable(ctx, from, r, e)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return e, nil
}

// enterTable writes the entry of a table that is made and finds its number.
func (s *Sealer) enterTable(ctx context.Context, from Archive, r Request, e *Finished) (int64, error) {
	head, err := s.o.Tree.Head(ctx)
	if err != nil {
		return 0, err
	}
	var o own
	read, err := o.enter(ctx, from, preuve.Extracted(r.By, r.Filter, r.Form, e.Count, e.SHA256), "sha256", head.Size-1)
	if err != nil {
		return 0, o.undelivered(ctx, from, r, err)
	}
	return read.Index, nil
}
