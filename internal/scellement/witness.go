package scellement

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	cosigned "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// witnessWait bounds one exchange with a witness.
const witnessWait = 5 * time.Second

// policy is the operator's policy of witnesses (C2SP tlog-policy).
type policy struct {
	raw       []byte
	group     witness.Group
	endpoints map[string]note.Verifier // add-checkpoint address → key
	mu        *sync.Mutex
	sizes     map[string]int64 // what each witness last cosigned, as far as we know
}

func parsePolicy(raw []byte) (policy, error) {
	p := policy{raw: raw, mu: &sync.Mutex{}, sizes: map[string]int64{}}
	if len(bytes.TrimSpace(raw)) == 0 {
		return p, nil
	}
	var err error
	if p.group, err = witness.ParsePolicy(raw); err != nil {
		return p, fmt.Errorf("politique des témoins illisible: %w", err)
	}
	p.endpoints = p.group.Endpoints()
	return p, nil
}

// Cosign asks every witness of the policy for its cosignature on the last signed
// checkpoint, and keeps those that verify. nil when the policy is satisfied.
func (s *Sealer) Cosign(ctx context.Context) error {
	st := s.State()
	c := st.Last
	if len(s.policy.endpoints) == 0 || c.Size == 0 || st.Progress.Cosigned >= c.Size {
		return nil
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	whole := bytes.Clone(c.Note)
	for address, key := range s.policy.endpoints {
		all.Go(func() {
			line, err := s.ask(ctx, address, key, c)
			mu.Lock()
			defer mu.Unlock()
			s.note(func(st *State) { st.Witnesses[key.Name()] = said(err) })
			if err != nil {
				s.o.Log.WarnContext(ctx, "witness", "name", key.Name(), "error", err)
				return
			}
			whole = append(whole, line...)
		})
	}
	all.Wait()
	if !s.policy.group.Satisfied(whole) {
		return fmt.Errorf("point de contrôle %d : les témoins qui ont répondu ne suffisent pas", c.Size)
	}
	if err := s.attest(ctx, c, journal.Quorum, "politique", whole); err != nil {
		return err
	}
	s.note(func(st *State) { st.Progress.Cosigned = c.Size })
	return nil
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *Sealer) attest(ctx context.Context, c journal.Signed, kind journal.Kind, name string, data []byte) error {
	return s.o.Shelf.Attest(ctx, journal.Attestation{Origin: c.Origin, Size: c.Size, Kind: kind, Name: name, Data: data, At: s.o.Now()})
}

// ask returns one witness's signature line, verified and kept. A witness that
// knows another size is asked a second time from there.
func (s *Sealer) ask(ctx context.Context, address string, key note.Verifier, c journal.Signed) ([]byte, error) {
	s.policy.mu.Lock()
	old := s.policy.sizes[address]
	s.policy.mu.Unlock()
	if old > c.Size {
		old = 0
	}
	start := s.o.Now()
	answer, size, err := s.addCheckpoint(ctx, address, old, c)
	if errors.Is(err, errSize) {
		if size > c.Size {
			return nil, fmt.Errorf("le témoin a cosigné un journal plus long (%d entrées, ici %d)", size, c.Size)
		}
		start = s.o.Now()
		answer, _, err = s.addCheckpoint(ctx, address, size, c)
	}
	if err != nil {
		return nil, err
	}
	n, err := note.Open([]byte(c.Text()+"\n"+string(answer)), note.VerifierList(key))
	if err != nil || len(n.Sigs) != 1 {
		return nil, errors.New("la cosignature du témoin ne vérifie pas")
	}
	if when, err := cosigned.CoSigV1Timestamp(n.Sigs[0]); err == nil {
		s.compare(key.Name(), start, when)
	}
	line := []byte("— " + n.Sigs[0].Name + " " + n.Sigs[0].Base64 + "\n")
	if err := s.attest(ctx, c, journal.Cosignature, key.Name(), line); err != nil {
		return nil, err
	}
	s.policy.mu.Lock()
	s.policy.sizes[address] = c.Size
	s.policy.mu.Unlock()
	return line, nil
}

// errSize means that the witness knows another size (409).
var errSize = errors.New("le témoin connaît une autre taille")

// addCheckpoint is C2SP tlog-witness's one call.
func (s *Sealer) addCheckpoint(ctx context.Context, address string, old int64, c journal.Signed) (answer []byte, size int64, err error) {
	ctx, stop := context.WithTimeout(ctx, witnessWait)
	defer stop()
	proof, err := journal.ProveConsistency(s.o.Tree.Hashes(ctx), old, c.Size)
	if err != nil {
		return nil, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(addBody(old, proof, c.Note)))
	if err != nil {
		return nil, 0, err
	}
	resp, err := s.o.Client.Do(req)
	if err != nil {
		return nil, 0, errors.New("le témoin ne répond pas")
	}
	defer func() { _ = resp.Body.Close() }() // read to its bound already
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxFile))
	if err != nil {
		return nil, 0, errors.New("le témoin a coupé sa réponse")
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return answer, 0, nil
	case resp.StatusCode == http.StatusConflict && resp.Header.Get("Content-Type") == "text/x.tlog.size":
		size, err := strconv.ParseInt(strings.TrimSuffix(string(answer), "\n"), 10, 64)
		if err != nil || size < 0 || size == old {
			return nil, 0, errors.New("le témoin donne une taille illisible")
		}
		return nil, size, errSize
	case resp.StatusCode == http.StatusConflict, resp.StatusCode == http.StatusUnprocessableEntity:
		return nil, 0, errors.New("le témoin a vu un autre journal sous ce nom")
	}
	return nil, 0, fmt.Errorf("le témoin refuse (statut %d)", resp.StatusCode)
}

func addBody(old int64, proof []journal.Hash, checkpoint []byte) []byte {
	b := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), checkpoint...)
}
