package coffre_test

import (
	"errors"
	"testing"

	"relais/internal/coffre"
)

func TestMask(t *testing.T) {
	c, err := coffre.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := c.NewMask("agents:2026-11:preuve")
	if err != nil {
		t.Fatal(err)
	}
	mask, err := c.OpenMask(wrapped, "agents:2026-11:preuve")
	if err != nil {
		t.Fatal(err)
	}
	code := mask.Hide("a-jeanne")
	if code == "a-jeanne" || code != mask.Hide("a-jeanne") || code == mask.Hide("a-paul") {
		t.Errorf("code = %q", code)
	}
	if id, ok := mask.Show(code); !ok || id != "a-jeanne" {
		t.Errorf("Show = %q, %v", id, ok)
	}
	for i := range code {
		changed := []byte(code)
		changed[i] ^= 1
		if id, ok := mask.Show(string(changed)); ok {
			t.Errorf("a changed code shows %q", id)
		}
	}
	if _, err := c.OpenMask(wrapped, "agents:2026-12:preuve"); !errors.Is(err, coffre.ErrSealed) {
		t.Errorf("another month's mask: %v", err)
	}
	other, _ := c.NewMask("agents:2026-11:preuve")
	mask, err = c.OpenMask(other, "agents:2026-11:preuve")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := mask.Show(code); ok {
		t.Error("a code of one key opens under another")
	}
	again, err := c.Rewrap("agents:2026-11:preuve", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if mask, err = c.OpenMask(again, "agents:2026-11:preuve"); err != nil || mask.Hide("a-jeanne") != code {
		t.Errorf("after a rotation: %v", err)
	}
}
