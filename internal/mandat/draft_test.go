package mandat_test

import (
	"errors"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
)

func TestDraftRefuses(t *testing.T) {
	narrow := ccas()
	narrow.Domaines = []string{"papiers"}
	for name, change := range map[string]func(*mandat.Plan){
		"no domaine":         func(p *mandat.Plan) { p.Autorisations = nil },
		"unknown domaine":    func(p *mandat.Plan) { p.Autorisations[0].Domaine = "chasse" },
		"a domaine twice":    func(p *mandat.Plan) { p.Autorisations[1] = p.Autorisations[0] },
		"no démarche":        func(p *mandat.Plan) { p.Autorisations[0].Demarches = nil },
		"a foreign démarche": func(p *mandat.Plan) { p.Autorisations[0].Demarches = []string{"declaration-revenus"} },
		"a démarche twice":   func(p *mandat.Plan) { p.Autorisations[0].Demarches = []string{"apl", "apl"} },
		"no aidant":          func(p *mandat.Plan) { p.Aidants = nil },
		"a nameless aidant":  func(p *mandat.Plan) { p.Aidants = []string{"a-1", ""} },
		"an aidant twice":    func(p *mandat.Plan) { p.Aidants = []string{"a-1", "a-1"} },
		"no duration":        func(p *mandat.Plan) { p.Duration = mandat.Duration{} },
		"30 days":            func(p *mandat.Plan) { p.Duration.Days = 30 },
		"minus 1 day":        func(p *mandat.Plan) { p.Duration.Days = -1 },
		"days and last day":  func(p *mandat.Plan) { p.Duration.LastDay = now },
		"no capacity":        func(p *mandat.Plan) { p.Capacity = "" },
		"unknown capacity":   func(p *mandat.Plan) { p.Capacity = "majeur" },
	} {
		p := plan()
		change(&p)
		_, fact, err := mandat.Draft("m-1", "346789BCDFGH", ccas(), p, by("a-1"), now)
		if !errors.Is(err, mandat.ErrInvalid) || !fact.IsZero() {
			t.Errorf("%s: Draft = %v, %v; want ErrInvalid and no fact", name, fact.Action(), err)
		}
		if _, fact, err = after(t).Redraft(ccas(), p, by("a-1"), now); !errors.Is(err, mandat.ErrInvalid) || !fact.IsZero() {
			t.Errorf("%s: Redraft = %v", name, err)
		}
	}
	if _, _, err := mandat.Draft("m-1", "346789BCDFGH", narrow, plan(), by("a-1"), now); !errors.Is(err, mandat.ErrInvalid) {
		t.Errorf("a domaine that the structure may not use: %v", err)
	}
}

// TestCapacity: whoever declares a measure gives no mandat, and the refusal is
// traced without a mandat's stream, since there is no mandat.
func TestCapacity(t *testing.T) {
	for _, c := range mandat.Capacities() {
		p := plan()
		p.Capacity = c
		_, fact, err := mandat.Draft("m-1", "346789BCDFGH", ccas(), p, by("a-1"), now)
		if c == mandat.CapacityFull {
			if err != nil {
				t.Errorf("%s: %v", c, err)
			}
			continue
		}
		if !errors.Is(err, mandat.ErrProtected) || fact.Outcome() != journal.Denied || fact.Reason() != "protection_declaree" ||
			fact.Stream() != "" || fact.Check() != nil {
			t.Errorf("%s: Draft = %+v, %v", c, fact, err)
		}
	}
}

func TestDraftStartsAfresh(t *testing.T) {
	p := plan()
	p.Autorisations[0].EndedAt, p.Autorisations[0].EndReason = now, mandat.Deces
	m, _, err := mandat.Draft("m-1", "346789BCDFGH", ccas(), p, by("a-1"), now)
	if err != nil || !m.Autorisations[0].EndedAt.IsZero() || m.Autorisations[0].EndReason != "" {
		t.Errorf("a draft takes the end of an autorisation from its plan: %+v, %v", m.Autorisations[0], err)
	}
	if m.State != mandat.Brouillon || m.CreatedBy != "a-1" || m.OrganisationID != "ccas" || m.Number != "346789BCDFGH" || m.UsagerID != "" {
		t.Errorf("Draft = %+v", m)
	}
	m, _, err = redraft(after(t, entrust, identify))
	if err != nil || !m.Texte.IsZero() || m.Signature != (mandat.Signature{}) || m.Replaces != nil {
		t.Errorf("Redraft keeps what was bound to the text: %+v, %v", m, err)
	}
}

// TestEnds: 23:59:59 of the last day in the structure's zone, whatever the clock
// does in between.
func TestEnds(t *testing.T) {
	for _, x := range []struct {
		zone, at string // at in UTC
		days     int
		want     string
	}{
		{"Europe/Paris", "2026-11-21T10:00:00Z", 1, "2026-11-22T23:59:59+01:00"},
		{"Europe/Paris", "2026-11-21T22:59:59Z", 1, "2026-11-22T23:59:59+01:00"},
		{"Europe/Paris", "2026-11-21T23:00:00Z", 1, "2026-11-23T23:59:59+01:00"}, // already the 22nd there
		{"Europe/Paris", "2026-03-28T10:00:00Z", 1, "2026-03-29T23:59:59+02:00"}, // clocks go forward
		{"Europe/Paris", "2026-03-01T10:00:00Z", 31, "2026-04-01T23:59:59+02:00"},
		{"Europe/Paris", "2026-10-24T10:00:00Z", 1, "2026-10-25T23:59:59+01:00"}, // and back
		{"Europe/Paris", "2026-10-01T10:00:00Z", 31, "2026-11-01T23:59:59+01:00"},
		{"Europe/Paris", "2026-11-21T10:00:00Z", 182, "2027-05-22T23:59:59+02:00"},
		{"Europe/Paris", "2026-11-21T10:00:00Z", 365, "2027-11-21T23:59:59+01:00"},
		{"Europe/Paris", "2028-02-29T10:00:00Z", 365, "2029-02-28T23:59:59+01:00"},
		{"Indian/Reunion", "2026-11-21T19:59:59Z", 1, "2026-11-22T23:59:59+04:00"},
		{"Indian/Reunion", "2026-11-21T20:00:00Z", 1, "2026-11-23T23:59:59+04:00"},
		{"Indian/Reunion", "2026-03-01T10:00:00Z", 31, "2026-04-01T23:59:59+04:00"},
		{"Pacific/Noumea", "2026-11-21T12:59:59Z", 1, "2026-11-22T23:59:59+11:00"},
		{"Pacific/Noumea", "2026-11-21T13:00:00Z", 31, "2026-12-23T23:59:59+11:00"},
		{"America/Cayenne", "2026-11-21T02:59:59Z", 1, "2026-11-21T23:59:59-03:00"}, // still the 20th there
		{"America/Cayenne", "2026-11-21T03:00:00Z", 365, "2027-11-21T23:59:59-03:00"},
		{"America/Miquelon", "2026-03-07T12:00:00Z", 1, "2026-03-08T23:59:59-02:00"},
	} {
		at, err := time.Parse(time.RFC3339, x.at)
		if err != nil {
			t.Fatal(err)
		}
		ends, err := mandat.Duration{Days: x.days}.End(at, zone(t, x.zone))
		if err != nil || ends.Format(time.RFC3339) != x.want {
			t.Errorf("%d days from %s in %s end %s, %v; want %s", x.days, x.at, x.zone, ends.Format(time.RFC3339), err, x.want)
		}
	}
}

func TestLastDay(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "Indian/Reunion", "Pacific/Noumea", "America/Cayenne"} {
		loc := zone(t, name)
		today := time.Date(2026, 11, 21, 0, 0, 0, 0, loc)
		at := today.Add(15 * time.Hour)
		for days, ok := range map[int]bool{-365: false, -1: false, 0: true, 1: true, 364: true, 365: true, 366: false} {
			ends, err := mandat.Duration{LastDay: today.AddDate(0, 0, days)}.End(at, loc)
			if (err == nil) != ok || err != nil && !errors.Is(err, mandat.ErrInvalid) {
				t.Errorf("%s, in %d days: %v", name, days, err)
				continue
			}
			if want := time.Date(2026, 11, 21+days, 23, 59, 59, 0, loc); ok && !ends.Equal(want) {
				t.Errorf("%s, in %d days: ends %v, want %v", name, days, ends, want)
			}
		}
	}
	if d := mandat.Days(); d[0] != 1 || len(d) != 4 || d[1] != 31 || d[2] != 182 || d[3] != 365 {
		t.Errorf("Days = %v", d)
	}
}
