package facteur_test

import (
	"errors"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
)

const reason = "Téléphone perdu hier, codes de secours introuvables."

var (
	claire  = person("claire", "ccas", "r")    // asks
	yann    = person("yann", "ccas", "ar")     // another référent
	monique = person("monique", "mairie", "r") // of a partner, or not
	sophie  = person("sophie", "prefecture", "d")
	nadia   = person("nadia", "ccas", "a") // whose factors
)

func asked(t *testing.T) facteur.Reinitialisation {
	t.Helper()
	r, fact, err := facteur.Ask(standing(nadia, 1), claire, reason, actor(claire), at)
	if err != nil || fact.Check() != nil || fact.Detail("engagement") == "" || r.ExpiresAt.Sub(at) != 48*time.Hour {
		t.Fatalf("%+v, %v", r, err)
	}
	if !facteur.IsReset(r.ID) || facteur.IsReset(r.ID+"x") || facteur.IsReset("in"+r.ID[2:]) {
		t.Errorf("id %s", r.ID)
	}
	return r
}

func TestResetAsk(t *testing.T) {
	asked(t)
	gone := nadia
	gone.SuspendedAt = at
	for name, c := range map[string]struct {
		s      facteur.Standing
		asker  aidant.Aidant
		reason string
		want   error
	}{
		"oneself":         {standing(claire, 1), claire, reason, facteur.ErrBeyond},
		"an aidant":       {standing(claire, 1), nadia, reason, facteur.ErrBeyond},
		"another house":   {standing(nadia, 1), monique, reason, facteur.ErrBeyond},
		"who watches":     {standing(person("thomas", "ccas", "u"), 1), claire, reason, facteur.ErrBeyond},
		"nothing to undo": {standing(nadia, 0), claire, reason, facteur.ErrNoFactor},
		"no reason":       {standing(nadia, 1), claire, "perdu", facteur.ErrReason},
		"suspended":       {standing(gone, 1), claire, reason, facteur.ErrClosed},
	} {
		if _, _, err := facteur.Ask(c.s, c.asker, c.reason, actor(c.asker), at); !errors.Is(err, c.want) {
			t.Errorf("%s = %v, want %v", name, err, c.want)
		}
	}
	came := nadia
	came.Sub = "s"
	for name, s := range map[string]facteur.Standing{"who came by ProConnect": standing(came, 0), "who let the minutes pass": {Aidant: nadia, Removed: true}} {
		if _, _, err := facteur.Ask(s, claire, reason, actor(claire), at); err != nil {
			t.Errorf("%s = %v", name, err)
		}
		if _, _, err := facteur.NewInvitation(s, claire, "h", actor(claire), at); !errors.Is(err, facteur.ErrAlready) {
			t.Errorf("%s is invited by one person = %v", name, err)
		}
	}
	if _, _, err := facteur.Ask(standing(claire, 1), sophie, reason, actor(sophie), at); err != nil {
		t.Errorf("an administrateur asks = %v", err)
	}
}

// TestResetThreePersons: who asks, who approves and the agent are three, and the
// second person is somebody who may be.
func TestResetThreePersons(t *testing.T) {
	r := asked(t)
	for name, c := range map[string]struct {
		who      aidant.Aidant
		partners bool
		ok       bool
	}{
		"the asker":              {claire, false, false},
		"the agent":              {nadia, true, false},
		"another référent":       {yann, false, true},
		"an administrateur":      {sophie, false, true},
		"a partner's référent":   {monique, true, true},
		"a stranger's référent":  {monique, false, false},
		"a partner's aidant":     {person("x", "mairie", "a"), true, false},
		"a partner's auditeur":   {person("x", "mairie", "u"), true, false},
		"an aidant of the house": {person("x", "ccas", "a"), false, false},
	} {
		p := facteur.Parties{Agent: standing(nadia, 1), Who: c.who, Partners: c.partners}
		next, fact, err := r.Approve(p, actor(c.who), at)
		if (err == nil) != c.ok || c.ok && next.State(at) != facteur.Approved || !c.ok && fact.Outcome() != journal.Denied {
			t.Errorf("%s approves = %v (%s)", name, err, fact.Reason())
		}
		if _, _, err := r.Dismiss(p, actor(c.who), at); (err == nil) != c.ok {
			t.Errorf("%s dismisses = %v", name, err)
		}
	}
	admin, _, err := facteur.Ask(standing(person("chef", "ccas", "ad"), 1), sophie, reason, actor(sophie), at)
	if err != nil {
		t.Fatal(err)
	}
	watched := facteur.Parties{Agent: standing(person("chef", "ccas", "ad"), 1), Who: yann}
	if _, _, err := admin.Approve(watched, actor(yann), at); !errors.Is(err, facteur.ErrBeyond) {
		t.Errorf("a référent approves for an administrateur = %v", err)
	}
}

func TestResetSees(t *testing.T) {
	r := asked(t)
	approved := r
	approved.ApprovedBy, approved.ApprovedAt = yann.ID, at
	for name, c := range map[string]struct {
		r        facteur.Reinitialisation
		who      aidant.Aidant
		partners bool
		want     bool
	}{
		"asker": {r, claire, false, true}, "house": {r, yann, false, true}, "administrateur": {r, sophie, false, true},
		"partner while it waits": {r, monique, true, true}, "partner afterwards": {approved, monique, true, false},
		"stranger": {r, monique, false, false}, "the agent's own pages are elsewhere": {r, nadia, false, false},
		"aidant": {r, person("x", "ccas", "a"), false, false},
	} {
		if got := c.r.Sees(c.who, nadia, c.partners, at); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestResetLife(t *testing.T) {
	r := asked(t)
	who := facteur.Parties{Agent: standing(nadia, 1), Who: yann}
	if _, _, err := r.Issue(standing(nadia, 1), claire, "h", actor(claire), at); !errors.Is(err, facteur.ErrState) {
		t.Errorf("a code before the second person = %v", err)
	}
	if _, _, err := r.Approve(who, actor(yann), at.Add(facteur.ResetLife)); !errors.Is(err, facteur.ErrState) {
		t.Errorf("approved too late = %v", err)
	}
	approved, _, err := r.Approve(who, actor(yann), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := approved.Issue(standing(nadia, 1), yann, "h", actor(yann), at); !errors.Is(err, facteur.ErrBeyond) {
		t.Errorf("the second person takes the code = %v", err)
	}
	i, fact, err := approved.Issue(standing(nadia, 1), claire, "h", actor(claire), at.Add(time.Hour))
	if err != nil || i.Kind != facteur.Resets || !i.ExpiresAt.Equal(r.ExpiresAt) || fact.Check() != nil {
		t.Fatalf("code = %+v, %v", i, err)
	}
	if fact, err := i.Check(standing(nadia, 1), at); err != nil {
		t.Errorf("a reset's code for who has factors = %v %v", fact, err)
	}
	done, fact, err := approved.Confirm(standing(nadia, 1), at)
	if err != nil || done.State(at) != facteur.State(facteur.Confirmed) || fact.Action() != journal.ResetConfirm {
		t.Fatalf("confirmed = %v", err)
	}
	if _, _, err := done.Refuse(nadia, actor(nadia), at); !errors.Is(err, facteur.ErrState) {
		t.Errorf("refused afterwards = %v", err)
	}
	if _, _, err := r.Confirm(standing(nadia, 1), at); !errors.Is(err, facteur.ErrState) {
		t.Errorf("confirmed without a second person = %v", err)
	}
	if _, _, err := approved.Confirm(standing(yann, 1), at); !errors.Is(err, facteur.ErrBeyond) {
		t.Errorf("confirmed by another = %v", err)
	}
	if out, _, err := approved.Refuse(nadia, actor(nadia), at); err != nil || out.State(at).Label() != "Refusée par l’agent" {
		t.Errorf("refused = %v", err)
	}
	if _, _, err := approved.Refuse(claire, actor(claire), at); !errors.Is(err, facteur.ErrBeyond) {
		t.Errorf("refused by another = %v", err)
	}
	if _, _, err := r.Withdraw(yann, actor(yann), at); !errors.Is(err, facteur.ErrBeyond) {
		t.Errorf("withdrawn by another = %v", err)
	}
	if _, _, err := r.Withdraw(claire, actor(claire), at); err != nil {
		t.Errorf("withdrawn = %v", err)
	}
	if _, _, err := r.Lapse(at); !errors.Is(err, facteur.ErrState) {
		t.Errorf("lapsed too soon = %v", err)
	}
	if out, fact, err := r.Lapse(at.Add(facteur.ResetLife)); err != nil || out.Running(at) || fact.Check() != nil {
		t.Errorf("lapsed = %v", err)
	}
}
