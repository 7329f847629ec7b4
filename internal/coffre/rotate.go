package coffre

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// OpenAt is OpenExisting with the master key in a file of the operator's, such
// as a mounted secret; "" is the one in dir. The index key stays in dir.
func OpenAt(dir, master string) (*Coffre, error) {
	if master == "" {
		return OpenExisting(dir)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("coffre %s: %w", dir, err)
	}
	defer unlock()
	return read(master, filepath.Join(dir, indexName))
}

// StartRotation puts a new master key beside the old one in the key file, and
// returns a vault that opens what either wrapped and wraps with the new one. A
// rotation that was interrupted goes on with the key it had made. master is as
// in [OpenAt].
func StartRotation(dir, master string) (*Coffre, error) {
	path := masterAt(dir, master)
	unlock, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("coffre %s: %w", dir, err)
	}
	defer unlock()
	handle, err := readMaster(path)
	if err != nil {
		return nil, err
	}
	if handle.Len() == 1 {
		m := keyset.NewManagerFromHandle(handle)
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err == nil {
			err = m.SetPrimary(id)
		}
		if err == nil {
			handle, err = m.Handle()
		}
		if err == nil {
			err = replaceMaster(path, handle)
		}
		if err != nil {
			return nil, fmt.Errorf("coffre: rotation: %w", err)
		}
	}
	return read(path, filepath.Join(dir, indexName))
}

// FinishRotation removes every master key but the newest from the file. Call it
// only once every key of the database was given to [Coffre.Rewrap] and saved.
func FinishRotation(dir, master string) error {
	path := masterAt(dir, master)
	unlock, err := lock(dir)
	if err != nil {
		return fmt.Errorf("coffre %s: %w", dir, err)
	}
	defer unlock()
	handle, err := readMaster(path)
	if err != nil {
		return err
	}
	primary, err := handle.Primary()
	if err != nil {
		return fmt.Errorf("coffre: rotation: %w", err)
	}
	m := keyset.NewManagerFromHandle(handle)
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return fmt.Errorf("coffre: rotation: %w", err)
		}
		if entry.KeyID() != primary.KeyID() {
			if err := m.Delete(entry.KeyID()); err != nil {
				return fmt.Errorf("coffre: rotation: %w", err)
			}
		}
	}
	left, err := m.Handle()
	if err != nil {
		return fmt.Errorf("coffre: rotation: %w", err)
	}
	return replaceMaster(path, left)
}

// Rewrap wraps a subject's key again, by the newest master key.
func (c *Coffre) Rewrap(subject string, wrapped []byte) ([]byte, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	text, err := c.master.Decrypt(wrapped, []byte(useWrap+subject))
	if err != nil {
		return nil, fmt.Errorf("clé du sujet: %w", ErrSealed)
	}
	defer wipe(text)
	return c.master.Encrypt(text, []byte(useWrap+subject))
}

func masterAt(dir, master string) string {
	if master == "" {
		return filepath.Join(dir, masterName)
	}
	return master
}

// read opens the vault of two key files. The caller holds the lock.
func read(masterPath, indexPath string) (*Coffre, error) {
	master, err := readMaster(masterPath)
	if err != nil {
		return nil, err
	}
	index, err := readKey(indexPath)
	if err != nil {
		return nil, err
	}
	if len(index) != indexSize {
		return nil, damaged(indexPath, fmt.Sprintf("%d octets au lieu de %d", len(index), indexSize))
	}
	return newCoffre(master, index)
}

func readMaster(path string) (*keyset.Handle, error) {
	text, err := readKey(path)
	if err != nil {
		return nil, err
	}
	defer wipe(text)
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		// Tink's own words might quote the file; they stay out.
		return nil, damaged(path, "ce n'est pas un jeu de clés Tink complet")
	}
	return handle, nil
}

// replaceMaster puts a new key file in the place of the old one, whole or not at
// all. The old content is overwritten by the name only: see docs/effacement.md.
func replaceMaster(path string, handle *keyset.Handle) error {
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return err
	}
	defer wipe(text.Bytes())
	aside := path + ".nouveau"
	if err := os.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeKey(filepath.Dir(path), filepath.Base(aside), text.Bytes()); err != nil {
		return err
	}
	if err := os.Rename(aside, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
