package ui_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"relais/ui"
)

// twice is UTF-8 that was read as Latin-1 and written again: the first byte of a
// two-byte letter became U+00C2 or U+00C3, the second a sign that no French word
// puts there; that of a longer one, such as ’, became U+00E2 and U+0080.
var twice = regexp.MustCompile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u0080|\u00e2\u20ac|\ufffd")

// TestEncoding reads every file of the pages and of the desks.
func TestEncoding(t *testing.T) {
	read := 0
	for _, root := range []string{".", "../internal/web"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) == ".svg" {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			read++
			if !utf8.Valid(raw) {
				t.Errorf("%s is not UTF-8", path)
			}
			if at := twice.FindIndex(raw); at != nil {
				t.Errorf("%s: encoded twice at byte %d: %q", path, at[0], raw[at[0]:min(at[1]+20, len(raw))])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 80 {
		t.Errorf("only %d files were read: have the folders moved?", read)
	}
	if !twice.MatchString("\u00c3\u00a9t\u00c3\u00a9") || twice.MatchString("été, Île, Âge, l’âne, çà, Ã") {
		t.Error("the pattern does not tell French from a fault")
	}
}

// code is what a template holds beside its text.
var code = regexp.MustCompile(`(?s){{.*?}}|<!--.*?-->|<[^>]*>`)

// quoted are the texts inside actions: they are shown too.
var quoted = regexp.MustCompile(`"[^"]*"`)

var straight = regexp.MustCompile(`\pL'\pL`)

// TestApostrophes wants the French apostrophe wherever people read.
func TestApostrophes(t *testing.T) {
	err := fs.WalkDir(ui.FS, "templates", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(ui.FS, path)
		if err != nil {
			return err
		}
		shown := code.ReplaceAllString(string(raw), "\n")
		for _, action := range regexp.MustCompile(`(?s){{.*?}}`).FindAllString(string(raw), -1) {
			shown += "\n" + strings.Join(quoted.FindAllString(action, -1), "\n")
		}
		for line := range strings.Lines(shown) {
			if straight.MatchString(line) {
				t.Errorf("%s: a straight apostrophe in %q", path, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
