package preuve_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/preuve"
)

const golden = "../../testdata/evidence/"

// versions are the golden files of each version of the format.
var versions = []string{"golden", "golden2"}

func load(t testing.TB, version string) (bundle []byte, vkey string, since []byte) {
	t.Helper()
	read := func(name string) []byte {
		raw, err := os.ReadFile(golden + name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	return read(version + ".zip"), strings.TrimSpace(string(read(version + ".vkey"))), read(version + ".since")
}

// TestGolden: an evidence file written once must verify for ever (T25, T26).
func TestGolden(t *testing.T) {
	for version, want := range map[string]struct{ count, pruned, size, since int64 }{"golden": {5, 0, 13, 7}, "golden2": {7, 2, 19, 13}} {
		bundle, vkey, since := load(t, version)
		r, err := preuve.Verify(bundle, []string{vkey}, since)
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		if r.Count != want.count || r.Pruned != want.pruned || r.Since == nil || r.Since.Size != want.since || len(r.Witnesses) != 1 ||
			r.Stamp.Time.IsZero() || r.Stamp.Until.IsZero() || r.Checkpoint.Size != want.size || r.Complete != preuve.OneMandat || r.Stream[0].Last != want.count {
			t.Errorf("%s says %+v", version, r)
		}
		skey, other, err := note.GenerateKey(rand.Reader, "relais.example")
		if err != nil || skey == "" {
			t.Fatal(err)
		}
		if _, err := preuve.Verify(bundle, []string{other}, nil); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s under another key: %v", version, err)
		}
		if _, err := preuve.Verify(bundle, nil, nil); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s without a key: %v", version, err)
		}
	}
}

// TestPython has the golden files verified by code that is not ours.
func TestPython(t *testing.T) {
	for version, says := range map[string]string{
		"golden":  "5 entries proven in a journal of 13, complete, and the past unchanged",
		"golden2": "7 entries (2 by their leaf only) proven in a journal of 19, complete, and the past unchanged",
	} {
		_, vkey, _ := load(t, version)
		out, err := exec.Command("python3", golden+"verify.py", golden+version+".zip", vkey, golden+version+".since").CombinedOutput()
		if err != nil || !strings.Contains(string(out), says) {
			t.Errorf("%s: python3 (which `make test` installs) says %s, %v", version, out, err)
		}
	}
}

// TestEveryBit flips each bit of the file in turn (T24).
func TestEveryBit(t *testing.T) {
	for _, version := range versions {
		bundle, vkey, since := load(t, version)
		for i := range bundle {
			for bit := range 8 {
				bundle[i] ^= 1 << bit
				if _, err := preuve.Verify(bundle, []string{vkey}, since); !errors.Is(err, preuve.ErrBundle) {
					t.Fatalf("byte %d, bit %d: %v", i, bit, err)
				}
				bundle[i] ^= 1 << bit
			}
		}
		for i := range bundle {
			if _, err := preuve.Verify(bundle[:i], []string{vkey}, since); err == nil {
				t.Fatalf("cut after %d bytes", i)
			}
		}
	}
}

// TestEveryBitInside flips bits of the content and mends the zip's own check
// sums, so that only the proofs stand between.
func TestEveryBitInside(t *testing.T) {
	for _, version := range versions {
		bundle, vkey, since := load(t, version)
		le := binary.LittleEndian
		central := int(le.Uint32(bundle[len(bundle)-6:]))
		for at := 0; le.Uint32(bundle[at:]) == 0x04034b50; {
			size, name := int(le.Uint32(bundle[at+18:])), int(le.Uint16(bundle[at+26:]))
			data := bundle[at+30+name : at+30+name+size]
			for i := 0; i < len(data)*8; i += 3 { // one bit in three: two or three of each byte
				bent := bytes.Clone(bundle)
				inside := bent[at+30+name : at+30+name+size]
				inside[i/8] ^= 1 << (i % 8)
				sum := crc32.ChecksumIEEE(inside)
				le.PutUint32(bent[at+14:], sum)
				le.PutUint32(bent[central+16:], sum)
				if _, err := preuve.Verify(bent, []string{vkey}, since); !errors.Is(err, preuve.ErrBundle) {
					t.Fatalf("%s, bit %d: %v", bundle[at+30:at+30+name], i, err)
				}
			}
			at += 30 + name + size
			central += 46 + name
		}
	}
}

// TestHostileZips are not opened at all.
func TestHostileZips(t *testing.T) {
	bundle, vkey, _ := load(t, "golden2")
	var bomb bytes.Buffer
	w := zip.NewWriter(&bomb)
	for _, name := range []string{"manifest.json", "../../etc/passwd", "manifest.json"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Repeat([]byte{0}, 10<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw := func(change func(b []byte)) []byte { b := bytes.Clone(bundle); change(b); return b }
	named := func(name string) []byte { // another name for the first file, of the same length, here and in the directory
		return bytes.ReplaceAll(bundle, []byte("VERIFY.md"), []byte(name))
	}
	var many bytes.Buffer
	w = zip.NewWriter(&many)
	for i := range 70000 {
		if _, err := w.CreateRaw(&zip.FileHeader{Name: "f" + strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	central := bytes.LastIndex(bundle, []byte("PK\x05\x06"))
	huge := bytes.Clone(bundle)
	binary.LittleEndian.PutUint32(huge[18:], 0xffffffff)
	for what, raw := range map[string][]byte{
		"nothing": nil, "text": []byte("bonjour"), "a bomb with paths and twins": bomb.Bytes(), "a length beyond the end": huge,
		"seventy thousand files": many.Bytes(), "a name with NUL": named("VERIFY\x00md"), "a path": named("../../etc"), "an absolute path": named("/etc/pass"),
		"a twin": named("seal\x00\x00\x00\x00\x00"), "a directory that is not there": bundle[:central], "only a directory": bundle[central:],
		"a huge directory":      raw(func(b []byte) { binary.LittleEndian.PutUint32(b[central+12:], 0xfffffff0) }),
		"a directory elsewhere": raw(func(b []byte) { binary.LittleEndian.PutUint32(b[central+16:], 0) }),
		"another count":         raw(func(b []byte) { b[central+10]++ }), "a comment": raw(func(b []byte) { b[central+20]++ }),
		"compressed": raw(func(b []byte) { b[8] = 8 }), "encrypted": raw(func(b []byte) { b[6] = 1 }), "a name of 64 kB": raw(func(b []byte) { b[26], b[27] = 0xff, 0xff }),
		"a tail": append(bytes.Clone(bundle), 0), "a head": append([]byte{0}, bundle...), "twice": append(bytes.Clone(bundle), bundle...),
	} {
		if _, err := preuve.Verify(raw, []string{vkey}, nil); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzVerify: nothing but the known files verifies, whether the reader has an
// older checkpoint or not.
func FuzzVerify(f *testing.F) {
	type reader struct {
		bundle, vkey string
		since        []byte
	}
	var readers []reader
	for _, version := range versions {
		bundle, vkey, since := load(f, version)
		readers = append(readers, reader{string(bundle), vkey, nil}, reader{string(bundle), vkey, since})
		f.Add(bundle)
	}
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, r := range readers {
			if _, err := preuve.Verify(raw, []string{r.vkey}, r.since); err == nil && r.bundle != string(raw) {
				t.Error("another file verifies")
			} else if err != nil && !errors.Is(err, preuve.ErrBundle) {
				t.Error(err)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x00}, []byte("x"))
	f.Fuzz(func(t *testing.T, raw, data []byte) {
		if _, err := preuve.ReadToken(raw, data); err != nil && !errors.Is(err, preuve.ErrBundle) {
			t.Error(err)
		}
	})
}
