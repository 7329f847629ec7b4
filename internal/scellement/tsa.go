package scellement

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"

	"relais/internal/journal"
	"relais/internal/preuve"
)

const (
	stampEvery  = time.Hour
	stampAdrift = 10 * time.Minute // how far the authority's clock may be from ours
	tokenMax    = 256 << 10
)

// Stamp has the time authority stamp a signed checkpoint, and keeps the token;
// nil without an authority.
func (s *Sealer) Stamp(ctx context.Context, c journal.Signed) ([]byte, error) {
	if s.o.TSA == "" || c.Size == 0 {
		return nil, nil
	}
	s.stamping.Lock()
	defer s.stamping.Unlock()
	token, at, authority, err := s.askTime(ctx, c.Note)
	if err == nil {
		err = s.attest(ctx, c, journal.TimeToken, authority, token)
	}
	s.note(func(st *State) {
		st.StampFail = said(err)
		if err == nil {
			st.StampedAt, st.Progress.Stamped = at, max(st.Progress.Stamped, c.Size)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("horodatage: %w", err)
	}
	return token, nil
}

// askTime sends one RFC 3161 request (§3.4, HTTP) and checks the answer.
func (s *Sealer) askTime(ctx context.Context, data []byte) (token []byte, at time.Time, authority string, err error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, at, "", err
	}
	query, err := timestamp.CreateRequest(bytes.NewReader(data), &timestamp.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	if err != nil {
		return nil, at, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.TSA, bytes.NewReader(query))
	if err != nil {
		return nil, at, "", err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	start := s.o.Now()
	resp, err := s.o.Client.Do(req)
	if err != nil {
		return nil, at, "", errors.New("l’autorité ne répond pas")
	}
	defer func() { _ = resp.Body.Close() }() // read to its bound already
	token, err = io.ReadAll(io.LimitReader(resp.Body, tokenMax))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, at, "", fmt.Errorf("l’autorité refuse (statut %d)", resp.StatusCode)
	}
	t, err := preuve.ReadToken(token, data)
	if err != nil {
		return nil, at, "", err
	}
	if t.Nonce == nil || t.Nonce.Cmp(nonce) != 0 {
		return nil, at, "", errors.New("le jeton répond à une autre demande")
	}
	s.compare(Authority, start, t.Time)
	if off := t.Time.Sub(s.o.Now()); off < -stampAdrift || off > stampAdrift {
		return nil, at, "", fmt.Errorf("l’horloge de l’autorité est à %s de la nôtre", off.Round(time.Second))
	}
	return token, t.Time, t.Authority, nil
}
