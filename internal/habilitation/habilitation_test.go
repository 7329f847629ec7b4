package habilitation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/journal"
)

var admin = journal.Actor{Type: journal.ActorAidant, Ref: "admin"}

func camille() aidant.Aidant {
	return aidant.Aidant{ID: "a-1", OrganisationID: "ccas", Email: " Camille@CCAS.example ", SIRET: "26999901700016",
		GivenName: "Camille", UsualName: "Durand", Roles: []aidant.Role{aidant.RoleAidant, aidant.RoleReferent}}
}

func TestAdmit(t *testing.T) {
	a, fact, err := habilitation.Admit(camille(), admin)
	if err != nil || a.Email != "camille@ccas.example" || fact.Action() != journal.AidantAdmit || fact.Check() != nil || fact.Actor() != admin {
		t.Fatalf("Admit = %+v, %+v, %v", a, fact, err)
	}
	for name, change := range map[string]func(*aidant.Aidant){
		"no id":           func(a *aidant.Aidant) { a.ID = "" },
		"no structure":    func(a *aidant.Aidant) { a.OrganisationID = "" },
		"no name":         func(a *aidant.Aidant) { a.GivenName, a.UsualName = " ", "" },
		"no e-mail":       func(a *aidant.Aidant) { a.Email = "" },
		"no address":      func(a *aidant.Aidant) { a.Email = "camille" },
		"a wrong SIRET":   func(a *aidant.Aidant) { a.SIRET = "26999901700017" },
		"no role":         func(a *aidant.Aidant) { a.Roles = nil },
		"an unknown role": func(a *aidant.Aidant) { a.Roles = []aidant.Role{"root"} },
		"a second line":   func(a *aidant.Aidant) { a.GivenName = "Camille\n## Gratuité" },
		"bidi":            func(a *aidant.Aidant) { a.UsualName = "Du\u202erand" },
		"10 kB":           func(a *aidant.Aidant) { a.UsualName = strings.Repeat("x", 10_000) },
		"a line in mail":  func(a *aidant.Aidant) { a.Email = "a@b.example\nBcc: c@d.example" },
	} {
		a := camille()
		change(&a)
		if got, fact, err := habilitation.Admit(a, admin); !errors.Is(err, habilitation.ErrInvalid) || !fact.IsZero() || got.ID != "" {
			t.Errorf("%s: Admit = %+v, %v", name, got, err)
		}
	}
}

func TestSuspendAndReinstate(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	a := camille()
	out, fact, err := habilitation.Suspend(a, admin, at)
	if err != nil || !out.Suspended() || !out.SuspendedAt.Equal(at) || a.Suspended() || fact.Action() != journal.AidantSuspend || fact.Check() != nil {
		t.Fatalf("Suspend = %+v, %+v, %v", out, fact, err)
	}
	if again, fact, err := habilitation.Suspend(out, admin, at.Add(time.Hour)); !errors.Is(err, habilitation.ErrState) || !fact.IsZero() || !again.SuspendedAt.Equal(at) {
		t.Errorf("twice: %v", err)
	}
	in, fact, err := habilitation.Reinstate(out, admin)
	if err != nil || in.Suspended() || fact.Action() != journal.AidantReinstate || fact.Check() != nil {
		t.Errorf("Reinstate = %+v, %v", in, err)
	}
	if _, fact, err := habilitation.Reinstate(in, admin); !errors.Is(err, habilitation.ErrState) || !fact.IsZero() {
		t.Errorf("Reinstate twice: %v", err)
	}
	if _, fact, err := habilitation.Suspend(a, a.Actor(""), at); !errors.Is(err, habilitation.ErrSelf) || !fact.IsZero() {
		t.Errorf("oneself: %v", err)
	}
	if _, fact, err := habilitation.Reinstate(out, out.Actor("")); !errors.Is(err, habilitation.ErrSelf) || !fact.IsZero() {
		t.Errorf("oneself, back: %v", err)
	}
}
