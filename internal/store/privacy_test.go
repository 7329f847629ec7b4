package store_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"relais/internal/store"
)

// TestNothingPersonalStandsClear walks a mandat through its life and looks for
// what it said of people in the bytes of the database.
func TestNothingPersonalStandsClear(t *testing.T) {
	h := newHouse(t, store.SQLite)
	secrets := []string{"MARTINSECRET", "martinsecret", "Jeanne", "Élise", "1948-03-12", "sub-martin", "jeton-sub-martin", "Textesecret", "DURANDSECRET", "Awa",
		"secret.example", "Prenomsecret", "Nomsecret", "s-jeanne", "jeton-aidant"}
	look := func(when string) {
		t.Helper()
		for _, suffix := range []string{"", "-wal"} {
			content, err := os.ReadFile(h.dsn + suffix)
			if err != nil && suffix == "" {
				t.Fatal(err)
			}
			for _, s := range secrets {
				for _, form := range []string{s, hex.EncodeToString([]byte(s)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(s)), "=")[:len(s)]} {
					if bytes.Contains(content, []byte(form)) {
						t.Errorf("%s: %q stands in the base%s", when, s, suffix)
					}
				}
			}
		}
	}
	m := h.given("ccas", martin, nil, "social")
	other, _ := h.entrusted(h.draft("ccas", "papiers"))
	h.identified(other, durand)
	look("before the signature")
	m, err := h.sign(m, martin)
	h.ok(err)
	h.ok(h.choose(m, "r1", "social"))
	look("after a use")
	h.ok(h.Close())
	look("closed")
}
