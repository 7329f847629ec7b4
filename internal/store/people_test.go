package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/organisation"
)

func TestStructuresAndAgents(t *testing.T) {
	onBoth(t, func(h *house) {
		o := structure("reunion", "20999903600012")
		o.Domaines, o.Timezone = []string{"social", "papiers"}, "Indian/Reunion"
		h.ok(h.AdmitOrganisation(h.ctx, o, journal.Systeme()))
		read, err := h.Organisation(h.ctx, "reunion")
		h.ok(err)
		same(t, "structure", read, o)
		all, err := h.Organisations(h.ctx)
		h.ok(err)
		if len(all) != 3 {
			t.Errorf("%d structures, want 3", len(all))
		}
		if err := h.AdmitOrganisation(h.ctx, o, journal.Systeme()); !errors.Is(err, organisation.ErrInvalid) {
			t.Errorf("admitted twice = %v", err)
		}
		if _, err := h.Organisation(h.ctx, "rien"); !errors.Is(err, organisation.ErrNotFound) {
			t.Errorf("no structure = %v", err)
		}
		a := agent("a-eve", "reunion", "20999903600012")
		a.Roles = []aidant.Role{aidant.RoleReferent, aidant.RoleAidant}
		h.ok(h.AdmitAidant(h.ctx, a, journal.Systeme()))
		got, err := h.Aidant(h.ctx, "a-eve")
		h.ok(err)
		same(t, "agent", got, a)
		team, err := h.Aidants(h.ctx, "reunion")
		h.ok(err)
		same(t, "team", team, []aidant.Aidant{a})
		twin := agent("a-autre", "ccas", "26999901700016")
		twin.Email = " A-EVE@secret.example"
		size := h.size()
		if err := h.AdmitAidant(h.ctx, twin, journal.Systeme()); !errors.Is(err, habilitation.ErrInvalid) {
			t.Errorf("an e-mail twice = %v", err)
		}
		if err := h.AdmitAidant(h.ctx, agent("a-x", "rien", "26999901700016"), journal.Systeme()); !errors.Is(err, organisation.ErrNotFound) {
			t.Errorf("an agent of no structure = %v", err)
		}
		if _, err := h.Aidant(h.ctx, "a-autre"); !errors.Is(err, aidant.ErrNotFound) || h.size() != size {
			t.Errorf("a refused agent = %v, %d entries, want %d", err, h.size(), size)
		}
	})
}

func TestSignIn(t *testing.T) {
	onBoth(t, func(h *house) {
		try := func(sub, email, siret, acr string) error {
			_, err := h.SignIn(h.ctx, aidant.Login{Sub: sub, Email: email, SIRET: siret, ACR: acr}, aidant.Session{Ref: "r" + sub + acr, CreatedAt: h.time(), SeenAt: h.time()})
			return err
		}
		const siret, other = "26999901700016", "21999902600012"
		for _, c := range []struct {
			sub, email, siret, acr string
			want                   error
		}{
			{"s1", "inconnu@secret.example", siret, "eidas1-mfa", aidant.ErrUnknown},
			{"s1", "a-jeanne@secret.example", other, "eidas1-mfa", aidant.ErrUnknown},
			{"", "a-jeanne@secret.example", siret, "eidas1-mfa", aidant.ErrUnknown},
			{"s1", "a-jeanne@secret.example", siret, "eidas1", aidant.ErrWeak},
		} {
			if err := try(c.sub, c.email, c.siret, c.acr); !errors.Is(err, c.want) {
				t.Errorf("%+v = %v, want %v", c, err, c.want)
			}
			h.expect(journal.SessionRefuse, journal.Denied)
		}
		if n := h.value("SELECT count(*) FROM session"); n != "0" {
			t.Errorf("%s sessions after refusals", n)
		}
		h.ok(try("s1", "A-Jeanne@secret.example ", siret, "eidas1-mfa"))
		h.expect(journal.SessionOpen, journal.OK)
		h.ok(try("s1", "nouvelle@secret.example", other, "eidas2")) // by sub
		h.ok(try("s2", "a-jeanne@secret.example", siret, "eidas2")) // another provider: found by e-mail and SIRET, rebound
		if err := try("s1", "nouvelle@secret.example", other, "eidas2"); !errors.Is(err, aidant.ErrUnknown) {
			t.Errorf("the sub that was replaced = %v", err)
		}
		s, a, o, err := h.Session(h.ctx, "rs2eidas2")
		h.ok(err)
		if s.AidantID != "a-jeanne" || s.OrganisationID != "ccas" || s.Auth != "proconnect:eidas2" || a.Sub != "s2" || o.ID != "ccas" {
			t.Errorf("session %+v of %+v in %s", s, a, o.ID)
		}
	})
}

func TestSessions(t *testing.T) {
	onBoth(t, func(h *house) {
		first, second := h.session("s-jeanne", "a-jeanne", "26999901700016"), h.session("s-jeanne", "a-jeanne", "26999901700016")
		h.pass(time.Minute)
		h.ok(h.TouchSession(h.ctx, first, h.time()))
		list, err := h.SessionsOf(h.ctx, "a-jeanne")
		h.ok(err)
		if len(list) != 2 || list[0].Ref != first || !list[0].SeenAt.Equal(h.time()) {
			t.Errorf("sessions = %+v", list)
		}
		list[0].Data = []byte("neuf")
		h.ok(h.SaveSession(h.ctx, list[0]))
		statements, _ := h.Counts()
		s, a, _, err := h.Session(h.ctx, first)
		h.ok(err)
		if n, _ := h.Counts(); n-statements != 1 {
			t.Errorf("a session takes %d statements, want 1", n-statements)
		}
		same(t, "data", string(s.Data), "neuf")
		h.ok(h.EndSession(h.ctx, first, a.SessionRevoked(first)))
		h.expect(journal.SessionRevoke, journal.OK)
		size := h.size()
		for what, err := range map[string]error{"EndSession": h.EndSession(h.ctx, first, a.SignedOut("x")),
			"TouchSession": h.TouchSession(h.ctx, first, h.time()), "SaveSession": h.SaveSession(h.ctx, s)} {
			if !errors.Is(err, aidant.ErrSession) {
				t.Errorf("%s of an ended session = %v", what, err)
			}
		}
		if err := h.EndSession(h.ctx, second, journal.Fact{}); !errors.Is(err, journal.ErrFact) || h.size() != size {
			t.Errorf("ending without a fact = %v", err)
		}
		admin := journal.Actor{Type: journal.ActorAidant, Ref: "a-admin"}
		_, err = h.ChangeAidant(h.ctx, "a-jeanne", func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
			return habilitation.Suspend(a, admin, h.time())
		})
		h.ok(err)
		if list, err := h.SessionsOf(h.ctx, "a-jeanne"); err != nil || len(list) != 0 {
			t.Errorf("sessions of a suspended agent: %v, %v", list, err)
		}
		_, err = h.SignIn(h.ctx, aidant.Login{Sub: "s-jeanne", ACR: "eidas2"}, aidant.Session{Ref: "x"})
		if !errors.Is(err, aidant.ErrSuspended) {
			t.Errorf("suspended = %v", err)
		}
		h.expect(journal.SessionRefuse, journal.Denied)
		_, err = h.ChangeAidant(h.ctx, "a-jeanne", func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) { return habilitation.Reinstate(a, admin) })
		h.ok(err)
		h.session("s-jeanne", "a-jeanne", "26999901700016")
		if _, err := h.ChangeAidant(h.ctx, "rien", nil); !errors.Is(err, aidant.ErrNotFound) {
			t.Errorf("nobody = %v", err)
		}
	})
}

func TestSuspendedStructure(t *testing.T) {
	onBoth(t, func(h *house) {
		ref := h.session("s-jeanne", "a-jeanne", "26999901700016")
		h.ok(h.AdmitOrganisation(h.ctx, structure("autre", "20999903600012"), journal.Systeme())) // a fresh entry to point to
		_, err := h.raw("UPDATE organisation SET suspended = 1, journal_id = (SELECT max(id) FROM journal) WHERE id = 'ccas'")
		h.ok(err)
		if _, _, _, err := h.Session(h.ctx, ref); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("session in a suspended structure = %v", err)
		}
		_, err = h.SignIn(h.ctx, aidant.Login{Sub: "s-jeanne", ACR: "eidas2"}, aidant.Session{Ref: "x"})
		if !errors.Is(err, aidant.ErrSuspended) {
			t.Errorf("login in a suspended structure = %v", err)
		}
	})
}

func TestSearch(t *testing.T) {
	onBoth(t, func(h *house) {
		people := []who{
			{"1", pivot("MARTIN", "Jeanne Élise", "1948-03-12")}, {"2", pivot("MARTIN", "Jeanne", "1950-01-01")},
			{"3", pivot("Martinez-Le Goff", "Zoé", "1980-00-00")}, {"4", pivot("Œuvrard", "Lù", "1990-10-10")},
		}
		for _, p := range people {
			h.pass(time.Minute)
			h.signed("ccas", p, "social")
		}
		for typed, want := range map[string][]string{
			"martin":              {"2", "1", "3"},
			"MARTIN jeanne":       {"2", "1"},
			"jeanne 12/03/1948":   {"1"},
			"elise":               {"1"},
			"oeuv":                {"4"},
			"lu":                  {"4"},
			"goff le mart zoe":    {"3"},
			"martin martinez zoe": {"3"},
			"absent":              nil,
			"artin":               nil,
			"":                    {"4", "3", "2", "1"},
		} {
			files, err := h.SearchUsagers(h.ctx, "ccas", identite.ParseQuery(typed), 10)
			h.ok(err)
			var got []string
			for _, f := range files {
				got = append(got, f.Usager.Sub)
				if len(f.Mandats) != 1 || len(f.Mandats[0].Autorisations) != 1 {
					t.Errorf("%q: %+v", typed, f.Mandats)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", typed, got, want)
			}
		}
		two, err := h.SearchUsagers(h.ctx, "ccas", identite.ParseQuery(""), 2)
		h.ok(err)
		if len(two) != 2 || two[0].Usager.Sub != "4" {
			t.Errorf("the two most recent: %+v", two)
		}
		h.signed("ccas", who{"1", pivot("NOUVEAU", "Jeanne Élise", "1948-03-12")}, "papiers")
		for typed, want := range map[string]int{"nouveau": 1, "martin elise": 0} {
			files, err := h.SearchUsagers(h.ctx, "ccas", identite.ParseQuery(typed), 10)
			h.ok(err)
			if len(files) != want {
				t.Errorf("after a change of name %q finds %d, want %d", typed, len(files), want)
			}
		}
	})
}
