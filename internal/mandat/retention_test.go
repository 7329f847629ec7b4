package mandat_test

import (
	"errors"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
)

func TestRetention(t *testing.T) {
	end := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	ended := mandat.Mandat{State: mandat.Termine, SignedAt: end.AddDate(0, -1, 0), EndsAt: end, EndedAt: end}
	unswept := mandat.Mandat{State: mandat.Actif, SignedAt: end.AddDate(0, -1, 0), EndsAt: end}
	disputed := ended
	disputed.Litige = mandat.Dispute{Reason: "plainte", OpenedAt: end}
	for _, test := range []struct {
		name  string
		m     mandat.Mandat
		after time.Duration
		want  mandat.Phase
	}{
		{"draft", mandat.Mandat{State: mandat.Brouillon}, 0, mandat.Running},
		{"still runs", unswept, -time.Second, mandat.Running},
		{"past its end, not swept", unswept, 0, mandat.Current},
		{"ended", ended, 0, mandat.Current},
		{"last day at hand", ended, end.AddDate(3, 0, 0).Sub(end) - time.Second, mandat.Current},
		{"archived", ended, end.AddDate(3, 0, 0).Sub(end), mandat.Archive},
		{"last day of the archive", ended, end.AddDate(6, 0, 0).Sub(end) - time.Second, mandat.Archive},
		{"due", ended, end.AddDate(6, 0, 0).Sub(end), mandat.Due},
		{"frozen", disputed, end.AddDate(6, 0, 0).Sub(end), mandat.Frozen},
	} {
		if got, _ := test.m.Retention(end.Add(test.after)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestDispute(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	agent := journal.Actor{Type: journal.ActorAidant, Ref: "a"}
	m := mandat.Mandat{ID: "m", State: mandat.Termine, SignedAt: now, EndedAt: now}
	for name, open := range map[string]func() error{
		"unknown reason": func() error { _, _, err := m.OpenDispute("humeur", now.AddDate(1, 0, 0), agent, now); return err },
		"past review":    func() error { _, _, err := m.OpenDispute("plainte", now, agent, now); return err },
		"endless review": func() error { _, _, err := m.OpenDispute("plainte", now.AddDate(3, 0, 0), agent, now); return err },
	} {
		if err := open(); !errors.Is(err, mandat.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := (mandat.Mandat{ID: "m", State: mandat.Brouillon}).OpenDispute("plainte", now.AddDate(1, 0, 0), agent, now); !errors.Is(err, mandat.ErrState) {
		t.Errorf("a draft: %v", err)
	}
	open, fact, err := m.OpenDispute("plainte", now.AddDate(1, 0, 0), agent, now)
	if err != nil || !open.Disputed() || fact.Stream() != "m" || fact.Check() != nil {
		t.Errorf("open: %+v %v", open.Litige, err)
	}
	later, _, err := open.OpenDispute("procedure", now.AddDate(1, 6, 0), agent, now.AddDate(0, 1, 0))
	if err != nil || !later.Litige.OpenedAt.Equal(now) || later.Litige.Reason != "procedure" {
		t.Errorf("a second time: %+v %v", later.Litige, err)
	}
	lifted, fact, err := later.LiftDispute(agent)
	if err != nil || lifted.Disputed() || fact.Check() != nil {
		t.Errorf("lifted: %+v %v", lifted.Litige, err)
	}
	if _, _, err := lifted.LiftDispute(agent); !errors.Is(err, mandat.ErrState) {
		t.Errorf("lifted twice: %v", err)
	}
}
