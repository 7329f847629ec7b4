package page_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"relais/ui"
)

func readUI(t *testing.T, name string) []byte {
	t.Helper()
	content, err := fs.ReadFile(ui.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestWeight(t *testing.T) {
	for name, max := range map[string]int{"static/relais.css": 12 << 10, "static/relais.js": 4 << 10} {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(readUI(t, name)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if packed.Len() > max {
			t.Errorf("%s weighs %d bytes gzipped, more than %d", name, packed.Len(), max)
		}
	}
}

var token = regexp.MustCompile(`(--[a-z-]+): (#[0-9a-f]{6});`)

// themes reads the tokens out of the style sheet: light, then dark.
func themes(t *testing.T) map[string]map[string]string {
	t.Helper()
	css := string(readUI(t, "static/relais.css"))
	light, rest, ok := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("no dark theme")
	}
	dark, _, _ := strings.Cut(rest, "\n}\n")
	found := map[string]map[string]string{"light": {}, "dark": {}}
	for theme, text := range map[string]string{"light": light, "dark": dark} {
		for _, m := range token.FindAllStringSubmatch(text, -1) {
			found[theme][m[1]] = m[2]
		}
	}
	return found
}

// TestContrast: WCAG 2.2 criteria 1.4.3 (text, 4.5) and 1.4.11 (signs, 3).
func TestContrast(t *testing.T) {
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"--ink", "--paper", 7}, {"--ink", "--wash", 7}, {"--ink", "--tint", 7},
		{"--ink", "--danger-tint", 7}, {"--ink", "--success-tint", 7}, {"--ink", "--warning-tint", 7},
		{"--quiet", "--paper", 4.5}, {"--quiet", "--wash", 4.5}, {"--quiet", "--tint", 4.5},
		{"--accent", "--paper", 4.5}, {"--accent", "--wash", 4.5}, {"--accent", "--tint", 4.5},
		{"--pressed", "--paper", 4.5}, {"--pressed", "--tint", 4.5},
		{"--on-accent", "--accent", 4.5}, {"--on-accent", "--pressed", 4.5},
		{"--danger", "--paper", 4.5}, {"--danger", "--danger-tint", 4.5}, {"--paper", "--danger", 4.5},
		{"--success", "--success-tint", 4.5}, {"--success", "--paper", 4.5},
		{"--warning", "--warning-tint", 4.5}, {"--paper", "--ink", 7},
		{"--on-acting", "--acting", 7},
		{"--border", "--paper", 3}, {"--border", "--wash", 3}, {"--border", "--tint", 3},
		{"--focus-in", "--focus-out", 3}, {"--focus-out", "--paper", 3},
	}
	for theme, tokens := range themes(t) {
		for _, pair := range pairs {
			got := contrast(t, tokens[pair.front], tokens[pair.back])
			if got < pair.least {
				t.Errorf("%s: %s on %s is %.2f:1, want %.1f:1", theme, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is WCAG's relative luminance of #rrggbb.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("token %q is missing", colour)
	}
	weights := []float64{0.2126, 0.7152, 0.0722}
	sum := 0.0
	for i, weight := range weights {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
			continue
		}
		sum += weight * math.Pow((c+0.055)/1.055, 2.4)
	}
	return sum
}

// TestStyleKeepsItsPromises: nothing from elsewhere, and every mode is there.
func TestStyleKeepsItsPromises(t *testing.T) {
	css := string(readUI(t, "static/relais.css"))
	for _, must := range []string{"prefers-color-scheme: dark", "prefers-reduced-motion", "forced-colors: active", "@media print", ":focus-visible"} {
		if !strings.Contains(css, must) {
			t.Errorf("the style sheet has no %s", must)
		}
	}
	for _, never := range []string{"@import", "http:", "https:", "url(", "Marianne", "fr-"} {
		if strings.Contains(css, never) {
			t.Errorf("the style sheet contains %q", never)
		}
	}
}
