package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/store"
)

// TestProviderKeys: the first keys are one instance's, a rotation waits for the
// last one, keys stand sealed, and they go once they retired.
func TestProviderKeys(t *testing.T) {
	onBoth(t, func(h *house) {
		key := func(kid string, signs time.Time) []store.ProviderKey {
			return []store.ProviderKey{{KID: kid, Alg: "ES256", Private: []byte("privée-" + kid), SignsAt: signs}}
		}
		now := h.now
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if err := h.AddProviderKeys(h.ctx, key(fmt.Sprint("k", i), now), now, journal.Systeme(), true); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		have := func() []store.ProviderKey {
			keys, err := h.ProviderKeys(h.ctx)
			h.ok(err)
			return keys
		}
		first := have()
		if len(first) != 1 || string(first[0].Private) != "privée-"+first[0].KID || !first[0].RetiresAt.IsZero() || fmt.Sprint(first[0]) != first[0].KID {
			t.Fatalf("first keys = %v", first)
		}
		if sealed := h.value("SELECT sealed FROM cle_fournisseur"); bytes.Contains([]byte(sealed), []byte("privée")) || strings.Contains(sealed, fmt.Sprintf("%x", "privée")) {
			t.Error("a private key stands clear")
		}
		h.pass(time.Second)
		h.ok(h.AddProviderKeys(h.ctx, key("b", now.Add(time.Minute)), now.Add(time.Hour), by, false))
		h.expect(journal.KeysRotate, journal.OK)
		if err := h.AddProviderKeys(h.ctx, key("c", now.Add(2*time.Minute)), now.Add(time.Hour), by, false); !errors.Is(err, store.ErrRotating) {
			t.Errorf("a second rotation during the first = %v", err)
		}
		if keys := have(); len(keys) != 2 || !keys[0].RetiresAt.Equal(now.Add(time.Hour)) || !keys[1].RetiresAt.IsZero() {
			t.Errorf("during the rotation = %+v", keys)
		}
		h.pass(30 * time.Second)
		h.ok(h.AddProviderKeys(h.ctx, key("d", now), now, by, false)) // at once: a key was stolen
		h.pass(time.Second)
		h.ok(h.Sweep(h.ctx))
		if keys := have(); len(keys) != 1 || keys[0].KID != "d" {
			t.Errorf("after an immediate rotation = %v", keys)
		}
	})
}
