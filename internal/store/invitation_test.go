package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/habilitation"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// team adds a référent to each structure and an administrateur.
func (h *house) team() {
	h.t.Helper()
	for _, who := range []struct {
		id, structure, siret string
		role                 aidant.Role
	}{
		{"r-claire", "ccas", "26999901700016", aidant.RoleReferent}, {"r-yann", "ccas", "26999901700016", aidant.RoleReferent},
		{"r-monique", "mairie", "21999902600012", aidant.RoleReferent}, {"d-sophie", "mairie", "21999902600012", aidant.RoleAdministrateur},
	} {
		a := agent(who.id, who.structure, who.siret)
		a.Roles = []aidant.Role{who.role}
		h.ok(h.AdmitAidant(h.ctx, a, journal.Systeme()))
	}
}

func as(id string) journal.Actor {
	return journal.Actor{Type: journal.ActorAidant, Ref: id, Auth: "proconnect:eidas1-mfa"}
}

func (h *house) fresh(ref string) aidant.Session {
	return aidant.Session{Ref: ref, CreatedAt: h.time(), SeenAt: h.time(), AuthAt: h.time(), Device: "Firefox"}
}

func TestInvitations(t *testing.T) {
	onBoth(t, func(h *house) {
		h.team()
		eve := agent("a-eve", "ccas", "26999901700016")
		code := facteur.NewCode()
		i, err := h.AdmitInvited(h.ctx, eve, code, as("r-claire"))
		h.ok(err)
		h.expect(journal.InvitationOpen, journal.OK)
		if n := h.value("SELECT count(*) FROM invitation WHERE code_token LIKE '%" + code + "%'"); n != "0" {
			t.Error("the code is kept")
		}
		list, err := h.Invitations(h.ctx, "ccas")
		h.ok(err)
		if len(list) != 1 || list[0].ID != i.ID || list[0].Name != eve.Name() {
			t.Errorf("pending: %+v", list)
		}
		size := h.size()
		for name, c := range map[string]struct {
			a    aidant.Aidant
			by   string
			want error
		}{
			"an e-mail twice":   {agent("a-eve", "ccas", "26999901700016"), "r-claire", habilitation.ErrTaken},
			"another structure": {agent("a-x", "ccas", "26999901700016"), "r-monique", facteur.ErrBeyond},
			"by an aidant":      {agent("a-x", "ccas", "26999901700016"), "a-jeanne", facteur.ErrBeyond},
		} {
			if _, err := h.AdmitInvited(h.ctx, c.a, facteur.NewCode(), as(c.by)); !errors.Is(err, c.want) {
				t.Errorf("%s = %v, want %v", name, err, c.want)
			}
		}
		if got := h.size() - size; got != 2 {
			t.Errorf("%d entries of refusals, want 2", got)
		}
		invitee, err := h.Invitee(h.ctx, code)
		h.ok(err)
		if invitee.Aidant.ID != eve.ID || invitee.Structure.ID != "ccas" {
			t.Errorf("invitee: %+v", invitee.Standing)
		}
		newer := facteur.NewCode()
		_, err = h.Invite(h.ctx, eve.ID, newer, as("r-claire"))
		h.ok(err)
		if _, err := h.RedeemInvitation(h.ctx, code, h.fresh("s1")); !errors.Is(err, facteur.ErrCode) {
			t.Errorf("the older code = %v", err)
		}
		h.expect(journal.SessionRefuse, journal.Denied)
		h.ok(h.CancelInvitation(h.ctx, eve.ID, as("d-sophie")))
		if _, err := h.Invitee(h.ctx, newer); !errors.Is(err, facteur.ErrCode) {
			t.Errorf("the cancelled code = %v", err)
		}
		if err := h.CancelInvitation(h.ctx, eve.ID, as("r-claire")); !errors.Is(err, facteur.ErrState) {
			t.Errorf("cancelled twice = %v", err)
		}
		if _, err := h.Invitee(h.ctx, "n’importe quoi"); !errors.Is(err, facteur.ErrCode) {
			t.Errorf("no code = %v", err)
		}
		h.expect(journal.SessionRefuse, journal.Denied)
	})
}

// TestInvitationRefused: a code out of date, of a suspended agent or structure, or of
// one who came by ProConnect meanwhile, opens nothing.
func TestInvitationRefused(t *testing.T) {
	onBoth(t, func(h *house) {
		h.team()
		invite := func(id string) string {
			code := facteur.NewCode()
			_, err := h.AdmitInvited(h.ctx, agent(id, "ccas", "26999901700016"), code, as("r-claire"))
			h.ok(err)
			return code
		}
		late, gone, known, closed := invite("a-late"), invite("a-gone"), invite("a-known"), invite("a-closed")
		_, err := h.ChangeAidant(h.ctx, "a-gone", func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
			return habilitation.Suspend(a, as("r-claire"), h.time())
		})
		h.ok(err)
		h.session("s-known", "a-known", "26999901700016")
		try := func(name, code string, want error) {
			t.Helper()
			if _, err := h.RedeemInvitation(h.ctx, code, h.fresh("s-"+name)); !errors.Is(err, want) {
				t.Errorf("%s = %v, want %v", name, err, want)
			}
			h.expect(journal.SessionRefuse, journal.Denied)
		}
		try("suspended", gone, facteur.ErrClosed)
		try("known", known, facteur.ErrAlready)
		h.pass(facteur.InvitationLife)
		try("late", late, facteur.ErrExpired)
		h.pass(-time.Hour)
		if _, err := h.raw("UPDATE organisation SET suspended = 1, journal_id = (SELECT max(id) FROM journal) WHERE id = 'ccas'"); err != nil {
			t.Fatal(err)
		}
		try("structure", closed, facteur.ErrClosed)
		same(t, "enrolment sessions", h.value("SELECT count(*) FROM session WHERE auth = 'relais:invitation'"), "0")
		h.broken = true // the clock went back on purpose
	})
}

// TestInvitationRivals: of sixteen who redeem one code at once, one wins.
func TestInvitationRivals(t *testing.T) {
	onBoth(t, func(h *house) {
		h.team()
		for round := range 3 {
			code, id := facteur.NewCode(), fmt.Sprintf("a-new%d", round)
			_, err := h.AdmitInvited(h.ctx, agent(id, "ccas", "26999901700016"), code, as("r-claire"))
			h.ok(err)
			other := h.open()
			var won atomic.Int32
			var wg sync.WaitGroup
			for n := range 16 {
				st := h.Store
				if n%2 == 1 {
					st = other // as another instance would
				}
				wg.Go(func() {
					_, err := st.RedeemInvitation(h.ctx, code, h.fresh(fmt.Sprintf("s%d-%d", round, n)))
					switch {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, facteur.ErrCode):
						t.Errorf("a loser got %v", err)
					}
				})
			}
			wg.Wait()
			same(t, "winners", won.Load(), 1)
			same(t, "sessions", h.value("SELECT count(*) FROM session WHERE aidant_id = '"+id+"' AND auth = 'relais:invitation'"), "1")
		}
	})
}

func TestPartners(t *testing.T) {
	onBoth(t, func(h *house) {
		h.ok(h.AdmitOrganisation(h.ctx, structure("agglo", "20999903600012"), journal.Systeme()))
		h.ok(h.Associate(h.ctx, "mairie", "ccas", as("a-paul")))
		h.expect(journal.StructureAssociate, journal.OK)
		if err := h.Associate(h.ctx, "ccas", "mairie", as("a-paul")); !errors.Is(err, organisation.ErrPartner) {
			t.Errorf("twice, the other way round = %v", err)
		}
		if err := h.Associate(h.ctx, "ccas", "ccas", as("a-paul")); !errors.Is(err, organisation.ErrSame) {
			t.Errorf("with itself = %v", err)
		}
		if err := h.Associate(h.ctx, "ccas", "rien", as("a-paul")); !errors.Is(err, organisation.ErrNotFound) {
			t.Errorf("with nobody = %v", err)
		}
		for of, want := range map[string]string{"ccas": "mairie", "mairie": "ccas"} {
			list, err := h.Partners(h.ctx, of)
			h.ok(err)
			if len(list) != 1 || list[0].ID != want {
				t.Errorf("partners of %s: %+v", of, list)
			}
		}
		h.ok(h.Dissociate(h.ctx, "ccas", "mairie", as("a-paul")))
		h.expect(journal.StructureDissociate, journal.OK)
		if err := h.Dissociate(h.ctx, "ccas", "mairie", as("a-paul")); !errors.Is(err, organisation.ErrStranger) {
			t.Errorf("ended twice = %v", err)
		}
		h.ok(h.Associate(h.ctx, "ccas", "mairie", as("a-paul"))) // again, later
		if _, err := h.raw("UPDATE partenariat SET b_id = 'agglo' WHERE ended_at IS NULL"); err == nil {
			t.Error("a partnership changes hands without an entry")
		}
		if _, err := h.raw("DELETE FROM partenariat"); err == nil {
			t.Error("a partnership is deleted")
		}
	})
}
