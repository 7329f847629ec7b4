package mission_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
)

var (
	day   = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	now   = day.Add(9 * time.Hour)
	admin = journal.Actor{Type: journal.ActorAidant, Ref: "a-sophie"}
	home  = organisation.Organisation{ID: "departement", Postcode: "99000"}
)

const purpose = "Contrôle annuel de l’usage des mandats."

func thomas(roles ...aidant.Role) aidant.Aidant {
	return aidant.Aidant{ID: "a-thomas", OrganisationID: home.ID, Roles: append([]aidant.Role{aidant.RoleAuditeur}, roles...)}
}

func order() mission.Mission {
	return mission.Mission{ID: mission.NewID(), AuditeurID: "a-thomas", Purpose: purpose, Reference: "OM 2026-17", From: day,
		To: day.AddDate(0, 3, 0), Salt: journal.NewSalt()}
}

func open(t *testing.T, m mission.Mission) mission.Mission {
	t.Helper()
	m, fact, err := mission.Open(m, thomas(), home, admin, now)
	if err != nil || fact.Check() != nil || fact.Action() != journal.MissionOpen || fact.Outcome() != journal.OK {
		t.Fatalf("Open = %v %v", fact, err)
	}
	return m
}

func TestOpen(t *testing.T) {
	suspended := thomas()
	suspended.SuspendedAt = day
	for name, c := range map[string]struct {
		change func(*mission.Mission)
		who    aidant.Aidant
		by     journal.Actor
		want   error
		trace  string // reason of the refusal's fact, "" for none
	}{
		"as written":              {nil, thomas(), admin, nil, ""},
		"by the operator":         {nil, thomas(), journal.Systeme(), nil, ""},
		"a whole year":            {func(m *mission.Mission) { m.To = m.From.AddDate(1, 0, 0) }, thomas(), admin, nil, ""},
		"a year and a second":     {func(m *mission.Mission) { m.To = m.From.AddDate(1, 0, 0).Add(time.Second) }, thomas(), admin, mission.ErrInvalid, ""},
		"an end before the start": {func(m *mission.Mission) { m.To = m.From }, thomas(), admin, mission.ErrInvalid, ""},
		"no start":                {func(m *mission.Mission) { m.From = time.Time{} }, thomas(), admin, mission.ErrInvalid, ""},
		"over already":            {func(m *mission.Mission) { m.From, m.To = day.AddDate(0, -2, 0), now }, thomas(), admin, mission.ErrInvalid, ""},
		"a purpose of 19":         {func(m *mission.Mission) { m.Purpose = strings.Repeat("é", 19) }, thomas(), admin, mission.ErrInvalid, ""},
		"a purpose of 20":         {func(m *mission.Mission) { m.Purpose = strings.Repeat("é", 20) }, thomas(), admin, nil, ""},
		"a purpose of 500":        {func(m *mission.Mission) { m.Purpose = strings.Repeat("é", 500) }, thomas(), admin, nil, ""},
		"a purpose of 501":        {func(m *mission.Mission) { m.Purpose = strings.Repeat("é", 501) }, thomas(), admin, mission.ErrInvalid, ""},
		"hidden characters":       {func(m *mission.Mission) { m.Purpose = purpose + "\u202e" }, thomas(), admin, mission.ErrInvalid, ""},
		"no reference":            {func(m *mission.Mission) { m.Reference = "" }, thomas(), admin, mission.ErrInvalid, ""},
		"two scopes":              {func(m *mission.Mission) { m.Scope = journal.Scope{Structure: "a", Departement: "75"} }, thomas(), admin, mission.ErrInvalid, ""},
		"no salt":                 {func(m *mission.Mission) { m.Salt = nil }, thomas(), admin, mission.ErrInvalid, ""},
		"no auditeur":             {nil, aidant.Aidant{ID: "a-thomas", Roles: []aidant.Role{aidant.RoleReferent}}, admin, mission.ErrInvalid, ""},
		"somebody else":           {nil, aidant.Aidant{ID: "a-autre", Roles: []aidant.Role{aidant.RoleAuditeur}}, admin, mission.ErrInvalid, ""},
		"a suspended auditeur":    {nil, suspended, admin, mission.ErrInvalid, ""},
		"their own":               {nil, thomas(aidant.RoleAdministrateur), journal.Actor{Type: journal.ActorAidant, Ref: "a-thomas"}, mission.ErrSelf, "soi_meme"},
		"aidant, all":             {nil, thomas(aidant.RoleAidant), admin, mission.ErrConflict, "conflit"},
		"référent, own structure": {func(m *mission.Mission) { m.Scope.Structure = home.ID }, thomas(aidant.RoleReferent), admin, mission.ErrConflict, "conflit"},
		"aidant, own département": {func(m *mission.Mission) { m.Scope.Departement = "99" }, thomas(aidant.RoleAidant), admin, mission.ErrConflict, "conflit"},
		"aidant, another place":   {func(m *mission.Mission) { m.Scope.Departement = "75" }, thomas(aidant.RoleAidant), admin, nil, ""},
	} {
		m := order()
		if c.change != nil {
			c.change(&m)
		}
		got, fact, err := mission.Open(m, c.who, home, c.by, now)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if fact.Reason() != c.trace || fact.IsZero() != (err != nil && c.trace == "") || (!fact.IsZero() && fact.Check() != nil) {
			t.Errorf("%s: fact %+v", name, fact)
		}
		if err == nil && (got.OpenedBy != c.by.Ref || !got.OpenedAt.Equal(now)) {
			t.Errorf("%s: opened %+v", name, got)
		}
	}
}

// TestFactsHoldNoText: what people wrote is committed to, never told.
func TestFactsHoldNoText(t *testing.T) {
	m := open(t, order())
	_, opened, _ := mission.Open(m, thomas(), home, admin, now)
	reason := "Deux usages à trois heures du matin."
	_, revealed, err := m.Reveal(mission.Target{Kind: mission.Agent, AidantID: "a-jeanne", OrganisationID: "ccas", Found: true}, reason, 0, thomas().Actor(""), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []journal.Fact{opened, revealed} {
		body, err := journal.Entry{ID: "e", At: now, Fact: f}.Canonical()
		if err != nil || strings.Contains(string(body), "Contr") || strings.Contains(string(body), "OM 2026") || strings.Contains(string(body), "matin") {
			t.Errorf("%s %v", body, err)
		}
	}
	if got := journal.Commit(m.Salt, m.Purpose, m.Reference); opened.Detail("engagement") != got {
		t.Errorf("commitment %s, want %s", opened.Detail("engagement"), got)
	}
	if journal.Commit(m.Salt, "ab", "c") == journal.Commit(m.Salt, "a", "bc") || journal.Commit(m.Salt, "a") == journal.Commit(journal.NewSalt(), "a") {
		t.Error("commitments collide")
	}
}

func TestStates(t *testing.T) {
	m := open(t, order())
	for at, want := range map[time.Time]mission.State{m.From.Add(-1): mission.Upcoming, m.From: mission.Running, m.To.Add(-1): mission.Running, m.To: mission.Over} {
		if got := m.State(at); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
	ended, fact, err := m.End(mission.Withdrawn, admin, now)
	if err != nil || fact.Check() != nil || fact.Reason() != "retiree" || ended.State(now) != mission.Over || m.State(now) != mission.Running {
		t.Errorf("End = %+v %v", ended, err)
	}
	if _, _, err := ended.End(mission.Done, admin, now); !errors.Is(err, mission.ErrState) {
		t.Errorf("ended twice: %v", err)
	}
	if _, fact, err := m.End(mission.Done, thomas().Actor(""), now); !errors.Is(err, mission.ErrSelf) || fact.Reason() != "soi_meme" {
		t.Errorf("ended by its auditeur: %v", err)
	}
	if _, _, err := m.End("parce que", admin, now); !errors.Is(err, mission.ErrInvalid) {
		t.Errorf("no reason: %v", err)
	}
	for _, s := range []mission.State{mission.Upcoming, mission.Running, mission.Over} {
		if s.Label() == string(s) {
			t.Errorf("%s has no label", s)
		}
	}
}

func TestReveal(t *testing.T) {
	m := order()
	m.Scope.Structure = "ccas"
	m = open(t, m)
	inside := mission.Target{Kind: mission.Usager, MandatID: "m-1", OrganisationID: "ccas", Found: true, Entry: 7, Facets: journal.Facets{Structure: "ccas"}}
	const reason = "Signature plus rapide que la lecture."
	for name, c := range map[string]struct {
		change func(*mission.Mission, *mission.Target)
		reason string
		recent int
		by     string
		want   error
		trace  string
	}{
		"an usager":         {nil, reason, 0, "a-thomas", nil, ""},
		"the last of a day": {nil, reason, mission.RevealMax - 1, "a-thomas", nil, ""},
		"one too many":      {nil, reason, mission.RevealMax, "a-thomas", mission.ErrTooMany, "trop_nombreuses"},
		"no reason":         {nil, "", 0, "a-thomas", mission.ErrInvalid, ""},
		"another auditeur":  {nil, reason, 0, "a-autre", mission.ErrScope, "autre_auditeur"},
		"over":              {func(m *mission.Mission, _ *mission.Target) { m.To = now }, reason, 0, "a-thomas", mission.ErrOver, "mission_terminee"},
		"not begun":         {func(m *mission.Mission, _ *mission.Target) { m.From = now.Add(1) }, reason, 0, "a-thomas", mission.ErrOver, "mission_terminee"},
		"elsewhere":         {func(_ *mission.Mission, t *mission.Target) { t.Facets.Structure = "mairie" }, reason, 0, "a-thomas", mission.ErrScope, "hors_mission"},
		"of no structure":   {func(_ *mission.Mission, t *mission.Target) { t.Facets = journal.Facets{} }, reason, 0, "a-thomas", mission.ErrScope, "hors_mission"},
		"erased":            {func(_ *mission.Mission, t *mission.Target) { t.Erased = true }, reason, 0, "a-thomas", mission.ErrErased, "efface"},
		"nobody yet":        {func(_ *mission.Mission, t *mission.Target) { t.Found = false }, reason, 0, "a-thomas", mission.ErrNobody, ""},
		"what else":         {func(_ *mission.Mission, t *mission.Target) { t.Kind = "tout" }, reason, 0, "a-thomas", mission.ErrInvalid, ""},
	} {
		m, target := m, inside
		if c.change != nil {
			c.change(&m, &target)
		}
		r, fact, err := m.Reveal(target, c.reason, c.recent, journal.Actor{Type: journal.ActorAidant, Ref: c.by}, now)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || fact.Reason() != c.trace || fact.IsZero() != (err != nil && c.trace == "") {
			t.Errorf("%s: %v %+v", name, err, fact)
		}
		if err == nil && (fact.Check() != nil || fact.Stream() != "m-1" || r.MandatID != "m-1" || r.OrganisationID != "ccas" || r.Entry != 7) {
			t.Errorf("%s: %+v %+v", name, r, fact)
		}
		if err != nil && r.ID != "" {
			t.Errorf("%s: refused with a revelation", name)
		}
	}
}

func TestScopes(t *testing.T) {
	for code, want := range map[string]journal.Scope{"tout": {}, "structure:ccas": {Structure: "ccas"}, "departement:75": {Departement: "75"}, "departement:974": {Departement: "974"}} {
		got, err := mission.ParseScope(code)
		if err != nil || got != want || mission.ScopeCode(got) != code {
			t.Errorf("%s = %+v %v", code, got, err)
		}
	}
	for _, code := range []string{"", "Tout", "structure:", "departement:", "departement:7", "departement:975x", "departement:750", "region:11"} {
		if got, err := mission.ParseScope(code); !errors.Is(err, mission.ErrInvalid) {
			t.Errorf("%q = %+v %v", code, got, err)
		}
	}
}

func TestLabels(t *testing.T) {
	m, other := order(), order()
	seen := map[string]bool{}
	for i := range 2000 {
		l := m.Label("a" + strings.Repeat("x", i%50) + string(rune('0'+i/50)))
		if !mission.IsLabel(l) {
			t.Fatalf("label %q", l)
		}
		seen[l] = true
	}
	if len(seen) < 1999 {
		t.Errorf("%d labels of 2000 agents", len(seen))
	}
	if m.Label("a-jeanne") != m.Label("a-jeanne") || m.Label("a-jeanne") == other.Label("a-jeanne") {
		t.Error("labels are not of one mission")
	}
}
