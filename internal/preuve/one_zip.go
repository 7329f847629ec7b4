package preuve

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
)

// Bounds of an evidence file of the first version.
const (
	maxOne   = 256 << 20 // bytes
	maxFiles = 40000
)

// file is one file of a bundle.
type file struct {
	name string
	data []byte
}

var namePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9.-]{0,39}(/[0-9]{12}\.tlog-proof)?$`)

func pack(files []file) ([]byte, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var out bytes.Buffer
	var listed []item
	for i, f := range files {
		if !namePattern.MatchString(f.name) || i > 0 && files[i-1].name == f.name || i >= maxFiles {
			return nil, fmt.Errorf("%w: fichier %q", ErrBundle, f.name)
		}
		if out.Len()+len(f.data) > maxOne {
			return nil, fmt.Errorf("%w: plus de %d octets", ErrBundle, maxOne)
		}
		it := item{name: f.name, size: int64(len(f.data)), crc: crc32.ChecksumIEEE(f.data), at: int64(out.Len())}
		listed = append(listed, it)
		out.Write(it.local())
		out.Write(f.data)
	}
	out.Write(directory(listed, int64(out.Len())))
	return out.Bytes(), nil
}

// unpack reads what pack wrote, and nothing else.
func unpack(raw []byte) (map[string][]byte, error) {
	if len(raw) > maxOne {
		return nil, fmt.Errorf("%w: plus de %d octets", ErrBundle, maxOne)
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
