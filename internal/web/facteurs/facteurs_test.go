package facteurs

import (
	"context"
	"errors"
	"testing"

	"relais/internal/aidant"
	"relais/internal/facteur"
)

// TestDerivationsWait: the memory that pass phrases take is bounded, whether one is
// typed or chosen.
func TestDerivationsWait(t *testing.T) {
	m := New(nil, nil, nil, nil, nil)
	for range derivations {
		m.deriving <- struct{}{}
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := m.HashPhrase(ctx, "trois bouleaux derrière la grange"); !errors.Is(err, context.Canceled) {
		t.Errorf("chosen: %v", err)
	}
	if _, _, err := m.judge(ctx, aidant.Aidant{}, facteur.Facteurs{}, "", "000000"); !errors.Is(err, context.Canceled) {
		t.Errorf("typed: %v", err)
	}
	for range derivations {
		<-m.deriving
	}
	if kept, err := m.HashPhrase(t.Context(), "trois bouleaux derrière la grange"); err != nil || kept == "" || len(m.deriving) != 0 {
		t.Errorf("%q, %v, %d held", kept, err, len(m.deriving))
	}
}
