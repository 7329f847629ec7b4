package preuve

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
)

// ErrBundle is wrapped by everything that is wrong with an evidence file.
var ErrBundle = errors.New("preuve refusée")

// Bounds of an evidence file.
const (
	MaxBundle = 256 << 20 // bytes
	maxFiles  = 40000
)

// file is one file of a bundle.
type file struct {
	name string
	data []byte
}

var namePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9.-]{0,39}(/[0-9]{12}\.tlog-proof)?$`)

// The zip written here has one form only: files in the order of their names,
// stored without compression, dated 1 January 1980, no extra field, no comment.
// Reading checks that writing the content again gives the same bytes: an unusual
// zip (compressed, encrypted, with links, duplicates, gaps or a tail) is refused
// before anything of it is used, and there is nothing to decompress.
const (
	localSig, centralSig, endSig = 0x04034b50, 0x02014b50, 0x06054b50
	localLen, centralLen, endLen = 30, 46, 22
	zipVersion, zipDate          = 20, 0x0021
)

func pack(files []file) ([]byte, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	var out, central []byte
	le := binary.LittleEndian
	for i, f := range files {
		if !namePattern.MatchString(f.name) || i > 0 && files[i-1].name == f.name || i >= maxFiles {
			return nil, fmt.Errorf("%w: fichier %q", ErrBundle, f.name)
		}
		if len(out)+len(f.data) > MaxBundle {
			return nil, fmt.Errorf("%w: plus de %d octets", ErrBundle, MaxBundle)
		}
		fixed := le.AppendUint16(nil, zipVersion) // version needed
		fixed = le.AppendUint32(fixed, 0)         // flags, method: stored
		fixed = le.AppendUint16(fixed, 0)         // time
		fixed = le.AppendUint16(fixed, zipDate)
		fixed = le.AppendUint32(fixed, crc32.ChecksumIEEE(f.data))
		fixed = le.AppendUint32(fixed, uint32(len(f.data)))
		fixed = le.AppendUint32(fixed, uint32(len(f.data)))
		fixed = le.AppendUint16(fixed, uint16(len(f.name)))
		fixed = le.AppendUint16(fixed, 0) // extra
		central = le.AppendUint32(central, centralSig)
		central = le.AppendUint16(central, zipVersion) // made by
		central = append(central, fixed...)
		central = append(central, make([]byte, 10)...) // comment, disk, attributes
		central = le.AppendUint32(central, uint32(len(out)))
		central = append(central, f.name...)
		out = append(append(append(le.AppendUint32(out, localSig), fixed...), f.name...), f.data...)
	}
	end := le.AppendUint32(nil, endSig)
	end = le.AppendUint32(end, 0) // disks
	end = le.AppendUint16(end, uint16(len(files)))
	end = le.AppendUint16(end, uint16(len(files)))
	end = le.AppendUint32(end, uint32(len(central)))
	end = le.AppendUint32(end, uint32(len(out)))
	end = le.AppendUint16(end, 0) // comment
	return append(append(out, central...), end...), nil
}

// unpack reads what pack wrote, and nothing else.
func unpack(raw []byte) (map[string][]byte, error) {
	if len(raw) > MaxBundle {
		return nil, fmt.Errorf("%w: plus de %d octets", ErrBundle, MaxBundle)
	}
	var files []file
	rest := raw
	for len(rest) >= localLen && binary.LittleEndian.Uint32(rest) == localSig {
		size, name := int64(binary.LittleEndian.Uint32(rest[18:])), int64(binary.LittleEndian.Uint16(rest[26:]))
		if localLen+name+size > int64(len(rest)) || len(files) >= maxFiles {
			return nil, fmt.Errorf("%w: fichier tronqué ou trop de fichiers", ErrBundle)
		}
		files = append(files, file{string(rest[localLen : localLen+name]), rest[localLen+name : localLen+name+size]})
		rest = rest[localLen+name+size:]
	}
	again, err := pack(files)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 || !bytes.Equal(again, raw) {
		return nil, fmt.Errorf("%w: ce n’est pas un fichier de preuve de Relais, ou il a été modifié", ErrBundle)
	}
	out := make(map[string][]byte, len(files))
	for _, f := range files {
		out[f.name] = f.data
	}
	return out, nil
}
