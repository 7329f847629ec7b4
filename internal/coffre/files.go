package coffre

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

const (
	masterName = "coffre.json"
	indexName  = "index.key"
	indexSize  = 32
	// maxKeyFile bounds what is read; a keyset of one key is about 300 bytes.
	maxKeyFile = 64 << 10
)

// Open reads the vault's keys from dir, an absolute or relative folder, and
// creates folder (0700) and keys (0600) on the first start, when neither key is
// there. Processes that start at the same moment get the same keys.
//
// Errors: ErrMissing when only one of the two files is there, ErrUnsafe when a
// file is open to group or others, ErrDamaged when one is cut. Each message
// says what to do.
func Open(dir string) (*Coffre, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("coffre %s: %w", dir, err)
	}
	return open(dir, true)
}

// OpenExisting is Open for whoever must not create keys: a command on an
// existing database, where fresh keys would open nothing. It returns ErrMissing
// where Open would create.
func OpenExisting(dir string) (*Coffre, error) {
	return open(dir, false)
}

func open(dir string, create bool) (*Coffre, error) {
	unlock, err := lock(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(filepath.Join(dir, masterName))
	}
	if err != nil {
		return nil, fmt.Errorf("coffre %s: %w", dir, err)
	}
	defer unlock()

	masterPath, indexPath := filepath.Join(dir, masterName), filepath.Join(dir, indexName)
	if create && absent(masterPath) && absent(indexPath) {
		if err := createKeys(dir); err != nil {
			return nil, fmt.Errorf("coffre %s: %w", dir, err)
		}
	}
	return read(masterPath, indexPath)
}

// lock holds the folder itself, so that no lock file is left behind. The kernel
// releases it with the process.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
		if err == nil {
			return func() { _ = d.Close() }, nil // closing releases the lock; nothing was written through d
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, d.Close())
		}
	}
}

// createKeys writes both keys. The caller holds the lock and saw neither.
func createKeys(dir string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	var master bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&master)); err != nil {
		return err
	}
	defer wipe(master.Bytes())
	index := make([]byte, indexSize)
	defer wipe(index)
	if _, err := rand.Read(index); err != nil {
		return err
	}
	if err := writeKey(dir, indexName, index); err != nil {
		return err
	}
	return writeKey(dir, masterName, master.Bytes())
}

// writeKey makes one key file appear whole or not at all, and never over an
// existing one: it is written beside, flushed, then linked to its name.
func writeKey(dir, name string, content []byte) error {
	aside := filepath.Join(dir, "."+name+"."+rand.Text())
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(aside) }() // a leftover is unreadable to others and never read again
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(aside, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readKey reads a whole key file after checking, on the open file, that it is a
// plain file of which group and others have no right.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(path)
	}
	if err != nil {
		return nil, fmt.Errorf("coffre: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("coffre: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, damaged(path, "ce n'est pas un fichier ordinaire")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w : %s (mode %04o) ; lancez : chmod 600 '%s'", ErrUnsafe, path, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("coffre: %w", err)
	}
	return content, nil
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func missing(path string) error {
	return fmt.Errorf("%w : %s ; restaurez-le depuis la sauvegarde des clés. "+
		"Sans lui, les données de la base sont illisibles. "+
		"S'il s'agit du tout premier démarrage et que la base est vide, videz le dossier %s et recommencez",
		ErrMissing, path, filepath.Dir(path))
}

func damaged(path, why string) error {
	return fmt.Errorf("%w : %s : %s ; restaurez-le depuis la sauvegarde des clés, n'en créez pas un nouveau",
		ErrDamaged, path, why)
}
