// Package publication serves the journal's signed checkpoint and its tiles of
// hashes to anyone (C2SP tlog-checkpoint and tlog-tiles, prefix /journal): a
// monitor outside can follow the tree and see that it only grows.
//
// It guarantees that nothing but sizes, hashes and signatures leaves, and only
// of what is under a signed checkpoint; and that no address ever gives two
// different tiles to keep: each epoch of the journal has a prefix of its own, and
// only full tiles may be kept. It serves no entries, and nothing of epochs that
// have ended: their hashes are no longer those of the database.
//
//	GET /journal/checkpoint                    the newest epoch's
//	GET /journal/tile/{path...}                of the first epoch
//	GET /journal/epoques/{n}/checkpoint        of the epoch n, from 2 on
//	GET /journal/epoques/{n}/tile/{path...}
package publication

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"relais/internal/journal"
	"relais/internal/web/desk"
)

// Tree gives the hashes.
type Tree interface {
	Span(ctx context.Context, s journal.Span) ([]journal.Hash, error)
}

// Desk holds the four routes.
type Desk struct {
	Tree Tree
	// Signed is the last signed checkpoint with the cosignatures it has; size 0
	// before the first.
	Signed func(ctx context.Context) (note []byte, size int64, err error)
	// Refused tells that the database no longer goes on from what was signed: its
	// hashes are not to be given out.
	Refused func() bool
}

// Routes are the desk's lines of the route table.
func (d *Desk) Routes() []desk.Route {
	return []desk.Route{
		{Pattern: "GET /journal/checkpoint", Access: desk.Protocol, Handle: d.checkpoint},
		{Pattern: "GET /journal/tile/{path...}", Access: desk.Protocol, Handle: d.tile},
		{Pattern: "GET /journal/epoques/{n}/checkpoint", Access: desk.Protocol, Handle: d.checkpoint},
		{Pattern: "GET /journal/epoques/{n}/tile/{path...}", Access: desk.Protocol, Handle: d.tile},
	}
}

// checkpoint changes with the journal, so that nobody may keep it.
func (d *Desk) checkpoint(w http.ResponseWriter, r *http.Request) error {
	note, size, err := d.Signed(r.Context())
	if err != nil {
		return err
	}
	if size == 0 || r.PathValue("n") != "" && !current(r, note) {
		return plain(w, http.StatusNotFound)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Length", strconv.Itoa(len(note)))
	_, _ = w.Write(note) // the asker has gone: nobody to tell
	return nil
}

// current tells whether the address is of the epoch that the note belongs to.
// Another number, or another spelling of it, is no address.
func current(r *http.Request, note []byte) bool {
	c, err := journal.ReadCheckpoint(note)
	if err != nil {
		return false
	}
	_, epoch := journal.SplitOrigin(c.Origin)
	asked := r.PathValue("n")
	return asked == "" && epoch == 1 || epoch > 1 && asked == strconv.Itoa(epoch)
}

// tile never changes within its epoch once its hashes are under a checkpoint. One
// that is not full may be followed by a larger one, which replaces it: only full
// ones are kept.
func (d *Desk) tile(w http.ResponseWriter, r *http.Request) error {
	span, err := journal.ParseTilePath(r.PathValue("path"))
	if err != nil {
		return plain(w, http.StatusNotFound)
	}
	note, size, err := d.Signed(r.Context())
	if err != nil {
		return err
	}
	if !span.Within(size) || !current(r, note) || d.Refused() {
		return plain(w, http.StatusNotFound)
	}
	hashes, err := d.Tree.Span(r.Context(), span)
	if errors.Is(err, journal.ErrNotFound) {
		return plain(w, http.StatusNotFound)
	}
	if err != nil {
		return err
	}
	body := make([]byte, 0, len(hashes)*len(journal.Hash{}))
	for _, h := range hashes {
		body = append(body, h[:]...)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-cache")
	if span.Full() {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // as above
	return nil
}

// plain answers a machine.
func plain(w http.ResponseWriter, status int) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
	return nil
}
