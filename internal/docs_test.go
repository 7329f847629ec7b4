package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage: each table of the database has its row in docs/security.md,
// and each requirement of ASVS V7 and V10 a test that exists, or a reason.
func TestSecurityPage(t *testing.T) {
	page := readAll(t, "../docs/security.md")
	created := regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)
	for _, m := range created.FindAllStringSubmatch(readAll(t, "../sql/migrations/*.sql", "../sql/migrations/*/*.sql"), -1) {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("table %s has no row", m[1])
		}
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	code := readAll(t, "*_test.go", "*/*_test.go", "*/*/*_test.go", "../cmd/relais/*_test.go")
	for _, m := range declared.FindAllStringSubmatch(code, -1) {
		tests[m[1]] = true
	}
	requirement := regexp.MustCompile(`^\| (7|10)\.\d+\.\d+ `)
	named := regexp.MustCompile("`(Test\\w+)`")
	rows := map[string]int{}
	for line := range strings.Lines(page) {
		m := requirement.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows[m[1]]++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		found := named.FindAllStringSubmatch(last, -1)
		if len(found) == 0 && (!strings.HasPrefix(last, "no: ") || len(last) < 20) {
			t.Errorf("neither a test nor a reason: %s", line)
		}
		for _, name := range found {
			if !tests[name[1]] {
				t.Errorf("%s is not in the code: %s", name[1], line)
			}
		}
	}
	if rows["7"] != 19 || rows["10"] != 36 {
		t.Errorf("%d rows of V7 (want 19) and %d of V10 (want 36)", rows["7"], rows["10"])
	}
}

// TestGlossary: each row of the glossary has the cells of its header, and each
// word one row, so that a merge that splices two rows shows.
func TestGlossary(t *testing.T) {
	header, rows := 0, 0
	seen := map[string]bool{}
	for line := range strings.Lines(readAll(t, "../GLOSSAIRE.md")) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			header = 0
			continue
		}
		if !strings.HasSuffix(line, "|") {
			t.Errorf("a row that does not end: %s", line)
			continue
		}
		cells := strings.Split(line[1:len(line)-1], "|")
		if header == 0 {
			header = len(cells)
			continue
		}
		rows++
		word := strings.TrimSpace(cells[0])
		if len(cells) != header || word == "" || strings.TrimSpace(cells[1]) == "" {
			t.Errorf("%d cells, want %d, with a word and its meaning: %s", len(cells), header, line)
		}
		if seen[word] {
			t.Errorf("%q has two rows", word)
		}
		seen[word] = true
	}
	if rows < 40 {
		t.Errorf("only %d rows were read", rows)
	}
}

func readAll(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing at %s (%v)", pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}
