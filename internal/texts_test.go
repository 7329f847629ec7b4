package internal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReleasedTexts holds the dated texts against the digests recorded when they
// were released. Their bytes are under the digest of every mandat signed with
// them: a change is a new dated file with a line of its own in SHA256SUMS
// (sha256sum NEW >> SHA256SUMS), never an edit.
func TestReleasedTexts(t *testing.T) {
	for _, x := range []struct{ dir, pattern string }{
		{"../ui/actes", "*.txt"},
		{"domaine", "catalogue-*.json"},
	} {
		recorded := sums(t, filepath.Join(x.dir, "SHA256SUMS"))
		files, err := filepath.Glob(filepath.Join(x.dir, x.pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no %s: %v", x.dir, x.pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(raw)
			name := filepath.Base(file)
			switch want := recorded[name]; {
			case want == "":
				t.Errorf("%s has no line in SHA256SUMS", file)
			case want != hex.EncodeToString(sum[:]):
				t.Errorf("%s was edited: a released text is never changed, add a new dated file", file)
			}
			delete(recorded, name)
		}
		for _, name := range slices.Sorted(maps.Keys(recorded)) {
			t.Errorf("%s/%s was released and is gone", x.dir, name)
		}
	}
}

func sums(t *testing.T, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || recorded[name] != "" {
			t.Fatalf("%s: unexpected line %q", file, line)
		}
		recorded[name] = sum
	}
	return recorded
}
