package usager_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"relais/internal/identite"
	"relais/internal/usager"
)

// TestEmailFor: an address goes out only when its owner called it safe.
func TestEmailFor(t *testing.T) {
	for name, x := range map[string]struct {
		u      usager.Usager
		absent string
		want   string
	}{
		"safe":                  {usager.Usager{Email: "j@x.example", EmailSafe: true}, "absent@r.example", "j@x.example"},
		"not called safe":       {usager.Usager{Email: "j@x.example"}, "absent@r.example", "absent@r.example"},
		"none":                  {usager.Usager{EmailSafe: true}, "absent@r.example", "absent@r.example"},
		"no hub takes it":       {usager.Usager{Email: "j@local", EmailSafe: true}, "absent@r.example", "absent@r.example"},
		"a name around it":      {usager.Usager{Email: "J <j@x.example>", EmailSafe: true}, "", ""},
		"none, and no operator": {usager.Usager{}, "", ""},
		"unsafe, no operator":   {usager.Usager{Email: "j@x.example"}, "", ""},
	} {
		if got := x.u.EmailFor(x.absent); got != x.want {
			t.Errorf("%s: EmailFor = %q, want %q", name, got, x.want)
		}
	}
}

func TestLogsKeepNames(t *testing.T) {
	var out bytes.Buffer
	u := usager.Usager{ID: "u-1", Sub: "sub-1", Email: "j@x.example", Telephone: "+33639980010", Identite: identite.Pivot{FamilyName: "Lefèvre"}}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "usager", u, "identite", u.Identite)
	for _, secret := range []string{"Lefèvre", "j@x", "sub-1", "3363"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log tells %s: %s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "u-1") {
		t.Errorf("the log does not name the usager: %s", out.String())
	}
}
