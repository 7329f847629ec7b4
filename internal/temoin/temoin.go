// Package temoin is a witness of somebody else's journal (C2SP tlog-witness): it
// cosigns the checkpoints of the logs it was told about, each only when it goes
// on from the last one that it cosigned.
//
// It guarantees that it never cosigns two trees of one log of which one is not
// the beginning of the other: the size it knows is compared, the consistency
// proven and the new checkpoint on the disk before the cosignature leaves. What
// contradicts it, signed by the log's own key, is kept as evidence.
//
// It sees sizes and hashes only. It does not judge what entries say, and it is
// worth as much as it is independent of whoever runs the log.
package temoin

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

const (
	keyFile  = "temoin.key"
	maxBody  = 128 << 10
	maxProof = 63 // hash lines, by the specification
)

// Witness cosigns for some logs. It is safe for several goroutines.
type Witness struct {
	dir    string
	signer *tnote.Signer
	vkey   string
	logs   map[string]note.Verifier // by origin
	mu     sync.Mutex               // one decision at a time
}

// Open reads the witness's key of dir, or makes it under name. logs are public
// keys of logs, "VKEY" or "ORIGIN=VKEY" where the origin is not the key's name.
func Open(dir, name string, logs ...string) (*Witness, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w := &Witness{dir: dir, logs: map[string]note.Verifier{}}
	for _, l := range logs {
		v, origin, err := parseLog(l)
		if err != nil {
			return nil, err
		}
		w.logs[origin] = v
	}
	skey, err := w.key(name)
	if err != nil {
		return nil, err
	}
	if w.signer, err = tnote.NewSignerForCosignatureV1(skey); err != nil {
		return nil, fmt.Errorf("%s illisible: %w", keyFile, err)
	}
	w.vkey, err = publicKey(skey, w.signer.Name())
	return w, err
}

func parseLog(l string) (note.Verifier, string, error) {
	if v, err := note.NewVerifier(l); err == nil {
		return v, v.Name(), nil
	}
	origin, vkey, _ := strings.Cut(l, "=")
	v, err := note.NewVerifier(vkey)
	if err != nil || !journal.ValidOrigin(origin) {
		return nil, "", fmt.Errorf("%q n’est pas la clé publique d’un journal (vkey)", l)
	}
	return v, origin, nil
}

func (w *Witness) key(name string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(w.dir, keyFile))
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", err
	}
	return skey, write(w.dir, keyFile, []byte(skey+"\n"))
}

// VKey is the witness's public key as a policy names it (type 4, cosignatures).
func (w *Witness) VKey() string { return w.vkey }

// Handler serves POST /add-checkpoint.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
		if err != nil {
			answer(rw, reply{status: http.StatusBadRequest})
			return
		}
		answer(rw, w.add(body))
	})
	return mux
}

// reply is what the specification makes us say.
type reply struct {
	status int
	size   int64 // with 409
	lines  []byte
}

func answer(rw http.ResponseWriter, r reply) {
	rw.Header().Set("Cache-Control", "no-store")
	switch r.status {
	case http.StatusConflict:
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(r.status)
		_, _ = fmt.Fprintf(rw, "%d\n", r.size) // the asker has gone: nobody to tell
	case http.StatusOK:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(r.lines) // as above
	default:
		http.Error(rw, http.StatusText(r.status), r.status)
	}
}

func (w *Witness) add(body []byte) reply {
	old, proof, signed, err := parseAdd(body)
	if err != nil {
		return reply{status: http.StatusBadRequest}
	}
	claimed, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return reply{status: http.StatusBadRequest}
	}
	key, known := w.logs[claimed.Origin]
	if !known {
		return reply{status: http.StatusNotFound}
	}
	c, n, err := journal.OpenCheckpoint(signed, key)
	if err != nil {
		return reply{status: http.StatusForbidden}
	}
	if old > c.Size {
		return reply{status: http.StatusBadRequest}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.decide(old, proof, c, n)
}

// decide is called under the lock, so that reading, comparing and writing are
// one step.
func (w *Witness) decide(old int64, proof []journal.Hash, c journal.Checkpoint, n *note.Note) reply {
	last, err := w.last(c.Origin)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	if c.Size == last.Size && c.Size > 0 && c.Root != last.Root {
		w.keep(c, n)
		return reply{status: http.StatusConflict, size: last.Size}
	}
	if old != last.Size {
		return reply{status: http.StatusConflict, size: last.Size}
	}
	if err := journal.CheckConsistency(proof, last, c); err != nil {
		w.keep(c, n)
		return reply{status: http.StatusUnprocessableEntity}
	}
	if c != last {
		if err := write(w.dir, fileOf(c.Origin), []byte(c.Text())); err != nil {
			return reply{status: http.StatusInternalServerError}
		}
	}
	whole, err := note.Sign(&note.Note{Text: c.Text()}, w.signer)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: http.StatusOK, lines: bytes.TrimPrefix(whole, []byte(c.Text()+"\n"))}
}

// last is what was cosigned before, the empty tree at first.
func (w *Witness) last(origin string) (journal.Checkpoint, error) {
	raw, err := os.ReadFile(filepath.Join(w.dir, fileOf(origin)))
	if errors.Is(err, os.ErrNotExist) {
		return journal.Checkpoint{Origin: origin, Root: journal.EmptyRoot()}, nil
	}
	if err != nil {
		return journal.Checkpoint{}, err
	}
	return journal.ParseCheckpoint(string(raw))
}

// keep puts a contradiction aside: a note under the log's own signature that
// does not belong to the tree cosigned before. Best effort: the refusal stands
// without it.
func (w *Witness) keep(c journal.Checkpoint, n *note.Note) {
	text := c.Text() + "\n"
	for _, s := range n.Sigs {
		text += "— " + s.Name + " " + s.Base64 + "\n"
	}
	sum := sha256.Sum256([]byte(c.Text()))
	_ = write(w.dir, "contradiction-"+hex.EncodeToString(sum[:8])+".checkpoint", []byte(text))
}

// parseAdd reads "old N", at most 63 hashes, an empty line and the checkpoint.
func parseAdd(body []byte) (old int64, proof []journal.Hash, signed []byte, err error) {
	bad := errors.New("demande illisible")
	head, rest, _ := bytes.Cut(body, []byte("\n"))
	number, ok := strings.CutPrefix(string(head), "old ")
	old, err = strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || old < 0 || strconv.FormatInt(old, 10) != number {
		return 0, nil, nil, bad
	}
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if !found || len(proof) > maxProof {
			return 0, nil, nil, bad
		}
		rest = after
		if len(line) == 0 {
			return old, proof, rest, nil
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(raw) != len(journal.Hash{}) {
			return 0, nil, nil, bad
		}
		proof = append(proof, journal.Hash(raw))
	}
}

func fileOf(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:16]) + ".checkpoint"
}

// publicKey turns the private key into the public one of its cosignatures.
func publicKey(skey, name string) (string, error) {
	at := strings.LastIndex(skey, "+"+name+"+")
	_, rest, _ := strings.Cut(skey[at+len(name)+2:], "+")
	raw, err := base64.StdEncoding.DecodeString(rest)
	if at < 0 || err != nil || len(raw) != 33 {
		return "", errors.New("clé du témoin illisible")
	}
	return vkeyOf(name, raw[1:])
}
