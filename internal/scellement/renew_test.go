package scellement_test

import (
	"errors"
	"strings"
	"testing"

	"relais/internal/preuve"
	"relais/internal/scellement"
)

// TestRenewalBesideRubbish: a kept token or renewal that cannot be read holds up
// nothing: the others are renewed, and it is told each time.
func TestRenewalBesideRubbish(t *testing.T) {
	short, _ := authorityFor(t, "30")
	h := newHouse(t, func(o *scellement.Options) { o.TSA = short })
	for range 3 {
		h.grow(2)
		_, err := h.Stamp(h.ctx, h.seal())
		h.ok(err)
	}
	h.raw("UPDATE journal_attestation SET data = X'3000' WHERE kind = 'horodatage' AND size = 4")
	h.opts.TSA, _ = authority(t)
	h.restart()
	h.seal()
	due, err := h.Renew(h.ctx)
	if due != 2 || !errors.Is(err, preuve.ErrBundle) || !strings.Contains(err.Error(), "à 4 entrées") {
		t.Errorf("%d due, %v", due, err)
	}
	if st := h.State(); st.Renewed != 2 || st.RenewLeft != 1 || st.RenewedAt.IsZero() || !strings.Contains(st.RenewFail, "à 4 entrées") {
		t.Errorf("state %+v", st)
	}
	kept, err := h.st.Renewals(h.ctx, "relais.example")
	h.ok(err)
	if len(kept) != 1 || strings.Count(string(kept[0].Data), "\n2 ") != 1 || strings.Count(string(kept[0].Data), "\n6 ") != 1 || strings.Contains(string(kept[0].Data), "\n4 ") {
		t.Fatalf("kept %+v", kept)
	}
	if due, err := h.Renew(h.ctx); due != 0 || !errors.Is(err, preuve.ErrBundle) || h.State().RenewFail == "" {
		t.Errorf("again: %d, %v", due, err)
	}
	h.raw("UPDATE journal_attestation SET data = X'00', name = 'rubbish' WHERE kind = 'renouvellement'")
	h.grow(1)
	_, err = h.Stamp(h.ctx, h.seal())
	h.ok(err)
	if due, err := h.Renew(h.ctx); due != 2 || err == nil || !strings.Contains(err.Error(), "renouvellement") {
		t.Errorf("a renewal that cannot be read: %d, %v", due, err)
	}
}
