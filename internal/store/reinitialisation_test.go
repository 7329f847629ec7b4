package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/facteur"
	"relais/internal/journal"
)

const lost = "Téléphone perdu hier, codesecrets de secours introuvables."

// approve is the word of somebody who may be the second person.
func (h *house) approve(id, who string) error {
	_, err := h.ChangeReset(h.ctx, id, as(who), func(r facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error) {
		return r.Approve(p, as(who), h.time())
	})
	return err
}

// closed suspends a structure, or opens it again.
func (h *house) closed(id string, suspended int) {
	h.t.Helper()
	h.ok(h.Append(h.ctx, aidant.LoginFailed("essai"))) // a structure changes with an entry of its own
	_, err := h.raw(fmt.Sprintf("UPDATE organisation SET suspended = %d, journal_id = (SELECT max(id) FROM journal) WHERE id = '%s'", suspended, id))
	h.ok(err)
}

func (h *house) viewer(id string) aidant.Aidant {
	h.t.Helper()
	a, err := h.Aidant(h.ctx, id)
	h.ok(err)
	return a
}

// seen are the ids of the resets that somebody may read.
func (h *house) seen(who string) []string {
	h.t.Helper()
	list, err := h.ResetsFor(h.ctx, h.viewer(who))
	h.ok(err)
	var out []string
	for _, q := range list {
		out = append(out, q.ID)
	}
	return out
}

// issued brings a reset to its code.
func (h *house) issued(agentID string) (facteur.Reinitialisation, string) {
	h.t.Helper()
	r, err := h.AskReset(h.ctx, agentID, lost, as("r-claire"))
	h.ok(err)
	h.ok(h.approve(r.ID, "r-yann"))
	code := facteur.NewCode()
	_, err = h.IssueReset(h.ctx, r.ID, code, as("r-claire"))
	h.ok(err)
	return r, code
}

// TestReset goes the whole way with the second person of a partner structure.
func TestReset(t *testing.T) {
	onBoth(t, func(h *house) {
		h.team()
		h.passkey("a-jeanne", 1)
		session := h.session("s-jeanne", "a-jeanne", "26999901700016")
		r, err := h.AskReset(h.ctx, "a-jeanne", lost, as("r-claire"))
		h.ok(err)
		if n := h.value("SELECT count(*) FROM journal WHERE CAST(body AS TEXT) LIKE '%codesecrets%'"); h.engine == "sqlite" && n != "0" {
			t.Error("the reason is in the journal")
		}
		if _, err := h.AskReset(h.ctx, "a-jeanne", lost, as("d-sophie")); !errors.Is(err, facteur.ErrState) {
			t.Errorf("asked twice = %v", err)
		}
		if s, _, _, err := h.Session(h.ctx, session); err != nil || s.Notice != r.ID {
			t.Errorf("the agent's session is not told: %+v, %v", s, err)
		}
		own, found, err := h.ResetOf(h.ctx, "a-jeanne")
		if err != nil || !found || own.Asker == "" || own.Reason != lost {
			t.Errorf("the agent's own view: %+v, %v", own, err)
		}
		same(t, "seen by the house, by the administrateur and by a stranger",
			fmt.Sprint(len(h.seen("r-yann")), len(h.seen("d-sophie")), len(h.seen("r-monique")), len(h.seen("a-paul"))), "1 1 0 0")
		for who, want := range map[string]error{"r-claire": facteur.ErrBeyond, "a-jeanne": facteur.ErrBeyond, "r-monique": facteur.ErrUnknown, "a-paul": facteur.ErrUnknown} {
			if err := h.approve(r.ID, who); !errors.Is(err, want) {
				t.Errorf("%s approves = %v, want %v", who, err, want)
			}
		}
		h.ok(h.Associate(h.ctx, "ccas", "mairie", as("d-sophie")))
		same(t, "seen by a partner", len(h.seen("r-monique")), 1)
		h.ok(h.Dissociate(h.ctx, "ccas", "mairie", as("d-sophie")))
		if err := h.approve(r.ID, "r-monique"); !errors.Is(err, facteur.ErrUnknown) {
			t.Errorf("a partner of before approves = %v", err)
		}
		h.ok(h.Associate(h.ctx, "ccas", "mairie", as("d-sophie")))
		h.closed("mairie", 1)
		if err := h.approve(r.ID, "r-monique"); !errors.Is(err, facteur.ErrUnknown) {
			t.Errorf("a partner that is suspended approves = %v", err)
		}
		h.closed("mairie", 0)
		if _, err := h.IssueReset(h.ctx, r.ID, facteur.NewCode(), as("r-claire")); !errors.Is(err, facteur.ErrState) {
			t.Errorf("a code before the second person = %v", err)
		}
		h.ok(h.approve(r.ID, "r-monique"))
		if err := h.approve(r.ID, "r-yann"); !errors.Is(err, facteur.ErrState) {
			t.Errorf("approved twice = %v", err)
		}
		first, code := facteur.NewCode(), facteur.NewCode()
		for _, c := range []string{first, code} {
			_, err = h.IssueReset(h.ctx, r.ID, c, as("r-claire"))
			h.ok(err)
		}
		if _, err := h.RedeemInvitation(h.ctx, first, h.fresh("s-old")); !errors.Is(err, facteur.ErrCode) {
			t.Errorf("the older code = %v", err)
		}
		invitee, err := h.Invitee(h.ctx, code)
		h.ok(err)
		if invitee.Reset.Asker != h.viewer("r-claire").Name() || invitee.Reset.ApproverStructure != "Structure mairie" {
			t.Errorf("what the agent reads: %+v", invitee.Reset)
		}
		signedIn, err := h.RedeemInvitation(h.ctx, code, h.fresh("s-new"))
		h.ok(err)
		f, err := h.Facteurs(h.ctx, "a-jeanne")
		h.ok(err)
		if _, err := h.Invite(h.ctx, "a-jeanne", facteur.NewCode(), as("r-claire")); !errors.Is(err, facteur.ErrAlready) {
			t.Errorf("one person alone brings back who was reset = %v", err)
		}
		if signedIn.ID != "a-jeanne" || f.Any() {
			t.Errorf("redeemed by %s, factors %+v", signedIn.ID, f)
		}
		if _, _, _, err := h.Session(h.ctx, session); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("the agent's session = %v", err)
		}
		same(t, "sessions left", h.value("SELECT auth FROM session WHERE aidant_id = 'a-jeanne'"), "relais:invitation")
		q, err := h.ResetFor(h.ctx, r.ID, h.viewer("r-monique"))
		h.ok(err)
		if q.State(h.time()) != facteur.State(facteur.Confirmed) {
			t.Errorf("state %s", q.State(h.time()))
		}
	})
}

// TestResetRefused: the agent says no, from the code's page or where they are signed
// in; the code is worth nothing afterwards, nor once the time has passed.
func TestResetRefused(t *testing.T) {
	onBoth(t, func(h *house) {
		h.team()
		h.passkey("a-jeanne", 1)
		refused := func(code string, want error) {
			t.Helper()
			if _, err := h.RedeemInvitation(h.ctx, code, h.fresh("s-x")); !errors.Is(err, want) {
				t.Errorf("redeemed = %v, want %v", err, want)
			}
			if f, err := h.Facteurs(h.ctx, "a-jeanne"); err != nil || !f.Any() {
				t.Errorf("factors gone: %+v, %v", f, err)
			}
		}
		_, code := h.issued("a-jeanne")
		h.ok(h.RefuseByCode(h.ctx, code))
		h.expect(journal.ResetEnd, journal.OK)
		refused(code, facteur.ErrCode)
		r, code := h.issued("a-jeanne")
		_, err := h.ChangeReset(h.ctx, r.ID, as("a-jeanne"), func(r facteur.Reinitialisation, p facteur.Parties) (facteur.Reinitialisation, journal.Fact, error) {
			return r.Refuse(p.Who, as("a-jeanne"), h.time())
		})
		h.ok(err)
		refused(code, facteur.ErrCode)
		_, code = h.issued("a-jeanne")
		h.pass(facteur.ResetLife)
		refused(code, facteur.ErrExpired)
		if err := h.RefuseByCode(h.ctx, code); !errors.Is(err, facteur.ErrState) {
			t.Errorf("refused too late = %v", err)
		}
		_, code = h.issued("a-jeanne") // the one that lapsed makes room
		_, err = h.RedeemInvitation(h.ctx, code, h.fresh("s-last"))
		h.ok(err)
		if _, err := h.AskReset(h.ctx, "a-paul", lost, as("d-sophie")); !errors.Is(err, facteur.ErrNoFactor) {
			t.Errorf("a reset without factors = %v", err)
		}
	})
}

// TestResetRivals: sixteen redeem one reset's code, while the agent refuses it: one
// outcome, and the journal agrees.
func TestResetRivals(t *testing.T) {
	onBoth(t, func(h *house) {
		h.team()
		for round := range 3 {
			h.passkey("a-jeanne", uint32(round+1))
			r, code := h.issued("a-jeanne")
			var won, stopped atomic.Int32
			var wg sync.WaitGroup
			for n := range 16 {
				wg.Go(func() {
					if n == 7 {
						if h.RefuseByCode(h.ctx, code) == nil {
							stopped.Add(1)
						}
						return
					}
					if _, err := h.RedeemInvitation(h.ctx, code, h.fresh(delegation.Hash(fmt.Sprint("s", round, n)))); err == nil {
						won.Add(1)
					}
				})
			}
			wg.Wait()
			same(t, "outcomes", won.Load()+stopped.Load(), 1)
			want := "confirmee"
			if stopped.Load() == 1 {
				want = "refusee"
			}
			same(t, "outcome kept", h.value("SELECT outcome FROM reinitialisation WHERE id = '"+r.ID+"'"), want)
			h.pass(time.Minute)
		}
		if _, err := h.raw("UPDATE reinitialisation SET approved_by = asked_by"); err == nil {
			t.Error("one person is two")
		}
	})
}
