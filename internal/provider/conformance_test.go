package provider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestConformanceNamesTests: every row of every table of docs/conformance.md names
// tests that are in the code, or says no and why; and no list is short of a module.
func TestConformanceNamesTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, rows := testNames(t), map[string]int{}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	section, lines := "", strings.Split(string(page), "\n")
	for i, line := range lines {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section, _, _ = strings.Cut(title, " (")
		}
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			if !tests[m[1]] {
				t.Errorf("%s is not in the code: %s", m[1], line)
			}
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(lines[i+1], "|---") {
			continue
		}
		rows[section]++
		cells := strings.Split(strings.Trim(line, "|"), "|")
		last := strings.TrimSpace(cells[len(cells)-1])
		if !named.MatchString(last) && (!strings.HasPrefix(last, "no: ") || len(last) < 20) {
			t.Errorf("neither a test nor a reason: %s", line)
		}
	}
	for section, want := range map[string]int{"": 13, "Basic OP": 38, "Config OP": 1, "RP-initiated logout OP": 11, "Basic RP": 14, "Config RP": 6,
		"RP-initiated logout RP": 3, "Faults of the library that the house keeps out": 23, "FranceConnect: acceptance list": 12, "FranceConnect: refusals": 32, "Relying party: the checks of an id_token": 23, "Strict profile": 68} {
		if rows[section] != want {
			t.Errorf("%q has %d rows, want %d", section, rows[section], want)
		}
	}
}

// testNames are the test functions of the project.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	for _, pattern := range []string{"../*/*_test.go", "../web/*/*_test.go", "../../cmd/relais/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				names[m[1]] = true
			}
		}
	}
	return names
}
