package signal_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/signal"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func usual(t *testing.T) organisation.Hours {
	t.Helper()
	h, err := organisation.ParseHours("")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// use, sign and give are entries that succeeded.
func entry(a journal.Action, at time.Time) journal.Record {
	return journal.Record{Action: a, Outcome: journal.OK, At: at, Actor: journal.Actor{Type: journal.ActorAidant, Ref: "a-un"}}
}

func use(at time.Time) journal.Record  { return entry(journal.DelegationUse, at) }
func sign(at time.Time) journal.Record { return entry(journal.MandatSign, at) }
func give(at time.Time) journal.Record { return entry(journal.MandatGive, at) }

// noon is a Monday noon, and open to nobody's question.
var noon = time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)

func expect(t *testing.T, what string, code signal.Code, want bool, e journal.Record, c signal.Context) {
	t.Helper()
	if got := slices.Contains(signal.Evaluate(e, c), code); got != want {
		t.Errorf("%s: %s = %v, want %v", what, code, got, want)
	}
}

func TestOutsideHours(t *testing.T) {
	for _, c := range []struct {
		zone, local string
		want        bool
	}{
		{"Europe/Paris", "2026-11-23 06:59:59", true},
		{"Europe/Paris", "2026-11-23 07:00:00", false},
		{"Europe/Paris", "2026-11-23 19:59:59", false},
		{"Europe/Paris", "2026-11-23 20:00:00", true},
		{"Europe/Paris", "2026-11-27 19:59:59", false}, // Friday
		{"Europe/Paris", "2026-11-28 12:00:00", true},  // Saturday
		{"Europe/Paris", "2026-11-29 12:00:00", true},  // Sunday
		{"Indian/Reunion", "2026-11-23 07:00:00", false},
		{"Indian/Reunion", "2026-11-23 06:59:00", true},
		{"America/Cayenne", "2026-11-23 19:59:00", false},
		{"America/Cayenne", "2026-11-23 20:00:00", true},
		{"Pacific/Noumea", "2026-11-23 08:00:00", false}, // still Sunday in UTC
		{"America/Martinique", "2026-11-27 19:30:00", false},
		{"Europe/Paris", "2026-03-30 07:00:00", false}, // the Monday after the clocks went forward
		{"Europe/Paris", "2026-03-30 06:59:00", true},
		{"Europe/Paris", "2026-10-26 07:00:00", false}, // and after they went back
		{"Europe/Paris", "2026-10-26 06:59:00", true},
	} {
		loc := zone(t, c.zone)
		at, err := time.ParseInLocation(time.DateTime, c.local, loc)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, c.zone+" "+c.local, signal.OutsideHours, c.want, use(at.UTC()), signal.Context{Zone: loc, Opening: usual(t)})
	}
	declared, err := organisation.ParseHours("ma-je 09:00-12:00; sa 14:00-24:00")
	if err != nil {
		t.Fatal(err)
	}
	paris := zone(t, "Europe/Paris")
	for local, want := range map[string]bool{"2026-11-23 10:00": true, "2026-11-24 10:00": false, "2026-11-24 12:00": true, "2026-11-28 23:59": false, "2026-11-29 00:00": true} {
		at, err := time.ParseInLocation("2006-01-02 15:04", local, paris)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, local, signal.OutsideHours, want, use(at), signal.Context{Zone: paris, Opening: declared})
	}
	expect(t, "no zone known", signal.OutsideHours, false, use(noon.AddDate(0, 0, 5)), signal.Context{})
	expect(t, "not a use", signal.OutsideHours, false, sign(noon.AddDate(0, 0, 5)), signal.Context{Zone: paris, Opening: usual(t)})
}

// every plays acts of one actor and returns which of them hold.
func every(code signal.Code, of func(time.Time) journal.Record, at []time.Time) (held []int) {
	var before []time.Time
	for i, now := range at {
		if slices.Contains(signal.Evaluate(of(now), signal.Context{Acts: before}), code) {
			held = append(held, i)
		}
		before = slices.Insert(before, 0, now)[:min(i+1, signal.Lookback)]
	}
	return held
}

func spaced(n int, by time.Duration) []time.Time {
	all := make([]time.Time, n)
	for i := range all {
		all[i] = noon.Add(time.Duration(i) * by)
	}
	return all
}

func TestBurst(t *testing.T) {
	for _, c := range []struct {
		what string
		code signal.Code
		of   func(time.Time) journal.Record
		at   []time.Time
		want []int
	}{
		{"six uses at once", signal.Burst, use, spaced(6, time.Second), nil},
		{"seven uses at once", signal.Burst, use, spaced(7, time.Second), []int{6}},
		{"a long burst is one signal", signal.Burst, use, spaced(60, time.Second), []int{6}},
		{"seven uses in just under ten minutes", signal.Burst, use, spaced(7, 100*time.Second-time.Microsecond), []int{6}},
		{"seven uses in ten minutes", signal.Burst, use, spaced(7, 100*time.Second), nil},
		{"two bursts", signal.Burst, use, append(spaced(7, time.Second), noon.Add(time.Hour), noon.Add(time.Hour+1), noon.Add(time.Hour+2),
			noon.Add(time.Hour+3), noon.Add(time.Hour+4), noon.Add(time.Hour+5), noon.Add(time.Hour+6)), []int{6, 13}},
		{"six signatures", signal.SignatureSeries, sign, spaced(6, time.Minute), nil},
		{"seven signatures", signal.SignatureSeries, sign, spaced(7, 9*time.Minute), []int{6}},
		{"seven signatures in an hour", signal.SignatureSeries, sign, spaced(7, 10*time.Minute), nil},
		{"seven signatures in just under an hour", signal.SignatureSeries, sign, spaced(7, 10*time.Minute-time.Microsecond), []int{6}},
		{"uses are no signatures", signal.SignatureSeries, use, spaced(20, time.Second), nil},
	} {
		if got := every(c.code, c.of, c.at); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestImmediateUse(t *testing.T) {
	by := func(agent string, after time.Duration) (journal.Record, signal.Context) {
		return use(noon.Add(after)), signal.Context{Signed: noon, SignedBy: agent}
	}
	e, c := by("a-deux", 60*time.Second-time.Microsecond)
	expect(t, "just under a minute", signal.ImmediateUse, true, e, c)
	e, c = by("a-deux", 60*time.Second)
	expect(t, "a minute", signal.ImmediateUse, false, e, c)
	e, c = by("a-un", time.Second)
	expect(t, "by whoever accepted it", signal.ImmediateUse, false, e, c)
	expect(t, "signature unknown", signal.ImmediateUse, false, use(noon), signal.Context{})
}

func TestSameName(t *testing.T) {
	expect(t, "signature", signal.SameName, true, sign(noon), signal.Context{Namesake: true})
	expect(t, "signature, other name", signal.SameName, false, sign(noon), signal.Context{})
	expect(t, "first use", signal.SameName, true, use(noon), signal.Context{Namesake: true})
	expect(t, "later use", signal.SameName, false, use(noon), signal.Context{Namesake: true, Known: true})
	for _, c := range []struct {
		family, usual, agent string
		want                 bool
	}{
		{"Lefèvre", "", "LEFEVRE", true}, {"Durand", "Le Gall", "le gall", true}, {"Durand", "Le Gall", "Martin", false},
		{"", "", "", false}, {"Durand", "", "", false}, {"Durand", "", "Durant", false},
	} {
		if got := signal.SameFamily(identite.Pivot{FamilyName: c.family, PreferredUsername: c.usual}, c.agent); got != c.want {
			t.Errorf("%s (%s) and %s: %v", c.family, c.usual, c.agent, got)
		}
	}
}

func TestQuickReading(t *testing.T) {
	after := func(d time.Duration, words int) (journal.Record, signal.Context) {
		return give(noon.Add(d)), signal.Context{Shown: noon, Words: words}
	}
	e, c := after(2*time.Minute-time.Microsecond, 600)
	expect(t, "600 words in just under two minutes", signal.QuickReading, true, e, c)
	e, c = after(2*time.Minute, 600)
	expect(t, "600 words in two minutes", signal.QuickReading, false, e, c)
	e, c = after(200*time.Millisecond-time.Microsecond, 1)
	expect(t, "one word", signal.QuickReading, true, e, c)
	e, c = after(time.Second, 0)
	expect(t, "length unknown, as in older entries", signal.QuickReading, false, e, c)
	expect(t, "display unknown", signal.QuickReading, false, give(noon), signal.Context{Words: 600})
}

func TestLastHours(t *testing.T) {
	ends := noon.AddDate(0, 0, 31)
	month := signal.Context{Signed: noon, Ends: ends}
	expect(t, "24 hours before", signal.LastHours, true, use(ends.Add(-24*time.Hour)), month)
	expect(t, "just before that", signal.LastHours, false, use(ends.Add(-24*time.Hour-time.Microsecond)), month)
	again := month
	again.LastUse = ends.Add(-24 * time.Hour)
	expect(t, "a second one", signal.LastHours, false, use(ends.Add(-time.Hour)), again)
	again.LastUse = ends.Add(-24*time.Hour - time.Microsecond)
	expect(t, "the first of the last day", signal.LastHours, true, use(ends.Add(-time.Hour)), again)
	expect(t, "a mandat of 48 hours", signal.LastHours, false, use(ends.Add(-time.Hour)), signal.Context{Signed: ends.Add(-48 * time.Hour), Ends: ends})
	expect(t, "a little more", signal.LastHours, true, use(ends.Add(-time.Hour)), signal.Context{Signed: ends.Add(-48*time.Hour - time.Second), Ends: ends})
	expect(t, "end unknown", signal.LastHours, false, use(noon), signal.Context{Signed: noon})
}

func TestUnusedRenewal(t *testing.T) {
	after := func(d time.Duration, used bool) (journal.Record, signal.Context) {
		return sign(noon.Add(d)), signal.Context{Former: signal.Former{Signed: noon, Used: used}}
	}
	e, c := after(24*time.Hour, false)
	expect(t, "a day later", signal.UnusedRenewal, true, e, c)
	e, c = after(24*time.Hour-time.Microsecond, false)
	expect(t, "a correction", signal.UnusedRenewal, false, e, c)
	e, c = after(24*time.Hour, true)
	expect(t, "it was used", signal.UnusedRenewal, false, e, c)
	expect(t, "the first mandat", signal.UnusedRenewal, false, sign(noon), signal.Context{})
}

// TestRefusals: what was refused or failed is no signal, whatever stands around.
func TestRefusals(t *testing.T) {
	c := signal.Context{Zone: time.UTC, Signed: noon, SignedBy: "a-deux", Ends: noon.Add(time.Hour), Namesake: true, Shown: noon, Words: 600,
		Former: signal.Former{Signed: noon.AddDate(0, -1, 0)}, Acts: spaced(signal.Lookback, 0)}
	for _, a := range journal.Actions() {
		for _, o := range []journal.Outcome{journal.OK, journal.Denied, journal.Failed} {
			e := entry(a, noon)
			e.Outcome = o
			held := signal.Evaluate(e, c)
			if concerned := signal.Concerns(a, o); (len(held) > 0) != concerned {
				t.Errorf("%s %s: %v, concerned %v", a, o, held, concerned)
			}
		}
	}
}

// TestRulesSayThemselves: each rule has its words, and a code of its own.
func TestRulesSayThemselves(t *testing.T) {
	seen := map[signal.Code]bool{}
	for _, r := range signal.Rules() {
		if seen[r.Code] || r.Title == "" || !strings.HasSuffix(r.Statement, ".") || !strings.HasSuffix(r.Innocent, ".") || len(r.On) == 0 {
			t.Errorf("rule %+v", r)
		}
		seen[r.Code] = true
		if found, ok := signal.Find(r.Code); !ok || found.Title != r.Title {
			t.Errorf("%s is not found", r.Code)
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d rules", len(seen))
	}
	if _, ok := signal.Find("autre"); ok {
		t.Error("an unknown rule is found")
	}
}
