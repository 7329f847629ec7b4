package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/store"
	"relais/internal/usager"
)

const purpose = "Objetsecret du contrôle des usages de nuit."

// auditeur admits an auditeur and returns their actor.
func (h *house) auditeur() journal.Actor {
	h.t.Helper()
	a := agent("a-thomas", "mairie", "21999902600012")
	a.Roles = []aidant.Role{aidant.RoleAuditeur}
	h.ok(h.AdmitAidant(h.ctx, a, journal.Systeme()))
	return a.Actor("")
}

func (h *house) order(s journal.Scope) mission.Mission {
	return mission.Mission{ID: mission.NewID(), AuditeurID: "a-thomas", Purpose: purpose, Reference: "Referencesecrete 17", Scope: s,
		From: h.time().Truncate(24 * time.Hour), To: h.time().Truncate(24*time.Hour).AddDate(0, 1, 0), Salt: journal.NewSalt()}
}

func (h *house) mission(s journal.Scope) mission.Mission {
	h.t.Helper()
	m, err := h.OpenMission(h.ctx, h.order(s), journal.Systeme())
	h.ok(err)
	return m
}

func (h *house) reveal(m mission.Mission, target mission.Target, by journal.Actor) (mission.Revelation, error) {
	return h.Reveal(h.ctx, m.ID, target, func(m mission.Mission, t mission.Target, recent int) (mission.Revelation, journal.Fact, error) {
		return m.Reveal(t, "Raisonsecrete : deux usages à trois heures.", recent, by, h.time())
	})
}

func TestMissions(t *testing.T) {
	onBoth(t, func(h *house) {
		h.auditeur()
		m := h.mission(journal.Scope{Structure: "ccas"})
		h.expect(journal.MissionOpen, journal.OK)
		got, err := h.Mission(h.ctx, m.ID)
		h.ok(err)
		same(t, "mission", got, m)
		later := h.order(journal.Scope{Departement: "99"})
		later.From, later.To = later.From.AddDate(0, 0, 2), later.To.AddDate(0, 0, 2)
		later, err = h.OpenMission(h.ctx, later, journal.Systeme())
		h.ok(err)
		running := func(want ...string) {
			t.Helper()
			list, err := h.RunningMissions(h.ctx, "a-thomas")
			h.ok(err)
			ids := []string{}
			for _, m := range list {
				ids = append(ids, m.ID)
			}
			same(t, "running", ids, append([]string{}, want...))
		}
		running(m.ID)
		h.pass(48 * time.Hour)
		running(m.ID, later.ID)
		ended, err := h.ChangeMission(h.ctx, m.ID, func(m mission.Mission) (mission.Mission, journal.Fact, error) {
			return m.End(mission.Done, journal.Systeme(), h.time())
		})
		h.ok(err)
		h.expect(journal.MissionEnd, journal.OK)
		got, err = h.Mission(h.ctx, m.ID)
		h.ok(err)
		same(t, "ended", got, ended)
		running(later.ID)
		h.pass(40 * 24 * time.Hour)
		running()
		all, err := h.Missions(h.ctx)
		h.ok(err)
		of, err := h.MissionsOf(h.ctx, "a-thomas")
		h.ok(err)
		if len(all) != 2 || len(of) != 2 {
			t.Errorf("%d and %d missions", len(all), len(of))
		}
		who, err := h.Auditeurs(h.ctx)
		h.ok(err)
		if len(who) != 1 || who[0].ID != "a-thomas" {
			t.Errorf("auditeurs %v", who)
		}
	})
}

func TestMissionsRefused(t *testing.T) {
	onBoth(t, func(h *house) {
		self := h.auditeur()
		size := h.size()
		unknown := h.order(journal.Scope{})
		unknown.AuditeurID = "a-rien"
		for name, c := range map[string]struct {
			m    mission.Mission
			by   journal.Actor
			want error
		}{
			"unknown auditeur":  {unknown, journal.Systeme(), aidant.ErrNotFound},
			"unknown structure": {h.order(journal.Scope{Structure: "rien"}), journal.Systeme(), organisation.ErrNotFound},
			"their own":         {h.order(journal.Scope{}), self, mission.ErrSelf},
		} {
			if _, err := h.OpenMission(h.ctx, c.m, c.by); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if h.size() != size+1 {
			t.Errorf("%d entries, want one refusal", h.size()-size)
		}
		h.expect(journal.MissionOpen, journal.Denied)
		if _, err := h.Mission(h.ctx, "rien"); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("no mission: %v", err)
		}
	})
}

func TestReveal(t *testing.T) {
	onBoth(t, func(h *house) {
		by := h.auditeur()
		m := h.mission(journal.Scope{Structure: "ccas"})
		signed := h.signed("ccas", martin, "social")
		inside := journal.Facets{Structure: "ccas"}
		who := mission.Target{Kind: mission.Usager, MandatID: signed.ID, Entry: 3, Facets: inside}
		r, err := h.reveal(m, who, by)
		h.ok(err)
		h.expect(journal.MissionReveal, journal.OK)
		if last := h.last(); last.Mandat != signed.ID || last.Actor.Ref != by.Ref {
			t.Errorf("entry %+v", last)
		}
		shown, err := h.Revealed(h.ctx, r.ID, "a-thomas")
		h.ok(err)
		if !strings.Contains(shown.Name, "MARTINSECRET") || shown.Birthdate != "1948-03-12" {
			t.Errorf("shown %+v", shown)
		}
		if _, err := h.Revealed(h.ctx, r.ID, "a-paul"); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("shown to another: %v", err)
		}
		h.pass(time.Second)
		agent, err := h.reveal(m, mission.Target{Kind: mission.Agent, AidantID: "a-jeanne", Facets: inside}, by)
		h.ok(err)
		if shown, err := h.Revealed(h.ctx, agent.ID, "a-thomas"); err != nil || !strings.Contains(shown.Name, "Nomsecreta-jeanne") || shown.Structure != "Structure ccas" {
			t.Errorf("agent %+v %v", shown, err)
		}
		h.pass(mission.Visible + time.Second)
		if _, err := h.Revealed(h.ctx, r.ID, "a-thomas"); !errors.Is(err, mission.ErrNotFound) {
			t.Errorf("shown too late: %v", err)
		}
		h.refusedReveals(m, by, signed.ID)
		h.notices(m, signed.Number)
		n, err := h.Replay(h.ctx) // the entry in the mandat's stream changes no state
		h.ok(err)
		same(t, "replayed", n, 2)
	})
}

// refusedReveals are those that leave their trace and show nothing.
func (h *house) refusedReveals(m mission.Mission, by journal.Actor, mandatID string) {
	h.t.Helper()
	for name, c := range map[string]struct {
		target mission.Target
		want   error
	}{
		"another structure": {mission.Target{Kind: mission.Usager, MandatID: mandatID, Facets: journal.Facets{Structure: "mairie"}}, mission.ErrScope},
		"an unknown mandat": {mission.Target{Kind: mission.Usager, MandatID: "m-rien", Facets: journal.Facets{Structure: "ccas"}}, mission.ErrNobody},
		"a draft":           {mission.Target{Kind: mission.Usager, MandatID: h.draft("ccas", "papiers").ID, Facets: journal.Facets{Structure: "ccas"}}, mission.ErrNobody},
		"an unknown agent":  {mission.Target{Kind: mission.Agent, AidantID: "relais", Facets: journal.Facets{Structure: "ccas"}}, mission.ErrNobody},
	} {
		if _, err := h.reveal(m, c.target, by); !errors.Is(err, c.want) {
			h.t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := h.reveal(mission.Mission{ID: "rien"}, mission.Target{Kind: mission.Agent}, by); !errors.Is(err, mission.ErrNotFound) {
		h.t.Errorf("no mission: %v", err)
	}
}

func (h *house) notices(m mission.Mission, number string) {
	h.t.Helper()
	for _, f := range []mission.NoticeFilter{{Reasons: true}, {MissionID: m.ID, Reasons: true}, {OrganisationID: "ccas"}} {
		list, err := h.Notices(h.ctx, f)
		h.ok(err)
		if len(list) != 2 || list[0].Agent == "" || list[1].Number != number || list[0].Reference != m.Reference ||
			(list[0].Reason != "") != f.Reasons || (list[1].Reason != "") != f.Reasons {
			h.t.Errorf("%+v: %+v", f, list)
		}
	}
	if list, err := h.Notices(h.ctx, mission.NoticeFilter{OrganisationID: "mairie"}); err != nil || len(list) != 0 {
		h.t.Errorf("another structure: %+v %v", list, err)
	}
}

// TestRevealErased: what is erased stays so, and the reason goes with it.
func TestRevealErased(t *testing.T) {
	onBoth(t, func(h *house) {
		by := h.auditeur()
		signed := h.signed("ccas", martin, "social")
		m := h.mission(journal.Scope{})
		target := mission.Target{Kind: mission.Usager, MandatID: signed.ID}
		r, err := h.reveal(m, target, by)
		h.ok(err)
		signed = h.change(signed, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Revoke(nil, mandat.Channels()[0], by, h.time())
		})
		_, _, err = h.EraseUsager(h.ctx, signed.UsagerID, usager.Injonction, journal.Systeme(), false)
		h.ok(err)
		if shown, err := h.Revealed(h.ctx, r.ID, "a-thomas"); err != nil || !shown.Erased || shown.Name != "" {
			t.Errorf("after erasure: %+v %v", shown, err)
		}
		if _, err := h.reveal(m, target, by); !errors.Is(err, mission.ErrErased) {
			t.Errorf("revealed after erasure: %v", err)
		}
		h.expect(journal.MissionReveal, journal.Denied)
		list, err := h.Notices(h.ctx, mission.NoticeFilter{Reasons: true})
		h.ok(err)
		if len(list) != 1 || list[0].Reason != "" {
			t.Errorf("notices %+v", list)
		}
	})
}

// TestRevealAtOnce: two windows cannot pass the day's limit together.
func TestRevealAtOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		by := h.auditeur()
		m := h.mission(journal.Scope{})
		target := mission.Target{Kind: mission.Agent, AidantID: "a-jeanne"}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 6 {
					if _, err := h.reveal(m, target, by); err != nil && !errors.Is(err, mission.ErrState) && !errors.Is(err, mission.ErrTooMany) {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		for n := 0; n < mission.RevealMax; n++ {
			if _, err := h.reveal(m, target, by); errors.Is(err, mission.ErrTooMany) {
				break
			}
		}
		if n := h.value("SELECT count(*) FROM revelation"); n != fmt.Sprint(mission.RevealMax) {
			t.Errorf("%s identities revealed, at most %d", n, mission.RevealMax)
		}
		h.pass(mission.RevealWindow + time.Second)
		if _, err := h.reveal(m, target, by); err != nil {
			t.Errorf("the next day: %v", err)
		}
	})
}

// TestMissionGuards: raw writes that bring no entry are refused, and nothing
// that was written stands clear.
func TestMissionGuards(t *testing.T) {
	onBoth(t, func(h *house) {
		by := h.auditeur()
		m := h.mission(journal.Scope{Structure: "ccas"})
		_, err := h.reveal(m, mission.Target{Kind: mission.Agent, AidantID: "a-jeanne", Facets: journal.Facets{Structure: "ccas"}}, by)
		h.ok(err)
		const entry = "(SELECT max(id) FROM journal)"
		for _, statement := range []string{
			"UPDATE mission SET to_at = '2030-01-01T00:00:00.000000Z'",
			"UPDATE mission SET structure = ''",
			"UPDATE mission SET rev = rev + 1",
			"UPDATE mission SET structure = '', rev = rev + 1, journal_id = " + entry,
			"UPDATE mission SET ended_at = NULL, rev = rev + 1, journal_id = 0",
			"DELETE FROM mission",
			"UPDATE revelation SET aidant_id = ''",
			"DELETE FROM revelation",
			`INSERT INTO revelation (id, mission_id, kind, aidant_id, mandat_id, organisation_id, entry, at, sealed, journal_id)
				SELECT 'x', mission_id, kind, aidant_id, mandat_id, organisation_id, entry, at, sealed, 0 FROM revelation`,
			`INSERT INTO mission (id, auditeur_id, structure, departement, from_at, to_at, opened_by, opened_at, end_reason, rev, sealed, journal_id)
				SELECT 'x', auditeur_id, '', '', from_at, to_at, opened_by, opened_at, '', 1, sealed, journal_id FROM mission`,
		} {
			if _, err := h.raw(statement); err == nil {
				t.Errorf("%s: accepted", statement)
			}
		}
		if h.engine == store.SQLite {
			if _, err := h.raw("INSERT OR REPLACE INTO mission SELECT * FROM mission"); err == nil {
				t.Error("a mission was replaced")
			}
			for _, column := range []string{"mission.sealed", "revelation.sealed"} {
				table, name, _ := strings.Cut(column, ".")
				if got := h.value("SELECT group_concat(DISTINCT typeof(" + name + ")) FROM " + table); got != "blob" {
					t.Errorf("%s holds %s", column, got)
				}
				if got := h.value("SELECT count(*) FROM " + table + " WHERE instr(" + name + ", CAST('secret' AS BLOB)) > 0"); got != "0" {
					t.Errorf("%s stands clear", column)
				}
			}
		}
	})
}
