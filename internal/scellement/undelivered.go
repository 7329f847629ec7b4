package scellement

import (
	"context"
	"errors"

	"relais/internal/journal"
	"relais/internal/preuve"
)

// own is the entry that an export left in the journal; the zero own, none yet.
type own struct {
	fact  journal.Fact
	mark  string // the detail by which it is known
	above int64  // the index it stands above
	index int64  // -1 until it was read back
}

// enter writes a fact and reads it back.
func (o *own) enter(ctx context.Context, from Archive, fact journal.Fact, mark string, above int64) (journal.Record, error) {
	*o = own{}
	if err := from.Append(ctx, fact); err != nil {
		return journal.Record{}, err
	}
	*o = own{fact: fact, mark: mark, above: above, index: -1}
	r, err := find(ctx, from, above, fact, mark)
	if err == nil {
		o.index = r.Index
	}
	return r, err
}

// undelivered writes, once an export's entry stands, that the export reached
// nobody, even when who asked has gone. It returns why, and what failed of saying
// so.
func (o *own) undelivered(ctx context.Context, from Archive, r Request, why error) error {
	if o.fact.IsZero() {
		return why
	}
	ctx = context.WithoutCancel(ctx)
	if o.index < 0 {
		if read, err := find(ctx, from, o.above, o.fact, o.mark); err == nil {
			o.index = read.Index
		}
	}
	said := preuve.Undelivered(r.By, r.form(), o.index)
	if o.index < 0 {
		said = said.With(o.mark, o.fact.Detail(o.mark))
	}
	return errors.Join(why, from.Append(ctx, said))
}

func (r Request) form() preuve.Form {
	if r.Form == "" {
		return preuve.Evidence
	}
	return r.Form
}
