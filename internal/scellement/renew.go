package scellement

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
func (s *Sealer) Renew(ctx context.Context) (due int, err error) {
	due, err = s.renew(ctx)
	s.note(func(st *State) { st.RenewFail = said(err) })
	return due, err
}

func (s *Sealer) renew(ctx context.Context) (due int, err error) {
	last := s.State().Last
	if s.o.TSA == "" || s.o.Tokens == nil || last.Size == 0 {
		return 0, nil
	}
	s.stamping.Lock()
	defer s.stamping.Unlock()
	limit := s.o.Now().Add(renewBefore)
	doc, size, due, err := s.toRenew(ctx, last.Origin, limit)
	if err != nil || due == 0 {
		return due, err
	}
	token, at, authority, err := s.askTime(ctx, doc)
	if err != nil {
		return due, fmt.Errorf("renouvellement: %w", err)
	}
	data := append(doc, "\n"+base64.StdEncoding.EncodeToString(token)+"\n"...)
	name := authority + " " + at.Format(time.RFC3339)
	err = s.o.Shelf.Attest(ctx, journal.Attestation{Origin: last.Origin, Size: size, Kind: journal.Renewal, Name: name, Data: data, At: at})
	if err == nil {
		s.note(func(st *State) { st.RenewedAt, st.Renewed = at, due })
	}
	return due, err
}

// toRenew writes the document: a line for each token that is due, and one for
// each renewal made before, whose own token ends too.
func (s *Sealer) toRenew(ctx context.Context, origin string, limit time.Time) (doc []byte, size int64, due int, err error) {
	covered, lines, err := s.covered(ctx, origin, limit)
	if err != nil {
		return nil, 0, 0, err
	}
	var b bytes.Buffer
	b.WriteString(renewFormat + "\n" + origin + "\n")
	for above := int64(0); ; {
		page, err := s.o.Tokens.Stamped(ctx, origin, above, renewPage)
		if err != nil {
			return nil, 0, 0, err
		}
		for _, t := range page {
			above = t.Size
			read, err := preuve.ReadToken(t.Data, t.Note)
			if err != nil {
				return nil, 0, 0, fmt.Errorf("jeton gardé à %d entrées: %w", t.Size, err)
			}
			line := tokenLine(t)
			if read.Until.After(limit) || covered[line] {
				continue
			}
			b.WriteString(line)
			size, due = t.Size, due+1
		}
		if len(page) < renewPage {
			break
		}
	}
	b.WriteString(lines)
	return b.Bytes(), size, due, nil
}

func tokenLine(t journal.Stamped) string {
	note, token := sha256.Sum256(t.Note), sha256.Sum256(t.Data)
	return fmt.Sprintf("%d %s %s\n", t.Size, hex.EncodeToString(note[:]), hex.EncodeToString(token[:]))
}

// covered lists the lines of the renewals whose own certificate lasts beyond the
// limit, and a line for each renewal.
func (s *Sealer) covered(ctx context.Context, origin string, limit time.Time) (map[string]bool, string, error) {
	all, err := s.o.Tokens.Renewals(ctx, origin)
	if err != nil {
		return nil, "", err
	}
	covered, lines := map[string]bool{}, ""
	for _, a := range all {
		doc, token, err := ReadRenewal(a.Data)
		if err != nil {
			return nil, "", fmt.Errorf("renouvellement gardé à %d entrées: %w", a.Size, err)
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
