package coffre_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"relais/internal/coffre"
)

func open(t testing.TB) *coffre.Coffre {
	t.Helper()
	c, err := coffre.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t testing.TB, c *coffre.Coffre, subject string) []byte {
	t.Helper()
	wrapped, err := c.NewKey(subject)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func TestSealAndReveal(t *testing.T) {
	c := open(t)
	wrapped := newKey(t, c, "usager-1")
	for _, plain := range []string{"", "Élodie", strings.Repeat("é", 10_000)} {
		sealed, err := c.Seal(wrapped, "usager-1", "identite", []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the sealed value shows its content")
		}
		got, err := c.Reveal(wrapped, "usager-1", "identite", sealed)
		if err != nil || string(got) != plain {
			t.Errorf("Reveal = %q, %v, want %q", got, err, plain)
		}
	}
}

func TestSealIsRandom(t *testing.T) {
	c := open(t)
	wrapped := newKey(t, c, "u")
	one, err1 := c.Seal(wrapped, "u", "p", []byte("même texte"))
	two, err2 := c.Seal(wrapped, "u", "p", []byte("même texte"))
	if err1 != nil || err2 != nil || bytes.Equal(one, two) {
		t.Errorf("two seals of one text are equal, or failed: %v %v", err1, err2)
	}
}

func TestRevealRefuses(t *testing.T) {
	c, other := open(t), open(t)
	wrapped, second, neighbour := newKey(t, c, "u1"), newKey(t, c, "u1"), newKey(t, c, "u2")
	sealed, err := c.Seal(wrapped, "u1", "identite", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, reveal := range map[string]func() ([]byte, error){
		"wrong subject":         func() ([]byte, error) { return c.Reveal(wrapped, "u2", "identite", sealed) },
		"wrong purpose":         func() ([]byte, error) { return c.Reveal(wrapped, "u1", "courriel", sealed) },
		"empty purpose":         func() ([]byte, error) { return c.Reveal(wrapped, "u1", "", sealed) },
		"another key of his":    func() ([]byte, error) { return c.Reveal(second, "u1", "identite", sealed) },
		"a neighbour's key":     func() ([]byte, error) { return c.Reveal(neighbour, "u2", "identite", sealed) },
		"a neighbour's, as his": func() ([]byte, error) { return c.Reveal(neighbour, "u1", "identite", sealed) },
		"another vault":         func() ([]byte, error) { return other.Reveal(wrapped, "u1", "identite", sealed) },
		"no key":                func() ([]byte, error) { return c.Reveal(nil, "u1", "identite", sealed) },
		"no value":              func() ([]byte, error) { return c.Reveal(wrapped, "u1", "identite", nil) },
		"cut value":             func() ([]byte, error) { return c.Reveal(wrapped, "u1", "identite", sealed[:len(sealed)-1]) },
		"longer key": func() ([]byte, error) {
			return c.Reveal(append(bytes.Clone(wrapped), 0x22, 0), "u1", "identite", sealed)
		},
	} {
		if plain, err := reveal(); !errors.Is(err, coffre.ErrSealed) || plain != nil {
			t.Errorf("%s: Reveal = %q, %v, want ErrSealed", name, plain, err)
		}
	}
	if _, err := c.Seal(neighbour, "u1", "identite", []byte("x")); !errors.Is(err, coffre.ErrSealed) {
		t.Errorf("Seal with a neighbour's key: %v, want ErrSealed", err)
	}
}

func TestEveryBitCounts(t *testing.T) {
	c := open(t)
	wrapped := newKey(t, c, "u")
	sealed, err := c.Seal(wrapped, "u", "p", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, bit int) []byte {
		changed := bytes.Clone(b)
		changed[bit/8] ^= 1 << (bit % 8)
		return changed
	}
	for bit := range len(sealed) * 8 {
		if _, err := c.Reveal(wrapped, "u", "p", flip(sealed, bit)); !errors.Is(err, coffre.ErrSealed) {
			t.Fatalf("bit %d of the value: %v", bit, err)
		}
	}
	for bit := range len(wrapped) * 8 {
		if _, err := c.Reveal(flip(wrapped, bit), "u", "p", sealed); !errors.Is(err, coffre.ErrSealed) {
			t.Fatalf("bit %d of the key: %v", bit, err)
		}
	}
}

func TestSubjectIsRequired(t *testing.T) {
	c := open(t)
	for _, subject := range []string{"", "a\x00b"} {
		if _, err := c.NewKey(subject); err == nil {
			t.Errorf("NewKey(%q) accepted", subject)
		}
	}
}

func TestShort(t *testing.T) {
	c, other := open(t), open(t)
	text, err := c.SealShort("cookie", []byte("valeur"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(text) {
		t.Errorf("not base64url: %q", text)
	}
	if got, err := c.RevealShort("cookie", text); err != nil || string(got) != "valeur" {
		t.Errorf("RevealShort = %q, %v", got, err)
	}
	for name, reveal := range map[string]func() ([]byte, error){
		"purpose": func() ([]byte, error) { return c.RevealShort("autre", text) },
		"vault":   func() ([]byte, error) { return other.RevealShort("cookie", text) },
		"empty":   func() ([]byte, error) { return c.RevealShort("cookie", "") },
		"padding": func() ([]byte, error) { return c.RevealShort("cookie", text+"=") },
		"newline": func() ([]byte, error) { return c.RevealShort("cookie", text+"\n") },
		"cut":     func() ([]byte, error) { return c.RevealShort("cookie", text[:len(text)-2]) },
	} {
		if _, err := reveal(); !errors.Is(err, coffre.ErrSealed) {
			t.Errorf("wrong %s: %v, want ErrSealed", name, err)
		}
	}
}

func TestTokenAndPseudonym(t *testing.T) {
	c, other := open(t), open(t)
	token := c.Token("mot", "dupont")
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(token) || token != c.Token("mot", "dupont") {
		t.Errorf("Token = %q, want 32 stable hexadecimal digits", token)
	}
	if token == c.Token("prefixe", "dupont") || token == c.Token("mot", "durand") || token == other.Token("mot", "dupont") {
		t.Error("tokens of another kind, value or vault are equal")
	}
	sub := c.Pseudonym("sub", "client", "usager")
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(sub) || sub != c.Pseudonym("sub", "client", "usager") {
		t.Errorf("Pseudonym = %q, want 64 stable hexadecimal digits", sub)
	}
	for _, differs := range []string{
		c.Pseudonym("sub", "clientu", "sager"), c.Pseudonym("sub", "clientusager"), c.Pseudonym("sub", "client", "usager", ""),
		c.Pseudonym("autre", "client", "usager"), c.Pseudonym("sub", "usager", "client"), other.Pseudonym("sub", "client", "usager"),
	} {
		if sub == differs {
			t.Error("two different inputs have one pseudonym")
		}
	}
}

func BenchmarkReveal(b *testing.B) {
	c := open(b)
	wrapped := newKey(b, c, "usager-1")
	sealed, err := c.Seal(wrapped, "usager-1", "identite", bytes.Repeat([]byte("x"), 400))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Reveal(wrapped, "usager-1", "identite", sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkToken(b *testing.B) {
	c := open(b)
	for b.Loop() {
		c.Token("mot", "dupont")
	}
}
