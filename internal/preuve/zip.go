package preuve

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrBundle is wrapped by everything that is wrong with an evidence file.
var ErrBundle = errors.New("preuve refusée")

// MaxBundle bounds an evidence file, in bytes: what a zip without its 64-bit
// extension can hold, less what follows the last file.
const MaxBundle = math.MaxUint32 - 64<<10

// ErrTooLarge is returned for an export beyond [MaxBundle].
var ErrTooLarge = errors.New("cet export dépasse 4 Go : choisissez une période plus courte ou un critère de plus")

// The zip written here has one form only: files in the order of their names,
// stored without compression, dated 1 January 1980, no extra field, no comment.
// Reading checks that writing the content again gives the same bytes: an unusual
// zip (compressed, encrypted, with links, duplicates, gaps or a tail) is refused
// before anything of it is used, and there is nothing to decompress.
const (
	localSig, centralSig, endSig = 0x04034b50, 0x02014b50, 0x06054b50
	localLen                     = 30
	zipVersion, zipDate          = 20, 0x0021
)

// item is one file of a zip.
type item struct {
	name string
	size int64
	crc  uint32
	at   int64  // offset of its header
	sum  string // SHA-256 in hexadecimal
}

// data is where its content begins.
func (f item) data() int64 { return f.at + localLen + int64(len(f.name)) }

func (f item) fixed() []byte {
	le := binary.LittleEndian
	out := le.AppendUint16(nil, zipVersion) // version needed
	out = le.AppendUint32(out, 0)           // flags, method: stored
	out = le.AppendUint16(out, 0)           // time
	out = le.AppendUint16(out, zipDate)
	out = le.AppendUint32(out, f.crc)
	out = le.AppendUint32(out, uint32(f.size))
	out = le.AppendUint32(out, uint32(f.size))
	out = le.AppendUint16(out, uint16(len(f.name)))
	return le.AppendUint16(out, 0) // extra
}

// local is what stands before the content.
func (f item) local() []byte {
	return append(append(binary.LittleEndian.AppendUint32(nil, localSig), f.fixed()...), f.name...)
}

// directory is what stands after the last file, which ends at the offset.
func directory(files []item, end int64) []byte {
	le := binary.LittleEndian
	var out []byte
	for _, f := range files {
		out = le.AppendUint32(out, centralSig)
		out = le.AppendUint16(out, zipVersion) // made by
		out = append(out, f.fixed()...)
		out = append(out, make([]byte, 10)...) // comment, disk, attributes
		out = le.AppendUint32(out, uint32(f.at))
		out = append(out, f.name...)
	}
	size := len(out)
	out = le.AppendUint32(out, endSig)
	out = le.AppendUint32(out, 0) // disks
	out = le.AppendUint16(out, uint16(len(files)))
	out = le.AppendUint16(out, uint16(len(files)))
	out = le.AppendUint32(out, uint32(size))
	out = le.AppendUint32(out, uint32(end))
	return le.AppendUint16(out, 0) // comment
}

// write copies parts, in the order of their names, into a zip.
func write(out io.Writer, parts []*part) error {
	var at int64
	var listed []item
	for _, p := range parts {
		f := item{name: p.name, size: p.size, crc: p.crc.Sum32(), at: at}
		if at = f.data() + f.size; at > MaxBundle {
			return ErrTooLarge
		}
		listed = append(listed, f)
		if _, err := out.Write(f.local()); err != nil {
			return err
		}
		if n, err := io.Copy(out, p.reader()); err != nil || n != p.size {
			return errors.Join(err, fmt.Errorf("%s: %d octets sur %d", p.name, n, p.size))
		}
	}
	_, err := out.Write(directory(listed, at))
	return err
}

// maxParts bounds the files of a bundle: there are about twenty kinds.
const maxParts = 32

// scan reads the whole zip once, and refuses one that [write] would not have
// written. A bundle of the first version gives none and no error.
func scan(r io.ReaderAt, size int64) ([]item, error) {
	strange := refuse("ce n’est pas un fichier de preuve de Relais, ou il a été modifié")
	var files []item
	var at int64
	head := make([]byte, localLen)
	for {
		if _, err := r.ReadAt(head, at); err != nil {
			return nil, strange
		}
		if binary.LittleEndian.Uint32(head) != localSig {
			break
		}
		f := item{at: at, crc: binary.LittleEndian.Uint32(head[14:]), size: int64(binary.LittleEndian.Uint32(head[18:]))}
		name := make([]byte, binary.LittleEndian.Uint16(head[26:]))
		if _, err := r.ReadAt(name, at+localLen); err != nil || len(name) > 60 {
			return nil, strange
		}
		if bytes.ContainsRune(name, '/') {
			return nil, nil
		}
		f.name = string(name)
		if at = f.data() + f.size; at > size || len(files) >= maxParts ||
			!namePattern.MatchString(f.name) || len(files) > 0 && files[len(files)-1].name >= f.name {
			return nil, strange
		}
		files = append(files, f)
	}
	if len(files) == 0 || !settled(r, size, files, at) {
		return nil, strange
	}
	return files, nil
}

// settled sums each file up and compares all that is not content.
func settled(r io.ReaderAt, size int64, files []item, end int64) bool {
	buffer := make([]byte, 32<<10)
	for i := range files {
		f := &files[i]
		p := newPart(f.name, nil)
		if _, err := io.CopyBuffer(p, io.NewSectionReader(r, f.data(), f.size), buffer); err != nil || p.crc.Sum32() != f.crc || !same(r, f.at, f.local()) {
			return false
		}
		f.sum = p.digest()
	}
	last := directory(files, end)
	return size == end+int64(len(last)) && same(r, end, last)
}

func same(r io.ReaderAt, at int64, want []byte) bool {
	got := make([]byte, len(want))
	_, err := r.ReadAt(got, at)
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(got, want)
}
