package coffre_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"relais/internal/coffre"
)

func TestFirstOpenCreatesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if _, err := coffre.Open(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("the folder holds %v, %v, want two files", entries, err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v, want 0600", entry.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestSecondOpenReadsTheSameKeys(t *testing.T) {
	dir := t.TempDir()
	first, err := coffre.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := newKey(t, first, "u")
	sealed, err := first.Seal(wrapped, "u", "p", []byte("gardé"))
	if err != nil {
		t.Fatal(err)
	}
	for name, again := range map[string]func(string) (*coffre.Coffre, error){"Open": coffre.Open, "OpenExisting": coffre.OpenExisting} {
		second, err := again(dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := second.Reveal(wrapped, "u", "p", sealed); err != nil || string(got) != "gardé" {
			t.Errorf("%s: Reveal = %q, %v", name, got, err)
		}
		if first.Token("k", "v") != second.Token("k", "v") || first.Pseudonym("k", "v") != second.Pseudonym("k", "v") {
			t.Errorf("%s: the index key changed", name)
		}
	}
}

func TestOpenExistingNeverCreates(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "absent")} {
		if _, err := coffre.OpenExisting(dir); !errors.Is(err, coffre.ErrMissing) {
			t.Errorf("OpenExisting(%s) = %v, want ErrMissing", dir, err)
		}
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) != 0 {
		t.Errorf("OpenExisting left %v, %v", entries, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name, file string
		harm       func(path string) error
		want       error
		says       string
	}{
		{"master lost", "coffre.json", os.Remove, coffre.ErrMissing, "restaurez-le"},
		{"index lost", "index.key", os.Remove, coffre.ErrMissing, "restaurez-le"},
		{"master readable by group", "coffre.json", chmod(0o640), coffre.ErrUnsafe, "chmod 600"},
		{"index readable by others", "index.key", chmod(0o604), coffre.ErrUnsafe, "chmod 600"},
		{"index writable by group", "index.key", chmod(0o620), coffre.ErrUnsafe, "chmod 600"},
		{"master cut", "coffre.json", cut(20), coffre.ErrDamaged, "restaurez-le"},
		{"master empty", "coffre.json", cut(0), coffre.ErrDamaged, "restaurez-le"},
		{"index cut", "index.key", cut(31), coffre.ErrDamaged, "31 octets au lieu de 32"},
		{"index empty", "index.key", cut(0), coffre.ErrDamaged, "0 octets"},
		{"master is a folder", "coffre.json", toFolder, coffre.ErrDamaged, "fichier ordinaire"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := coffre.Open(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, test.file)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.harm(path); err != nil {
				t.Fatal(err)
			}
			_, err = coffre.Open(dir)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, want %v naming %s and saying %q", err, test.want, path, test.says)
			}
			if err != nil && strings.Contains(err.Error(), string(before)) {
				t.Error("the error shows the key")
			}
			if _, err := coffre.OpenExisting(dir); !errors.Is(err, test.want) {
				t.Errorf("OpenExisting = %v, want %v", err, test.want)
			}
		})
	}
}

func chmod(mode os.FileMode) func(string) error {
	return func(path string) error { return os.Chmod(path, mode) }
}

func cut(size int64) func(string) error {
	return func(path string) error { return os.Truncate(path, size) }
}

func toFolder(path string) error {
	return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
}

func TestConcurrentFirstOpen(t *testing.T) {
	dir := t.TempDir()
	tokens := make([]string, 16)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			c, err := coffre.Open(dir)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			tokens[i] = c.Token("k", "v")
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token != tokens[0] {
			t.Fatal("two first starts made two keys")
		}
	}
}

// openerVariable tells the test binary, started again, to be one of the
// processes of TestConcurrentFirstOpenOfProcesses.
const openerVariable = "RELAIS_TEST_COFFRE"

func TestMain(m *testing.M) {
	dir := os.Getenv(openerVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	c, err := coffre.Open(dir)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(c.Token("k", "v"))
}

func TestConcurrentFirstOpenOfProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tokens := make([]string, 4)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), self)
			cmd.Env = append(os.Environ(), openerVariable+"="+dir)
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("process %d: %v", i, err)
			}
			tokens[i] = string(out)
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token == "" || token != tokens[0] {
			t.Fatalf("two processes made two keys: %q", tokens)
		}
	}
}
