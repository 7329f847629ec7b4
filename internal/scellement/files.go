package scellement

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"
)

// The files of RELAIS_DATA.
const (
	keyFile        = "journal.key"        // one note private key a line, the newest first
	checkpointFile = "journal.checkpoint" // the last signed note
	lockFile       = "journal.lock"
)

const maxFile = 64 << 10

// key is one private key with its public half.
type key struct {
	signer   note.Signer
	verifier note.Verifier
	vkey     string
	line     string
}

// newKey makes an Ed25519 key under the log's name.
func newKey(name string) (key, error) {
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return key{}, fmt.Errorf("clé du journal: %w", err)
	}
	return parseKey(skey)
}

// parseKey reads a private key in the note format
// (PRIVATE+KEY+name+hash+base64 of 1 and the Ed25519 seed).
func parseKey(line string) (key, error) {
	bad := fmt.Errorf("%w : une ligne n’est pas une clé", ErrKeys)
	signer, err := note.NewSigner(line)
	if err != nil {
		return key{}, bad
	}
	at := strings.Index(line, "+")
	parts := strings.Split(line[at+1:], "+")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(parts[3:], "+")) // base64 has pluses of its own
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return key{}, bad
	}
	public, _ := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return key{}, bad
	}
	verifier, err := note.NewVerifier(vkey)
	return key{signer, verifier, vkey, line}, err
}

// readKeys reads the key file; fs.ErrNotExist when there is none.
func readKeys(dir string) ([]key, error) {
	raw, err := readPrivate(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	var keys []key
	for line := range strings.Lines(string(raw)) {
		k, err := parseKey(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		if len(keys) > 0 && keys[0].signer.Name() != k.signer.Name() {
			return nil, fmt.Errorf("%w : les clés ne portent pas le même nom", ErrKeys)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w : le fichier est vide", ErrKeys)
	}
	return keys, nil
}

func (s *Sealer) writeKeys(keys ...key) error {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.line + "\n")
	}
	return s.writeWhole(keyFile, []byte(b.String()))
}

// readPrivate reads a file of which group and others have no right.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w : %s est ouvert à d’autres comptes ; lancez : chmod 600 '%s'", ErrKeys, path, path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// writeWhole makes a file appear whole or not at all, and lets it reach the disk
// before it returns. After an error nobody knows which of the two is there.
func (s *Sealer) writeWhole(name string, content []byte) error {
	aside := filepath.Join(s.o.Dir, "."+name+"."+rand.Text())
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(aside) }() // gone already when all went well
	err = s.step("write", func() error { _, err := f.Write(content); return err })
	if err == nil {
		err = s.step("sync", f.Sync)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.step("rename", func() error { return os.Rename(aside, filepath.Join(s.o.Dir, name)) }); err != nil {
		return err
	}
	d, err := os.Open(s.o.Dir)
	if err != nil {
		return err
	}
	return errors.Join(s.step("sync the folder", d.Sync), d.Close())
}

// step does one thing to the disk, or fails where a test wants it.
func (s *Sealer) step(what string, do func() error) error {
	if s.hinder != nil {
		if err := s.hinder(what); err != nil {
			return err
		}
	}
	return do()
}

// lock keeps two programs with the same data folder from signing at once.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing lets go of the lock
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
