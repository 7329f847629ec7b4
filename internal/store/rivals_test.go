package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// TestRivals lets sixteen at once use, redeem, show, stop, end, dispute, look at and
// sign the same few mandats. A request is answered once, a code redeemed once, an
// autorisation active once, and the journal and the tables tell the same story.
func TestRivals(t *testing.T) {
	onBoth(t, func(h *house) {
		domaines := []string{"social", "logement", "papiers", "argent"}
		var mandats []mandat.Mandat
		for _, d := range domaines {
			mandats = append(mandats, h.signed("ccas", martin, d))
		}
		rivals := []mandat.Mandat{h.given("ccas", durand, nil, "transports"), h.given("ccas", durand, nil, "transports")}
		ref := h.session("s-jeanne", "a-jeanne", "26999901700016")
		const rounds = 12
		var made, redeemed [4][rounds]atomic.Int32
		var signed atomic.Int32
		var wg sync.WaitGroup
		for worker := range 16 {
			wg.Go(func() {
				for round := range rounds {
					of := (worker + round) % 4
					id := fmt.Sprintf("r-%d-%d", of, round)
					if h.choose(mandats[of], id, domaines[of]) == nil {
						made[of][round].Add(1)
					}
					if h.Redeem(h.ctx, delegation.Hash("code-"+id), h.token(id)) == nil {
						redeemed[of][round].Add(1)
					}
					_, _ = h.Show(h.ctx, delegation.Hash("token-"+id)) // may be stopped already
					h.beat(worker, round, mandats[of], ref)
				}
				if worker < 2 {
					if _, err := h.sign(rivals[worker], durand); err == nil {
						signed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		once := int32(0) // some are stopped before
		for of := range made {
			for round := range made[of] {
				if n := made[of][round].Load(); n != 1 {
					t.Errorf("request r-%d-%d was answered %d times", of, round, n)
				}
				n := redeemed[of][round].Load()
				if n > 1 {
					t.Errorf("code of r-%d-%d was redeemed %d times", of, round, n)
				}
				once += n
			}
		}
		if once == 0 {
			t.Error("no code was redeemed at all")
		}
		same(t, "mandats signed for one domaine", signed.Load(), 1)
		same(t, "domaines twice active", h.value(`SELECT count(*) FROM (SELECT 1 FROM autorisation WHERE ended_at IS NULL AND usager_id IS NOT NULL
			GROUP BY organisation_id, usager_id, domaine HAVING count(*) > 1) x`), "0")
		if _, err := h.Replay(h.ctx); err != nil {
			t.Error(err)
		}
	})
}

// beat is one of the other things that happen meanwhile.
func (h *house) beat(worker, round int, m mandat.Mandat, ref string) {
	var err error
	switch (worker + round) % 5 {
	case 0:
		err = h.EndUses(h.ctx, "a-jeanne", by, "fin")
	case 1:
		err = h.Append(h.ctx, m.Viewed(by), m.Viewed(by))
	case 2:
		err = h.TouchSession(h.ctx, ref, h.time())
	case 3:
		_, err = h.ChangeMandat(h.ctx, m.OrganisationID, m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			if m.Litige.Reason != "" {
				return m.LiftDispute(by)
			}
			return m.OpenDispute("plainte", h.time().AddDate(1, 0, 0), by, h.time())
		})
	case 4:
		err = h.Stop(h.ctx, fmt.Sprintf("r-%d-%d", (worker+round)%4, round), by, "arret", round%2 == 0)
		if errors.Is(err, delegation.ErrNotFound) {
			err = nil
		}
	}
	if err != nil {
		h.t.Errorf("%d.%d: %v", worker, round, err)
	}
	h.pass(time.Millisecond)
}
