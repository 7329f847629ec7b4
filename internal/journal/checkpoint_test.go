package journal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

func signer(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func TestCheckpoint(t *testing.T) {
	s, v := signer(t, "relais.example")
	_, other := signer(t, "relais.example")
	c := journal.Checkpoint{Origin: "relais.example", Size: 1050, Root: plant(3).head.Root}
	signed, err := c.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := journal.OpenCheckpoint(signed, v); err != nil || got != c {
		t.Errorf("opened %+v, %v", got, err)
	}
	if _, _, err := journal.OpenCheckpoint(signed, other); !errors.Is(err, journal.ErrCheckpoint) {
		t.Errorf("another key opens it: %v", err)
	}
	theirs, rest, _, err := flog.ParseCheckpoint(signed, "relais.example", v)
	if err != nil || theirs.Size != 1050 || len(rest) != 0 {
		t.Errorf("the other library reads %+v, %q, %v", theirs, rest, err)
	}
	for i := range signed {
		for bit := range 8 {
			bent := bytes.Clone(signed)
			bent[i] ^= 1 << bit
			if got, _, err := journal.OpenCheckpoint(bent, v); err == nil && got != c {
				t.Fatalf("byte %d, bit %d: opens as %+v", i, bit, got)
			}
		}
	}
}

func TestCheckpointIsStrict(t *testing.T) {
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, text := range []string{
		"", "relais\n", "relais\n1\n", "relais\n1\n" + root, "relais\n1\n" + root + "\nextension\n", "relais\n01\n" + root + "\n",
		"relais\n+1\n" + root + "\n", "relais\n-1\n" + root + "\n", "relais\n1\n" + root[:40] + "\n", "\n1\n" + root + "\n",
		"re lais\n1\n" + root + "\n", "re+lais\n1\n" + root + "\n", "relais\r\n1\n" + root + "\n", "relais\n9223372036854775808\n" + root + "\n",
		"relais\n1\n" + strings.Replace(root, "A=", "B=", 1) + "\n", "relais\n1\n " + root + "\n", strings.Repeat("a", 101) + "\n1\n" + root + "\n",
	} {
		if c, err := journal.ParseCheckpoint(text); !errors.Is(err, journal.ErrCheckpoint) {
			t.Errorf("%q reads as %+v", text, c)
		}
	}
	if _, err := journal.ParseCheckpoint("relais\n0\n" + root + "\n"); err != nil {
		t.Error(err)
	}
}

func TestOrigins(t *testing.T) {
	for origin, want := range map[string]int{"relais.example": 1, "relais.example/epoque-2": 2, "relais.example/epoque-12": 12} {
		name, epoch := journal.SplitOrigin(origin)
		if name != "relais.example" || epoch != want || journal.EpochOrigin(name, epoch) != origin {
			t.Errorf("%s = %s, %d", origin, name, epoch)
		}
	}
	for _, origin := range []string{"a/epoque-1", "a/epoque-02", "a/epoque-", "a/epoque-x"} {
		if name, epoch := journal.SplitOrigin(origin); name != origin || epoch != 1 {
			t.Errorf("%s = %s, %d", origin, name, epoch)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	s, v := signer(f, "relais.example")
	signed, err := journal.Checkpoint{Origin: "relais.example", Size: 7}.Sign(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("relais.example\n7\n\n\n— relais.example AAAA\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := journal.ReadCheckpoint(raw); err == nil && !strings.HasPrefix(string(raw), c.Text()) {
			t.Errorf("%q reads as %+v", raw, c)
		}
		if c, _, err := journal.OpenCheckpoint(raw, v); err == nil && c.Size != 7 {
			t.Errorf("%q opens as %+v", raw, c)
		}
	})
}

func FuzzTilePath(f *testing.F) {
	f.Add("0/x001/067.p/3")
	f.Fuzz(func(t *testing.T, path string) {
		if s, err := journal.ParseTilePath(path); err == nil && (s.Lo < 0 || s.Hi <= s.Lo || s.Hi-s.Lo > 256 || s.Level%8 != 0) {
			t.Errorf("%q = %+v", path, s)
		}
	})
}
