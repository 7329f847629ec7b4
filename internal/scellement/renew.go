package scellement

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
)

const (
	renewBefore = 90 * 24 * time.Hour // before the end of an authority's certificate
	renewEvery  = 24 * time.Hour
	renewAgain  = 7 * renewEvery // how soon tokens are stamped again where the authority's own certificate is short
	renewPage   = 200
	renewFormat = "relais-renouvellement/1"
)

// Tokens lists what was stamped.
type Tokens interface {
	// Stamped lists the tokens of an origin on trees larger than above, smallest
	// first.
	Stamped(ctx context.Context, origin string, above int64, limit int) ([]journal.Stamped, error)
	// Renewals lists the renewals of an origin.
	Renewals(ctx context.Context, origin string) ([]journal.Attestation, error)
}

// Renew has the authority stamp, in one document, every kept token whose
// certificate ends within ninety days and that no renewal covers for longer; so
// that the old dates can be believed after that end. It tells how many were due.
// What is kept and cannot be read is left out and is an error, which holds up
// none of the others.
func (s *Sealer) Renew(ctx context.Context) (due int, err error) {
	due, left, err := s.renew(ctx)
	whole := errors.Join(err, left.err())
	s.note(func(st *State) {
		st.RenewFail, st.RenewLeft = said(whole), 0
		if err == nil {
			st.RenewLeft = left.count
		}
	})
	return due, whole
}

func (s *Sealer) renew(ctx context.Context) (due int, left rubbish, err error) {
	last := s.State().Last
	if s.o.TSA == "" || s.o.Tokens == nil || last.Size == 0 {
		return 0, left, nil
	}
	s.stamping.Lock()
	defer s.stamping.Unlock()
	limit := s.o.Now().Add(renewBefore)
	todo, err := s.toRenew(ctx, last.Origin, limit)
	if err != nil || todo.due == 0 {
		return 0, todo.rubbish, err
	}
	token, at, authority, err := s.askTime(ctx, todo.doc)
	if err != nil {
		return todo.due, todo.rubbish, fmt.Errorf("renouvellement: %w", err)
	}
	data := append(todo.doc, "\n"+base64.StdEncoding.EncodeToString(token)+"\n"...)
	name := authority + " " + at.Format(time.RFC3339)
	err = s.o.Shelf.Attest(ctx, journal.Attestation{Origin: last.Origin, Size: todo.size, Kind: journal.Renewal, Name: name, Data: data, At: at})
	if err == nil {
		s.note(func(st *State) { st.RenewedAt, st.Renewed = at, todo.due })
	}
	return todo.due, todo.rubbish, err
}

// rubbish is what is kept and cannot be read: how much, and the first of it.
type rubbish struct {
	count int
	first error
}

func (r *rubbish) add(what string, size int64, err error) {
	if r.count++; r.count == 1 {
		r.first = fmt.Errorf("%s à %d entrées: %w", what, size, err)
	}
}

func (r *rubbish) err() error {
	if r.count > 1 {
		return fmt.Errorf("%w (et %d autres illisibles)", r.first, r.count-1)
	}
	return r.first
}

// renewal is a document to stamp.
type renewal struct {
	doc     []byte
	size    int64 // of the largest tree a token in it is about
	due     int
	rubbish rubbish
}

// toRenew writes the document: a line for each token that is due, and one for
// each renewal made before, whose own token ends too.
func (s *Sealer) toRenew(ctx context.Context, origin string, limit time.Time) (r renewal, err error) {
	covered, lines, err := s.covered(ctx, origin, limit, &r.rubbish)
	if err != nil {
		return r, err
	}
	var b bytes.Buffer
	b.WriteString(renewFormat + "\n" + origin + "\n")
	for above := int64(0); ; {
		page, err := s.o.Tokens.Stamped(ctx, origin, above, renewPage)
		if err != nil {
			return r, err
		}
		for _, t := range page {
			above = t.Size
			read, err := preuve.ReadToken(t.Data, t.Note)
			if err != nil {
				r.rubbish.add("jeton gardé", t.Size, err)
				continue
			}
			line := tokenLine(t)
			if read.Until.After(limit) || covered[line] {
				continue
			}
			b.WriteString(line)
			r.size, r.due = t.Size, r.due+1
		}
		if len(page) < renewPage {
			break
		}
	}
	b.WriteString(lines)
	r.doc = b.Bytes()
	return r, nil
}

func tokenLine(t journal.Stamped) string {
	note, token := sha256.Sum256(t.Note), sha256.Sum256(t.Data)
	return fmt.Sprintf("%d %s %s\n", t.Size, hex.EncodeToString(note[:]), hex.EncodeToString(token[:]))
}

// covered lists the lines of the renewals whose own certificate lasts beyond the
// limit, and a line for each renewal.
func (s *Sealer) covered(ctx context.Context, origin string, limit time.Time, bad *rubbish) (map[string]bool, string, error) {
	all, err := s.o.Tokens.Renewals(ctx, origin)
	if err != nil {
		return nil, "", err
	}
	covered, lines := map[string]bool{}, ""
	for _, a := range all {
		doc, token, err := ReadRenewal(a.Data)
		if err != nil {
			bad.add("renouvellement gardé", a.Size, err)
			continue
		}
		sum := sha256.Sum256(a.Data)
		lines += fmt.Sprintf("renouvellement %d %s\n", a.Size, hex.EncodeToString(sum[:]))
		for line := range strings.Lines(string(doc)) {
			covered[line] = covered[line] || token.Until.After(limit) || token.Time.After(s.o.Now().Add(-renewAgain))
		}
	}
	return covered, lines, nil
}

// ReadRenewal splits what is kept of a renewal and checks the token over its
// document.
func ReadRenewal(data []byte) (doc []byte, token preuve.Token, err error) {
	doc, text, ok := bytes.Cut(data, []byte("\n\n"))
	raw, errToken := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(string(text), "\n"))
	if !ok || errToken != nil || !bytes.HasPrefix(doc, []byte(renewFormat+"\n")) {
		return nil, token, fmt.Errorf("%w : renouvellement illisible", preuve.ErrBundle)
	}
	doc = append(bytes.Clone(doc), '\n')
	token, err = preuve.ReadToken(raw, doc)
	return doc, token, err
}
