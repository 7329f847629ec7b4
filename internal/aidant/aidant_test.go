package aidant_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
)

func camille() aidant.Aidant {
	return aidant.Aidant{ID: "a-1", OrganisationID: "ccas", Sub: "sub-1", Email: "camille@ccas.example", SIRET: "26999901700016",
		GivenName: "Camille", UsualName: "Durand", Roles: []aidant.Role{aidant.RoleAidant}}
}

func login() aidant.Login {
	return aidant.Login{Issuer: "https://pc.example", Sub: "sub-1", Email: "camille@ccas.example", SIRET: "26999901700016", ACR: "eidas1-mfa"}
}

func TestSignIn(t *testing.T) {
	a, fact, err := aidant.SignIn(camille(), true, login())
	if err != nil || a.Sub != "sub-1" || fact.Action() != journal.SessionOpen || fact.Outcome() != journal.OK || fact.Check() != nil ||
		fact.Actor() != (journal.Actor{Type: journal.ActorAidant, Ref: "a-1", Auth: "proconnect:eidas1-mfa"}) {
		t.Fatalf("SignIn = %+v, %+v, %v", a, fact, err)
	}
	suspended := camille()
	suspended.SuspendedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nobody := login()
	nobody.Sub = ""
	for name, x := range map[string]struct {
		candidate aidant.Aidant
		found     bool
		login     aidant.Login
		err       error
		reason    string
		ref       string
	}{
		"unknown":              {aidant.Aidant{}, false, login(), aidant.ErrUnknown, "agent_inconnu", ""},
		"not found after all":  {camille(), false, login(), aidant.ErrUnknown, "agent_inconnu", ""},
		"without sub":          {camille(), true, nobody, aidant.ErrUnknown, "agent_inconnu", ""},
		"suspended":            {suspended, true, login(), aidant.ErrSuspended, "agent_suspendu", "a-1"},
		"an empty candidate":   {aidant.Aidant{}, true, login(), aidant.ErrUnknown, "agent_inconnu", ""},
		"two without anything": {aidant.Aidant{}, true, aidant.Login{Sub: "x", ACR: "eidas2"}, aidant.ErrUnknown, "agent_inconnu", ""},
	} {
		a, fact, err := aidant.SignIn(x.candidate, x.found, x.login)
		if !errors.Is(err, x.err) || a.ID != "" || fact.Reason() != x.reason || fact.Actor().Ref != x.ref ||
			fact.Action() != journal.SessionRefuse || fact.Outcome() != journal.Denied || fact.Check() != nil {
			t.Errorf("%s: SignIn = %+v, %+v, %v", name, a, fact, err)
		}
	}
}

// TestLevels is each acr that ProConnect knows.
func TestLevels(t *testing.T) {
	for acr, ok := range map[string]bool{
		"eidas0": false, "eidas0-mfa": true, "eidas1": false, "eidas1-mfa": true, "eidas2": true, "eidas3": true, "": false, "EIDAS2": false,
		"eidas2 ": false, "eidas4": false, "https://proconnect.gouv.fr/assurance/certification-dirigeant": false,
		"https://proconnect.gouv.fr/assurance/self-asserted-2fa": false, "un texte libre": false,
	} {
		l := login()
		l.ACR = acr
		_, fact, err := aidant.SignIn(camille(), true, l)
		if (err == nil) != ok || !ok && (!errors.Is(err, aidant.ErrWeak) || fact.Reason() != "second_facteur_absent") || fact.Check() != nil {
			t.Errorf("acr %q: %v, %+v", acr, err, fact)
		}
		if slices.Contains(aidant.MultiFactor(), acr) != ok {
			t.Errorf("acr %q: asked for %v", acr, !ok)
		}
	}
	aidant.MultiFactor()[0] = "eidas0"
	if slices.Contains(aidant.MultiFactor(), "eidas0") {
		t.Error("a caller can weaken the levels")
	}
}

// TestRebinding: another sub is the same agent with both e-mail and SIRET, and
// with nothing less.
func TestRebinding(t *testing.T) {
	for name, x := range map[string]struct {
		sub, email, siret string
		ok                bool
	}{
		"first login":        {"", "camille@ccas.example", "26999901700016", true},
		"another provider":   {"sub-0", "camille@ccas.example", "26999901700016", true},
		"e-mail in capitals": {"sub-0", " Camille@CCAS.example", "26999901700016", true},
		"another SIRET":      {"sub-0", "camille@ccas.example", "21999902600012", false},
		"no SIRET":           {"sub-0", "camille@ccas.example", "", false},
		"another e-mail":     {"sub-0", "autre@ccas.example", "26999901700016", false},
		"no e-mail":          {"sub-0", "", "26999901700016", false},
		"same sub, moved":    {"sub-1", "autre@ccas.example", "21999902600012", true},
	} {
		a, l := camille(), login()
		a.Sub, l.Email, l.SIRET = x.sub, x.email, x.siret
		got, _, err := aidant.SignIn(a, true, l)
		if (err == nil) != x.ok || x.ok && got.Sub != "sub-1" || !x.ok && !errors.Is(err, aidant.ErrUnknown) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestUnproven: to confirm that an agent is there takes their own sub, whatever
// address comes with it, and a second factor.
func TestUnproven(t *testing.T) {
	a := aidant.Aidant{ID: "a", Sub: "s", Email: "a@b.example", SIRET: "1"}
	for _, c := range []struct {
		who  aidant.Aidant
		said aidant.Login
		want string
	}{
		{a, aidant.Login{Sub: "s", ACR: "eidas1-mfa"}, ""}, {a, aidant.Login{Sub: "s", ACR: "eidas1"}, "second_facteur_absent"},
		{a, aidant.Login{Sub: "t", Email: a.Email, SIRET: a.SIRET, ACR: "eidas3"}, "autre_agent"},
		{aidant.Aidant{ID: "a"}, aidant.Login{ACR: "eidas3"}, "autre_agent"}, {a, aidant.Login{ACR: "eidas3"}, "autre_agent"},
	} {
		if got := c.who.Unproven(c.said); got != c.want {
			t.Errorf("%+v by %+v: %q", c.who, c.said, got)
		}
	}
}

func TestFacts(t *testing.T) {
	a := camille()
	for name, f := range map[string]journal.Fact{
		"failed":    aidant.LoginFailed("etat_inconnu"),
		"keys":      aidant.KeysSeen("http://127.0.0.1:8081/api/v2", strings.Repeat("a", 64)),
		"out":       a.SignedOut("deconnexion"),
		"revoked":   a.SessionRevoked("0123"),
		"refused":   aidant.Refused(a.Actor(""), "/mandats/{id}", "autre_structure"),
		"searched":  a.Searched("choix"),
		"consulted": a.Consulted([]string{"periode", "acteur"}),
		"no filter": a.Consulted(nil),
	} {
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAgent(t *testing.T) {
	a := camille()
	if a.Name() != "Camille Durand" || !a.Has(aidant.RoleAidant) || a.Has(aidant.RoleAuditeur) || a.Suspended() {
		t.Errorf("%+v", a)
	}
	if got := fmt.Sprint(a.LogValue()); got != "a-1" {
		t.Errorf("LogValue = %s", got)
	}
	for _, r := range []aidant.Role{aidant.RoleAidant, aidant.RoleReferent, aidant.RoleAuditeur, aidant.RoleAdministrateur} {
		if r.Label() == string(r) {
			t.Errorf("role %s has no French", r)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	s := aidant.Session{CreatedAt: start, SeenAt: start.Add(time.Hour)}
	for after, want := range map[time.Duration]bool{time.Hour: false, 90*time.Minute - 1: false, 90 * time.Minute: true, 10 * time.Hour: true} {
		if got := s.Ended(start.Add(after), 30*time.Minute, 8*time.Hour); got != want {
			t.Errorf("after %v: Ended = %v", after, got)
		}
	}
	s.SeenAt = start.Add(8 * time.Hour)
	if !s.Ended(start.Add(8*time.Hour), 30*time.Minute, 8*time.Hour) {
		t.Error("the absolute limit gives way to use")
	}
}
