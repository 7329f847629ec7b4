package provider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestConformanceNamesTests: every row of docs/conformance.md names a test that is
// in the code, or says no and why; and no list is short of a module.
func TestConformanceNamesTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	rows := map[string]int{}
	section := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section, _, _ = strings.Cut(title, " (")
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| `oidcc-") && (section != "Faults of the library that the house keeps out" || !regexp.MustCompile(`^\| \d`).MatchString(line)) {
			continue
		}
		rows[section]++
		last := strings.TrimSpace(cells[len(cells)-1])
		found := named.FindAllStringSubmatch(last, -1)
		if len(found) == 0 && (!strings.HasPrefix(last, "no: ") || len(last) < 20) {
			t.Errorf("neither a test nor a reason: %s", line)
		}
		for _, m := range found {
			if !tests[m[1]] {
				t.Errorf("%s is not in the code: %s", m[1], line)
			}
		}
	}
	for section, want := range map[string]int{"Basic OP": 38, "Config OP": 1, "RP-initiated logout OP": 11, "Basic RP": 14, "Config RP": 6,
		"RP-initiated logout RP": 3, "Faults of the library that the house keeps out": 23} {
		if rows[section] != want {
			t.Errorf("%s has %d rows, want %d", section, rows[section], want)
		}
	}
}

// testNames are the test functions of the packages that the page speaks of.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
	for _, dir := range []string{".", "../login", "../web/compte", "../store", "../../cmd/relais"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
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
