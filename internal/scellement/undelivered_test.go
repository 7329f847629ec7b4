package scellement_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
	"relais/internal/store"
)

var errBroken = errors.New("broken on purpose")

// frail is a journal on which something happens around the entry of an export.
type frail struct {
	*store.Store
	before, after func()      // that entry's writing
	entry, search func() bool // tell that reading fails
	span          bool        // proofs cannot be made
	stands        bool
}

func (f *frail) Append(ctx context.Context, facts ...journal.Fact) error {
	own := facts[0].Action() == journal.JournalExport && facts[0].Outcome() == journal.OK
	if own && f.before != nil {
		f.before()
	}
	err := f.Store.Append(ctx, facts...)
	if f.stands = f.stands || own; own && f.after != nil {
		f.after()
	}
	return err
}

func (f *frail) Entry(ctx context.Context, index int64) (journal.Row, error) {
	if f.stands && f.entry != nil && f.entry() {
		return journal.Row{}, errBroken
	}
	return f.Store.Entry(ctx, index)
}

func (f *frail) Journal(ctx context.Context, q journal.Filter) ([]journal.Record, error) {
	if f.stands && f.search != nil && f.search() {
		return nil, errBroken
	}
	return f.Store.Journal(ctx, q)
}

// Span is what proofs are made of.
func (f *frail) Span(ctx context.Context, s journal.Span) ([]journal.Hash, error) {
	if f.stands && f.span {
		return nil, errBroken
	}
	return f.Store.Span(ctx, s)
}

// once is true the first time.
func once() func() bool {
	done := false
	return func() bool { was := done; done = true; return !was }
}

func always() bool { return true }

// TestNotDelivered: whatever fails once an export's entry stands, another entry
// says that it reached nobody; so do the tries that a mandat in use makes vain.
func TestNotDelivered(t *testing.T) {
	mandat, search := preuve.Selection{Mandat: "m-1"}, preuve.Selection{Action: string(journal.MandatView)}
	type fails struct {
		asked  preuve.Selection
		form   preuve.Form
		hinder func(h *house, f *frail, stop func())
		vain   int  // entries of exports that reached nobody
		nobody bool // whose index nobody could read
		made   bool
	}
	for what, x := range map[string]fails{
		"the data folder goes": {asked: mandat, vain: 1, hinder: func(h *house, f *frail, _ func()) {
			f.after = func() { h.ok(os.Rename(h.dir, h.dir+"-away")) }
		}},
		"a proof cannot be read":          {asked: mandat, vain: 1, hinder: func(_ *house, f *frail, _ func()) { f.span = true }},
		"the entry cannot be read":        {asked: mandat, vain: 1, hinder: func(_ *house, f *frail, _ func()) { f.entry = always }},
		"the entry is not found at first": {asked: mandat, vain: 1, hinder: func(_ *house, f *frail, _ func()) { f.search = once() }},
		"the entry is never found":        {asked: search, vain: 1, nobody: true, hinder: func(_ *house, f *frail, _ func()) { f.search = always }},
		"who asked has gone":              {asked: search, vain: 1, hinder: func(_ *house, f *frail, stop func()) { f.after = stop }},
		"the mandat is used once": {asked: mandat, vain: 1, made: true, hinder: func(h *house, f *frail, _ func()) {
			first := once()
			f.before = func() {
				if first() {
					h.grow(2)
				}
			}
		}},
		"the mandat is used all the time": {asked: mandat, vain: 5, hinder: func(h *house, f *frail, _ func()) { f.before = func() { h.grow(2) } }},
		"a table's entry is not found at first": {asked: search, form: preuve.CSV, vain: 1,
			hinder: func(_ *house, f *frail, _ func()) { f.search = once() }},
		"a table's entry is never found": {asked: mandat, form: preuve.JSONL, vain: 1, nobody: true,
			hinder: func(_ *house, f *frail, _ func()) { f.search = always }},
		"who asked for a table has gone": {asked: mandat, form: preuve.JSONL, vain: 1, hinder: func(_ *house, f *frail, stop func()) { f.after = stop }},
		"nothing":                        {asked: mandat, made: true, hinder: func(*house, *frail, func()) {}},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHouse(t)
			h.grow(6)
			f := &frail{Store: h.st}
			h.opts.Tree = f
			sealer, err := scellement.New(h.opts)
			h.ok(err)
			ctx, stop := context.WithTimeout(h.ctx, time.Minute)
			defer stop()
			x.hinder(h, f, stop)
			e, err := scellement.Exporter{Sealer: sealer, From: f}.Make(ctx, scellement.Request{Form: x.form, Filter: x.asked, By: journal.Systeme()})
			if (err == nil) != x.made {
				t.Fatalf("made: %v", err)
			}
			if err == nil {
				h.ok(e.Close())
			}
			h.vain(x.vain, x.nobody, x.form)
		})
	}
}

// vain wants so many exports that reached nobody, and an entry for each that says
// so.
func (h *house) vain(want int, nobody bool, form preuve.Form) {
	h.t.Helper()
	all, err := h.st.Journal(h.ctx, journal.Filter{Action: journal.JournalExport, Limit: 100})
	h.ok(err)
	if form == "" {
		form = preuve.Evidence
	}
	said, own := map[string]bool{}, map[string]bool{}
	for _, r := range all {
		if r.Outcome == journal.OK {
			own[strconv.FormatInt(r.Index, 10)], own[r.Details["manifeste_sha256"]+r.Details["sha256"]] = true, true
			continue
		}
		which := r.Details["export"]
		if nobody {
			which = r.Details["manifeste_sha256"] + r.Details["sha256"]
		}
		if r.Reason != "remise_interrompue" || said[which] || which == "" || r.Details["format"] != string(form) || r.Mandat != "" {
			h.t.Errorf("said: %+v", r)
		}
		said[which] = true
	}
	for which := range said {
		if !own[which] {
			h.t.Errorf("%q is no export's entry", which)
		}
	}
	if len(said) != want {
		h.t.Errorf("%d exports are said to have reached nobody, want %d", len(said), want)
	}
}
